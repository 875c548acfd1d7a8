"""manage.py clean_orphaned_minio_files: what nobody refers to is deleted, and nothing else ever."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError, connection, connections, models

from django_minio_backend import bulk, orphans
from django_minio_backend.models import MinioBackend
from tests import settings as site
from tests.app.models import Document
from tests.support.buckets import remove_bucket
from tests.support.settings import STATIC
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from minio import Minio
    from pytest_django import Settings

    from django_minio_backend.s3 import S3Client
    from tests.commands.conftest import Run
    from tools.servers import Server

    Put = Callable[..., None]
    Keys = Callable[[str], list[str]]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]

COMMAND = "clean_orphaned_minio_files"
NOW = ("--min-age", "0")
KEPT = "kept.txt"


@pytest.fixture
def put(sdk: Minio) -> Put:
    """Store objects past the library."""

    def stored(bucket: str, *keys: str) -> None:
        for key in keys:
            sdk.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"content"), length=7)

    return stored


@pytest.fixture
def keys(sdk: Minio) -> Keys:
    def listed(bucket: str) -> list[str]:
        return sorted(str(found.object_name) for found in sdk.list_objects(bucket_name=bucket, recursive=True))

    return listed


@pytest.fixture
def kept(site_buckets: None, put: Put, transactional_db: None) -> None:  # noqa: ARG001 - order
    """One row with its files, since no table is empty where cleaning makes sense."""
    Document.objects.create(plain=KEPT, public=KEPT)
    put(site.PRIVATE_BUCKET, KEPT)
    put(site.PUBLIC_BUCKET, KEPT)


@pytest.fixture
def archive(settings: Settings, sdk: Minio, site_buckets: None, transactional_db: None) -> Iterator[ModuleType]:  # noqa: ARG001 - order
    """The app with all kinds of models, its tables, and its bucket."""
    settings.INSTALLED_APPS = [*site.INSTALLED_APPS, "tests.commands.archive"]
    from tests.commands.archive import models as archive

    with connection.schema_editor() as editor:
        for model in archive.TABLES:
            editor.create_model(model)
    sdk.make_bucket(bucket_name=archive.LOCATED_BUCKET)
    yield archive
    remove_bucket(sdk, archive.LOCATED_BUCKET)
    with connection.schema_editor() as editor:
        for model in reversed(archive.TABLES):
            editor.delete_model(model)


@pytest.fixture
def second_database(tmp_path: Path, transactional_db: None) -> Iterator[str]:  # noqa: ARG001 - order
    """Another database, with a table of documents of its own."""
    made = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "second.sqlite3"}
    connections.settings["second"] = connections.configure_settings({"default": {}, "second": made})["second"]
    try:
        connections["second"].connect()  # Django's test case refuses to open it by itself: it came too late
        with connections["second"].schema_editor() as editor:
            editor.create_model(Document)
        yield "second"
        connections["second"].close()
    finally:
        del connections["second"]
        del connections.settings["second"]


def saved(model: Any, **values: Any) -> Any:
    """Save a row past the model's managers."""
    row = model(**values)
    row.save()
    return row


# What is deleted


def test_exactly_the_orphans_are_deleted(run: Run, put: Put, keys: Keys) -> None:
    Document.objects.create(plain="a/referred.txt", private="b/referred.txt", public="c.txt", image="d.png")
    put(site.PRIVATE_BUCKET, "a/referred.txt", "b/referred.txt", "a/orphan.txt", "orphan.txt", "c.txt")
    put(site.PUBLIC_BUCKET, "c.txt", "d.png", "a/referred.txt")
    told = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["a/referred.txt", "b/referred.txt", KEPT]
    assert keys(site.PUBLIC_BUCKET) == ["c.txt", "d.png", KEPT]
    deleted = [line for line in told.splitlines() if line.startswith("Deleted ")]
    assert sorted(line.partition(f"/{site.PRIVATE_BUCKET}/")[2] for line in deleted if site.PRIVATE_BUCKET in line) == [
        "a/orphan.txt",
        "c.txt",
        "orphan.txt",
    ]
    assert "3 orphaned objects deleted (21" in told
    assert "1 orphaned objects deleted (7" in told


