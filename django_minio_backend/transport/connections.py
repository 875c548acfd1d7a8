"""The connections of the default pool, which refuse response headers that were cut short or are too large.

Python's HTTP client takes what came before a connection broke for all of the headers, the last line cut or not: a size
that lost its last digits, say.
"""

from __future__ import annotations

import http.client
from functools import partial
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3 import connection
from urllib3.poolmanager import key_fn_by_scheme

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader

    from urllib3.poolmanager import PoolKey

    _KeyFunction = Callable[[dict[str, Any]], PoolKey]

HEADERS_LIMIT = 1024**2  # bytes, those of all "100 Continue" responses before it included
TRAILER_LINES = 100  # as many header lines as Python allows


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


# The messages of urllib3's errors begin with the names of these classes, so they are the names that its users know.


class HTTPConnection(connection.HTTPConnection):
    """A connection with strict response headers."""

    response_class = _StrictResponse


class HTTPSConnection(connection.HTTPSConnection):
    """The same, encrypted."""

    response_class = _StrictResponse


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


def _cached_key(make: _KeyFunction, keys: dict[object, PoolKey], context: dict[str, Any]) -> PoolKey:
    """Return the key of a server's pool; urllib3 makes it anew of twenty values, 18 of them constant."""
    server = context["host"], context["port"]
    key = keys.get(server)
    if key is None:
        key = keys[server] = make(context)
    return key
