"""Connections that break in the middle of a body: reading goes on, saving is all or nothing."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.files.base import ContentFile
from minio.error import MinioException

from django_minio_backend.errors import ObjectChangedError
from django_minio_backend.models import MinioBackend
from tests.storage.contents import KIB, MIB, some_bytes
from tests.support.buckets import unfinished_uploads
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio import Minio

    from tests.support.proxy import Proxy

DATA = some_bytes(20 * MIB)
IN_PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": 5 * MIB,
    "MINIO_MULTIPART_PART_SIZE": 5 * MIB,
}
UNDISTURBED = 6  # requests that reading DATA takes at most


@pytest.fixture
def name(storage: MinioBackend) -> str:
    return storage.save("data.bin", ContentFile(DATA))


@pytest.mark.parametrize("step", [64 * KIB, 3 * MIB, -1])
@pytest.mark.parametrize("seed", range(4))
def test_reading_goes_on_where_connections_broke(
    faulty: MinioBackend, proxy: Proxy, name: str, step: int, seed: int
) -> None:
    places = random.Random(f"{seed} {step}")
    cuts = 4
    for _ in range(cuts):
        proxy.cut(places.randrange(len(DATA) // 4))
    with requests_made() as made, faulty.open(name) as file:
        found = b"".join(iter(lambda: file.read(step), b""))
    assert len(found) == len(DATA)
    assert found == DATA
    assert len(made) <= UNDISTURBED + 2 * cuts
    assert proxy.transferred["down"] <= len(DATA) + (cuts + 1) * MIB


@pytest.mark.needs("signatures")  # 4 GiB: too much for a stand-in
def test_two_hundred_reads_over_a_bad_line_are_all_right(
    storage: MinioBackend, faulty: MinioBackend, proxy: Proxy
) -> None:
    storage.save("data.bin", ContentFile(DATA))
    places = random.Random(200)
    reads = 200
    with requests_made() as made:
        for _ in range(reads):
            proxy.cut(places.randrange(len(DATA)))
            with faulty.open("data.bin") as file:
                assert b"".join(file.chunks(MIB)) == DATA
    assert len(made) <= 8 * reads


@pytest.mark.parametrize("after", [0, 1, 100, 500, 700])
def test_a_response_that_breaks_at_its_very_start_is_requested_again(
    faulty: MinioBackend, proxy: Proxy, name: str, after: int
) -> None:
    with faulty.open(name) as file:
        start = file.read(MIB)
        proxy.cut(after)
        assert start + file.read() == DATA


def test_jumping_goes_on_where_connections_broke(faulty: MinioBackend, proxy: Proxy, name: str) -> None:
    places = random.Random(5)
    with faulty.open(name) as file:
        for _ in range(10):
            place = places.randrange(len(DATA))
            proxy.cut(places.randrange(100_000))
            file.seek(place)
            assert file.read(150_000) == DATA[place : place + 150_000]


def read_small(storage: MinioBackend) -> object:
    with storage.open("small.txt") as file:
        return file.read()


def read_end(storage: MinioBackend) -> object:
    with storage.open("data.bin") as file:
        file.read(10)
        file.seek(-2_000, io.SEEK_END)
        return file.read()


QUESTIONS: list[Callable[[MinioBackend], object]] = [
    read_small,
    read_end,
    lambda storage: storage.size("data.bin"),
    lambda storage: storage.exists("data.bin"),
    lambda storage: storage.exists("missing.txt"),
    lambda storage: storage.get_modified_time("data.bin"),
    lambda storage: storage.stat("data.bin").etag,
    lambda storage: storage.listdir(""),
]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("seed", range(2))
def test_no_truncated_response_counts_as_complete(
    storage: MinioBackend,
    faulty: MinioBackend,
    proxy: Proxy,
    name: str,
    question: Callable[[MinioBackend], object],
    seed: int,
) -> None:
    storage.save("small.txt", ContentFile(b"small content " * 20))
    expected = question(storage)
    places = random.Random(seed)
    for after in sorted(places.sample(range(1200), 60)):
        proxy.break_connections()
        proxy.cut(after)
        try:
            found = question(faulty)
        except (FileNotFoundError, ObjectChangedError):
            raise  # neither is true
        except (urllib3.exceptions.HTTPError, MinioException, OSError):
            continue
        assert found == expected, f"{name}, cut after {after} bytes"


@pytest.mark.parametrize("after", [2_000, 60_000, 130_000, 200_000, 262_000])
@pytest.mark.parametrize("from_end", [1, 1_000, 100_000, 200_000, 262_144])
def test_the_end_of_an_object_is_right_though_its_connection_broke(
    faulty: MinioBackend, proxy: Proxy, name: str, from_end: int, after: int
) -> None:
    with faulty.open(name) as file:
        file.read(10)
        proxy.break_connections()
        proxy.cut(after)
        file.seek(-from_end, io.SEEK_END)
        assert file.read() == DATA[-from_end:]
        file.seek(-from_end, io.SEEK_END)
        assert file.read(500) == DATA[-from_end:][:500]


def test_reading_comes_to_an_end_where_every_connection_breaks(
    faulty_options: dict[str, Any], proxy: Proxy, name: str
) -> None:
    with urllib3.PoolManager(retries=urllib3.Retry(2), timeout=10) as http:
        faulty = MinioBackend(**faulty_options, MINIO_HTTP_CLIENT=http)
        file = faulty.open(name)
        file.read(10)
        proxy.cut(0, times=1000)
        proxy.break_connections()
        with requests_made() as made, pytest.raises((urllib3.exceptions.HTTPError, OSError)):
            file.read()
        assert len(made) <= 30
        file.close()


def test_an_object_that_was_replaced_while_the_connection_was_broken_is_not_mixed(
    faulty: MinioBackend, storage: MinioBackend, proxy: Proxy, name: str
) -> None:
    with faulty.open(name) as file:
        file.read(MIB)
        with storage.open(name, "wb") as other:
            other.write(bytes(len(DATA)))
        proxy.break_connections()
        with pytest.raises(OSError, match="changed"):
            file.read()


@pytest.mark.parametrize("options", [{}, {"replace_existing": True}, IN_PARTS], ids=["one-put", "replace", "in-parts"])
@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_a_save_whose_connections_break_is_an_error_or_a_complete_object(
    faulty_options: dict[str, Any],
    storage: MinioBackend,
    proxy: Proxy,
    options: dict[str, Any],
    times: int,
    seed: int,
) -> None:
    places = random.Random(f"{seed} {times} {options}")
    data = some_bytes(7 * MIB, seed)
    faulty = MinioBackend(**faulty_options, **options)
    faulty.exists("warm up")
    proxy.cut(lambda: places.randrange(len(data) // 2), direction="up", times=times)
    try:
        name = faulty.save("a.bin", ContentFile(data))
    except (urllib3.exceptions.HTTPError, OSError):
        assert storage.listdir("")[1] in ([], ["a.bin"])
        name = "a.bin"
        if not storage.exists(name):
            return
    assert storage.listdir("") == ([], [name])
    with storage.open(name) as file:
        assert file.read() == data


@pytest.mark.parametrize("options", [{}, IN_PARTS], ids=["one-put", "in-parts"])
def test_a_save_that_cannot_get_through_is_an_error_and_leaves_nothing(
    faulty_options: dict[str, Any],
    storage: MinioBackend,
    proxy: Proxy,
    sdk: Minio,
    bucket: str,
    options: dict[str, Any],
) -> None:
    with urllib3.PoolManager(retries=urllib3.Retry(1), timeout=10) as http:
        faulty = MinioBackend(**faulty_options, **options, replace_existing=True, MINIO_HTTP_CLIENT=http)
        faulty.exists("warm up")
        # Small requests get through, bodies do not.
        proxy.cut(500_000, direction="up", times=1000)
        with pytest.raises((urllib3.exceptions.HTTPError, OSError)):
            faulty.save("a.bin", ContentFile(some_bytes(11 * MIB)))
    assert storage.listdir("") == ([], [])
    assert unfinished_uploads(sdk, bucket, "a.bin") == []


def test_a_failed_replacement_keeps_the_old_object(
    faulty_options: dict[str, Any], storage: MinioBackend, proxy: Proxy
) -> None:
    storage.save("a.bin", ContentFile(b"old"))
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        faulty = MinioBackend(**faulty_options, replace_existing=True, MINIO_HTTP_CLIENT=http)
        proxy.cut(500_000, direction="up", times=10)
        with pytest.raises((urllib3.exceptions.HTTPError, OSError)):
            faulty.save("a.bin", ContentFile(some_bytes(5 * MIB)))
    with storage.open("a.bin") as file:
        assert file.read() == b"old"
