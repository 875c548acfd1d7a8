"""assert_storage_requests(), with every kind of server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from django.core.files.base import ContentFile

from django_minio_backend.testing import assert_storage_requests, memory_minio

if TYPE_CHECKING:
    from django_minio_backend.models import MinioBackend


def test_the_right_number_passes_and_the_requests_are_there(storage: MinioBackend) -> None:
    with assert_storage_requests(2) as requests:
        storage.save("a.txt", ContentFile(b"content"))
    assert requests.operations == ["HeadObject", "PutObject"]
    with assert_storage_requests(max=2):
        storage.size("a.txt")
    with assert_storage_requests(0):
        storage.url("a.txt")


@pytest.mark.parametrize(
    ("limit", "message"), [({"expected": 1}, "instead of 1:"), ({"max": 1}, "instead of at most 1:")]
)
def test_a_wrong_number_lists_them(storage: MinioBackend, limit: dict[str, int], message: str) -> None:
    storage.save("a.txt", ContentFile(b"content"))

    def look() -> None:
        with assert_storage_requests(**limit):
            storage.size("a.txt")
            storage.open("a.txt").read()

    with pytest.raises(AssertionError) as raised:
        look()
    first, *lines = str(raised.value).splitlines()
    assert first == f"2 requests to storage servers {message}"
    assert [line.split(" at ")[0] for line in lines] == [
        f"1. HeadObject {storage.bucket}/a.txt",
        f"2. GetObject {storage.bucket}/a.txt",
    ]


def test_none_is_said(storage: MinioBackend) -> None:
    expected = "0 requests to storage servers instead of 3: none"
    with pytest.raises(AssertionError, match=expected), assert_storage_requests(3):
        storage.url("a.txt")


def test_an_error_of_the_block_is_not_hidden() -> None:
    with pytest.raises(KeyError), assert_storage_requests(3):
        raise KeyError


def test_an_error_whose_attributes_cannot_be_set_is_not_replaced() -> None:
    """As S3Error of minio 7.2.18, whose traceback contextlib cannot set."""

    class FrozenError(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    with pytest.raises(FrozenError), assert_storage_requests(3):
        raise FrozenError


@pytest.mark.parametrize("limit", [{}, {"expected": 1, "max": 2}])
def test_one_limit_is_needed(limit: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="max="), assert_storage_requests(**limit):
        pass


def test_blocks_in_memory_and_those_of_other_threads_are_counted_apart(storage: MinioBackend) -> None:
    def saved(number: int) -> str:
        with assert_storage_requests(2):
            return storage.save(f"{number}.txt", ContentFile(b""))

    with memory_minio(), ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(saved, range(16))) == sorted(f"{number}.txt" for number in range(16))
