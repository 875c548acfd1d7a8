"""Listings, deletions by the thousand and unfinished uploads, on every kind of server."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING

import pytest
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from django_minio_backend.s3 import deletion, listing
from tests.support.buckets import unfinished_uploads
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio import Minio

    from django_minio_backend.models import MinioBackend
    from django_minio_backend.s3.client import S3Client

NAMES = [
    "a b.txt",
    "a%20b.txt",
    "a+b.txt",
    "a&b;c<d>.txt",
    "d/e/f.txt",
    "\u00e9\uffee.txt",
    "\U0001f4c4.txt",
    "'\"#?.txt",
]


@pytest.fixture
def client(storage: MinioBackend) -> S3Client:
    return storage.s3


@pytest.fixture
def put(sdk: Minio, bucket: str) -> Callable[..., None]:
    def stored(*keys: str) -> None:
        for key in keys:
            sdk.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"content"), length=7)

    return stored


def keys_of(pages: list[listing.ListingPage]) -> list[str]:
    return [found.key for page in pages for found in page.objects]


def test_names_of_every_kind_are_listed_as_they_are(client: S3Client, bucket: str, put: Callable[..., None]) -> None:
    put(*NAMES)
    with requests_made() as made:
        (page,) = listing.list_pages(client, bucket)
    assert made == ["GET"]
    assert sorted(found.key for found in page.objects) == sorted(NAMES)
    assert {found.size for found in page.objects} == {7}
    for found in page.objects:
        # Whole seconds, and a clock of ours that has nothing to do with it.
        assert abs(found.modified - page.response.served_at) < dt.timedelta(minutes=1)


def test_an_empty_bucket_is_one_page_without_objects(client: S3Client, bucket: str) -> None:
    (page,) = listing.list_pages(client, bucket)
    assert page.objects == []


def test_a_listing_keeps_to_its_prefix(client: S3Client, bucket: str, put: Callable[..., None]) -> None:
    put("a/1", "a/2", "a/3", "ab", "b")
    assert keys_of(list(listing.list_pages(client, bucket, "a/"))) == ["a/1", "a/2", "a/3"]
    assert keys_of(list(listing.list_pages(client, bucket, "a"))) == ["a/1", "a/2", "a/3", "ab"]


def test_a_listing_of_several_pages_is_whole(
    client: S3Client, bucket: str, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "KEYS_PER_PAGE", 2)
    put(*"abcde")
    with requests_made() as made:
        pages = list(listing.list_pages(client, bucket))
    assert [[found.key for found in page.objects] for page in pages] == [["a", "b"], ["c", "d"], ["e"]]
    assert made == ["GET", "GET", "GET"]


def test_small_pages_of_names_that_servers_order_differently_are_whole(
    client: S3Client, storage: MinioBackend, bucket: str, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By bytes "a-" comes before "a/b"; SeaweedFS lists folder by folder, and so the other way round."""
    monkeypatch.setattr(listing, "KEYS_PER_PAGE", 2)
    folders = ["a", "a!", "a-", "a.b", "a0", "a\u00e9", "\uffee", "\U0001f4c4"]
    files = ["a ", "a+", "a_", "b", "\U0001f4c5"]
    nested = [f"{folder}/{name}" for folder in folders for name in ("1", "2-", "2/3", "2\u00e9")]
    put(*files, *nested)
    assert sorted(keys_of(list(listing.list_pages(client, bucket)))) == sorted([*files, *nested])
    found = storage.listdir("")
    assert (sorted(found[0]), sorted(found[1])) == (sorted(folders), sorted(files))


def test_objects_are_deleted_in_one_request_whatever_their_names(
    client: S3Client, bucket: str, put: Callable[..., None]
) -> None:
    put(*NAMES, "stays.txt")
    with requests_made() as made:
        done = deletion.delete_objects(client, bucket, [*NAMES, "never there.txt"])
    assert made == ["POST"]
    assert done == deletion.Deletion({*NAMES, "never there.txt"}, {}, 0)
    assert keys_of(list(listing.list_pages(client, bucket))) == ["stays.txt"]


def test_nothing_to_delete_is_no_request(client: S3Client, bucket: str) -> None:
    with requests_made() as made:
        assert deletion.delete_objects(client, bucket, []) == deletion.Deletion(set(), {}, 0)
    assert made == []


@pytest.mark.needs("signatures")  # the stand-in itself takes one for the other
def test_keys_that_xml_cannot_carry_are_deleted_by_requests_of_their_own(
    client: S3Client, sdk: Minio, bucket: str, put: Callable[..., None]
) -> None:
    """Written into XML as it is, the first one would become the third."""
    put("line\rfeed", "plain", "line\nfeed")
    try:
        with requests_made() as made:
            done = deletion.delete_objects(client, bucket, ["line\rfeed", "plain"])
        assert sorted(made) == ["DELETE", "POST"]
        assert done.deleted == {"line\rfeed", "plain"}
        assert keys_of(list(listing.list_pages(client, bucket))) == ["line\nfeed"]
    finally:  # else the fixture would try for ever
        sdk.remove_object(bucket_name=bucket, object_name="line\rfeed")


@pytest.mark.needs("versioning")
def test_what_lives_on_as_an_older_version_is_counted(
    client: S3Client, sdk: Minio, bucket: str, put: Callable[..., None]
) -> None:
    sdk.set_bucket_versioning(bucket_name=bucket, config=VersioningConfig(ENABLED))
    put("a", "b")
    done = deletion.delete_objects(client, bucket, ["a", "b"])
    assert (done.deleted, done.failed, done.markers) == ({"a", "b"}, {}, 2)
    assert keys_of(list(listing.list_pages(client, bucket))) == []


def test_unfinished_uploads_are_listed_and_aborted(client: S3Client, sdk: Minio, bucket: str) -> None:
    for key in ("folder/a b+c.bin", "folder/other.bin", "z.bin"):
        client.create_upload(bucket, key, {})
    ((_, uploads),) = listing.list_unfinished_uploads(client, bucket)
    assert sorted(upload.key for upload in uploads) == ["folder/a b+c.bin", "folder/other.bin", "z.bin"]
    for upload in uploads:
        client.abort_upload(bucket, upload.key, upload.upload_id)
    assert unfinished_uploads(sdk, bucket) == []
    ((_, uploads),) = listing.list_unfinished_uploads(client, bucket)
    assert uploads == []


def test_aborting_what_has_ended_is_no_error(client: S3Client, bucket: str) -> None:
    client.create_upload(bucket, "a.bin", {})
    ((_, uploads),) = listing.list_unfinished_uploads(client, bucket)
    for _ in range(2):
        client.abort_upload(bucket, uploads[0].key, uploads[0].upload_id)
