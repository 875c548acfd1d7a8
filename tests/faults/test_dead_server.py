"""A server that dies in the middle of the work: an error in bounded time, and nothing that is half."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackend
from tests.storage.contents import MIB, BreakingPipe, ContentBrokeError, Pipe, some_bytes
from tests.support.buckets import plain_client
from tests.support.server_options import options_of
from tools.servers import free_port, minio_binary, run_minio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tools.servers import Server

pytestmark = pytest.mark.skipif(minio_binary() is None, reason="MinIO is needed that can be killed")

WITHIN = 30.0  # seconds
DATA = some_bytes(30 * MIB)


@pytest.fixture
def mortal() -> Iterator[Server]:
    """A server that no other test uses."""
    with run_minio() as server:
        yield server


def storage_on(server: Server, **options: Any) -> MinioBackend:
    with plain_client(server) as sdk:
        if not sdk.bucket_exists(bucket_name="mortal"):
            sdk.make_bucket(bucket_name="mortal")
    return MinioBackend(**options_of(server, MINIO_DEFAULT_BUCKET="mortal", **options))


def kill(server: Server) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)


@contextmanager
def an_error_in_time() -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises((urllib3.exceptions.HTTPError, OSError)):
        yield
    assert time.monotonic() - began < WITHIN


@pytest.mark.parametrize("step", [64 * 1024, -1])
def test_a_server_that_dies_while_it_is_read_is_an_error(mortal: Server, step: int) -> None:
    storage = storage_on(mortal)
    name = storage.save("data.bin", ContentFile(DATA))
    got = bytearray()

    def read(file: Any) -> None:
        while piece := file.read(step):
            got.extend(piece)

    with storage.open(name) as file:
        got.extend(file.read(MIB))
        kill(mortal)
        with an_error_in_time():
            read(file)
    assert DATA.startswith(got)
    assert len(got) < len(DATA)


def killing(server: Server, data: bytes) -> Any:
    """A stream that ends well, but behind its first half the server is dead."""

    class Killing(Pipe):
        killed = False
        given = 0

        def read(self, size: int = -1) -> bytes:
            piece = super().read(size)
            self.given += len(piece)
            if self.given > len(data) // 2 and not self.killed:
                self.killed = True
                kill(server)
            return piece

    return Killing(data)


@pytest.mark.parametrize("size", [3 * MIB, 30 * MIB], ids=["one-put", "in-parts"])
@pytest.mark.parametrize("options", [{}, {"replace_existing": True}], ids=["new", "replace"])
def test_a_server_that_dies_while_a_file_is_saved_is_an_error(
    mortal: Server, size: int, options: dict[str, Any]
) -> None:
    storage = storage_on(mortal, **options)
    content = killing(mortal, DATA[:size])
    with an_error_in_time():
        storage.save("data.bin", content)
    assert content.killed


def test_a_server_that_dies_while_a_file_is_written_is_an_error(mortal: Server) -> None:
    file = storage_on(mortal).open("data.bin", "wb")
    file.write(DATA[: 13 * MIB])
    kill(mortal)
    with an_error_in_time():
        file.close()
    assert file.closed


@pytest.mark.parametrize(
    "operation", [MinioBackend.exists, MinioBackend.open, MinioBackend.listdir, MinioBackend.delete]
)
def test_a_dead_server_is_an_error(mortal: Server, operation: Callable[[MinioBackend, str], object]) -> None:
    storage = storage_on(mortal)
    kill(mortal)
    with an_error_in_time():
        operation(storage, "data.bin")


def test_content_that_fails_on_a_dead_server_raises_its_own_error(mortal: Server) -> None:
    storage = storage_on(mortal)
    broken = BreakingPipe(DATA[: 13 * MIB], before=lambda: kill(mortal))
    began = time.monotonic()
    with pytest.raises(ContentBrokeError):
        storage.save("data.bin", broken)
    assert time.monotonic() - began < WITHIN


def test_a_server_that_comes_back_is_used_again(tmp_path: Path) -> None:
    port = free_port()
    keys: dict[str, Any] = {"access_key": "come-back", "secret_key": "come-back-secret"}
    with run_minio(port=port, folder=tmp_path, **keys) as server:
        storage = storage_on(server)
        storage.save("data.bin", ContentFile(DATA))
        file = storage.open("data.bin")
        start = file.read(MIB)
        kill(server)
    with run_minio(port=port, folder=tmp_path, **keys):
        assert start + file.read() == DATA
        assert storage.exists("data.bin")
        assert storage.save("data.bin", ContentFile(b"second")) != "data.bin"
        file.close()
