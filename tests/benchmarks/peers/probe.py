"""Runs and measures one job with the installed library. This file is run by path and imports nothing of this project.

The first line of its standard input is a JSON object: ``site`` (settings of Django), ``job`` (a name in `JOBS`) and the
arguments of the job. It prints a JSON object as its last line.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import storages

if TYPE_CHECKING:
    from collections.abc import Callable

    Figures = dict[str, float]

SMALL = 10 * 1024  # bytes


def cpu_seconds() -> float:
    """CPU time of all threads of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def status_mib(field: str) -> float:
    """Return a field of /proc/self/status in MiB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{field}:"))) / 1024


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of wall and of CPU time that the work takes."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    work()
    return time.perf_counter() - wall, cpu_seconds() - cpu


def peak_of(work: Callable[[], object]) -> tuple[float, float, float]:
    """Return the seconds of wall and CPU time, and the MiB of memory above those before, that the work takes."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): resets VmHWM
    baseline = status_mib("VmRSS")
    wall, cpu = timed(work)
    return wall, cpu, status_mib("VmHWM") - baseline


def startup() -> Figures:
    """Set Django up, then make the default storage and its first URL; the second figure contains the first."""
    _, setup = timed(django.setup)
    _, first = timed(lambda: storages["default"].url("reports/2026.pdf"))
    return {"setup": setup, "url": setup + first}


def requests(lacks: list[str], folder: str = "reports") -> Figures:
    """Run one operation after the other; print its name before, and wait for a line."""

    def begin(operation: str) -> bool:
        print(operation, flush=True)  # noqa: T201 - read by the parent process
        sys.stdin.readline()
        return operation not in lacks

    django.setup()
    begin("create")
    storage = storages["default"]
    begin("-")
    storage.exists("nothing")  # what a connection costs once
    name = f"{folder}/a.bin"
    steps: dict[str, Callable[[], object]] = {
        "save": lambda: storage.save(name, ContentFile(b"a" * SMALL)),
        "save_existing": lambda: storage.save(name, ContentFile(b"b" * SMALL)),
        "write": lambda: write(f"{folder}/b.bin"),
        "exists": lambda: storage.exists(name),
        "size": lambda: storage.size(name),
        "read": lambda: read(name),
        "url": lambda: storage.url(name),
        "listdir": lambda: storage.listdir(folder),
        "delete": lambda: storage.delete(name),
    }
    for operation, step in steps.items():
        if begin(operation):
            step()
    begin("-")
    return {}


def write(name: str) -> None:
    """Write a new file."""
    with storages["default"].open(name, "wb") as file:
        file.write(b"w" * SMALL)


def read(name: str) -> int:
    """Read a file in chunks; return its size in bytes."""
    with storages["default"].open(name) as file:
        return sum(len(chunk) for chunk in file.chunks())


def large(path: str) -> Figures:
    """Save a file from disk and read it back, in chunks."""
    django.setup()
    storage = storages["default"]
    storage.exists("nothing")  # not timed: imports and the first connection
    saved = []

    def save() -> None:
        with Path(path).open("rb") as file:
            saved.append(storage.save("large.bin", File(file)))

    save_wall, save_cpu, save_peak = peak_of(save)
    sizes = []
    read_wall, read_cpu, read_peak = peak_of(lambda: sizes.append(read(saved[0])))
    assert sizes == [Path(path).stat().st_size], sizes
    storage.delete(saved[0])
    return {
        "save_wall": save_wall,
        "save_cpu": save_cpu,
        "save_peak": save_peak,
        "read_wall": read_wall,
        "read_cpu": read_cpu,
        "read_peak": read_peak,
    }


def small(count: int) -> Figures:
    """Save and read small files one by one; the figures are seconds for one file."""
    django.setup()
    storage = storages["default"]
    content = b"s" * SMALL
    storage.delete(storage.save("small/first.bin", ContentFile(content)))  # not timed: imports, the first connection
    names = [f"small/{number}.bin" for number in range(count)]
    save_wall, save_cpu = timed(lambda: [storage.save(name, ContentFile(content)) for name in names])
    read_wall, read_cpu = timed(lambda: [read(name) for name in names])
    seconds = {"save_wall": save_wall, "save_cpu": save_cpu, "read_wall": read_wall, "read_cpu": read_cpu}
    return {name: value / count for name, value in seconds.items()}


def urls(count: int) -> Figures:
    """Make URLs of different files."""
    django.setup()
    storage = storages["default"]
    assert "X-Amz-Signature=" in storage.url("first")  # not timed: imports
    _, cpu = timed(lambda: [storage.url(f"documents/2026/{number}.pdf") for number in range(count)])
    return {"cpu": cpu}


JOBS: dict[str, Callable[..., Figures]] = {
    "startup": startup,
    "requests": requests,
    "large": large,
    "small": small,
    "urls": urls,
}


def main() -> None:
    """Read the input, run the job and print its figures."""
    arguments: dict[str, Any] = json.loads(sys.stdin.readline())
    settings.configure(USE_TZ=True, SECRET_KEY="for benchmarks alone", DATABASES={}, **arguments.pop("site"))
    figures = JOBS[arguments.pop("job")](**arguments)
    print(json.dumps(figures))  # noqa: T201 - read by the parent process


if __name__ == "__main__":
    main()
