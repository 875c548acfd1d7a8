"""Many writers, one name: as many objects come of it, and none is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackend
from tests.support.scripts import WITH_STORAGE

if TYPE_CHECKING:
    from tools.servers import Server

SMALL, LARGE = 10 * 1024, 20 * 1024**2
THREADS = 50
PROCESSES = 8
ROOT = Path(__file__).parents[2]

FORKS = (
    WITH_STORAGE
    + """
size, processes = int(sys.argv[1]), int(sys.argv[2])
storage.save("before.txt", ContentFile(b"the parent has a connection"))
wait_for([
    in_child(lambda: storage.save("same.bin", ContentFile(bytes([number]) * size))) for number in range(processes)
])
assert storage.open("before.txt").read() == b"the parent has a connection"
"""
)


def assert_all_are_there(storage: MinioBackend, count: int, size: int) -> None:
    """Each of `count` contents, identified by its byte, is stored whole and once."""
    _, names = storage.listdir("")
    seen = []
    for name in names:
        with storage.open(name) as file:
            content = file.read()
        assert len(content) == size
        assert content.count(content[:1]) == size
        seen.append(content[0])
    assert sorted(seen) == list(range(count))


SIZES = pytest.mark.parametrize(
    "size",
    [
        pytest.param(SMALL, id="10 KiB"),
        pytest.param(LARGE, id="20 MiB", marks=pytest.mark.needs("large-crowds")),
    ],
)


@pytest.mark.needs("conditional-writes")
@SIZES
def test_threads_that_save_one_name_make_as_many_objects(minio_options: dict[str, Any], size: int) -> None:
    storage = MinioBackend(**minio_options)
    with ThreadPoolExecutor(THREADS) as pool:
        names = list(
            pool.map(lambda number: storage.save("same.bin", ContentFile(bytes([number]) * size)), range(THREADS))
        )
    assert len(set(names)) == THREADS
    assert_all_are_there(storage, THREADS, size)


@pytest.mark.needs("conditional-writes")
@SIZES
def test_forked_processes_that_save_one_name_make_as_many_objects(
    minio_options: dict[str, Any], server: Server, bucket: str, size: int
) -> None:
    subprocess.run(
        [sys.executable, "-c", FORKS, str(size), str(PROCESSES)],
        cwd=ROOT,
        env={**os.environ, **server.environment(), "BUCKET": bucket},
        check=True,
        timeout=300,
    )
    storage = MinioBackend(**minio_options)
    storage.delete("before.txt")
    assert_all_are_there(storage, PROCESSES, size)