def test_names_of_every_kind_are_known_again(run: Run, put: Put, keys: Keys) -> None:
    names = ["ü mlaut #1?.txt", "per%20cent+plus&.txt", "'quotes\".txt", "日本/ファイル.txt", "a" * 100]
    for name in names:
        Document.objects.create(plain=name)
    orphaned = [f"no {name}"[:100] for name in names]
    put(site.PRIVATE_BUCKET, *names, *orphaned)
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == sorted([*names, KEPT])


def test_a_dry_run_deletes_nothing_and_names_what_would_be(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with requests_made() as made:
        told = run(COMMAND, "--dry-run", *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
    assert set(made) == {"GET"}
    (line,) = [line for line in told.splitlines() if "orphan.txt" in line]
    assert line.startswith("Would delete ")
    assert "1 orphaned objects would be deleted" in told


def test_a_second_run_has_nothing_to_do(run: Run, put: Put) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, *NOW)
    told = run(COMMAND, *NOW)
    assert "Deleted" not in told
    assert told.count(": 0 orphaned objects deleted") == 2


@pytest.mark.parametrize("arguments", [[], ["--min-age", "1"], ["--min-age", "0.5"]])
def test_young_objects_stay(run: Run, put: Put, keys: Keys, arguments: list[str]) -> None:
    """Their rows may be yet to come: an upload comes before the commit."""
    put(site.PRIVATE_BUCKET, "young.txt")
    run(COMMAND, *arguments)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "young.txt"]


def test_objects_older_than_the_age_are_deleted(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the server's clock: here it tells that it is two hours later."""
    put(site.PRIVATE_BUCKET, "old.txt")
    pages = bulk.pages

    def later(*arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        for page in pages(*arguments, **more):
            yield page._replace(served_at=page.served_at + dt.timedelta(hours=2))

    monkeypatch.setattr(bulk, "pages", later)
    run(COMMAND, "--min-age", "3")
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "old.txt"]
    run(COMMAND)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


@pytest.mark.parametrize("age", ["soon", "nan", "inf", "-1"])
def test_an_age_that_is_none_is_refused(run: Run, put: Put, keys: Keys, age: str) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match="--min-age"):
        run(COMMAND, f"--min-age={age}")
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_orphans_are_deleted_a_batch_at_a_time(run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "BATCH", 2)
    put(site.PRIVATE_BUCKET, *(f"orphan-{number}" for number in range(5)))
    with requests_made() as made:
        told = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
    assert sorted(made) == ["GET", "GET", "POST", "POST", "POST"]
    assert told.count("Deleted ") == 5


def test_a_thousand_orphans_cost_one_list_and_one_delete_request_each(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, *(f"orphan-{number}" for number in range(60)))
    with requests_made() as made:
        run(COMMAND, *NOW)
    assert sorted(made) == ["GET", "GET", "POST"]
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


# References of every kind


