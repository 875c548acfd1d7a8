"""HTTP connections that refuse an answer whose head broke off or does not end, where Python's take what came or go on.

A connection that ends within the headers would else look like a short answer: a size that lost its last digits, say.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3 import connection

if TYPE_CHECKING:
    from io import BufferedReader


HEAD_LIMIT = 1024**2  # bytes, those of all "100 Continue" before it included
TRAILER_LINES = 100  # as many as Python allows a head to have


class _LastLine:
    """A file that remembers the last line that was read from it, and ends after so many bytes of lines."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._left = HEAD_LIMIT
        self.line = b""

    def readline(self, limit: int = -1, /) -> bytes:
        self.line = self._file.readline(limit)
        self._left -= len(self.line)
        if self._left < 0:
            raise http.client.HTTPException("The head of an answer does not end")
        return self.line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Response(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read the head, and refuse one that does not end with an empty line (RFC 9112, 2.1).

        urllib3 takes the error for what it is, a broken connection, and repeats the request where it may.
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
            raise http.client.RemoteDisconnected("The connection broke off within the head of an answer")

    def _read_and_discard_trailer(self) -> None:
        """Read the lines after the last chunk of a body; Python's own reads them as long as they come."""
        for _ in range(TRAILER_LINES):
            if self.fp.readline(65537) in (b"\r\n", b"\n", b""):
                return
        raise http.client.HTTPException("The trailer of an answer does not end")


# urllib3's errors begin with the names of these classes, so they are those that its users know.


class HTTPConnection(connection.HTTPConnection):
    """A connection of urllib3's that refuses such heads."""

    response_class = _Response


class HTTPSConnection(connection.HTTPSConnection):
    """The same, encrypted."""

    response_class = _Response


class HTTPConnectionPool(urllib3.HTTPConnectionPool):
    """Connections to one server."""

    ConnectionCls = HTTPConnection


class HTTPSConnectionPool(urllib3.HTTPSConnectionPool):
    """The same, encrypted."""

    ConnectionCls = HTTPSConnection


def require_whole_heads(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """Make a manager, fresh and unused, open such connections."""
    manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
    return manager
