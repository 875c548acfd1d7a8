"""Rows that choose the storage of their files: what one refers to stays, and is checked there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import django
import pytest
from django.core.files.storage import FileSystemStorage
from django.core.management.base import CommandError
from django.db import connection, connections, models, transaction
from django.test.utils import CaptureQueriesContext

from django_minio_backend.models import MinioBackend
from django_minio_backend.orphans import references, row_files, row_storages
from django_minio_backend.signals import collect_references
from tests import settings as site
from tests.app.models import Document, private_storage
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW, saved
from tests.support.buckets import remove_bucket
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from minio import Minio

    from tests.commands.cleaning.conftest import Keys, Late, Put
    from tests.commands.conftest import Run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]

WAYS = [
    "ByFieldFile",
    "ByLocalField",
    "ByDescriptor",
    "ByInit",
    "ByFromDb",
    "BySetattr",
    "BySignal",
    "InheritedInit",
    "ByProxy",
]
ELSEWHERE = site.PRIVATE_BUCKET.replace("private", "elsewhere")
PUBLIC_ALONE = ("--bucket", site.PUBLIC_BUCKET)


@pytest.fixture
def elsewhere(sdk: Minio) -> Iterator[str]:
    """A bucket that no field and no alias names."""
    sdk.make_bucket(bucket_name=ELSEWHERE)
    yield ELSEWHERE
    remove_bucket(sdk, ELSEWHERE)


def file_fields(*models: Any) -> list[Any]:
    return [field for model in models for field in model._meta.local_concrete_fields if hasattr(field, "attr_class")]


def server_url() -> str:
    return private_storage().server_url


@pytest.mark.parametrize("way", WAYS)
def test_what_rows_refer_to_stays_whatever_chooses_the_storage(
    run: Run, put: Put, keys: Keys, choice: ModuleType, way: str
) -> None:
    kind = getattr(choice, way)
    names = {"private": "a.txt", "public": "b.txt", "lazy": "c.txt", "default": "d.txt", "local": "e.txt"}
    for place, name in names.items():
        saved(kind, place=place, file=name)
    everything = [*names.values(), "orphan.txt"]
    put(site.PRIVATE_BUCKET, *everything)
    put(site.PUBLIC_BUCKET, *everything)
    run(COMMAND, *NOW)
    private = ["a.txt", "d.txt", KEPT]
    if way == "ByProxy":  # each row may be loaded as the model too, whose files are private
        private = [*names.values(), KEPT]
    assert keys(site.PRIVATE_BUCKET) == private
    assert keys(site.PUBLIC_BUCKET) == ["b.txt", "c.txt", KEPT]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "ByProxy"])
def test_rows_are_missing_where_their_files_should_be(
    run: Run, put: Put, choice: ModuleType, elsewhere: str, way: str
) -> None:
    kind = getattr(choice, way)
    for place in ("private", "public", "elsewhere"):
        saved(kind, place=place, file="there.txt")
    put(site.PRIVATE_BUCKET, "there.txt", "a.txt")
    put(site.PUBLIC_BUCKET, "there.txt", "b.txt")
    put(elsewhere, "there.txt", "c.txt")
    saved(kind, place="local", file="local.txt")
    saved(kind, place="wrapper", file="wrapped.txt")
    lost = {name: saved(kind, place=place, file=name) for name, place in (("a.txt", "public"), ("b.txt", "elsewhere"))}
    output = run(COMMAND, "--check-missing", "--dry-run")
    lines = {line.rpartition("Missing in ")[2] for line in output.splitlines() if line.startswith("Missing")}
    label = f"choice.{'ByInit' if way == 'InheritedInit' else way}"
    base = server_url()
    assert lines == {
        f"{base}/{site.PUBLIC_BUCKET}: {label} {lost['a.txt'].pk} file: a.txt",
        f"{base}/{elsewhere}: {label} {lost['b.txt'].pk} file: b.txt",
    }


def test_a_bucket_that_only_rows_name_is_not_cleaned(
    run: Run, put: Put, keys: Keys, choice: ModuleType, elsewhere: str
) -> None:
    saved(choice.ByFieldFile, place="elsewhere", file="there.txt")
    put(elsewhere, "there.txt", "nobody-knows.txt")
    output = run(COMMAND, *NOW)
    assert elsewhere not in output
    output = run(COMMAND, "--check-missing", "--unfinished-uploads", "0", *NOW)
    assert f"{elsewhere}: 0 references to missing objects" in output
    assert f"{elsewhere}: 0 orphaned" not in output
    assert keys(elsewhere) == ["nobody-knows.txt", "there.txt"]


def test_a_row_below_another_location_is_checked_and_nothing_else_there_is_cleaned(
    run: Run, put: Put, keys: Keys, choice: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = MinioBackend(site.PRIVATE_BUCKET, "default", MINIO_LOCATION="located")
    for field in file_fields(Document, *choice.TABLES):
        if field.storage is not Document._meta.get_field("public").storage:
            monkeypatch.setattr(field, "storage", inner)
    saved(choice.ByFieldFile, place="located", file="there.txt")
    saved(choice.ByFieldFile, place="private", file="outside.txt")
    lost = saved(choice.ByFieldFile, place="private", file="lost.txt")
    put(site.PRIVATE_BUCKET, "located/here/there.txt", "located/orphan.txt", "outside.txt", "nobody-knows.txt")
    output = run(COMMAND, "--check-missing", "--bucket", site.PRIVATE_BUCKET, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "located/here/there.txt", "nobody-knows.txt", "outside.txt"]
    assert f"choice.ByFieldFile {lost.pk} file: lost.txt" in output
    assert "outside.txt" not in output


@pytest.mark.parametrize("place", ["none", "function", "wrapper"])
@pytest.mark.parametrize("when", ["before", "late"])
def test_a_row_whose_storage_is_unknown_keeps_its_name_everywhere(
    run: Run, put: Put, keys: Keys, choice: ModuleType, late: Late, place: str, when: str
) -> None:
    def save() -> None:
        saved(choice.ByFieldFile, place=place, file="some/where.txt")

    if when == "late":
        late.append(save)
    else:
        save()
    for bucket in (site.PRIVATE_BUCKET, site.PUBLIC_BUCKET):
        put(bucket, "some/where.txt", "wrapped/some/where.txt", "where.txt", "awesome/where.txt")
    output = run(COMMAND, "--check-missing", *NOW)
    for bucket in (site.PRIVATE_BUCKET, site.PUBLIC_BUCKET):
        assert keys(bucket) == [KEPT, "some/where.txt", "wrapped/some/where.txt"]
        assert f"{bucket}: 0 references to missing objects" in output


@pytest.mark.parametrize(
    ("place", "key"),
    [("public", "late.txt"), ("located", "located/here/late.txt"), ("own", "own/late.txt")],
    ids=["public", "located", "own"],
)
def test_a_late_row_keeps_its_object_in_the_bucket_that_it_chooses(
    run: Run, put: Put, keys: Keys, choice: ModuleType, late: Late, place: str, key: str
) -> None:
    if place == "own":  # such a storage is known by an earlier row
        saved(choice.ByFieldFile, place="own", file="kept.txt")
    bucket = site.PUBLIC_BUCKET if place == "public" else site.PRIVATE_BUCKET
    put(site.PRIVATE_BUCKET, "late.txt", "located/here/late.txt", "own/late.txt", "own/kept.txt")
    put(site.PUBLIC_BUCKET, "late.txt", "located/here/late.txt")
    late.append(lambda: saved(choice.ByFieldFile, place=place, file="late.txt"))
    run(COMMAND, *NOW)
    kept = {site.PRIVATE_BUCKET: {KEPT}, site.PUBLIC_BUCKET: {KEPT}}
    kept[site.PRIVATE_BUCKET] |= {"own/kept.txt"} if place == "own" else set()
    kept[bucket].add(key)
    assert {name: set(keys(name)) for name in kept} == kept


def test_a_late_row_that_moves_its_file_keeps_the_new_one_alone(
    run: Run, put: Put, keys: Keys, choice: ModuleType, late: Late
) -> None:
    row = saved(choice.ByInit, place="private", file="moved.txt")
    put(site.PUBLIC_BUCKET, "moved.txt", "orphan.txt")
    late.append(lambda: choice.ByInit.objects.filter(pk=row.pk).update(place="public"))
    run(COMMAND, *PUBLIC_ALONE, *NOW)
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "moved.txt"]


@pytest.mark.parametrize("when", ["before", "late"])
def test_a_name_that_the_field_file_has_changed_counts(
    run: Run, put: Put, keys: Keys, choice: ModuleType, late: Late, when: str
) -> None:
    saved(choice.Renamed, file="first.txt")
    connection.cursor().execute("UPDATE choice_renamed SET file = 'first.txt'")

    def insert() -> None:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO choice_renamed (place, file) VALUES ('private', 'a.txt')")

    if when == "late":
        late.append(insert)
    else:
        insert()
    put(site.PRIVATE_BUCKET, "renamed/a.txt", "renamed/first.txt", "renamed/orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "renamed/a.txt", "renamed/first.txt"]


@pytest.mark.parametrize(
    "name", ["./odd.txt", "folder//odd.txt", "folder\\odd.txt"], ids=["dot", "two slashes", "backslash"]
)
def test_a_name_that_save_would_have_normalised_counts(
    run: Run, put: Put, keys: Keys, choice: ModuleType, name: str
) -> None:
    saved(choice.ByInit, place="public", file=name)
    key = "folder/odd.txt" if "folder" in name else "odd.txt"
    put(site.PUBLIC_BUCKET, key, "orphan.txt")
    output = run(COMMAND, "--check-missing", *NOW)
    assert keys(site.PUBLIC_BUCKET) == sorted([key, KEPT])
    assert f"{site.PUBLIC_BUCKET}: 0 references to missing objects" in output


def test_a_row_whose_storage_cannot_be_determined_stops_everything(
    run: Run, put: Put, keys: Keys, choice: ModuleType
) -> None:
    saved(choice.ByFieldFile, file="fine.txt")
    row = saved(choice.ByFieldFile, file="x.txt")
    choice.ByFieldFile.objects.filter(pk=row.pk).update(place="the moon")
    put(site.PRIVATE_BUCKET, "orphan.txt")
    for arguments in ((), ("--check-missing",)):
        with pytest.raises(CommandError, match=rf"choice\.ByFieldFile {row.pk} file: .*the moon.* deleted"):
            run(COMMAND, *arguments, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_late_row_whose_storage_cannot_be_determined_stops_the_deletion(
    run: Run, put: Put, keys: Keys, choice: ModuleType, late: Late
) -> None:
    def add() -> None:
        row = saved(choice.ByFieldFile, file="orphan.txt")
        choice.ByFieldFile.objects.filter(pk=row.pk).update(place="the moon")

    late.append(add)
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match="the moon"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_rows_with_a_name_that_no_object_can_have_are_reported_only_for_minio_storages(
    run: Run, put: Put, keys: Keys, choice: ModuleType
) -> None:
    saved(choice.ByInit, place="local", file="/absolute.txt")
    saved(choice.ByInit, place="wrapper", file="/absolute.txt")
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
    row = saved(choice.ByInit, place="private", file="/absolute.txt")
    with pytest.raises(CommandError, match=rf"choice\.ByInit {row.pk} file"):
        run(COMMAND, *NOW)


@pytest.mark.parametrize("kind", ["ByInit", "InheritedInit", "ByProxy"])
def test_rows_that_choose_are_read_in_pages(choice: ModuleType, kind: str) -> None:
    names = [f"{number}.txt" for number in range(503)]
    with transaction.atomic():
        for name in names:
            saved(getattr(choice, kind), place="public", file=name)
    model = choice.ByInit if kind == "InheritedInit" else getattr(choice, kind)
    (field,) = [field for field in row_storages.choosing_fields() if field.model is model]
    pages = list(field.rows())
    assert [len(page) for page in pages] == [row_storages.ROWS_PER_QUERY, 3]
    files = [row for page in pages for row in page]
    assert [{file.name for file in row} for row in files] == [{name} for name in names]
    assert {len(row) for row in files} == {1 if kind == "ByInit" else len(field.classes)}


def test_rows_of_every_class_that_loads_them_protect_and_only_agreement_is_missing(
    run: Run, put: Put, keys: Keys, choice: ModuleType
) -> None:
    """A proxy's rows may be loaded as the model as well, and nobody knows which of them has saved the file."""
    agreed = saved(choice.ByProxy, place="private", file="lost.txt")
    saved(choice.ByProxy, place="public", file="a.txt")
    put(site.PUBLIC_BUCKET, "a.txt", "orphan.txt")
    output = run(COMMAND, "--check-missing", *NOW)
    assert keys(site.PUBLIC_BUCKET) == ["a.txt", KEPT]
    assert [line for line in output.splitlines() if line.startswith("Missing")] == [
        f"Missing in {server_url()}/{site.PRIVATE_BUCKET}: choice.ByProxy {agreed.pk} file: lost.txt"
    ]


