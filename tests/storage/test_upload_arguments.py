"""What goes with every upload: metadata, headers, tags, locks, checksums, progress."""

from __future__ import annotations

import base64
import hashlib
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from minio.commonconfig import GOVERNANCE, Tags
from minio.retention import Retention

from django_minio_backend.models import MinioBackend
from tests.storage.contents import MIB, Pipe, some_bytes
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from minio import Minio

PART = 5 * MIB
IN_PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": PART,
    "MINIO_MULTIPART_PART_SIZE": PART,
}
SMALL = some_bytes(1000)
LARGE = some_bytes(2 * PART + 1000)
BOTH_WAYS = pytest.mark.parametrize("data", [SMALL, LARGE], ids=["one-put", "in-parts"])


def headers_of(sdk: Minio, bucket: str, name: str) -> Mapping[str, str]:
    """All headers of the object, its checksums included."""
    response = sdk._execute("HEAD", bucket, name, headers={"x-amz-checksum-mode": "ENABLED"})
    return response.headers


@BOTH_WAYS
@pytest.mark.parametrize("spelling", ["metadata", "user_metadata"])
def test_metadata_is_stored(minio_options: dict[str, Any], sdk: Minio, bucket: str, data: bytes, spelling: str) -> None:
    given: dict[str, Any] = {spelling: {"colour": "dark red", "x-amz-meta-size": "9"}}
    storage = MinioBackend(**minio_options, **IN_PARTS, **given)
    found = headers_of(sdk, bucket, storage.save("a.bin", ContentFile(data)))
    assert found["x-amz-meta-colour"] == "dark red"
    assert found["x-amz-meta-size"] == "9"


@BOTH_WAYS
def test_headers_are_stored(minio_options: dict[str, Any], sdk: Minio, bucket: str, data: bytes) -> None:
    given = {"Cache-Control": "max-age=60", "Content-Disposition": 'attachment; filename="x"', "Content-Language": "de"}
    storage = MinioBackend(**minio_options, **IN_PARTS, headers=given)
    found = headers_of(sdk, bucket, storage.save("a.png", ContentFile(data)))
    assert {name: found.get(name) for name in given} == given
    assert found["Content-Type"] == "image/png"


@pytest.mark.needs("tags")
@BOTH_WAYS
def test_tags_are_stored(minio_options: dict[str, Any], sdk: Minio, bucket: str, data: bytes) -> None:
    tags = Tags.new_object_tags()
    tags["colour"] = "dark red"
    tags["a+b"] = "1=1"
    storage = MinioBackend(**minio_options, **IN_PARTS, tags=tags)
    name = storage.save("a.bin", ContentFile(data))
    assert sdk.get_object_tags(bucket_name=bucket, object_name=name) == tags


