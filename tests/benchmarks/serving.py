"""Mode "stream" under uvicorn: 1 GiB compared with the raw SDK, and 200 slow clients beside a normal request.

On this machine a third process takes part and every byte crosses two connections, on the processors that server and
client use as well. So the limit holds for ``uvicorn[standard]``, as in production: httptools and uvloop. Over a network
of 1 Gbit/s it holds for uvicorn without them, too.
"""

from __future__ import annotations

import asyncio
import os
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
THROUGHPUT_LIMIT = 0.8  # of the raw SDK's
SLOW_CLIENTS = 200
SLOW_RATE = 10 * 1024  # bytes per second
SLOW_SECONDS = 20
LATENCY_LIMIT = 0.1  # seconds of a normal request
NETWORK = 125_000_000  # bytes per second


def serve(port: int, endpoint: str, http: Any) -> None:
    """Serve the tests' site by uvicorn with one of its implementations of HTTP, and the event loop that suits it."""
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
    loop: Any = {"h11": "asyncio", "httptools": "uvloop"}[http]
    uvicorn.run(ASGIHandler(), port=port, lifespan="off", log_level="warning", access_log=False, http=http, loop=loop)


@contextmanager
def site(endpoint: str, folder: Path, http: str) -> Iterator[tuple[str, int]]:
    """Run the site in a process of its own; its URL and its process id."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.serving", str(port), endpoint, http]
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


def _compare(
    server: Server, endpoint: str, folder: Path, implementation: str, rounds: int
) -> tuple[float, float, float, float]:
    """Best times of both, CPU seconds of Django for each, and how much its memory has grown."""
    client = Minio(endpoint, server.access_key, server.secret_key, secure=server.secure, region=server.region)
    http = urllib3.PoolManager()
    with site(endpoint, folder, implementation) as (url, process):
        Path(f"/proc/{process}/clear_refs").write_text("5")  # proc(5)
        baseline, cpu = _status(process, "VmRSS"), _cpu_seconds(process)
        times = [(_drain(http, f"{url}/name/{NAME}"), _raw(client)) for _ in range(rounds)]
        growth, cpu = _status(process, "VmHWM") - baseline, _cpu_seconds(process) - cpu
    ours, theirs = (min(column) for column in zip(*times, strict=True))
    return ours, theirs, cpu / rounds, growth


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


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5)


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
        for where, endpoint, http, limit in (
            ("on this machine", server.endpoint, "httptools", THROUGHPUT_LIMIT),
            ("on this machine", server.endpoint, "h11", 0.0),
            ("1 Gbit/s", network, "h11", THROUGHPUT_LIMIT),
        ):
            ours, theirs, cpu, growth = _compare(server, endpoint, folder, http, rounds)
            ratio = theirs / ours
            print(  # noqa: T201
                f"  {where}, {http}: {ours:.2f} s, the SDK alone {theirs:.2f} s: {ratio:.2f} of its throughput"
                f"{f' (limit {limit})' if limit else ''}; {cpu:.2f} s of CPU; memory grew by {growth:.1f} MiB "
                f"(limit {MEMORY_LIMIT})"
            )
            kept = kept and ratio >= limit and growth < MEMORY_LIMIT
        url, process = stack.enter_context(site(server.endpoint, folder, "h11"))
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
    serve(int(sys.argv[1]), *sys.argv[2:])
