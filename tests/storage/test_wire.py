"""What every supported version of the SDK sends: ``make test-sdks`` runs this against each of them."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import minio
import pytest
from django.core.files.base import ContentFile
from minio.error import S3Error

from django_minio_backend.models import MinioBackend
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from tests.support.wire import Request

LARGE = 11 * 1024**2  # three parts of 5 MiB


@pytest.fixture
def in_parts(minio_options: dict[str, Any]) -> dict[str, Any]:
    sizes = {"MINIO_MULTIPART_THRESHOLD": 5 * 1024**2, "MINIO_MULTIPART_PART_SIZE": 5 * 1024**2}
    return {**minio_options, **sizes, "MINIO_MULTIPART_UPLOAD": True, "MINIO_CONDITIONAL_WRITES": True}


def condition_of(request: Request) -> str | None:
    return request.headers.get("If-None-Match")


def is_signed(request: Request, header: str) -> bool:
    signed = request.headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    return header in signed.split(";")


@pytest.mark.skipif("EXPECT_SDK" not in os.environ, reason="only make test-sdks names a version of the SDK")
def test_the_sdk_is_the_one_that_was_asked_for() -> None:
    assert minio.__version__ == os.environ["EXPECT_SDK"]


def test_a_save_by_one_request_carries_the_condition_signed(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=True)
    with requests_made() as made:
        storage.save("name.txt", ContentFile(b"content"))
    assert made == ["PUT"]
    assert condition_of(made[0]) == "*"
    assert is_signed(made[0], "if-none-match")
    assert storage.open("name.txt").read() == b"content"


def test_a_save_in_parts_carries_the_condition_on_its_completion_only(in_parts: dict[str, Any]) -> None:
    storage = MinioBackend(**in_parts)
    content = bytes(LARGE)
    with requests_made() as made:
        storage.save("large.bin", ContentFile(content))
    assert sorted(made) == ["POST", "POST", "PUT", "PUT", "PUT"]
    assert [condition_of(request) for request in made] == [None, None, None, None, "*"]
    assert "uploadId=" in made[-1].url
    assert storage.open("large.bin").read() == content


def test_replacing_carries_no_condition(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, replace_existing=True)
    with requests_made() as made:
        storage.save("name.txt", ContentFile(b"old"))
        storage.save("name.txt", ContentFile(b"new"))
    assert made == ["PUT", "PUT"]
    assert [condition_of(request) for request in made] == [None, None]
    assert storage.open("name.txt").read() == b"new"


@pytest.mark.needs("conditional-writes")
def test_an_existing_name_is_refused_with_412_and_kept(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=True)
    storage.save("name.txt", ContentFile(b"first"))
    with requests_made() as made:
        other = storage.save("name.txt", ContentFile(b"second"))
    assert [request.status for request in made] == [412, 200]
    assert storage.open("name.txt").read() == b"first"
    assert storage.open(other).read() == b"second"


@pytest.mark.needs("conditional-multipart")
def test_an_existing_name_is_refused_in_parts_too_and_nothing_stays_unfinished(in_parts: dict[str, Any]) -> None:
    storage = MinioBackend(**in_parts)
    first, second = b"1" * LARGE, b"2" * LARGE
    storage.save("large.bin", ContentFile(first))
    with requests_made() as made:
        other = storage.save("large.bin", ContentFile(second))
    statuses = [request.status for request in made]
    assert statuses.count(412) == 1
    aborted = [request for request in made if request == "DELETE" and "uploadId=" in request.url]
    assert [request.status for request in aborted] == [204]
    assert storage.open("large.bin").read() == first
    assert storage.open(other).read() == second


def test_every_response_of_a_long_read_is_of_the_first_ones_version(storage: MinioBackend) -> None:
    content = bytes(3 * 1024**2)
    storage.save("long.bin", ContentFile(content))
    etag = storage.stat("long.bin").etag
    with requests_made() as made, storage.open("long.bin") as file:
        assert b"".join(file.chunks()) == content
    assert all(request == "GET" and "Range" in request.headers for request in made)
    assert [request.headers.get("If-Match") for request in made] == [None, *[f'"{etag}"'] * (len(made) - 1)]
    assert len(made) > 1


def test_compressed_content_arrives_as_it_is_stored(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, headers={"Content-Encoding": "gzip"})
    storage.save("text.css", ContentFile(b"\x1f\x8b not really gzip"))
    assert storage.open("text.css").read() == b"\x1f\x8b not really gzip"


def test_what_goes_with_an_upload_is_sent_as_headers(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(
        **minio_options,
        metadata={"Owner": "somebody", "Cache-Control": "max-age=60"},
        headers={"Content-Language": "en"},
        checksum="SHA256",
    )
    with requests_made() as made:
        storage.save("name.txt", ContentFile(b"content"))
    sent = {name.lower(): value for name, value in made[-1].headers.items()}
    assert sent["x-amz-meta-owner"] == "somebody"
    assert sent["cache-control"] == "max-age=60"
    assert sent["content-language"] == "en"
    assert sent["content-type"] == "text/plain"
    assert "x-amz-checksum-sha256" in sent


def test_a_missing_object_raises_errors_of_the_sdk_and_of_python(storage: MinioBackend) -> None:
    for look in (storage.stat, storage.size, storage.get_modified_time, storage.open):
        with pytest.raises(FileNotFoundError) as raised:
            look("missing.txt")
        assert isinstance(raised.value, S3Error)
        assert raised.value.code == "NoSuchKey"


def test_an_unsized_stream_arrives_whole(in_parts: dict[str, Any]) -> None:
    storage = MinioBackend(**in_parts)
    content = bytes(range(256)) * (LARGE // 256)
    stream = io.BytesIO(content)

    class Unsized:
        def read(self, size: int = -1) -> bytes:
            return stream.read(size)

    storage.save("stream.bin", Unsized())
    assert storage.open("stream.bin").read() == content


def test_folders_and_files_are_listed_by_their_names(storage: MinioBackend) -> None:
    for name in ("a b/c.txt", "a b/d+e.txt", "ü.txt"):
        storage.save(name, ContentFile(b""))
    assert storage.listdir("") == (["a b"], ["ü.txt"])
    assert sorted(storage.listdir("a b")[1]) == ["c.txt", "d+e.txt"]