@pytest.fixture
def locked(sdk: Minio, bucket_name: Callable[[], str], minio_options: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Options of a storage whose bucket has object lock; what is held is let go afterwards."""
    name = bucket_name()
    sdk.make_bucket(bucket_name=name, object_lock=True)
    yield {**minio_options, **IN_PARTS, "MINIO_DEFAULT_BUCKET": name, "MINIO_PRIVATE_BUCKETS": [name]}
    for found in sdk.list_objects(bucket_name=name):
        sdk.disable_object_legal_hold(bucket_name=name, object_name=str(found.object_name))


@BOTH_WAYS
@pytest.mark.needs("object-lock")
def test_objects_can_be_put_under_legal_hold(locked: dict[str, Any], sdk: Minio, data: bytes) -> None:
    storage = MinioBackend(**locked, legal_hold=True)
    name = storage.save("a.bin", ContentFile(data))
    assert sdk.is_object_legal_hold_enabled(bucket_name=storage.bucket, object_name=name)


@BOTH_WAYS
@pytest.mark.needs("object-lock")
def test_objects_can_be_retained(locked: dict[str, Any], sdk: Minio, data: bytes) -> None:
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    storage = MinioBackend(**locked, retention=Retention(GOVERNANCE, until))
    name = storage.save("a.bin", ContentFile(data))
    found = sdk.get_object_retention(bucket_name=storage.bucket, object_name=name)
    assert found is not None
    assert (found.mode, found.retain_until_date) == (GOVERNANCE, until)


def raw_checksum(algorithm: str, data: bytes) -> bytes:
    if algorithm == "CRC32":
        return zlib.crc32(data).to_bytes(4, "big")
    return hashlib.new(algorithm, data, usedforsecurity=False).digest()


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256", "sha256"])
def test_the_checksum_of_one_request_goes_with_it(minio_options: dict[str, Any], algorithm: str) -> None:
    storage = MinioBackend(**minio_options, checksum=algorithm)
    with requests_made() as made:
        storage.save("a.bin", ContentFile(SMALL))
    expected = base64.b64encode(raw_checksum(algorithm.upper(), SMALL)).decode()
    sent = {name.lower(): value for name, value in made[-1].headers.items()}
    assert sent[f"x-amz-checksum-{algorithm.lower()}"] == expected


@pytest.mark.needs("signatures")  # a real server
@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_the_checksum_of_one_request_is_kept_by_the_server(
    minio_options: dict[str, Any], sdk: Minio, bucket: str, algorithm: str
) -> None:
    storage = MinioBackend(**minio_options, checksum=algorithm)
    found = headers_of(sdk, bucket, storage.save("a.bin", ContentFile(SMALL)))
    expected = base64.b64encode(raw_checksum(algorithm, SMALL)).decode()
    assert found[f"x-amz-checksum-{algorithm.lower()}"] == expected


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
@pytest.mark.parametrize("make", [ContentFile, Pipe])
def test_the_checksum_of_parts_is_kept_by_the_server(
    minio_options: dict[str, Any], sdk: Minio, bucket: str, algorithm: str, make: Callable[[bytes], Any]
) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS, checksum=algorithm)
    found = headers_of(sdk, bucket, storage.save("a.bin", make(LARGE)))
    parts = [raw_checksum(algorithm, LARGE[start : start + PART]) for start in range(0, len(LARGE), PART)]
    expected = base64.b64encode(raw_checksum(algorithm, b"".join(parts))).decode()
    assert found[f"x-amz-checksum-{algorithm.lower()}"].removesuffix("-3") == expected


def test_without_a_checksum_none_is_asked_for(storage: MinioBackend, sdk: Minio, bucket: str) -> None:
    name = storage.save("a.bin", ContentFile(SMALL))
    assert not [header for header in headers_of(sdk, bucket, name) if "checksum-sha" in header.lower()]


class Progress:
    """What minio's documentation asks of a progress object."""

    def __init__(self) -> None:
        self.metas: list[tuple[str, int]] = []
        self.sent = 0

    def set_meta(self, object_name: str, total_length: int) -> None:
        self.metas.append((object_name, total_length))
        self.sent = 0

    def update(self, length: int) -> None:
        self.sent += length


@BOTH_WAYS
def test_progress_is_reported(minio_options: dict[str, Any], data: bytes) -> None:
    progress = Progress()
    storage = MinioBackend(**minio_options, **IN_PARTS, progress=progress)
    storage.save("a.bin", ContentFile(data))
    assert progress.metas == [("a.bin", len(data))]
    assert progress.sent == len(data)


def test_the_progress_of_a_stream_sums_up_to_its_length(minio_options: dict[str, Any]) -> None:
    progress = Progress()
    MinioBackend(**minio_options, **IN_PARTS, progress=progress).save("a.bin", Pipe(LARGE))
    assert progress.sent == len(LARGE)


def headers_by_name(name: str) -> dict[str, str]:
    return {"Cache-Control": f"max-age={len(name)}"}


@BOTH_WAYS
@pytest.mark.parametrize("given", [{"Cache-Control": "max-age=5"}, headers_by_name, f"{__name__}.headers_by_name"])
def test_object_headers_are_a_mapping_or_a_function_of_the_name(
    minio_options: dict[str, Any], sdk: Minio, bucket: str, data: bytes, given: object
) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS, MINIO_OBJECT_HEADERS=given)
    found = headers_of(sdk, bucket, storage.save("a.bin", ContentFile(data)))
    assert found["Cache-Control"] == "max-age=5"  # the name's length is 5


def test_the_function_gets_the_name_without_the_location(minio_options: dict[str, Any], sdk: Minio) -> None:
    storage = MinioBackend(**minio_options, MINIO_OBJECT_HEADERS=headers_by_name, MINIO_LOCATION="some/where")
    name = storage.save("a.bin", ContentFile(SMALL))
    assert headers_of(sdk, storage.bucket, f"some/where/{name}")["Cache-Control"] == "max-age=5"


def test_files_written_by_open_carry_the_same(minio_options: dict[str, Any], sdk: Minio, bucket: str) -> None:
    storage = MinioBackend(
        **minio_options, metadata={"colour": "red"}, MINIO_OBJECT_HEADERS={"Cache-Control": "no-store"}, checksum="SHA1"
    )
    with requests_made() as made, storage.open("a.txt", "w") as file:
        file.write("text")
    sent = {name.lower(): value for name, value in made[-1].headers.items()}
    assert sent["x-amz-checksum-sha1"] == base64.b64encode(raw_checksum("SHA1", b"text")).decode()
    found = headers_of(sdk, bucket, "a.txt")
    assert found["x-amz-meta-colour"] == "red"
    assert found["Cache-Control"] == "no-store"
    assert found["Content-Type"].startswith("text/plain")
