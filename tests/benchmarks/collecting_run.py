"""Times collectstatic with the installed library. This file is run by path and imports nothing of this project.

Reads a JSON object from its standard input: ``storage`` (the entry of STORAGES), ``apps`` (put first), ``settings`` (of
the library), ``folder`` (of static files); or ``raw`` (endpoint, keys, bucket, threads and copies) for plain parallel
uploads by the SDK. Prints the seconds of a run into an empty bucket and of a run without changes.
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


def configure(storage: dict[str, Any], apps: list[str], folder: str, more: dict[str, Any]) -> None:
    """Configure a site with Django's admin and a folder of files."""
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
        **more,
    )
    django.setup()


def seconds(count: int | None = None) -> float:
    """Time a run that copies ``count`` files, or none."""
    output = io.StringIO()
    begin = time.perf_counter()
    call_command("collectstatic", "--noinput", stdout=output)
    took = time.perf_counter() - begin
    assert f"{count or 0} static files copied" in output.getvalue(), output.getvalue()
    return took


def files() -> list[tuple[str, bytes]]:
    """Names and contents of all static files."""
    from django.contrib.staticfiles.finders import get_finders

    opened = [(path, storage.open(path)) for finder in get_finders() for path, storage in finder.list([])]
    return [(path, file.read()) for path, file in opened]


def raw(server: dict[str, Any]) -> float:
    """Time uploads of the same files from memory by the SDK, with as many threads."""
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
    """Read the input, run and print the times."""
    job = json.load(sys.stdin)
    configure(job["storage"], job.get("apps", []), job["folder"], job.get("settings", {}))
    if "raw" in job:
        print(json.dumps({"cold": raw(job["raw"]), "unchanged": None}))  # noqa: T201 - read by the parent process
        return
    from django.contrib.staticfiles.storage import staticfiles_storage

    staticfiles_storage.exists("nothing")  # not timed: imports and the first connection
    count = len(files())
    cold = seconds(count)
    print(json.dumps({"cold": cold, "unchanged": min(seconds(), seconds())}))  # noqa: T201 - as above


if __name__ == "__main__":
    main()
