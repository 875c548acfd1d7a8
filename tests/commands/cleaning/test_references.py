"""Cleaning knows every reference: whatever the model, the manager, the database and the field's storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError, connection, models

from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW, saved

if TYPE_CHECKING:
    from types import ModuleType

    from tests.commands.cleaning.conftest import Keys, Put
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


def test_a_model_is_asked_by_a_plain_queryset() -> None:
    """A guard of the tests themselves: the archive's managers do hide rows."""
    from tests.commands.cleaning.archive.models import Paper, Visible

    assert isinstance(Paper._base_manager, Visible)
    assert issubclass(Visible, models.Manager)
    assert issubclass(OperationalError, DatabaseError)
