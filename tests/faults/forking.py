"""Programs that fork while they use the storage; each runs in a process of its own, see test_forks.py.

`python -m tests.faults.forking SCENARIO own|shared` expects the storage's OPTIONS as JSON in STORAGE_OPTIONS and exits
with 0 if parent and children have all seen right data.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any

import django
import urllib3
from django.core.files.base import ContentFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_minio_backend.models import MinioBackend

MIB = 1024 * 1024
OBJECTS = 12
SIZE = 200_000


def content_of(number: int) -> bytes:
    return f"{number:04}".encode() * (SIZE // 4)


def fork(work: Callable[[], object]) -> int:
    """Run `work` in a forked child, whose exit code is 0 if it succeeded."""
    pid = os.fork()
    if pid:
        return pid
    try:
        work()
    except BaseException:  # noqa: BLE001 - a child must never go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def check(*children: int) -> None:
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    if any(codes):
        raise SystemExit(f"exit codes of the children: {codes}")


def use(storage: MinioBackend, who: str, rounds: int = 3) -> None:
    """Read everybody's objects and write some of one's own, by several threads."""

    def one(number: int) -> None:
        with storage.open(f"{number}.bin") as file:
            found = file.read()
        if found != content_of(number):
            raise AssertionError(f"{who}: {number}.bin reads {len(found)} bytes, {found[:8]!r}...")
        name = f"{who}/{number}.bin"
        mine = who.encode() + content_of(number)
        saved = storage.save(name, ContentFile(mine))
        with storage.open(saved) as file:
            found = file.read()
        if found != mine:
            raise AssertionError(f"{who}: {saved} reads {len(found)} bytes, {found[:8]!r}...")

    for _ in range(rounds):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, range(OBJECTS)))


def prepare(storage: MinioBackend) -> None:
    """Store what is to be read; the pool has live connections afterwards."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: storage.save(f"{number}.bin", ContentFile(content_of(number))), range(OBJECTS)))


def all_at_once(storage: MinioBackend) -> None:
    """Parent and children read and write at the same time, after the parent has used the storage."""
    prepare(storage)
    children = [fork(lambda who=f"child-{number}": use(storage, who)) for number in range(2)]  # type: ignore[misc]
    use(storage, "parent")
    check(*children)


def grandchild(storage: MinioBackend) -> None:
    """A child forks, too."""
    prepare(storage)

    def child() -> None:
        use(storage, "child", rounds=1)
        pid = fork(lambda: use(storage, "grandchild"))
        use(storage, "child")
        check(pid)

    pid = fork(child)
    use(storage, "parent")
    check(pid)


def open_reader(storage: MinioBackend) -> None:
    """A reader that is open at the fork is read on by both."""
    data = b"".join(content_of(number) for number in range(100))
    storage.save("large.bin", ContentFile(data))
    file = storage.open("large.bin")
    start = file.read(600_000)

    def read_on() -> None:
        rest = bytearray()
        while piece := file.read(50_000):
            rest += piece
        if start + rest != data:
            raise AssertionError(f"read {len(rest)} of {len(data) - len(start)} bytes, or wrong ones")
        file.seek(1_000_000)
        if file.read(1000) != data[1_000_000:1_001_000]:
            raise AssertionError("wrong bytes after a jump")
        file.close()

    children = [fork(read_on) for _ in range(3)]
    read_on()
    check(*children)


def closed_reader(storage: MinioBackend) -> None:
    """A child that closes the reader it was born with does not disturb its parent."""
    data = b"".join(content_of(number) for number in range(100))
    storage.save("large.bin", ContentFile(data))
    for size in (300_000, 500_000, 520_000):  # much and little of the first response is left to read
        file = storage.open("large.bin")
        start = file.read(size)
        check(fork(file.close))
        if start + file.read() != data:
            raise AssertionError(f"wrong bytes behind {size} after a child closed its copy")
        file.close()


def busy_threads(storage: MinioBackend) -> None:
    """Children are born while threads of the parent hold connections and locks."""
    prepare(storage)
    stop = threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            use(storage, "parent", rounds=1)

    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(keep_busy) for _ in range(2)]
        children = [fork(lambda who=f"child-{number}": use(storage, who, rounds=1)) for number in range(4)]  # type: ignore[misc]
        check(*children)
        stop.set()
        for thread in busy:
            thread.result()


def parsing_thread(storage: MinioBackend) -> None:
    """Children are born while a thread of the parent is inside of strptime(), whose lock they inherit locked."""
    prepare(storage)
    lock: threading.Lock = import_module("_strptime")._cache_lock
    locked, done = threading.Event(), threading.Event()

    def parse() -> None:
        with lock:
            locked.set()
            done.wait()

    thread = threading.Thread(target=parse)
    thread.start()
    locked.wait()
    children = [fork(lambda: use(storage, "child", rounds=1)), fork(lambda: storage.get_modified_time("0.bin"))]
    done.set()
    thread.join()
    check(*children)


def one_name(storage: MinioBackend) -> None:
    """Eight processes save one name."""
    prepare(storage)
    reading, writing = os.pipe()

    def save(number: int) -> None:
        os.close(writing)
        os.read(reading, 1)  # until the parent lets everybody go
        for again in range(3):
            storage.save("same/same.bin", ContentFile(f"child {number}, {again}".encode()))

    children = [fork(lambda number=number: save(number)) for number in range(8)]  # type: ignore[misc]
    os.close(writing)
    check(*children)
    names = storage.listdir("same")[1]
    found = []
    for name in names:
        with storage.open(f"same/{name}") as file:
            found.append(file.read())
    if sorted(found) != sorted(f"child {number}, {again}".encode() for number in range(8) for again in range(3)):
        raise AssertionError(f"{len(names)} objects: {sorted(found)}")


SCENARIOS: dict[str, Callable[[MinioBackend], None]] = {
    scenario.__name__: scenario
    for scenario in (all_at_once, grandchild, open_reader, closed_reader, busy_threads, parsing_thread, one_name)
}


def main() -> None:
    django.setup()
    from django_minio_backend.models import MinioBackend

    options: dict[str, Any] = json.loads(os.environ["STORAGE_OPTIONS"])
    if sys.argv[2] == "own":
        options["MINIO_HTTP_CLIENT"] = urllib3.PoolManager(maxsize=16, timeout=20)
    SCENARIOS[sys.argv[1]](MinioBackend(**options))


if __name__ == "__main__":
    main()
