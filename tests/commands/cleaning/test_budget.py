"""How many requests cleaning costs, at the size at which pages and batches show."""

from __future__ import annotations

import io
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from django_minio_backend.models import MinioBackend
from django_minio_backend.orphans import parallel_listing
from django_minio_backend.s3 import listing
from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minio import Minio

    from tests.commands.cleaning.conftest import Keys, Put
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
    told = ""
    for arguments in ([], ["--check-missing"]):
        with requests_made() as made:
            told = run(COMMAND, "--dry-run", *bucket, *NOW, *arguments)
        assert made == ["GET"] * 6
        assert told.count("Would delete ") == ORPHANS
    would = {line.partition(f"{site.PRIVATE_BUCKET}/")[2] for line in told.splitlines() if line.startswith("Would ")}
    Document.objects.create(private="missing.txt")
    with requests_made() as made:
        told = run(COMMAND, "--check-missing", *bucket, *NOW)
    assert made == [*["GET"] * 6, "POST"]
    assert "private: missing.txt" in told
    gone = {line.partition(f"{site.PRIVATE_BUCKET}/")[2] for line in told.splitlines() if line.startswith("Deleted ")}
    assert gone == would == set(six_thousand)
    there = keys(site.PRIVATE_BUCKET)
    assert len(there) == ROWS + 1
    assert KEPT in there
    assert not gone.intersection(there)


def test_parts_that_are_listed_at_once_miss_nothing(
    run: Run, keys: Keys, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "KEYS_PER_PAGE", 10)
    referred = [f"{number:03}/{letter}.txt" for number in range(40) for letter in "abc"]
    Document.objects.bulk_create(Document(private=key) for key in referred)
    orphaned = [key.replace("b.txt", "b!.txt") for key in referred if "b.txt" in key] + [" 0", "zz"]
    put(site.PRIVATE_BUCKET, *referred, *orphaned)
    with requests_made() as made:
        told = run(COMMAND, "--check-missing", "--workers", "3", "--bucket", site.PRIVATE_BUCKET, *NOW)
    assert keys(site.PRIVATE_BUCKET) == sorted([*referred, KEPT])
    assert told.count("Deleted ") == 42
    assert "0 references to missing objects" in told
    parts = 4 * 3
    assert sorted(made)[-1:] == ["POST"]
    assert 17 <= len(made) - 1 <= 17 + parts


def test_ctrl_c_ends_all_parts_of_a_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads do not hear of it, and waiting for them would take as long as the listing."""
    prefixes = [f"{number}/" for number in range(20)]
    listed: list[str] = []

    def slow(_client: object, _bucket: str, prefix: str) -> Iterator[None]:
        for _ in range(20):
            listed.append(prefix)
            if len(listed) == 10:
                signal.raise_signal(signal.SIGINT)
            time.sleep(0.02)
            yield None

    monkeypatch.setattr(listing, "list_pages", slow)
    monkeypatch.setattr(parallel_listing, "cut", lambda *_: prefixes)
    client = MinioBackend(site.PRIVATE_BUCKET, "default").s3
    with pytest.raises(KeyboardInterrupt):
        parallel_listing.list_in_parallel(client, "bucket", [""], lambda _: None, workers=2)
    assert len(listed) < 100
