"""Django's own collectstatic compared with this package's, and with itself where the storage knows nothing of the run.

Run as a module, it measures one of them: reads a JSON object from its standard input and prints one.
"""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks import collecting_run
from tests.benchmarks.peers.libraries import LIBRARIES, OURS
from tests.support.buckets import plain_client, remove_bucket
from tests.support.static_files import generated, write
from tests.support.wire import counted, requests_made

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand

    from tools.servers import Server

TITLE = "Django's own collectstatic, 427 files"
COMMANDS = {
    "this package's command": "django_minio_backend.management.commands.collectstatic.Command",
    "Django's": "django.contrib.staticfiles.management.commands.collectstatic.Command",
    "Django's, file by file": "tests.support.djangos_command.Unannounced",
}
RUNS = ("cold", "unchanged")
BUCKET = "bench-djangos-collectstatic"


def run(server: Server, rounds: int) -> bool:
    """Measure and print; whether Django's command sends one request for each folder and each changed file at most."""
    passed = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, generated())
        for title, backend in ((TITLE, ""), (f"{TITLE}, hashed", LIBRARIES[OURS].hashed)):
            print(f"\n{title:42}" + "".join(f"{f'{kind} s':>14}{'requests':>10}" for kind in RUNS))  # noqa: T201
            for command in COMMANDS:
                results = [_measure(server, folder, backend, command) for _ in range(rounds)]
                print(f"  {command:40}{_line(results)}", flush=True)  # noqa: T201 - a benchmark prints
                if command == "Django's":
                    passed &= all(_is_within(result, hashed=bool(backend)) for result in results)
    return passed


def _line(results: list[dict[str, Any]]) -> str:
    return "".join(
        f"{statistics.median(result[kind]['seconds'] for result in results):14.3f}"
        f"{sum(results[0][kind]['requests'].values()):10d}"
        for kind in RUNS
    )


def _is_within(result: dict[str, Any], *, hashed: bool) -> bool:
    listings = {"LIST": result["folders"] + hashed}  # the manifest is in the root folder; none has 1,000 objects
    stored = 2 * result["files"] + 1 if hashed else result["files"]
    return bool(
        result["cold"]["requests"] == {**listings, "PUT": stored} and result["unchanged"]["requests"] == listings
    )


def _measure(server: Server, folder: Path, backend: str, command: str) -> dict[str, Any]:
    with plain_client(server) as client:
        client.make_bucket(bucket_name=BUCKET)
        try:
            configuration = LIBRARIES[OURS].configure(server, BUCKET, BUCKET)
            storage = {**configuration.staticfiles, **({"BACKEND": backend} if backend else {})}
            job = {"storage": storage, "apps": configuration.apps, "folder": str(folder), "command": COMMANDS[command]}
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", __name__],
                input=json.dumps(job),
                stdout=subprocess.PIPE,
                encoding="utf-8",
                check=True,
            )
            return dict(json.loads(done.stdout))
        finally:
            remove_bucket(client, BUCKET)


def _run_of(command: type[BaseCommand]) -> dict[str, Any]:
    from django.core.management import call_command

    with requests_made() as requests:
        begin = time.perf_counter()
        call_command(command(stdout=io.StringIO()), "--noinput")
        return {"seconds": time.perf_counter() - begin, "requests": counted(requests)}


def main() -> None:
    """Read the input, run and print the times and the requests."""
    job = json.load(sys.stdin)
    collecting_run.configure(job["storage"], job["apps"], job["folder"], {})
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.utils.module_loading import import_string

    staticfiles_storage.exists("nothing")  # not timed: imports and the first connection
    names = [name for name, _ in collecting_run.files()]
    command = import_string(job["command"])
    result = {kind: _run_of(command) for kind in RUNS}
    folders = len({name.rpartition("/")[0] for name in names})
    print(json.dumps({**result, "files": len(names), "folders": folders}))  # noqa: T201 - read by the parent process


if __name__ == "__main__":
    main()
