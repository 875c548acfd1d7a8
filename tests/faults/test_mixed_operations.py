"""Many threads save, read, seek, abandon and delete at once, over slow connections that break again and again.

``MIXED_SECONDS=600 make test ARGS="-s tests/faults/test_mixed_operations.py"`` does so for ten minutes.
"""

from __future__ import annotations

import gc
import os
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackend
from django_minio_backend.s3.errors import FAILURES
from tests.storage.contents import KIB, MIB, Pipe, some_bytes

if TYPE_CHECKING:
    from tests.support.proxy import Proxy

SECONDS = float(os.environ.get("MIXED_SECONDS", "5"))
A_MINUTE = 60.0
MINIO_CLOSES = 30.0  # seconds after which MinIO closes an idle connection
WORKERS = 6
SIZES = (0, 10 * KIB, 300 * KIB, 9 * MIB, 18 * MIB, 40 * MIB)
OWN_THREADS = ("read-ahead", "upload-part")  # at most four of each for one open file


@dataclass
class Objects:
    """What was saved: the bytes of a name are those of its seed."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    sizes: dict[str, int] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    most_threads: int = 0

    def count(self, what: str) -> None:
        with self.lock:
            self.done[what] += 1
            names = [thread.name for thread in threading.enumerate() if thread.name.startswith(OWN_THREADS)]
            self.most_threads = max(self.most_threads, len(names))

    @property
    def is_enough(self) -> bool:
        """Whether something was saved and read; on a busy machine that takes a while."""
        return bool(self.done["save"] and self.done["read"])

    def any(self) -> str | None:
        with self.lock:
            return random.choice(list(self.sizes)) if self.sizes else None


def content_of(name: str, size: int) -> bytes:
    return some_bytes(size, seed=int(name.partition("-")[0]))


def save(storage: MinioBackend, objects: Objects) -> None:
    seed, size = random.randrange(10**9), random.choice(SIZES)
    name = f"{seed}-mixed.bin"
    content = content_of(name, size)
    saved = storage.save(name, random.choice((ContentFile, Pipe))(content))
    assert saved == name, "a save whose response was lost recognises its own object"
    with objects.lock:
        objects.sizes[name] = size


def write(storage: MinioBackend, objects: Objects) -> None:
    seed, size = random.randrange(10**9), 10 * MIB
    name = f"{seed}-mixed.bin"
    content = content_of(name, size)
    with storage.open(name, "xb") as file:
        file.write(bytes(100) + content[100:])
        file.seek(0)
        file.write(content[:100])
    with objects.lock:
        objects.sizes[name] = size


def read(storage: MinioBackend, objects: Objects) -> None:
    if name := objects.any():
        with storage.open(name) as file:
            assert file.read() == content_of(name, objects.sizes[name])


def seek(storage: MinioBackend, objects: Objects) -> None:
    if name := objects.any():
        content = content_of(name, objects.sizes[name])
        with storage.open(name) as file:
            for _ in range(4):
                start = random.randrange(len(content) + 1)
                file.seek(start)
                assert file.read(200 * KIB) == content[start : start + 200 * KIB]


def abandon(storage: MinioBackend, objects: Objects) -> None:
    if name := objects.any():
        content = content_of(name, objects.sizes[name])
        with storage.open(name) as file:
            for start in range(0, min(len(content), 20 * MIB), MIB):
                assert file.read(MIB) == content[start : start + MIB]


def break_things(proxy: Proxy, ended: threading.Event) -> None:
    while not ended.wait(random.uniform(0.05, 0.6)):
        if random.random() < 0.5:
            proxy.cut(random.randrange(12 * MIB), direction=random.choice(("up", "down")))
        else:
            proxy.break_connections()


def work(storage: MinioBackend, objects: Objects, until: float) -> None:
    while time.monotonic() < until or (not objects.is_enough and time.monotonic() < until + A_MINUTE):
        action = random.choice((save, save, write, read, read, seek, abandon))
        try:
            action(storage, objects)
        except FAILURES as error:
            objects.count(f"{action.__name__} failed: {type(error).__name__}")
        else:
            objects.count(action.__name__)


def test_all_bytes_are_right_and_nothing_stays(
    storage: MinioBackend, minio_options: dict[str, Any], proxy: Proxy
) -> None:
    proxy.rate, proxy.latency = 40 * MIB, 0.005
    slow = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": proxy.endpoint})
    objects, ended = Objects(), threading.Event()
    breaker = threading.Thread(target=break_things, args=(proxy, ended))
    breaker.start()
    try:
        with ThreadPoolExecutor(WORKERS) as pool:
            until = time.monotonic() + SECONDS
            for future in [pool.submit(work, slow, objects, until) for _ in range(WORKERS)]:
                future.result()
    finally:
        ended.set()
        breaker.join()
    print(f"\n{len(objects.sizes)} objects; at most {objects.most_threads} threads; {dict(objects.done)}")  # noqa: T201
    assert objects.is_enough
    assert objects.most_threads <= WORKERS * 8
    assert proxy.live_connections <= 64, "the pool keeps no more"
    for name, size in objects.sizes.items():
        with storage.open(name) as file:
            assert file.read() == content_of(name, size)
    slow.client._http.clear()
    assert_nothing_stays(proxy)


def assert_nothing_stays(proxy: Proxy) -> None:
    """Wait, but not until MinIO closes what is idle, until no thread of the package and no connection is left."""

    def left() -> list[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith(OWN_THREADS)]

    until = time.monotonic() + MINIO_CLOSES / 2
    while (left() or proxy.live_connections) and time.monotonic() < until:
        gc.collect()  # urllib3 closes the connections of a pool when nothing refers to it any more
        time.sleep(0.05)
    assert (left(), proxy.live_connections) == ([], 0)
