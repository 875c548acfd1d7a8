"""The package's own S3 server in memory as a server under test: it runs in the process of the tests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django_minio_backend.memory_s3.server import MemoryServer
    from tools.servers import Server

ENDPOINT = "memory.test:9000"

_running: dict[str, MemoryServer] = {}


@contextmanager
def serve(server: Server) -> Iterator[Server]:
    """Take the requests of all storages to the server in memory for the length of the block."""
    from django_minio_backend.memory_s3.server import MemoryServer
    from django_minio_backend.testing.installation import Installation

    secrets = {server.access_key: (server.secret_key, "")}
    memory = MemoryServer(secrets.get)
    installation = Installation(memory)
    installation.begin()
    _running[server.endpoint] = memory
    try:
        yield server
    finally:
        del _running[server.endpoint]
        installation.end()


def pool_for(server: Server, **options: Any) -> urllib3.PoolManager:
    """A pool of urllib3 whose requests go to a server under test, past the package."""
    return _MemoryPool(_running[server.endpoint]) if server.kind == "memory" else urllib3.PoolManager(**options)


class _MemoryPool(urllib3.PoolManager):
    def __init__(self, server: MemoryServer) -> None:
        super().__init__()
        self._server = server

    def urlopen(self, method: str, url: str, redirect: bool = True, **request: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002 - urllib3's signature
        from django_minio_backend.testing.exchange import respond

        return respond(self._server, method, url, request)
