"""``python -m tests.benchmarks.peers``: compare this package with other libraries; write results and pages."""

from __future__ import annotations

import argparse
import compileall
import os
import platform
import re
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.peers import page
from tests.benchmarks.peers.libraries import LIBRARIES
from tests.benchmarks.peers.measure import JOBS, Sizes, Subject, files, versions
from tests.benchmarks.peers.results import Measured, Results, load
from tests.support.environments import ROOT
from tools.binaries import minio_binary
from tools.servers import best_server, server_from_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.servers import Server

ROUNDS = 5
LONG = 20  # seconds: what takes longer is measured once


def main() -> int:
    """Measure and write, or write what was measured before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"number of runs of everything (default: {ROUNDS})")
    parser.add_argument("--only", nargs="+", choices=LIBRARIES, help="print the table of these; write nothing")
    parser.add_argument("--render", action="store_true", help="measure nothing; write the pages from results.json")
    arguments = parser.parse_args()
    if arguments.render:
        write(load())
        return 0
    # pip compiles what it installs, but nothing of an editable installation: where Python keeps no bytecode
    # (PYTHONDONTWRITEBYTECODE), each start of this package would compile it.
    compileall.compile_dir(ROOT / "django_minio_backend", quiet=1)
    with best_server() as server:
        sizes = Sizes()
        subjects = [
            Subject(library, library.python(), server, sizes)
            for key, library in LIBRARIES.items()
            if key in (arguments.only or LIBRARIES)
        ]
        results = compare(subjects, arguments.rounds)
    if arguments.only:
        print(page.requests(results), page.figures(results), sep="\n")  # noqa: T201 - a benchmark prints
    else:
        results.save()
        write(results)
    return 0


def compare(subjects: Sequence[Subject], rounds: int) -> Results:
    """Measure all libraries, one after the other in each round."""
    server, sizes = subjects[0].server, subjects[0].sizes
    load_average = os.getloadavg()[0]
    measured = {}
    for subject in subjects:
        library = subject.library
        measured[library.key] = Measured(
            versions(subject.python, [library.distribution, "Django", library.sdk]), subject.requests()
        )
    with files(sizes) as folder:
        long: set[tuple[str, str]] = set()
        for number in range(rounds):
            turn = number % len(subjects)  # each library is the first of a round once
            for job in JOBS:
                for subject in [*subjects[turn:], *subjects[:turn]]:
                    key = subject.library.key
                    begin = time.monotonic()
                    figures = {} if (job, key) in long else subject.measure(job, folder)
                    took = time.monotonic() - begin
                    if took > LONG:
                        long.add((job, key))
                    print(f"round {number + 1} {job} {key}: {took:.1f} s", file=sys.stderr, flush=True)  # noqa: T201
                    _keep(measured[key], job, figures)
    date = datetime.now(UTC).date().isoformat()
    return Results(date, _server(server), _machine(), load_average, rounds, asdict(sizes), measured)


def _keep(measured: Measured, job: str, figures: dict[str, float]) -> None:
    """Add the figures of a round; None for each that it has left out."""
    before = [name for name in measured.figures if name.startswith(f"{job}.")]
    for name in before or [f"{job}.{name}" for name in figures]:
        value = figures.get(name.partition(".")[2])
        measured.figures.setdefault(name, []).append(None if value is None else float(f"{value:.4g}"))


def write(results: Results) -> None:
    """Write the pages and the chart."""
    for path, text in page.files(results):
        path.write_text(text, encoding="utf-8")
        print(f"Written: {path.name}")  # noqa: T201


def _server(server: Server) -> str:
    """Kind and version of the server, as far as it is known."""
    binary = None if server_from_environment() else minio_binary()
    if server.kind != "minio" or binary is None:
        return server.kind
    version = re.search(rb"mod\tgithub\.com/minio/minio\t(v[\w.-]+)", binary.read_bytes())  # Go writes it there
    return f"MinIO {version[1].decode()}" if version else "MinIO"


def _machine() -> str:
    """Processor, memory, system and Python."""
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    processor = model[1] if model else platform.machine()
    return (
        f"{os.cpu_count()} cores ({processor}), {memory:.0f} GiB of memory, {platform.system()}, "
        f"Python {platform.python_version()}"
    )


if __name__ == "__main__":
    sys.exit(main())
