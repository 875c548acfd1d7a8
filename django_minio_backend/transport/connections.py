"""The connections of the default pool: response headers are read strictly, a small request is sent at once.

Python's HTTP client takes what came before a connection broke for all of the headers, the last line cut or not: a size
that lost its last digits, say.
"""

from __future__ import annotations

import http.client
from functools import partial
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3 import connection
from urllib3.poolmanager import PoolKey, key_fn_by_scheme

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader

HEADERS_LIMIT = 1024**2  # bytes, those of all "100 Continue" responses before it included
TRAILER_LINES = 100  # as many header lines as Python allows
SMALL_BODY = 64 * 1024  # bytes; up to here a copy costs less than a second system call


class _LastLine:
    """A file that remembers the last line that was read from it, and limits the bytes of all lines."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._left = HEADERS_LIMIT
        self.line = b""

    def readline(self, limit: int = -1, /) -> bytes:
        self.line = line = self._file.readline(limit)
        self._left -= len(line)
        if self._left < 0:
            raise http.client.HTTPException("The response headers are too large")
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _StrictResponse(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read the headers, and refuse them unless they end with an empty line (RFC 9112, 2.1).

        urllib3 handles the error as a broken connection, and retries the request where it may.
        """
        file = self.fp
        watched: Any = _LastLine(file)
        self.fp = watched
        try:
            super().begin()
        finally:
            if self.fp is watched:
                self.fp = file
        if watched.line not in (b"\r\n", b"\n"):
            raise http.client.RemoteDisconnected("The connection broke within the response headers")

    def _read_and_discard_trailer(self) -> None:
        """Read the lines after the last chunk of a body; Python's own method reads them without a limit."""
        for _ in range(TRAILER_LINES):
            if self.fp.readline(65537) in (b"\r\n", b"\n", b""):
                return
        raise http.client.HTTPException("The trailer of the response is too large")


class _Connection(connection.HTTPConnection):
    """Reads response headers strictly; sends the headers and a small body of a request by one system call.

    They are in one packet if they fit.
    """

    response_class = _StrictResponse
    _collected: list[bytes] | None = None

    def request(self, method: str, url: str, body: Any = None, *args: Any, **options: Any) -> None:
        """Send a request."""
        if not isinstance(body, bytes) or len(body) > SMALL_BODY:
            super().request(method, url, body, *args, **options)
            return
        collected: list[bytes] = []
        self._collected = collected
        try:
            super().request(method, url, body, *args, **options)
        finally:
            self._collected = None
        super().send(b"".join(collected))

    def send(self, data: Any) -> None:
        """Send a part of a request, or collect it."""
        if self._collected is None:
            super().send(data)
        else:
            self._collected.append(data)


# The messages of urllib3's errors begin with the names of these classes, so they are the names that its users know.


class HTTPConnection(_Connection):
    """A connection with strict response headers."""


class HTTPSConnection(_Connection, connection.HTTPSConnection):
    """The same, encrypted."""


class HTTPConnectionPool(urllib3.HTTPConnectionPool):
    """Connections to one server."""

    ConnectionCls = HTTPConnection


class HTTPSConnectionPool(urllib3.HTTPSConnectionPool):
    """The same, encrypted."""

    ConnectionCls = HTTPSConnection


def strict_pool(**options: Any) -> urllib3.PoolManager:
    """Make a pool of such connections; ``options`` are those of ``urllib3.PoolManager``, for all servers alike."""
    manager = urllib3.PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
    manager.key_fn_by_scheme = {scheme: partial(_cached_key, make, {}) for scheme, make in key_fn_by_scheme.items()}
    return manager


def _cached_key(make: Callable[[Any], PoolKey], keys: dict[object, PoolKey], context: dict[str, Any]) -> PoolKey:
    """Return the key of a server's pool; urllib3 makes it anew of twenty values, 18 of them constant."""
    server = context["host"], context["port"]
    if server not in keys:
        keys[server] = make(context)
    return keys[server]