def test_rows_that_a_manager_hides_count(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    saved(archive.Paper, file="hidden.txt", hidden=True)
    assert not archive.Paper.objects.exists()
    put(site.PRIVATE_BUCKET, "hidden.txt", "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["hidden.txt", KEPT]


def test_rows_of_proxies_of_inherited_and_of_abstract_models_count(
    run: Run, put: Put, keys: Keys, archive: ModuleType
) -> None:
    saved(archive.SamePaper, file="proxy.txt")
    saved(archive.Scan, file="parent.txt", picture="child.txt")
    saved(archive.Letter, attachment="abstract.txt")
    expected = ["abstract.txt", "child.txt", KEPT, "parent.txt", "proxy.txt"]
    put(site.PRIVATE_BUCKET, *expected, "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == expected


def test_rows_of_a_table_that_django_does_not_manage_count(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO old_ledger (path) VALUES ('ledger.txt')")
    assert archive.Ledger.objects.get().file.name == "ledger.txt"
    put(site.PRIVATE_BUCKET, "ledger.txt", "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "ledger.txt"]


def test_rows_without_a_file_refer_to_nothing(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    saved(archive.Paper, file=None)
    saved(archive.Paper, file="")
    Document.objects.create(title="nothing")
    put(site.PRIVATE_BUCKET, "None", "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_rows_of_every_database_count(run: Run, put: Put, keys: Keys, second_database: str) -> None:
    Document.objects.using(second_database).create(plain="second.txt")
    assert not Document.objects.filter(plain="second.txt").exists()
    put(site.PRIVATE_BUCKET, "second.txt", "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "second.txt"]


@pytest.mark.parametrize("name", ["./odd.txt", "folder//odd.txt", "folder\\odd.txt", "x/../odd.txt"])
def test_a_name_that_save_would_have_normalised_counts(run: Run, put: Put, keys: Keys, name: str) -> None:
    """An import or another program may have written it."""
    Document.objects.create(plain=name)
    key = "folder/odd.txt" if "folder" in name else "odd.txt"
    put(site.PRIVATE_BUCKET, key, "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == sorted([key, KEPT])


@pytest.mark.parametrize("name", ["/absolute.txt", "../outside.txt", "x" * 90 + "/../../../etc"])
def test_a_row_with_a_name_that_no_object_can_have_is_told(run: Run, put: Put, keys: Keys, name: str) -> None:
    row = Document.objects.create(plain=name)
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match=rf"app\.Document {row.pk} plain"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


# Buckets


@pytest.mark.usefixtures("archive")
def test_buckets_of_static_files_are_never_cleaned(run: Run, put: Put, keys: Keys) -> None:
    """Not even where a field keeps files there."""
    put(site.STATIC_BUCKET, "style.css", "script.js")
    told = run(COMMAND, *NOW)
    assert keys(site.STATIC_BUCKET) == ["script.js", "style.css"]
    assert site.STATIC_BUCKET not in told


def test_the_bucket_of_static_files_that_a_media_alias_names_is_never_cleaned(
    run: Run, put: Put, keys: Keys, settings: Settings
) -> None:
    """Static files may be collected by another program, with settings of its own."""
    default = site.STORAGES["default"]
    options = {**default["OPTIONS"], "MINIO_STATIC_FILES_BUCKET": site.PUBLIC_BUCKET}
    settings.STORAGES = {"default": {**default, "OPTIONS": options}, "staticfiles": STATIC}
    put(site.PUBLIC_BUCKET, "style.css")
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "style.css"]
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_buckets_that_no_field_uses_are_left_alone(
    run: Run, put: Put, keys: Keys, bucket: str, settings: Settings
) -> None:
    default = site.STORAGES["default"]
    options = {**default["OPTIONS"], "MINIO_PRIVATE_BUCKETS": [site.PRIVATE_BUCKET, bucket]}
    settings.STORAGES = {**site.STORAGES, "default": {**default, "OPTIONS": options}}
    put(bucket, "backup.tar")
    run(COMMAND, *NOW)
    assert keys(bucket) == ["backup.tar"]


def test_only_what_lies_below_the_location_is_cleaned(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    archive.Located.objects.create(file="a.txt", inner="b.txt")
    expected = ["a.txt", "mediathek/x.txt", "media/a.txt", "media/inner/b.txt", "other/x.txt"]
    put(
        archive.LOCATED_BUCKET,
        *expected,
        "media/orphan.txt",
        "media/inner/a.txt",
        "media/inner/orphan.txt",
        "media/b.txt",
    )
    run(COMMAND, *NOW)
    assert keys(archive.LOCATED_BUCKET) == sorted(expected)


def test_two_aliases_of_one_bucket_are_one_place(
    run: Run, put: Put, keys: Keys, settings: Settings, server: Server
) -> None:
    """Document.plain keeps its files by the default alias; here another alias leads to the same bucket."""
    settings.STORAGES = {**site.STORAGES, "again": site.STORAGES["default"]}
    put(site.PRIVATE_BUCKET, "orphan.txt")
    told = run(COMMAND, *NOW)
    assert told.count(f"http://{server.endpoint}/{site.PRIVATE_BUCKET}: 1 orphaned") == 1
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_two_names_of_one_server_do_not_make_orphans_of_each_others_files(
    run: Run, put: Put, keys: Keys, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One field's storage reaches the bucket at 127.0.0.1, another one's at localhost."""
    other_name = server.endpoint.replace("127.0.0.1", "localhost")
    options: dict[str, Any] = {**site.STORAGES["default"]["OPTIONS"], "MINIO_ENDPOINT": other_name}
    options["MINIO_DEFAULT_BUCKET"] = site.PRIVATE_BUCKET
    field = Document._meta.get_field("private")
    monkeypatch.setattr(field, "storage", MinioBackend(**options))
    put(site.PRIVATE_BUCKET, "plain.txt", "private.txt", "orphan.txt")
    Document.objects.create(plain="plain.txt", private="private.txt")
    run(COMMAND, *NOW)
    assert {"plain.txt", "private.txt"} <= set(keys(site.PRIVATE_BUCKET))
    assert "orphan.txt" not in keys(site.PRIVATE_BUCKET)


# Rows that come late


def test_a_row_that_comes_to_refer_to_an_object_after_the_listing_saves_it(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "late.txt", "orphan.txt")
    pages = bulk.pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        yield from pages(client, bucket, *arguments, **more)
        if bucket == site.PRIVATE_BUCKET:
            Document.objects.create(plain="late.txt")

    monkeypatch.setattr(bulk, "pages", slow)
    told = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "late.txt"]
    assert "late.txt" not in told


def test_a_late_row_of_a_location_saves_its_object(
    run: Run, put: Put, keys: Keys, archive: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.Located.objects.create(file="a.txt")
    put(archive.LOCATED_BUCKET, "media/a.txt", "media/late.txt", "media/inner/late.txt", "media/orphan.txt")
    pages = bulk.pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        yield from pages(client, bucket, *arguments, **more)
        if bucket == archive.LOCATED_BUCKET:
            archive.Located.objects.create(file="late.txt", inner="late.txt")

    monkeypatch.setattr(bulk, "pages", slow)
    run(COMMAND, *NOW)
    assert keys(archive.LOCATED_BUCKET) == ["media/a.txt", "media/inner/late.txt", "media/late.txt"]


def test_a_row_that_changes_its_name_while_rows_are_read_keeps_its_object(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Document.objects.create(plain="before.txt")
    put(site.PRIVATE_BUCKET, "before.txt", "after.txt")
    pages = bulk.pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        Document.objects.filter(pk=row.pk).update(plain="after.txt")
        yield from pages(client, bucket, *arguments, **more)

    monkeypatch.setattr(bulk, "pages", slow)
    run(COMMAND, *NOW)
    assert "after.txt" in keys(site.PRIVATE_BUCKET)


# Failures


def test_a_database_error_deletes_nothing_and_fails(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")

    def failing(execute: Any, sql: str, *arguments: Any) -> Any:
        if '"image"' in sql:  # the last field that is read
            raise OperationalError("the disk is on fire")
        return execute(sql, *arguments)

    with connection.execute_wrapper(failing), pytest.raises(CommandError, match=r"on fire.*Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "orphan.txt"]


@pytest.mark.usefixtures("second_database")
def test_a_database_that_is_broken_deletes_nothing_and_fails(run: Run, put: Put, keys: Keys, tmp_path: Path) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    (tmp_path / "second.sqlite3").write_bytes(b"no database any more" * 100)
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_table_that_is_in_no_database_deletes_nothing_and_fails(
    run: Run, put: Put, keys: Keys, archive: ModuleType
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with connection.schema_editor() as editor:
        editor.delete_model(archive.Letter)
    try:
        with pytest.raises(CommandError, match=r"archive\.Letter.*Nothing was deleted"):
            run(COMMAND, *NOW)
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(archive.Letter)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_database_that_fails_right_before_the_deletion_deletes_nothing(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")

    def failing(execute: Any, sql: str, *arguments: Any) -> Any:
        if " IN (" in sql:
            raise OperationalError("the disk is on fire")
        return execute(sql, *arguments)

    with connection.execute_wrapper(failing), pytest.raises(CommandError, match="on fire"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "orphan.txt"]


def test_a_bucket_that_cannot_be_listed_deletes_nothing_in_any_bucket(
    run: Run, put: Put, keys: Keys, sdk: Minio
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    remove_bucket(sdk, site.PUBLIC_BUCKET)
    with pytest.raises(CommandError, match=f"{site.PUBLIC_BUCKET} cannot be listed: .*Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_listing_that_breaks_off_deletes_nothing(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "orphan-1.txt", "orphan-2.txt")
    pages = bulk.pages

    def broken(*arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        yield from pages(*arguments, **more)
        raise ConnectionResetError("cut off")

    monkeypatch.setattr(bulk, "pages", broken)
    with pytest.raises(CommandError, match=r"cut off\. Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan-1.txt", "orphan-2.txt"]


def test_what_could_not_be_deleted_is_listed_and_fails_the_command(
    put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.management import call_command

    monkeypatch.setattr(orphans, "BATCH", 2)
    put(site.PRIVATE_BUCKET, "a.txt", "b.txt", "c.txt", "locked.txt")
    put(site.PUBLIC_BUCKET, "d.txt")
    delete = bulk.delete

    def partly(client: S3Client, bucket: str, names: Sequence[str]) -> bulk.Deletion:
        done = delete(client, bucket, [name for name in names if name != "locked.txt"])
        return done._replace(failed={"locked.txt": "AccessDenied It is locked"} if "locked.txt" in names else {})

    monkeypatch.setattr(bulk, "delete", partly)
    told = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command(COMMAND, *NOW, stdout=told)
    assert f"{site.PRIVATE_BUCKET}/locked.txt: AccessDenied It is locked" in str(failed.value)
    assert "a.txt" not in str(failed.value)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "locked.txt"]
    deleted = [line.rpartition("/")[2] for line in told.getvalue().splitlines() if line.startswith("Deleted ")]
    assert sorted({*deleted} - {"d.txt"}) == ["a.txt", "b.txt", "c.txt"]


def test_a_place_that_fails_does_not_keep_the_others_from_being_cleaned(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")

    def refused(_: S3Client, bucket: str, names: Sequence[str]) -> bulk.Deletion:  # noqa: ARG001 - as the original
        return bulk.Deletion(set(), dict.fromkeys(names, "AccessDenied No"), 0)

    with monkeypatch.context() as patched:
        patched.setattr(bulk, "delete", refused)
        with pytest.raises(CommandError) as failed:
            run(COMMAND, *NOW)
    for bucket in (site.PRIVATE_BUCKET, site.PUBLIC_BUCKET):
        assert f"{bucket}/orphan.txt: AccessDenied" in str(failed.value)
        assert keys(bucket) == [KEPT, "orphan.txt"]


# --check-missing


def test_references_without_an_object_are_told(run: Run, put: Put, keys: Keys) -> None:
    missing = Document.objects.create(plain="missing.txt", public="there.txt")
    put(site.PUBLIC_BUCKET, "there.txt")
    told = run(COMMAND, "--check-missing", *NOW)
    (line,) = [line for line in told.splitlines() if line.startswith("Missing in ")]
    assert line.endswith(f"/{site.PRIVATE_BUCKET}: app.Document {missing.pk} plain: missing.txt")
    assert f"{site.PRIVATE_BUCKET}: 1 references to missing objects." in told
    assert f"{site.PUBLIC_BUCKET}: 0 references to missing objects." in told
    assert "Missing" not in run(COMMAND, *NOW)
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "there.txt"]


def test_every_row_with_the_same_missing_object_is_told(run: Run) -> None:
    rows = [Document.objects.create(plain="missing.txt") for _ in range(3)]
    private = Document.objects.create(private="missing.txt")
    told = run(COMMAND, "--check-missing", *NOW)
    for row in rows:
        assert f"app.Document {row.pk} plain: missing.txt" in told
    assert f"app.Document {private.pk} private: missing.txt" in told
    assert "4 references to missing objects" in told


def test_rows_that_share_an_object_keep_it(run: Run, put: Put, keys: Keys) -> None:
    for _ in range(2):
        Document.objects.create(plain="shared.txt", private="shared.txt")
    put(site.PRIVATE_BUCKET, "shared.txt")
    told = run(COMMAND, "--check-missing", *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "shared.txt"]
    assert "Missing" not in told


def test_missing_objects_are_told_in_a_dry_run_as_well(run: Run) -> None:
    Document.objects.create(plain="missing.txt")
    assert "1 references to missing objects" in run(COMMAND, "--check-missing", "--dry-run")


def test_a_young_object_is_not_missing(run: Run) -> None:
    Document.objects.create(plain=ContentFile(b"young", name="young.txt"))
    assert f"{site.PRIVATE_BUCKET}: 0 references to missing objects" in run(COMMAND, "--check-missing")


def test_a_model_is_asked_by_a_plain_queryset() -> None:
    """A guard of the tests themselves: the archive's managers do hide rows."""
    from tests.commands.archive.models import Paper, Visible

    assert isinstance(Paper._base_manager, Visible)
    assert issubclass(Visible, models.Manager)
    assert issubclass(OperationalError, DatabaseError)
