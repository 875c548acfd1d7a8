"""A direct upload of 1.5 GB through the endpoints of a Django process: what that process receives, sends and keeps.

The sender keeps no bytes either: they are zeros, as in a sparse file.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.servers import Server

TITLE = "1.5 GB uploaded from the browser"
SIZE = 1_500_000_000
WARM_UP = 20 * 1024**2  # with parts, so that everything is imported
MEMORY_LIMIT = 16  # MiB of growth
RECEIVED_LIMIT = 100 * 1024  # bytes of all request bodies
BUCKET = "direct-uploads"


def serve(database: str) -> None:
    """Serve the tests' site until stdin ends; a line "reset" or "figures" begins and ends the measurement."""
    import django
    from django.conf import settings

    from tests import settings as site
    from tests.support.wire import requests_made

    options = {**site.SERVER_OPTIONS, "MINIO_DEFAULT_BUCKET": BUCKET}
    settings.configure(
        USE_TZ=True,
        SECRET_KEY="-",
        ROOT_URLCONF="tests.direct_uploads.site",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django_minio_backend.apps.DjangoMinioBackendConfig", "tests.app"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": database}},
        PRIVATE_BUCKET=BUCKET,
        PUBLIC_BUCKET=BUCKET,
        STORAGES={"default": {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": options}},
    )
    django.setup()
    from django.core.files.storage import default_storage
    from django.core.management import call_command
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", run_syncdb=True, verbosity=0)
    default_storage.check_bucket_existence()  # type: ignore[attr-defined]  # MinioBackend
    application, received, requests = get_wsgi_application(), [0], Counter[str]()

    def counted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        received[0] += int(environ.get("CONTENT_LENGTH") or 0)
        requests[f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"] += 1
        return application(environ, start_response)

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            """Log nothing."""

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(counted)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - the parent reads it
    baseline = 0.0
    with requests_made() as made:
        for line in sys.stdin:
            if line.strip() == "reset":
                gc.collect()
                Path("/proc/self/clear_refs").write_text("5")  # proc(5)
                baseline, received[0] = _status("VmRSS"), 0
                requests.clear()
                made.clear()
            figures = {
                "growth": _status("VmHWM") - baseline,
                "received": received[0],
                "requests": requests,
                "s3": Counter(_operation(request, request.url) for request in made),
            }
            print(json.dumps(figures), flush=True)  # noqa: T201


def _operation(method: str, url: str) -> str:
    """The S3 operation of a request."""
    query = url.partition("?")[2]
    if "uploads=" in query:
        return "CreateMultipartUpload"
    if "partNumber" in query:
        return "UploadPartCopy"
    if "uploadId" in query:
        return "CompleteMultipartUpload" if method == "POST" else "ListParts"
    return {"PUT": "PutObject", "HEAD": "HeadObject", "GET": "GetObject", "DELETE": "DeleteObject"}.get(method, method)


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{field}:"))) / 1024


class Sender:
    """Does a browser's part."""

    def __init__(self, port: int) -> None:
        self._http = urllib3.PoolManager()
        self._url = f"http://127.0.0.1:{port}"
        page = self._http.request("GET", f"{self._url}/form/?max_size={SIZE}")
        self._grant, token = page.json()["grant"], page.json()["csrf"]
        cookie = page.headers["Set-Cookie"].partition(";")[0]
        self._headers = {"Cookie": cookie, "X-CSRFToken": token}

    def upload(self, size: int) -> None:
        """Upload zeros and save the form."""
        begun = self._call("begin", name="film.mp4", type="video/mp4", size=size)
        token, numbers = {"upload": begun["upload"]}, range(1, begun["parts"] + 1)
        for first in numbers[::100]:
            parts = self._call("sign", parts=list(numbers[first - 1 : first + 99]), **token)["parts"]
            for part in parts:
                sent = self._http.request("PUT", part["url"], body=bytes(part["size"]), headers=part["headers"])
                assert sent.status == 200, sent.data
        receipt = self._call("complete", **token)["receipt"]
        fields = {"receipt": receipt}
        saved = self._http.request(
            "POST", f"{self._url}/form/?max_size={SIZE}", fields=fields, headers=self._headers, encode_multipart=False
        )
        assert saved.status == 200, saved.data

    def _call(self, endpoint: str, **values: object) -> dict[str, Any]:
        response = self._http.request(
            "POST", f"{self._url}/uploads/{endpoint}/", json={"grant": self._grant, **values}, headers=self._headers
        )
        assert response.status == 200, response.data
        return dict(response.json())


def run(server: Server, size: int = SIZE) -> bool:
    """Measure and print; return whether every limit is kept."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.direct_uploads", f"{folder}/site.sqlite3"]
        environment = {**os.environ, **server.environment()}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        ) as site:
            assert site.stdin is not None
            assert site.stdout is not None
            sender = Sender(int(site.stdout.readline()))

            def ask(line: str) -> dict[str, Any]:
                print(line, file=site.stdin, flush=True)
                return dict(json.loads(site.stdout.readline()))  # type: ignore[union-attr]

            sender.upload(WARM_UP)
            ask("reset")
            sender.upload(size)
            figures = ask("figures")
            site.stdin.close()
    requests, s3 = figures["requests"], figures["s3"]
    print(f"\n{TITLE}: {size:,} bytes")  # noqa: T201
    print(f"  memory of Django grew by {figures['growth']:.1f} MiB (limit {MEMORY_LIMIT})")  # noqa: T201
    print(f"  received by Django: {figures['received']:,} bytes (limit {RECEIVED_LIMIT:,})")  # noqa: T201
    print(f"  requests to Django: {', '.join(f'{count} {name}' for name, count in requests.items())}")  # noqa: T201
    print(f"  requests to the S3 server: {', '.join(f'{count} {name}' for name, count in s3.items())}")  # noqa: T201
    return bool(figures["growth"] <= MEMORY_LIMIT and figures["received"] <= RECEIVED_LIMIT)


if __name__ == "__main__":
    serve(sys.argv[1])
