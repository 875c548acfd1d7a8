"""Mode "stream" under uvicorn: 1 GiB compared with the raw SDK, and 200 slow clients beside a normal request."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3
from minio import Minio

from tools.processes import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.servers import Server

TITLE = "1 GiB streamed through Django under uvicorn"
SIZE = 1024**3
BLOCK = 256 * 1024  # that the clients read at once
BUCKET, NAME = "serving", "large.bin"
MEMORY_LIMIT = 32  # MiB of growth
THROUGHPUT_LIMIT = 0.8  # of the raw SDK's, over a network of 1 Gbit/s
SLOW_CLIENTS = 200
SLOW_RATE = 10 * 1024  # bytes per second
SLOW_SECONDS = 20
LATENCY_LIMIT = 0.1  # seconds of a normal request
NETWORK = 125_000_000  # bytes per second


def serve(port: int, endpoint: str) -> None:
    """Serve the tests' site by uvicorn."""
    import django
    import uvicorn
    from django.conf import settings
    from django.core.handlers.asgi import ASGIHandler

    from tests import settings as site

    options = {**site.SERVER_OPTIONS, "MINIO_ENDPOINT": endpoint, "MINIO_DEFAULT_BUCKET": BUCKET}
    settings.configure(
        USE_TZ=True,
        SECRET_KEY="-",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.serving.site",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django_minio_backend.apps.DjangoMinioBackendConfig",
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "tests.app",
        ],
        PRIVATE_BUCKET=BUCKET,
        PUBLIC_BUCKET=BUCKET,
        STORAGES={"default": {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": options}},
    )
    django.setup()
    uvicorn.run(ASGIHandler(), port=port, lifespan="off", log_level="warning", access_log=False)


@contextmanager
def site(endpoint: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Run the site in a process of its own; its URL and its process id."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.serving", str(port), endpoint]
    with running(command, endpoint=f"127.0.0.1:{port}", log=folder / "uvicorn.log") as process:
        url = f"http://127.0.0.1:{port}"
        _drain(urllib3.PoolManager(), f"{url}/name/{NAME}", Range=f"bytes=0-{8 * BLOCK}")  # so that all is imported
        yield url, process.pid


def _drain(http: urllib3.PoolManager, url: str, **headers: str) -> float:
    """Seconds that a download takes."""
    start = time.perf_counter()
    response = http.request("GET", url, headers=headers, preload_content=False)
    assert response.status in (200, 206), response.status
    received = sum(map(len, iter(lambda: response.read(BLOCK), b"")))
    assert received == int(response.headers["Content-Length"])
    response.release_conn()
    return time.perf_counter() - start


def _raw(client: Minio) -> float:
    """Seconds that the SDK takes for the same."""
    start = time.perf_counter()
    response = client.get_object(BUCKET, NAME)
    assert sum(map(len, iter(lambda: response.read(BLOCK), b""))) == SIZE
    response.release_conn()
    return time.perf_counter() - start


def _compare(server: Server, endpoint: str, folder: Path, rounds: int) -> tuple[float, float, float]:
    """Best times of both, and how much the memory of Django has grown."""
    client = Minio(endpoint, server.access_key, server.secret_key, secure=server.secure, region=server.region)
    http = urllib3.PoolManager()
    with site(endpoint, folder) as (url, process):
        Path(f"/proc/{process}/clear_refs").write_text("5")  # proc(5)
        baseline = _status(process, "VmRSS")
        times = [(_drain(http, f"{url}/name/{NAME}"), _raw(client)) for _ in range(rounds)]
        growth = _status(process, "VmHWM") - baseline
    ours, theirs = (min(column) for column in zip(*times, strict=True))
    return ours, theirs, growth


async def _slow_client(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=SLOW_RATE)
    writer.write(f"GET /name/{NAME} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    for _ in range(SLOW_SECONDS):
        assert await reader.readexactly(SLOW_RATE)
        await asyncio.sleep(1)
    writer.close()


async def _latencies(url: str) -> list[float]:
    """Seconds of normal requests while the slow clients download."""
    port = int(url.rpartition(":")[2])
    http = urllib3.PoolManager()
    clients = asyncio.gather(*(_slow_client(port) for _ in range(SLOW_CLIENTS)))
    await asyncio.sleep(SLOW_SECONDS / 2)  # all are connected
    seconds = []
    while not clients.done():
        start = time.perf_counter()
        response = await asyncio.to_thread(http.request, "GET", f"{url}/hello/")
        assert response.data == b"Hello."
        seconds.append(time.perf_counter() - start)
        await asyncio.sleep(0.1)
    await clients
    return seconds


def _status(process: int, field: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{field}:"))) / 1024


@contextmanager
def _network(server: Server, folder: Path) -> Iterator[str]:
    """The S3 server behind nginx, which sends as fast as a network of 1 Gbit/s."""
    from tests.support.nginx import nginx

    buffers = "proxy_buffers 8 256k; proxy_buffer_size 256k; proxy_busy_buffers_size 512k; proxy_max_temp_file_size 0;"
    limits = f"limit_rate {NETWORK}; {buffers} proxy_set_header Host $http_host;"
    with nginx(folder, f"location / {{ proxy_pass http://{server.endpoint}; {limits} }}") as endpoint:
        yield endpoint


class _Zeros:
    """A stream of zeros."""

    def __init__(self) -> None:
        self._left = SIZE

    def read(self, size: int = -1) -> bytes:
        data = bytes(min(size, self._left))
        self._left -= len(data)
        return data


def run(server: Server, rounds: int) -> bool:
    """Measure and print; return whether every limit is kept."""
    client: Any = Minio(server.endpoint, server.access_key, server.secret_key, secure=server.secure)
    if not client.bucket_exists(bucket_name=BUCKET):
        client.make_bucket(bucket_name=BUCKET)
    client.put_object(BUCKET, NAME, _Zeros(), SIZE)
    print(f"\n{TITLE}")  # noqa: T201
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        network = stack.enter_context(_network(server, folder))
        kept = True
        for where, endpoint, limit in (
            ("on this machine", server.endpoint, 0.0),
            ("1 Gbit/s", network, THROUGHPUT_LIMIT),
        ):
            ours, theirs, growth = _compare(server, endpoint, folder, rounds)
            ratio = theirs / ours
            print(  # noqa: T201
                f"  {where}: {ours:.2f} s, the SDK alone {theirs:.2f} s: {ratio:.2f} of its throughput"
                f"{f' (limit {limit})' if limit else ''}; memory grew by {growth:.1f} MiB (limit {MEMORY_LIMIT})"
            )
            kept = kept and ratio >= limit and growth < MEMORY_LIMIT
        url, process = stack.enter_context(site(server.endpoint, folder))
        before = _status(process, "VmRSS")
        seconds = asyncio.run(_latencies(url))
        print(  # noqa: T201
            f"  beside {SLOW_CLIENTS} clients of {SLOW_RATE // 1024} KiB/s a request takes "
            f"{statistics.median(seconds) * 1000:.0f} ms, at most {max(seconds) * 1000:.0f} ms "
            f"(limit {LATENCY_LIMIT * 1000:.0f}); {_status(process, 'Threads') * 1024:.0f} threads; memory grew by "
            f"{_status(process, 'VmHWM') - before:.1f} MiB"
        )
    return kept and statistics.median(seconds) < LATENCY_LIMIT


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
