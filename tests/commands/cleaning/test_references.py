"""Cleaning knows every reference: whatever the model, the manager, the database and the field's storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import django
import pytest
from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError, connection, connections, models, transaction
from django.test.utils import CaptureQueriesContext

from django_minio_backend.orphans import references
from django_minio_backend.signals import collect_references
from tests import settings as site
from tests.app.models import Document, private_storage
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW, saved

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from django_minio_backend.models import MinioBackend
    from tests.commands.cleaning.conftest import Keys, Late, Put
    from tests.commands.conftest import Run


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


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


def test_an_alias_that_stands_for_no_database_is_none(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As "default" is where each app has a database of its own."""
    empty = connections.configure_settings({"default": {}})["default"]
    monkeypatch.setitem(connections.settings, "empty", empty)
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_fields_that_another_app_has_added_count(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    saved(archive.Letter, attachment="letter.txt", stamp="stamp.txt")
    put(site.PRIVATE_BUCKET, "letter.txt", "stamp.txt", "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "letter.txt", "stamp.txt"]


def test_storages_of_every_kind_count(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    saved(archive.Shelf, local="local.txt", special="a.txt", default="default.txt", lazy="lazy.txt")
    expected = ["default.txt", KEPT, "lazy.txt", "special/a.txt"]
    put(site.PRIVATE_BUCKET, *expected, "a.txt", "local.txt")
    output = run(COMMAND, "--check-missing", *NOW)
    assert keys(site.PRIVATE_BUCKET) == expected
    assert f"{site.PRIVATE_BUCKET}: 0 references to missing objects" in output


def test_a_model_that_is_swapped_for_another_has_no_rows(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    assert archive.Replaced._meta.swapped
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


@pytest.mark.parametrize("model", ["Ticket", "Code", "Scan", "Ledger"])
def test_rows_are_read_in_pages_whatever_their_primary_key(archive: ModuleType, model: str) -> None:
    kind, names = getattr(archive, model), [f"{number * 7 % 5_003}.txt" for number in range(5_003)]
    if model == "Code":
        kind.objects.bulk_create(kind(code=f"code '{name}\" \u00e9", file=name) for name in names)
    elif model == "Scan":  # rows of two tables, which bulk_create() does not make
        with transaction.atomic():
            for name in names:
                saved(kind, picture=name)
    else:
        kind.objects.bulk_create(kind(file=name) for name in names)
    (field,) = [field for field in references.referring_fields() if field.model is kind]
    pages = list(field.rows())
    assert [len(page) for page in pages] == [references.ROWS_PER_QUERY, 3]
    assert sorted(name for page in pages for _, name in page) == sorted(names)
    keys = [primary_key for page in pages for primary_key, _ in page]
    assert keys == sorted(keys)


@pytest.mark.skipif(django.VERSION < (5, 2), reason="composite primary keys came with Django 5.2")
def test_rows_are_read_in_pages_with_a_composite_primary_key() -> None:
    class Grid(models.Model):
        pk = models.CompositePrimaryKey("x", "y")
        x = models.IntegerField()
        y = models.IntegerField()
        file = models.FileField(storage=private_storage)

        class Meta:
            app_label = "grid"

        def __str__(self) -> str:
            return str(self.pk)

    with connection.schema_editor() as editor:
        editor.create_model(Grid)
    try:
        cells = [(x, y) for x in range(2) for y in range(2_502)]
        Grid._base_manager.bulk_create(Grid(x=x, y=y, file=f"{x}-{y}.txt") for x, y in cells)
        field = references.ReferringField(Grid, Grid._meta.get_field("file"), "default", private_storage())
        pages = list(field.rows())
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Grid)
    assert [row for page in pages for row in page] == [((x, y), f"{x}-{y}.txt") for x, y in cells]
    assert [len(page) for page in pages] == [references.ROWS_PER_QUERY, 4]


def test_no_cursor_and_no_transaction_stays_open_on_the_database(archive: ModuleType) -> None:
    """Reading a large table takes long, and an open one keeps the database from tidying up."""
    for number in range(3):
        saved(archive.Code, code=str(number), file="x.txt")
    field = references.ReferringField(
        archive.Code, archive.Code._meta.get_field("file"), connection.alias, private_storage()
    )
    with CaptureQueriesContext(connection) as asked:
        for _ in field.rows():
            assert not connection.in_atomic_block
    assert [query["sql"].count("LIMIT") for query in asked.captured_queries] == [1]


def test_a_table_outside_of_what_introspection_lists_is_found(
    run: Run, put: Put, keys: Keys, archive: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one in another schema of PostgreSQL."""
    saved(archive.Code, code="1", file="code.txt")
    put(site.PRIVATE_BUCKET, "code.txt", "orphan.txt")
    listed = connection.introspection.table_names(include_views=True)
    others = [name for name in listed if name != archive.Code._meta.db_table]
    monkeypatch.setattr(connection.introspection, "table_names", lambda **_: others)
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["code.txt", KEPT]


@pytest.mark.parametrize(
    "name",
    ["./odd.txt", "folder//odd.txt", "folder\\odd.txt", "x/../odd.txt"],
    ids=["dot", "two slashes", "backslash", "two dots"],
)
def test_a_name_that_save_would_have_normalised_counts(run: Run, put: Put, keys: Keys, name: str) -> None:
    """An import or another program may have written it."""
    Document.objects.create(plain=name)
    key = "folder/odd.txt" if "folder" in name else "odd.txt"
    put(site.PRIVATE_BUCKET, key, "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == sorted([key, KEPT])


@pytest.mark.parametrize(
    "name",
    ["/absolute.txt", "../outside.txt", "x" * 90 + "/../../../etc"],
    ids=["absolute", "outside", "hidden outside"],
)
def test_a_row_with_a_name_that_no_object_can_have_is_reported(run: Run, put: Put, keys: Keys, name: str) -> None:
    row = Document.objects.create(plain=name)
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match=rf"app\.Document {row.pk} plain"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_model_is_asked_by_a_plain_queryset() -> None:
    """A guard of the tests themselves: the archive's managers do hide rows."""
    from tests.commands.cleaning.archive.models import Paper, Visible

    assert isinstance(Paper._base_manager, Visible)
    assert issubclass(Visible, models.Manager)
    assert issubclass(OperationalError, DatabaseError)


@pytest.mark.parametrize("is_late", [False, True], ids=["in time", "late"])
def test_an_object_that_a_row_names_literally_is_no_orphan(
    run: Run, put: Put, keys: Keys, late: Late, *, is_late: bool
) -> None:
    """Another program has stored it, and this version looks for it under a normalised name."""
    name = "folder\\odd.txt"
    put(site.PRIVATE_BUCKET, name)
    there = keys(site.PRIVATE_BUCKET)
    if is_late and name not in there:
        pytest.skip("this server has normalised the key, and the last question is for names as they are listed")
    put(site.PRIVATE_BUCKET, "folder/orphan.txt")
    if is_late:
        late.append(lambda: Document.objects.create(plain=name))
    else:
        Document.objects.create(plain=name)
    output = run(COMMAND, *NOW)
    assert ("were orphans first" in output) == is_late
    assert keys(site.PRIVATE_BUCKET) == there


@pytest.mark.parametrize("by_signal", [False, True], ids=["row", "signal"])
def test_a_late_row_of_a_storage_that_overrides_key_keeps_its_object(
    run: Run, put: Put, keys: Keys, archive: ModuleType, late: Late, *, by_signal: bool
) -> None:
    """The name does not follow from the key, so every name is read again."""
    saved(archive.Shelf, special="a.txt")
    put(site.PRIVATE_BUCKET, "special/a.txt", "special/late.txt", "special/orphan.txt")
    signalled: list[str] = []

    def named(storage: MinioBackend, among: Sequence[str] | None, **_: object) -> list[str]:
        known = signalled if isinstance(storage, archive.SpecialStorage) else []
        return [name for name in known if among is None or name in among]

    late.append(lambda: signalled.append("late.txt") if by_signal else saved(archive.Shelf, special="late.txt"))
    collect_references.connect(named)
    try:
        run(COMMAND, *NOW)
    finally:
        collect_references.disconnect(named)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "special/a.txt", "special/late.txt"]
