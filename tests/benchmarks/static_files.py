"""collectstatic compared with other libraries and with parallel uploads by the SDK, on one server."""

from __future__ import annotations

import secrets
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.peers.libraries import LIBRARIES, OURS, PREDECESSOR
from tests.benchmarks.peers.measure import LOCAL, collecting, collectstatic
from tests.support.buckets import plain_client
from tests.support.static_files import generated, write

if TYPE_CHECKING:
    from tools.servers import Server

COMPARED = (OURS, "django-storages", PREDECESSOR)
THREADS = 32  # as django_minio_backend.staticfiles.collecting.upload_queue
TITLE = "collectstatic, 427 files"

# The limits: at least so many times as fast as the fastest other library, at most so many times as slow as the SDK.
COLD, UNCHANGED, RAW = 3.0, 20.0, 1.5

Times = dict[str, dict[str, float]]


def compare(server: Server, rounds: int) -> int:
    """Measure and print; return 1 if a limit is exceeded."""
    worst = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, generated())
        for title, hashed in ((TITLE, False), (f"{TITLE}, hashed", True)):
            runs = [_round(server, folder, hashed=hashed) for _ in range(rounds)]
            worst |= _report(title, runs)
    return worst


def _round(server: Server, folder: Path, *, hashed: bool) -> Times:
    with plain_client(server) as client:

        def bucket() -> str:
            name = f"bench-{secrets.token_hex(6)}"
            client.make_bucket(bucket_name=name)
            return name

        times = {"raw": _raw(server, folder, bucket(), copies=2 if hashed else 1)}
        for key in COMPARED:
            library = LIBRARIES[key]
            if hashed and not library.hashed:
                continue
            python = Path(sys.executable) if key == OURS else library.python()
            configuration = library.configure(server, bucket(), bucket())
            if hashed:
                configuration.staticfiles["BACKEND"] = library.hashed
            times[key] = collectstatic(python, folder, configuration)
        return times


def _raw(server: Server, folder: Path, bucket: str, *, copies: int) -> dict[str, float]:
    """Time plain parallel uploads by the SDK."""
    raw = {
        "endpoint": server.endpoint,
        "secure": server.secure,
        "region": server.region,
        "bucket": bucket,
        "threads": THREADS,
        "copies": copies,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
    }
    return collecting(Path(sys.executable), folder, storage=LOCAL, raw=raw)


def _report(title: str, runs: list[Times]) -> int:
    print(f"\n{title:42}{'cold s':>10}{'unchanged s':>14}")  # noqa: T201 - a benchmark prints
    best: Times = {}
    for name in runs[0]:
        best[name] = {
            what: min(times[name][what] for times in runs)
            for what in ("cold", "unchanged")
            if runs[0][name][what] is not None
        }
        unchanged = best[name].get("unchanged")
        print(f"  {name:40}{best[name]['cold']:10.2f}{unchanged or 0:14.3f}", flush=True)  # noqa: T201
    # The runs of a round are compared, as the load of the machine changes from minute to minute.
    others = [name for name in best if name not in (OURS, "raw")]
    figures = {
        "cold: fastest other library / ours": (
            statistics.median(min(times[name]["cold"] for name in others) / times["ours"]["cold"] for times in runs),
            COLD,
        ),
        "unchanged: fastest other library / ours": (
            statistics.median(
                min(times[name]["unchanged"] for name in others) / times["ours"]["unchanged"] for times in runs
            ),
            UNCHANGED,
        ),
        "cold: ours / raw parallel uploads": (
            statistics.median(times["ours"]["cold"] / times["raw"]["cold"] for times in runs),
            RAW,
        ),
    }
    worst = 0
    for what, (figure, limit) in figures.items():
        is_most = limit == RAW
        passed = figure > limit if is_most else figure < limit
        worst |= passed
        print(f"  {what:44}{figure:7.2f}  (at {'most' if is_most else 'least'} {limit})", flush=True)  # noqa: T201
    return worst
