"""Large contents go up in parts, several at once, and arrive whole."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.files.base import ContentFile

from django_minio_backend.files import content as file_content
from django_minio_backend.models import MinioBackend
from tests.storage.contents import MIB, Chunks, Pipe, SizedPipe, some_bytes
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.wire import Request

PART = 5 * MIB
THRESHOLD = 6 * MIB
IN_PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": THRESHOLD,
    "MINIO_MULTIPART_PART_SIZE": PART,
}


def digest(storage: MinioBackend, name: str) -> str:
    with storage.open(name) as file:
        found = hashlib.sha256()
        for chunk in file.chunks(MIB):
            found.update(chunk)
    return found.hexdigest()


def parts_of(made: list[Request]) -> list[int]:
    """Numbers of the parts that were sent."""
    queries = [request.url.partition("?")[2] for request in made if request == "PUT"]
    pairs = [dict(pair.partition("=")[::2] for pair in query.split("&")) for query in queries if query]
    return sorted(int(pair["partNumber"]) for pair in pairs)


@pytest.mark.parametrize("make", [ContentFile, Pipe, lambda data: SizedPipe(data, len(data))])
@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (PART, 0),
        (2 * PART, 2),
        (2 * PART + 1, 3),
        (3 * PART - 1, 3),
        (3 * PART, 3),
    ],
)
def test_sizes_around_a_part_arrive_whole(
    minio_options: dict[str, Any], make: Callable[[bytes], Any], size: int, parts: int
) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS)
    data = some_bytes(size)
    with requests_made() as made:
        name = storage.save("large.bin", make(data))
    assert parts_of(made) == list(range(1, parts + 1))
    assert storage.size(name) == size
    assert digest(storage, name) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(("size", "parts"), [(THRESHOLD - 1, 0), (THRESHOLD, 2), (THRESHOLD + 1, 2)])
def test_parts_begin_at_the_threshold(minio_options: dict[str, Any], size: int, parts: int) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS)
    data = some_bytes(size)
    with requests_made() as made:
        name = storage.save("large.bin", ContentFile(data))
    assert len(parts_of(made)) == parts
    assert digest(storage, name) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_sizes_around_the_most_that_one_request_carries_arrive_whole(storage: MinioBackend, extra: int) -> None:
    data = some_bytes(file_content.SINGLE_PUT + extra)
    with requests_made() as made:
        name = storage.save("large.bin", ContentFile(data))
    assert bool(parts_of(made)) == (extra > 0)
    assert digest(storage, name) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_sizes_around_the_packages_own_parts_arrive_whole(storage: MinioBackend, extra: int) -> None:
    data = some_bytes(5 * file_content.PART + extra)
    name = storage.save("large.bin", ContentFile(data))
    assert digest(storage, name) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("options", [{}, IN_PARTS], ids=["default", "small-parts"])
def test_streams_of_unknown_length_arrive_whole(minio_options: dict[str, Any], options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, **options)
    data = some_bytes(30 * MIB + 17)
    expected = hashlib.sha256(data).hexdigest()
    pieces = [data[start : start + 700_001] for start in range(0, len(data), 700_001)]
    for number, content in enumerate([Pipe(data), Pipe(data, piece=3 * MIB), Chunks(*pieces)]):
        assert digest(storage, storage.save(f"stream-{number}", content)) == expected


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_streams_of_unknown_length_around_one_part_arrive_whole(storage: MinioBackend, extra: int) -> None:
    data = some_bytes(file_content.PART + extra)
    name = storage.save("stream", Pipe(data, piece=MIB))
    assert digest(storage, name) == hashlib.sha256(data).hexdigest()


class Meeting(urllib3.PoolManager):
    """A connection pool that lets parts pass only when so many are there at the same time."""

    def __init__(self, parties: int) -> None:
        super().__init__(retries=False, timeout=30)
        self._barrier = threading.Barrier(parties, timeout=20)

    def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if "partNumber=" in url:
            self._barrier.wait()
        return super().urlopen(method, url, *args, **kwargs)


@pytest.mark.needs("sockets")  # of a connection pool
@pytest.mark.parametrize(("options", "parties"), [({}, 4), ({"num_parallel_uploads": 5}, 5)])
def test_parts_are_sent_at_the_same_time(minio_options: dict[str, Any], options: dict[str, Any], parties: int) -> None:
    with Meeting(parties) as http:
        storage = MinioBackend(**minio_options, **IN_PARTS, **options, MINIO_HTTP_CLIENT=http)
        data = some_bytes(parties * PART)
        name = storage.save("large.bin", ContentFile(data))
        assert digest(storage, name) == hashlib.sha256(data).hexdigest()


class Counting(urllib3.PoolManager):
    """A connection pool that notes how many parts are on their way at once."""

    def __init__(self) -> None:
        super().__init__(retries=False, timeout=30)
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if "partNumber=" not in url:
            return super().urlopen(method, url, *args, **kwargs)
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return super().urlopen(method, url, *args, **kwargs)
        finally:
            with self._lock:
                self._now -= 1


@pytest.mark.needs("sockets")
def test_one_parallel_upload_sends_one_part_after_the_other(minio_options: dict[str, Any]) -> None:
    data = some_bytes(4 * PART)
    with Counting() as http:
        storage = MinioBackend(**minio_options, **IN_PARTS, num_parallel_uploads=1, MINIO_HTTP_CLIENT=http)
        name = storage.save("large.bin", ContentFile(data))
        assert http.most == 1
        assert digest(storage, name) == hashlib.sha256(data).hexdigest()
