"""``python -m tests.benchmarks``: measure each scenario in a separate process, and the same by the SDK."""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import cleaning, direct_uploads, djangos_collecting, scenarios, serving, static_files
from tests.benchmarks.slow_network import slow_endpoint
from tools.servers import best_server

MIB = 1024**2

# Each row: title, scenario of this package, scenario of the SDK, limit of the ratio of their times, and which times:
# CPU or wall.
COMPARISONS = (
    ("512 MiB saved from disk", "save_large", "sdk_put_large", 1.25, "cpu"),
    ("512 MiB saved from an unsized stream", "save_unsized", "sdk_put_unsized", 2.0, "cpu"),
    ("128 MiB of zip file saved", "write_zip", "sdk_put_zip", 1.5, "cpu"),
    ("128 MiB written in sequence, zip file", "write_in_sequence", "write_zip", None, "cpu"),
    ("512 MiB read in 64 KiB chunks", "read_large", "sdk_get_large", 1.25, "cpu"),
    ("256 MiB read, slow connections", "read_slow", "sdk_get_slow", 0.333, "wall"),
    ("256 MiB saved, slow connections", "save_slow", "sdk_put_slow", 0.4, "wall"),
    ("32 MiB saved, slow connections", "save_medium_slow", "sdk_put_medium_slow", 0.4, "wall"),
    ("300 saves of 10 KiB, auto", "save_small_auto", "sdk_put_small", 1.6, "cpu"),
    ("300 saves of 10 KiB, conditional writes", "save_small_conditional", "sdk_put_small", 1.05, "cpu"),
    ("3,000 saves of 10 KiB, requests not sent", "save_without_requests", "sdk_put_many_small", 0.08, "cpu"),
    ("300 saves and reads in memory, server", "save_and_read_in_memory", "save_and_read", None, "cpu"),
    ("10,000 presigned URLs", "urls", "sdk_urls", 0.1, "cpu"),
    ("10,000 presigned URLs, unicode names", "unicode_urls", "sdk_unicode_urls", 0.1, "cpu"),
    ("10,000 URLs of a public bucket", "public_urls", "sdk_urls", 0.05, "cpu"),
    ("10,000 presigned URLs of downloads", "download_urls", "sdk_download_urls", None, "cpu"),
    ("10,000 URLs from a warm cache, one by one", "cached_urls", "sdk_urls", None, "cpu"),
    ("10,000 URLs from a warm cache, by 1,000", "cached_urls_together", "sdk_urls", None, "cpu"),
    ("10,000 URLs from a warm Redis, by 1,000", "redis_urls_together", "sdk_urls", None, "cpu"),
    ("200 buckets created", "make_buckets", "sdk_make_buckets", 3.0, "wall"),
    ("200 buckets checked", "check_buckets", "sdk_check_buckets", 3.0, "wall"),
)


@dataclass(frozen=True)
class Figures:
    """Seconds of wall and CPU time that a run of a scenario took, and its peak memory in MiB above the baseline."""

    wall: float
    cpu: float
    memory: float


def measure_here(scenario: str) -> Figures:
    """Run a scenario in this process."""
    work = scenarios.SCENARIOS[scenario]()
    gc.collect()
    baseline = _reset_peak_memory()
    cpu, wall = _cpu_seconds(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
    return Figures(wall, cpu, _status("VmHWM") - baseline)


def measure(scenario: str) -> Figures:
    """Run a scenario in a fresh process."""
    result = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--scenario", scenario], stdout=subprocess.PIPE, check=True
    )
    return Figures(**json.loads(result.stdout))


def best_of(scenario: str, rounds: list[Figures]) -> Figures:
    """Minimum of the times and maximum of the memory of all rounds."""
    assert rounds, scenario
    return Figures(
        min(each.wall for each in rounds), min(each.cpu for each in rounds), max(each.memory for each in rounds)
    )


def main() -> int:
    """Measure and print; the exit code is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scenario", choices=scenarios.SCENARIOS, help="run one scenario in this process and print JSON"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        help="number of runs of each scenario (default: 3); shown are the best times and the median ratio",
    )
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="measure only the scenarios with TEXT in their title"
    )
    parser.add_argument("--objects", type=int, default=cleaning.OBJECTS, help=cleaning.OBJECTS_HELP)
    parser.add_argument("--stored", action="store_true", help=cleaning.STORED_HELP)
    arguments = parser.parse_args()
    if arguments.scenario:
        print(json.dumps(measure_here(arguments.scenario).__dict__))  # noqa: T201 - read by the parent process
        return 0
    with best_server() as server, tempfile.TemporaryDirectory() as folder:
        print(server.describe())  # noqa: T201
        os.environ.update(server.environment())
        os.environ["BENCHMARK_FILE"] = str(_make_large_file(Path(folder)))
        with slow_endpoint(server.endpoint) as endpoint:
            os.environ["BENCHMARK_SLOW_ENDPOINT"] = endpoint
            worst = _compare(arguments.rounds, arguments.only)
        if arguments.only in static_files.TITLE:
            worst |= static_files.compare(server, arguments.rounds)
        if arguments.only in djangos_collecting.TITLE:
            worst |= not djangos_collecting.run(server, arguments.rounds)
        if arguments.only in direct_uploads.TITLE:
            worst |= not direct_uploads.run(server)
        if arguments.only in serving.TITLE:
            worst |= not serving.run(server, arguments.rounds)
    if arguments.only in cleaning.TITLE:
        worst |= not cleaning.run(arguments.objects, stored=arguments.stored)
    return worst


def _compare(rounds: int, only: str) -> int:
    worst = 0
    print(f"{'':42}{'wall s':>8}{'SDK':>8}{'CPU s':>8}{'SDK':>8}{'ratio':>7}{'limit':>7}{'MiB':>7}{'SDK':>7}")  # noqa: T201
    for title, ours, theirs, limit, clock in COMPARISONS:
        if only not in title or ("Redis" in title and shutil.which("redis-server") is None):
            continue
        pairs = [(measure(ours), measure(theirs)) for _ in range(rounds)]
        mine = best_of(ours, [pair[0] for pair in pairs])
        sdk = best_of(theirs, [pair[1] for pair in pairs])
        # The two runs of a round are compared, as the load of the machine changes from minute to minute.
        ratio = statistics.median(getattr(ours, clock) / getattr(theirs, clock) for ours, theirs in pairs)
        worst |= limit is not None and ratio > limit
        print(  # noqa: T201
            f"{title:42}{mine.wall:8.2f}{sdk.wall:8.2f}{mine.cpu:8.2f}{sdk.cpu:8.2f}{ratio:7.2f}"
            f"{limit or '':>7}{mine.memory:7.1f}{sdk.memory:7.1f}",
            flush=True,
        )
    return worst


def _make_large_file(folder: Path) -> Path:
    path = folder / "large"
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(scenarios.LARGE // MIB):
            file.write(number.to_bytes(8, "big") + block[8:])
    storage = scenarios.storage(replace_existing=True)
    with path.open("rb") as file:
        storage.save(scenarios.LARGE_NAME, file)
    return path


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _reset_peak_memory() -> float:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5)
    return _status("VmRSS")


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{field}:"))) / 1024


if __name__ == "__main__":
    sys.exit(main())