def test_a_child_s_own_field_is_asked_with_the_parent_s_columns(
    run: Run, put: Put, keys: Keys, choice: ModuleType
) -> None:
    saved(choice.InheritedInit, place="public", file="file.txt", scan="scan.txt")
    put(site.PUBLIC_BUCKET, "file.txt", "scan.txt", "orphan.txt")
    put(site.PRIVATE_BUCKET, "file.txt", "scan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PUBLIC_BUCKET) == ["file.txt", KEPT, "scan.txt"]
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_no_file_is_read_for_the_dimensions_of_a_picture(run: Run, put: Put, keys: Keys, choice: ModuleType) -> None:
    choice.Measured.objects.bulk_create(
        choice.Measured(place=place, file="") for place in ("private", "public", "private")
    )
    choice.Measured.objects.filter(place="private").update(file="a.png")
    choice.Measured.objects.filter(place="public").update(file="b.png")
    put(site.PRIVATE_BUCKET, "a.png", "b.png")
    put(site.PUBLIC_BUCKET, "a.png", "b.png")
    with requests_made() as made:
        run(COMMAND, *NOW)
    assert sorted(made) == [*["GET"] * 4, "POST", "POST"]  # two listings and a deletion for each bucket
    assert keys(site.PRIVATE_BUCKET) == ["a.png", KEPT]
    assert keys(site.PUBLIC_BUCKET) == ["b.png", KEPT]


def test_an_instance_has_the_dimensions_of_its_row(choice: ModuleType) -> None:
    choice.Measured.objects.bulk_create([choice.Measured(place="private", height=7)])
    choice.Measured.objects.update(file="a.png")
    seen: list[Any] = []

    class Spy(choice.Measured):  # type: ignore[misc, name-defined]
        class Meta:
            app_label = "choice"
            proxy = True

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            seen.append(self)

    try:
        list(row_files.RowFiles(Spy, Spy._meta.get_field("file")).read(Spy._base_manager.all()))
    finally:
        from django.apps import apps

        del apps.all_models["choice"]["spy"]
        apps.clear_cache()
    assert [(row.width, row.height, row.file.name) for row in seen] == [(None, 7, "a.png")]


def test_plain_fields_are_read_without_instances(run: Run, put: Put, keys: Keys, choice: ModuleType) -> None:
    for field in file_fields(Document, choice.Plain):
        assert row_files.choosing_classes(field.model, field) == []
    choice.Plain.objects.bulk_create([choice.Plain(file="")])
    choice.Plain.objects.update(file="a.png")
    put(site.PRIVATE_BUCKET, "a.png")
    with CaptureQueriesContext(connection) as asked:
        run(COMMAND, *NOW)
    (read,) = [one["sql"] for one in asked.captured_queries if 'FROM "choice_plain"' in one["sql"]]
    assert '"width"' not in read
    assert keys(site.PRIVATE_BUCKET) == ["a.png", KEPT]


def test_proxies_and_children_that_change_nothing_leave_a_field_plain(archive: ModuleType) -> None:
    for field in file_fields(*archive.TABLES):
        assert row_files.choosing_classes(field.model, field) == []


def test_a_bucket_whose_field_keeps_all_its_files_elsewhere_is_taken_for_a_mistake(
    run: Run, put: Put, keys: Keys, choice: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """django-filer's field names the default storage, whatever its settings."""
    for field in file_fields(Document, *choice.TABLES):
        if field.model is not choice.ByFieldFile:
            monkeypatch.setattr(field, "storage", MinioBackend(site.PUBLIC_BUCKET, "default"))
    saved(choice.ByFieldFile, place="public", file=KEPT)
    put(site.PRIVATE_BUCKET, "code-has-saved-it.txt")
    with pytest.raises(CommandError, match=r"elsewhere: choice\.ByFieldFile\.file\. Is this the right database"):
        run(COMMAND, *NOW)
    assert "code-has-saved-it.txt" in keys(site.PRIVATE_BUCKET)
    run(COMMAND, "--force", *NOW)
    assert keys(site.PRIVATE_BUCKET) == []


def test_a_row_that_chooses_the_bucket_at_another_endpoint_keeps_its_object(
    run: Run, put: Put, keys: Keys, choice: ModuleType
) -> None:
    saved(choice.ByInit, place="namesake", file="a.txt")
    lost = saved(choice.ByInit, place="namesake", file="lost.txt")
    put(site.PRIVATE_BUCKET, "a.txt", "orphan.txt")
    output = run(COMMAND, "--check-missing", *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["a.txt", KEPT]
    missing = [line for line in output.splitlines() if line.startswith("Missing")]
    assert missing == [
        f"Missing in http://{choice.NAMESAKE}/{site.PRIVATE_BUCKET}: choice.ByInit {lost.pk} file: lost.txt"
    ]


def test_an_orphan_is_looked_at_once_more_where_a_row_s_storage_replaces_objects(
    run: Run, put: Put, keys: Keys, choice: ModuleType
) -> None:
    saved(choice.ByInit, place="replacing", file="a.txt")
    put(site.PRIVATE_BUCKET, "a.txt", "orphan.txt")
    with requests_made() as made:
        run(COMMAND, "--bucket", site.PRIVATE_BUCKET, *NOW)
    assert made[:3] == ["GET", "GET", "HEAD"]  # and a deletion, unless the orphan was made in this very second
    assert "a.txt" in keys(site.PRIVATE_BUCKET)


def test_other_apps_are_asked_for_the_storages_that_rows_choose(
    run: Run, put: Put, keys: Keys, choice: ModuleType
) -> None:
    def named(storage: MinioBackend, **_: object) -> list[str]:
        return ["thumbnail.txt"] if storage.options.location else []

    saved(choice.ByInit, place="located", file="a.txt")
    put(site.PRIVATE_BUCKET, "located/here/a.txt", "located/here/thumbnail.txt", "thumbnail.txt")
    collect_references.connect(named)
    try:
        run(COMMAND, *NOW)
    finally:
        collect_references.disconnect(named)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "located/here/a.txt", "located/here/thumbnail.txt"]


def test_a_bucket_of_static_files_that_rows_choose_is_left_alone(
    run: Run, put: Put, keys: Keys, choice: ModuleType
) -> None:
    saved(choice.ByInit, place="static", file="lost.txt")
    put(site.STATIC_BUCKET, "site.css")
    assert site.STATIC_BUCKET not in run(COMMAND, "--check-missing", *NOW)
    assert keys(site.STATIC_BUCKET) == ["site.css"]


def test_rows_of_a_database_without_the_tables_of_all_classes_count(
    run: Run, put: Put, keys: Keys, choice: ModuleType, second_database: str
) -> None:
    with connections[second_database].schema_editor() as editor:
        editor.create_model(choice.ByInit)  # and not its child's table
    choice.ByInit(place="public", file="second.txt").save(using=second_database)
    lost = choice.ByInit(place="public", file="lost.txt")
    lost.save(using=second_database)
    put(site.PUBLIC_BUCKET, "second.txt", "orphan.txt")
    output = run(COMMAND, "--check-missing", *NOW)
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "second.txt"]
    assert f"choice.ByInit {lost.pk} file in database 'second': lost.txt" in output


@pytest.mark.skipif(django.VERSION < (5, 2), reason="composite primary keys came with Django 5.2")
def test_rows_with_a_composite_primary_key_are_read_in_pages() -> None:
    class Cell(models.Model):
        pk = models.CompositePrimaryKey("x", "y")
        x = models.IntegerField()
        y = models.IntegerField()
        file = models.FileField(storage=private_storage)

        class Meta:
            app_label = "cells"

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.file.storage = private_storage() if self.x else FileSystemStorage("/nowhere")

        def __str__(self) -> str:
            return str(self.pk)

    class Same(Cell):
        class Meta:
            app_label = "cells"
            proxy = True

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    with connection.schema_editor() as editor:
        editor.create_model(Cell)
    try:
        cells = [(x, y) for x in range(3) for y in range(200)]
        Cell._base_manager.bulk_create(Cell(x=x, y=y, file=f"{x}-{y}.txt") for x, y in cells)
        field = row_storages.ChoosingField(
            Cell, Cell._meta.get_field("file"), "default", private_storage(), [Cell, Same]
        )
        target = references.Target(private_storage(), [private_storage()])
        found = [reference for page in field.references(target, 3) for reference in page]
        in_use = field.keys_in_use(target, ["0-1.txt", "1-1.txt", "orphan.txt"])
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Cell)
    assert [(reference.row, reference.key, reference.source) for reference in found] == [
        (str((x, y)), f"{x}-{y}.txt", 3) for x, y in cells if x
    ]
    assert in_use == {"1-1.txt"}
