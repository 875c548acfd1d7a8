"""--check-missing: rows whose objects are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.files.base import ContentFile

from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW

if TYPE_CHECKING:
    from tests.commands.cleaning.conftest import Keys, Put
    from tests.commands.conftest import Run


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


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
