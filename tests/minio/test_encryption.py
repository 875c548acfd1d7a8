"""Objects that the server encrypts with keys of its own, where the option ``sse`` asks for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from minio.sse import Sse, SseKMS, SseS3

from django_minio_backend.models import MinioBackend

if TYPE_CHECKING:
    import urllib3

pytestmark = pytest.mark.needs("encryption")

CONTENT = bytes(range(256)) * (12 * 1024**2 // 256)


@pytest.fixture(params=[SseS3(), SseKMS("tests", {})], ids=["SSE-S3", "SSE-KMS"])
def storage(request: pytest.FixtureRequest, minio_options: dict[str, Any]) -> MinioBackend:
    """A storage whose uploads are encrypted."""
    sse: Sse = request.param
    return MinioBackend(**minio_options, sse=sse, MINIO_MULTIPART_UPLOAD=True, MINIO_MULTIPART_PART_SIZE=5 * 1024**2)


def is_encrypted(storage: MinioBackend, name: str) -> bool:
    return bool((storage.stat(name).metadata or {}).get("x-amz-server-side-encryption"))


@pytest.mark.parametrize("content", [b"", b"short", CONTENT], ids=["empty", "one request", "parts"])
def test_encrypted_objects_are_read_as_they_were_saved(
    storage: MinioBackend, content: bytes, http: urllib3.PoolManager
) -> None:
    name = storage.save("secret.bin", ContentFile(content))
    assert is_encrypted(storage, name)
    assert storage.size(name) == len(content)
    with storage.open(name) as file:
        assert file.read() == content
    assert http.request("GET", storage.url(name)).data == content


def test_ranges_of_an_encrypted_object_are_those_of_its_content(storage: MinioBackend) -> None:
    name = storage.save("secret.bin", ContentFile(CONTENT))
    with storage.open(name) as file:
        for place in (0, 1, 64 * 1024 + 7, 5 * 1024**2 - 3, len(CONTENT) - 10):
            file.seek(place)
            assert file.read(10) == CONTENT[place : place + 10]


def test_what_is_written_through_open_is_encrypted(storage: MinioBackend) -> None:
    with storage.open("written.bin", "wb") as file:
        file.write(CONTENT)
    assert is_encrypted(storage, "written.bin")
    with storage.open("written.bin") as file:
        assert file.read() == CONTENT


def test_one_name_saved_at_once_is_several_encrypted_objects(storage: MinioBackend) -> None:
    names: list[str] = []
    threads = [
        threading.Thread(target=lambda: names.append(storage.save("same.txt", ContentFile(b"one")))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 8
    assert all(is_encrypted(storage, name) for name in names)
