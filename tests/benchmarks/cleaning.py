"""clean_orphaned_minio_files with a million objects: ``make bench``, or this module alone.

A listing server generates the objects, or, with ``--stored``, a MinIO stores them. The rows are in a sqlite database on
disk. Both are prepared before the measurement.
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
from minio.commonconfig import SnowballObject

from tests.benchmarks.listing_server import key
from tests.support.buckets import plain_client
from tools.servers import run_minio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db import models

TITLE = "clean_orphaned_minio_files"
OBJECTS = 1_000_000
OBJECTS_HELP = f"objects of the bucket that is cleaned, and rows (default: {OBJECTS:,})"
STORED_HELP = "store those objects in a MinIO first, which takes several minutes for a million"
BUCKET = "many-objects"
OBJECTS_IN_AN_ARCHIVE = 10_000
EVERY = 1_000
MEMORY_LIMIT = 300  # MiB
ROWS_AT_ONCE = 50_000
STEP = 1_000_003  # a prime: its multiples pass every row


class _Counted(io.StringIO):
    """Output of which only the summary is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.summary: dict[str, Any] = {}

    def write(self, text: str, /) -> int:
        if '"summary"' in text:
            self.summary = json.loads(text)
        return len(text)


def configure(database: str, server: str) -> None:
    """Set Django up with one model, the database and the server, whose options come as JSON."""
    options = {"MINIO_USE_HTTPS": False, "MINIO_DEFAULT_BUCKET": BUCKET, **json.loads(server)}
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
    """Fill the table, in another order than that of the keys."""
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
    """Run the command, see that it found everything, and return seconds and peak memory in MiB."""
    report_model()
    output = _Counted()
    begin, cpu = time.perf_counter(), time.process_time()
    call_command(TITLE, "--json", *arguments, stdout=output)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    (bucket,) = output.summary["buckets"]
    assert (bucket["objects"], bucket["rows"]) == (count, count), bucket
    assert bucket["deleted"] == bucket["missing"] == count // EVERY, bucket
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024
    return {"seconds": seconds, "cpu": cpu, "peak": peak}


@contextmanager
def listing_server(count: int) -> Iterator[dict[str, str]]:
    """Run the listing server in a separate process; yield the options of a storage on it."""
    command = [sys.executable, "-m", "tests.benchmarks.listing_server", str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield {
            "MINIO_ENDPOINT": f"127.0.0.1:{process.stdout.readline().strip()}",
            "MINIO_ACCESS_KEY": "anyone",
            "MINIO_SECRET_KEY": "any secret",
        }
        process.terminate()


@contextmanager
def stored_objects(count: int) -> Iterator[dict[str, str]]:
    """Run a MinIO with that many objects of one byte; yield the options of a storage on it.

    MinIO unpacks archives, which is several times as fast as one request for each object.
    Source: https://docs.min.io/community/minio-object-store/developers/python/API.html#upload_snowball_objects
    """
    with run_minio() as server, plain_client(server) as client:
        client.make_bucket(bucket_name=BUCKET)
        for first in range(0, count, OBJECTS_IN_AN_ARCHIVE):
            batch = range(first, min(first + OBJECTS_IN_AN_ARCHIVE, count))
            client.upload_snowball_objects(
                BUCKET,
                [SnowballObject(object_name=key(number), data=io.BytesIO(b"."), length=1) for number in batch],
            )
        yield {
            "MINIO_ENDPOINT": server.endpoint,
            "MINIO_ACCESS_KEY": server.access_key,
            "MINIO_SECRET_KEY": server.secret_key,
        }


def run(count: int, *, stored: bool) -> bool:
    """Prepare, measure in a fresh process, and print; return whether memory stayed within its limit."""
    objects = stored_objects if stored else listing_server
    with tempfile.TemporaryDirectory() as folder, objects(count) as options:
        server = json.dumps(options)
        database = Path(folder, "rows.sqlite3")
        here = [sys.executable, "-m", "tests.benchmarks.cleaning", f"--objects={count}"]
        subprocess.run([*here, "--prepare", database, server], check=True)
        done = subprocess.run([*here, "--measure", database, server], stdout=subprocess.PIPE, check=True)
        took = json.loads(done.stdout)
        kind = "stored" if stored else "listed"
        print(  # noqa: T201
            f"{TITLE}: {count:,} {kind} objects and {count:,} rows: {took['seconds']:.1f} s "
            f"({took['cpu']:.1f} s of our CPU), {count / took['seconds']:,.0f} objects a second, "
            f"{took['peak']:.0f} MiB at most, limit {MEMORY_LIMIT}",
            flush=True,
        )
    return bool(took["peak"] < MEMORY_LIMIT)


def main() -> int:
    """Do what the arguments say, and exit with 1 unless memory stayed within its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=OBJECTS, help=OBJECTS_HELP)
    parser.add_argument("--stored", action="store_true", help=STORED_HELP)
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare:
        configure(*given.prepare)
        make_rows(given.objects)
    elif given.measure:
        configure(*given.measure)
        print(json.dumps(measure(given.objects, ["--check-missing", "--min-age=0"])))  # noqa: T201
    else:
        return int(not run(given.objects, stored=given.stored))
    return 0


if __name__ == "__main__":
    sys.exit(main())
