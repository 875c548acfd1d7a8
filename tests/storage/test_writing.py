"""Writing by open(): on close, all or nothing."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackend
from tests.storage.contents import KIB, MIB, some_bytes
from tests.support.buckets import unfinished_uploads
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from minio import Minio

IN_PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": 5 * MIB,
    "MINIO_MULTIPART_PART_SIZE": 5 * MIB,
}
SIZES = pytest.mark.parametrize("size", [10, 12 * MIB], ids=["small", "in-parts"])


@pytest.fixture
def storage(minio_options: dict[str, Any]) -> MinioBackend:
    return MinioBackend(**minio_options, **IN_PARTS)


def stored(storage: MinioBackend, name: str) -> bytes:
    with storage.open(name) as file:
        data: bytes = file.read()
    return data


class WithinError(Exception):
    """What goes wrong in a with block."""


@SIZES
def test_nothing_is_there_before_close_and_everything_after(storage: MinioBackend, size: int) -> None:
    data = some_bytes(size)
    file = storage.open("new.bin", "wb")
    file.write(data)
    file.flush()
    assert not storage.exists("new.bin")
    file.close()
    assert stored(storage, "new.bin") == data


@SIZES
def test_the_old_object_stays_until_close(storage: MinioBackend, size: int) -> None:
    storage.save("old.bin", ContentFile(b"old"))
    with storage.open("old.bin", "wb") as file:
        file.write(some_bytes(size))
        assert stored(storage, "old.bin") == b"old"
    assert storage.size("old.bin") == size


@pytest.mark.parametrize("size", [1, 5 * MIB - 1, 5 * MIB, 5 * MIB + 1, 10 * MIB, 11 * MIB])
@pytest.mark.parametrize("step", [700 * KIB + 1, 5 * MIB, 20 * MIB])
def test_writes_of_any_size_add_up(storage: MinioBackend, size: int, step: int) -> None:
    data = some_bytes(size)
    with storage.open("new.bin", "wb") as file:
        for start in range(0, size, step):
            piece = data[start : start + step]
            assert file.write(piece) == len(piece)
            assert file.tell() == start + len(piece)
        assert file.size == size
    assert stored(storage, "new.bin") == data


def test_a_small_write_is_one_request(storage: MinioBackend) -> None:
    with requests_made() as made, storage.open("new.bin", "wb") as file:
        for _ in range(1000):
            file.write(b"little")
    assert made == ["PUT"]


@SIZES
@pytest.mark.parametrize("mode", ["wb", "w", "xb", "x"])
def test_an_exception_within_with_stores_nothing(
    storage: MinioBackend, sdk: Minio, bucket: str, size: int, mode: str
) -> None:
    data: Any = bytes(size) if "b" in mode else "x" * size

    def fail() -> None:
        with storage.open("new.bin", mode) as file:
            file.write(data)
            if size > MIB and "b" in mode:
                assert unfinished_uploads(sdk, bucket, "new.bin")  # it had been begun
            raise WithinError

    with pytest.raises(WithinError):
        fail()
    assert not storage.exists("new.bin")
    assert unfinished_uploads(sdk, bucket, "new.bin") == []


def test_an_exception_within_with_keeps_the_old_object(storage: MinioBackend) -> None:
    storage.save("old.bin", ContentFile(b"old"))

    def fail() -> None:
        with storage.open("old.bin", "wb") as file:
            file.write(b"new")
            raise WithinError

    with pytest.raises(WithinError):
        fail()
    assert stored(storage, "old.bin") == b"old"


@SIZES
@pytest.mark.parametrize("mode", ["wb", "w"])
def test_a_writer_that_is_dropped_without_close_stores_nothing(
    storage: MinioBackend, sdk: Minio, bucket: str, size: int, mode: str
) -> None:
    def drop() -> None:
        file = storage.open("new.bin", mode)
        file.write(bytes(size) if "b" in mode else "x" * size)
        del file
        gc.collect()

    with pytest.warns(ResourceWarning, match="nothing was stored"):
        drop()
    assert not storage.exists("new.bin")
    assert unfinished_uploads(sdk, bucket, "new.bin") == []


@pytest.mark.parametrize("mode", ["wb", "w", "xb", "x"])
def test_writing_nothing_stores_an_empty_object(storage: MinioBackend, mode: str) -> None:
    storage.open("new.bin", mode).close()
    assert storage.size("new.bin") == 0
    assert stored(storage, "new.bin") == b""


def test_writing_after_close_is_refused(storage: MinioBackend) -> None:
    file = storage.open("new.bin", "wb")
    file.write(b"all")
    file.close()
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.write(b"more")
    assert stored(storage, "new.bin") == b"all"


def test_a_buffer_may_be_changed_after_it_was_written(storage: MinioBackend) -> None:
    buffer = bytearray(b"a" * 6 * MIB)
    with storage.open("new.bin", "wb") as file:
        file.write(buffer)
        buffer[:] = b"b" * len(buffer)
        file.write(buffer)
    assert stored(storage, "new.bin") == b"a" * 6 * MIB + b"b" * 6 * MIB


@pytest.mark.needs("missing-buckets")
def test_a_failing_upload_raises_an_error_and_stores_nothing(
    minio_options: dict[str, Any], sdk: Minio, bucket: str
) -> None:
    storage = MinioBackend(**{**minio_options, "MINIO_DEFAULT_BUCKET": f"{bucket}-missing"})
    file = storage.open("new.bin", "wb")
    file.write(b"lost")
    with pytest.raises(Exception, match="NoSuchBucket"):
        file.close()
    assert file.closed
    assert not sdk.bucket_exists(bucket_name=f"{bucket}-missing")
