"""Reading ahead: large objects by several requests at a time, with the same bytes, faults and ends as by one."""

from __future__ import annotations

import gc
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend.errors import ObjectChangedError
from django_minio_backend.instrumentation import storage_requests
from django_minio_backend.models import MinioBackend
from django_minio_backend.s3.errors import FAILURES
from django_minio_backend.testing import memory_minio
from tests.storage.contents import KIB, MIB, some_bytes
from tests.support.proxy import Proxy
from tests.support.rewriting_proxy import rewriting_proxy
from tests.support.settings import made_up
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.rewriting_proxy import Received
    from tools.servers import Server

SIZE = 45 * MIB + 123
DATA = some_bytes(SIZE)


@pytest.fixture
def slow_options(minio_options: dict[str, Any], proxy: Proxy) -> dict[str, Any]:
    """OPTIONS of a storage whose connections are slow one by one."""
    proxy.rate = 30 * MIB
    return {**minio_options, "MINIO_ENDPOINT": proxy.endpoint}


@pytest.fixture
def slow(slow_options: dict[str, Any]) -> MinioBackend:
    return MinioBackend(**slow_options)


@pytest.fixture
def name(storage: MinioBackend) -> str:
    return storage.save("large.bin", ContentFile(DATA))


@pytest.fixture(autouse=True)
def _no_threads_stay() -> Iterator[None]:
    yield
    wait_for_no_threads()


def read_ahead_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def wait_for_no_threads() -> None:
    until = time.monotonic() + 30
    while read_ahead_threads() and time.monotonic() < until:
        time.sleep(0.01)
    assert read_ahead_threads() == []


@pytest.mark.parametrize("step", [-1, 64 * KIB, 3 * MIB + 1], ids=["at once", "in small steps", "in large steps"])
def test_the_bytes_are_in_order(slow: MinioBackend, name: str, step: int) -> None:
    with slow.open(name) as file:
        assert b"".join(iter(lambda: file.read(step), b"")) == DATA
        assert file.tell() == SIZE


def test_reading_everything_sends_a_request_for_each_8_mib(slow: MinioBackend, name: str) -> None:
    with requests_made() as made, slow.open(name) as file:
        assert file.read() == DATA
    assert len(made) == 1 + 6
    ranges = sorted(tuple(map(int, request.headers["Range"][6:].split("-"))) for request in made)
    assert [first for first, _ in ranges[1:]] == [last + 1 for _, last in ranges[:-1]], "no byte is requested twice"
    assert all("If-Match" in request.headers for request in made[1:])


def test_a_fast_connection_is_enough() -> None:
    """From memory all bytes come at once, unless this process just then has to wait for a processor."""
    operations: list[str] = []
    with memory_minio():
        storage = MinioBackend(**made_up(MINIO_DEFAULT_BUCKET="papers"))
        name = storage.save("large.bin", ContentFile(DATA))
        for _ in range(20):
            with storage_requests() as made, storage.open(name) as file:
                assert file.read() == DATA
            operations = made.operations
            if len(operations) == 2:
                break
    assert operations == ["GetObject", "GetObject"]


@pytest.mark.parametrize(("parallel", "threads"), [(1, 0), (2, 2)], ids=["one", "two"])
def test_the_option_limits_the_requests_at_a_time(
    slow_options: dict[str, Any], name: str, parallel: int, threads: int
) -> None:
    most = 0
    with MinioBackend(**slow_options, num_parallel_downloads=parallel).open(name) as file:
        for first in range(0, SIZE, MIB):
            assert file.read(MIB) == DATA[first : first + MIB]
            most = max(most, len(read_ahead_threads()))
    assert most == threads


def test_a_jump_ends_reading_ahead_and_costs_no_more_than_without(slow: MinioBackend, name: str) -> None:
    with slow.open(name) as file:
        assert file.read(9 * MIB) == DATA[: 9 * MIB]
        with requests_made() as made:
            for offset in (30 * MIB, 5, SIZE - MIB):
                file.seek(offset)
                assert file.read(100) == DATA[offset : offset + 100]
        assert len([request for request in made if "bytes=9" not in request.headers["Range"]]) <= 3 + 1
        wait_for_no_threads()
        assert file.read() == DATA[SIZE - MIB + 100 :]


def test_broken_connections_are_resumed(slow: MinioBackend, proxy: Proxy, name: str) -> None:
    proxy.cut(3 * MIB, times=12)
    with slow.open(name) as file:
        assert file.read() == DATA


def test_a_server_that_is_gone_is_an_error_and_a_later_read_goes_on(
    slow: MinioBackend, proxy: Proxy, name: str
) -> None:
    with slow.open(name) as file:
        assert file.read(9 * MIB) == DATA[: 9 * MIB]
        proxy.stop()
        with pytest.raises(FAILURES):
            file.read()
        proxy.start()
        position = file.tell()
        assert file.read() == DATA[position:]


def test_two_versions_are_never_mixed(slow: MinioBackend, minio_options: dict[str, Any], name: str) -> None:
    with slow.open(name) as file:
        assert file.read(MIB) == DATA[:MIB]
        MinioBackend(**minio_options, replace_existing=True).save(name, ContentFile(DATA[::-1]))
        with pytest.raises(ObjectChangedError):
            file.read()


@pytest.mark.parametrize("how", ["closed", "dropped"])
def test_a_file_that_is_no_longer_needed_ends_its_requests(
    slow: MinioBackend, proxy: Proxy, name: str, how: str
) -> None:
    file: Any = slow.open(name)
    assert file.read(9 * MIB) == DATA[: 9 * MIB]
    proxy.rate = 50 * KIB  # a block takes minutes
    if how == "closed":
        file.close()
    file = None
    gc.collect()
    wait_for_no_threads()
    assert proxy.transferred["down"] < SIZE


@pytest.mark.needs("sockets")
@pytest.mark.parametrize("how", ["closed", "dropped", "moved"])
def test_a_request_without_a_response_ends_with_its_file(
    server: Server, minio_options: dict[str, Any], name: str, how: str
) -> None:
    awaited, over = threading.Semaphore(0), threading.Event()

    def respond_to_the_first_ones(request: Received) -> None:
        first = int(request.headers.get("Range", "bytes=0-")[6:].partition("-")[0])
        if 9 * MIB < first < 44 * MIB:
            awaited.release()
            over.wait(300)

    with rewriting_proxy(server) as rewriter, Proxy(rewriter.endpoint) as network:
        rewriter.rule, network.rate = respond_to_the_first_ones, 30 * MIB
        file: Any = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": network.endpoint}).open(name)
        assert file.read(9 * MIB) == DATA[: 9 * MIB]
        for _ in range(3):
            assert awaited.acquire(timeout=30)
        assert read_ahead_threads() != []
        if how == "closed":
            file.close()
        elif how == "moved":
            file.seek(SIZE - 5)
            assert file.read() == DATA[-5:]
        file = None
        gc.collect()
        wait_for_no_threads()
        over.set()


def test_parent_and_forked_child_both_read_on(slow: MinioBackend, name: str) -> None:
    with slow.open(name) as file:
        assert file.read(9 * MIB) == DATA[: 9 * MIB]
        pid = os.fork()
        if not pid:
            try:
                position = file.tell()
                os._exit(0 if file.read() == DATA[position:] else 1)
            finally:
                os._exit(2)
        position = file.tell()
        assert file.read() == DATA[position:]
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
