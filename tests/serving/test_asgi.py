"""Mode "stream" under uvicorn: no thread waits for a slow client, and a client that goes away ends the request."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import django
import pytest
import urllib3
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from tests.support.asgi import uvicorn_running
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.proxy import Proxy

MIB = 1024**2
CONTENT = bytes(range(256)) * (4 * 1024)
LARGE = 64 * MIB
WITHIN = 30  # seconds


@pytest.fixture(params=["h11", "httptools"])
def asgi(request: pytest.FixtureRequest, minio_options: dict[str, Any], proxy: Proxy, settings: Any) -> Iterator[str]:
    """URL of the site under uvicorn; it reaches the S3 server through the proxy."""
    settings.ROOT_URLCONF = "tests.serving.site"
    settings.MIDDLEWARE = []
    with (
        storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint})),
        uvicorn_running(request.param) as endpoint,
    ):
        yield f"http://{endpoint}"


@pytest.mark.parametrize("view", ["name", "async"])
def test_sync_and_async_views_stream_without_a_thread_of_their_own(
    asgi: str, http: urllib3.PoolManager, view: str
) -> None:
    default_storage.save("a.txt", ContentFile(CONTENT))
    whole = http.request("GET", f"{asgi}/{view}/a.txt")
    assert (whole.status, whole.data) == (200, CONTENT)
    part = http.request("GET", f"{asgi}/{view}/a.txt", headers={"Range": "bytes=100-199"})
    assert (part.status, part.data) == (206, CONTENT[100:200])
    several = http.request("GET", f"{asgi}/{view}/a.txt", headers={"Range": "bytes=0-9,100-199"})
    assert several.headers["Content-Length"] == str(len(several.data))
    assert http.request("HEAD", f"{asgi}/{view}/a.txt").headers["Content-Length"] == str(len(CONTENT))
    same = {"If-None-Match": whole.headers["ETag"]}
    assert http.request("GET", f"{asgi}/{view}/a.txt", headers=same).status == 304
    assert http.request("GET", f"{asgi}/{view}/b.txt").status == 404


def test_a_file_on_disk_is_streamed(http: urllib3.PoolManager, settings: Any, tmp_path: Any) -> None:
    settings.ROOT_URLCONF = "tests.serving.site"
    settings.MIDDLEWARE = []
    (tmp_path / "a.txt").write_bytes(CONTENT)
    settings.MEDIA_ROOT = str(tmp_path)  # an option would be lost in Django 4.2, which makes overridden storages twice
    with (
        storages_set(default={"BACKEND": "django.core.files.storage.FileSystemStorage"}),
        uvicorn_running() as endpoint,
    ):
        assert http.request("GET", f"http://{endpoint}/name/a.txt").data == CONTENT


def slow_client(asgi: str, name: str) -> socket.socket:
    """A client that reads only what its small buffer takes."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(WITHIN)
    host, _, port = asgi.removeprefix("http://").partition(":")
    client.connect((host, int(port)))
    client.sendall(f"GET /name/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert client.recv(12) == b"HTTP/1.1 200"
    return client


def test_many_slow_clients_do_not_block_others(asgi: str, http: urllib3.PoolManager) -> None:
    default_storage.save("large.bin", ContentFile(bytes(8 * MIB)))
    default_storage.save("a.txt", ContentFile(CONTENT))
    with ExitStack() as clients:
        for _ in range(60):
            clients.enter_context(slow_client(asgi, "large.bin"))
        assert http.request("GET", f"{asgi}/hello/").data == b"Hello."
        assert http.request("GET", f"{asgi}/name/a.txt").data == CONTENT
        reading = [thread for thread in threading.enumerate() if thread.name.startswith("asyncio_")]
        assert len(reading) <= 32  # those of the event loop


@pytest.mark.skipif(django.VERSION < (5, 0), reason="Django 4.2 does not notice that a client goes away")
def test_a_client_that_goes_away_ends_the_request_to_the_server(asgi: str, proxy: Proxy) -> None:
    default_storage.save("large.bin", ContentFile(bytes(LARGE)))
    before, idle = proxy.transferred["down"], proxy.live_connections
    with slow_client(asgi, "large.bin"):
        pass
    deadline = time.monotonic() + WITHIN
    while proxy.live_connections >= max(idle, 1) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert proxy.live_connections < max(idle, 1)
    assert proxy.transferred["down"] - before < LARGE // 2


@pytest.mark.skipif(django.VERSION < (5, 0), reason="Django 4.2 does not notice that a client goes away")
def test_a_client_that_goes_away_ends_a_request_that_waits_for_bytes(asgi: str, proxy: Proxy) -> None:
    default_storage.save("large.bin", ContentFile(bytes(LARGE)))
    with slow_client(asgi, "large.bin") as client:
        proxy.rate = 1024  # a block takes minutes
        client.settimeout(1)
        with suppress(TimeoutError):
            while client.recv(MIB):
                pass
        before = proxy.live_connections
    deadline = time.monotonic() + WITHIN / 2  # MinIO closes idle connections after 30 seconds
    while proxy.live_connections >= before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert proxy.live_connections < before


@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")  # Django's own
def test_a_failing_server_cuts_the_connection_of_the_client(asgi: str, proxy: Proxy) -> None:
    default_storage.save("large.bin", ContentFile(bytes(LARGE)))
    with urllib3.PoolManager(retries=False, timeout=WITHIN) as pool:
        response = pool.request("GET", f"{asgi}/name/large.bin", preload_content=False)
        proxy.stop()
        with pytest.raises(urllib3.exceptions.ProtocolError):
            list(response.stream(MIB))
