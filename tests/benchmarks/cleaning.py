"""clean_orphaned_minio_files at a size that real buckets reach: ``make bench``, or this module for itself.

Objects come from a listing server that makes them up, rows from a sqlite database on disk; both are prepared first.
Every thousandth row refers to another object, so that there are orphans and missing objects.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
from django.conf import settings
from django.core.management import call_command

from tests.benchmarks.listing_server import key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db import models

TITLE = "clean_orphaned_minio_files"
OBJECTS = 1_000_000
OBJECTS_HELP = f"objects of the bucket that is cleaned, and rows (default: {OBJECTS:,})"
WORKERS_HELP = "parts of that bucket that are listed at once (default: 1)"
EVERY = 1_000
MEMORY_LIMIT = 300  # MiB
ROWS_AT_ONCE = 50_000
STEP = 1_000_003  # a prime: its multiples pass every row


class _Counted(io.StringIO):
    """Output that is read as it comes and not kept."""

    def __init__(self) -> None:
        super().__init__()
        self.summary: dict[str, Any] = {}

    def write(self, text: str, /) -> int:
        if '"summary"' in text:
            self.summary = json.loads(text)
        return len(text)


def configure(database: str, endpoint: str) -> None:
    """Set Django up with one model, the database and the listing server."""
    options = {
        "MINIO_ENDPOINT": endpoint,
        "MINIO_ACCESS_KEY": "anyone",
        "MINIO_SECRET_KEY": "any secret",
        "MINIO_USE_HTTPS": False,
        "MINIO_DEFAULT_BUCKET": "many-objects",
    }
    settings.configure(
        USE_TZ=True,
        INSTALLED_APPS=["django_minio_backend.apps.DjangoMinioBackendConfig"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        STORAGES={"default": {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": options}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()


def report_model() -> type[models.Model]:
    """Define the model of the rows, once Django is set up."""
    from django.db import models

    class Report(models.Model):
        file = models.FileField(max_length=200)

        class Meta:
            app_label = "django_minio_backend"

        def __str__(self) -> str:
            return str(self.file)

    return Report


def make_rows(count: int) -> None:
    """Fill the table, in an order that is not that of the keys."""
    from django.db import connection, transaction

    model = report_model()
    with connection.schema_editor() as editor:
        editor.create_model(model)

    def name(place: int) -> str:
        number = place * STEP % count
        return f"elsewhere/{number}" if number % EVERY == 0 else key(number)

    insert = f"INSERT INTO {model._meta.db_table} (file) VALUES (%s)"  # noqa: S608 - our own table
    with transaction.atomic(), connection.cursor() as cursor:
        for first in range(0, count, ROWS_AT_ONCE):
            cursor.executemany(insert, [(name(place),) for place in range(first, min(first + ROWS_AT_ONCE, count))])


def measure(count: int, arguments: list[str]) -> dict[str, float]:
    """Run the command, see that it found everything, and tell seconds and peak memory in MiB."""
    report_model()
    told = _Counted()
    begin, cpu = time.perf_counter(), time.process_time()
    call_command(TITLE, "--json", *arguments, stdout=told)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    (place,) = told.summary["places"]
    assert (place["objects"], place["rows"]) == (count, count), place
    assert place["deleted"] == place["missing"] == count // EVERY, place
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024
    return {"seconds": seconds, "cpu": cpu, "peak": peak}


@contextmanager
def listing_server(count: int) -> Iterator[str]:
    """Run the listing server in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.listing_server", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def run(count: int, *, workers: int) -> bool:
    """Prepare, measure in a fresh process, and print; return whether memory stayed within its limit."""
    with tempfile.TemporaryDirectory() as folder, listing_server(count) as endpoint:
        database = Path(folder, "rows.sqlite3")
        here = [sys.executable, "-m", "tests.benchmarks.cleaning", f"--objects={count}", f"--workers={workers}"]
        subprocess.run([*here, "--prepare", database, endpoint], check=True)
        done = subprocess.run([*here, "--measure", database, endpoint], stdout=subprocess.PIPE, check=True)
        took = json.loads(done.stdout)
        print(  # noqa: T201
            f"{TITLE} --workers {workers}, {count:,} objects and {count:,} rows: {took['seconds']:.1f} s "
            f"({took['cpu']:.1f} s of our CPU), {count / took['seconds']:,.0f} objects a second, "
            f"{took['peak']:.0f} MiB at most, limit {MEMORY_LIMIT}",
            flush=True,
        )
    return bool(took["peak"] < MEMORY_LIMIT)


def main() -> int:
    """Do what the arguments say, and tell by the exit code whether memory stayed within its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=OBJECTS, help=OBJECTS_HELP)
    parser.add_argument("--workers", type=int, default=1, help=WORKERS_HELP)
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare:
        configure(*given.prepare)
        make_rows(given.objects)
    elif given.measure:
        configure(*given.measure)
        print(json.dumps(measure(given.objects, ["--check-missing", f"--workers={given.workers}"])))  # noqa: T201
    else:
        return int(not run(given.objects, workers=given.workers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
