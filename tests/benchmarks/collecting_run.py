"""One collectstatic, timed, by whatever library is installed: this file is run by path and imports nothing of ours.

Reads a JSON object from its standard input: ``storage`` (the entry of STORAGES), ``apps`` (put first), ``folder`` (of
static files); or ``raw`` (endpoint, keys, bucket, threads and copies) for plain parallel uploads by the SDK. Prints the
seconds of a run into an empty bucket and of an unchanged one.
"""

from __future__ import annotations

import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command


def configure(storage: dict[str, Any], apps: list[str], folder: str) -> None:
    """Make a site of Django's admin and a folder of files."""
    settings.configure(
        USE_TZ=True,
        SECRET_KEY="for benchmarks alone",
        STATIC_URL="/static/",
        MEDIA_URL="/media/",
        STORAGES={
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": storage,
        },
        INSTALLED_APPS=[
            *apps,
            "django.contrib.admin",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.staticfiles",
        ],
        STATICFILES_DIRS=[folder],
        DATABASES={},
    )
    django.setup()


def seconds(count: int | None = None) -> float:
    """Time a run; ``count`` says how many files it has to copy, if not none."""
    told = io.StringIO()
    begin = time.perf_counter()
    call_command("collectstatic", "--noinput", stdout=told)
    took = time.perf_counter() - begin
    assert f"{count or 0} static files copied" in told.getvalue(), told.getvalue()
    return took


def files() -> list[tuple[str, bytes]]:
    """Names and contents of all static files."""
    from django.contrib.staticfiles.finders import get_finders

    found = [(path, storage.open(path)) for finder in get_finders() for path, storage in finder.list([])]
    return [(path, file.read()) for path, file in found]


def raw(server: dict[str, Any]) -> float:
    """Time uploads by the SDK and nothing else, from memory, by as many threads as ours."""
    import urllib3
    from minio import Minio

    client = Minio(
        server["endpoint"],
        server["access_key"],
        server["secret_key"],
        secure=server["secure"],
        region=server["region"],
        http_client=urllib3.PoolManager(maxsize=server["threads"]),
    )
    jobs = [(f"{copy}/{name}", body) for copy in range(server["copies"]) for name, body in files()]
    assert client.bucket_exists(server["bucket"])
    begin = time.perf_counter()
    with ThreadPoolExecutor(server["threads"]) as pool:
        list(pool.map(lambda job: client.put_object(server["bucket"], job[0], io.BytesIO(job[1]), len(job[1])), jobs))
    return time.perf_counter() - begin


def main() -> None:
    """Do what the input says."""
    given = json.load(sys.stdin)
    configure(given["storage"], given.get("apps", []), given["folder"])
    if "raw" in given:
        print(json.dumps({"cold": raw(given["raw"]), "unchanged": None}))  # noqa: T201 - read by the parent process
        return
    from django.contrib.staticfiles.storage import staticfiles_storage

    staticfiles_storage.exists("nothing")  # what happens once in a process happens now: imports, the first connection
    count = len(files())
    cold = seconds(count)
    print(json.dumps({"cold": cold, "unchanged": min(seconds(), seconds())}))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
