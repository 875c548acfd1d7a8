"""How many requests cleaning costs, at the size at which pages and batches show."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from minio import Minio

    from tests.commands.cleaning.conftest import Keys
    from tests.commands.conftest import Run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]

ROWS, ORPHANS = 4_999, 1_000  # and the one that every test of cleaning has


@pytest.fixture
def six_thousand(sdk: Minio) -> list[str]:
    """6,000 objects, 5,000 of which rows refer to; returns the orphans' keys."""
    referred = [f"folder-{number % 7}/file-{number:05}.txt" for number in range(ROWS)]
    orphaned = [f"folder-{number % 7}/forgotten-{number:05}.txt" for number in range(ORPHANS)]

    def put(key: str) -> None:
        sdk.put_object(bucket_name=site.PRIVATE_BUCKET, object_name=key, data=io.BytesIO(b"content"), length=7)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(put, [*referred, *orphaned]))
    Document.objects.bulk_create(Document(private=key) for key in referred)
    return orphaned


@pytest.mark.needs("signatures")  # a stand-in takes minutes for as many objects
def test_six_thousand_objects_cost_six_lists_and_one_deletion(run: Run, keys: Keys, six_thousand: list[str]) -> None:
    bucket = ("--bucket", site.PRIVATE_BUCKET)
    output = ""
    for arguments in ([], ["--check-missing"]):
        with requests_made() as made:
            output = run(COMMAND, "--dry-run", *bucket, *NOW, *arguments)
        assert made == ["GET"] * 7  # one of them for unfinished direct uploads
        assert output.count("Would delete ") == ORPHANS
    would = {line.partition(f"{site.PRIVATE_BUCKET}/")[2] for line in output.splitlines() if line.startswith("Would ")}
    Document.objects.create(private="missing.txt")
    with requests_made() as made:
        output = run(COMMAND, "--check-missing", *bucket, *NOW)
    assert made == [*["GET"] * 7, "POST"]
    assert "private: missing.txt" in output
    gone = {line.partition(f"{site.PRIVATE_BUCKET}/")[2] for line in output.splitlines() if line.startswith("Deleted ")}
    assert gone == would == set(six_thousand)
    there = keys(site.PRIVATE_BUCKET)
    assert len(there) == ROWS + 1
    assert KEPT in there
    assert not gone.intersection(there)
