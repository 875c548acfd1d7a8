"""HTTP connections that refuse an answer whose head broke off, where Python's take what came for all of it.

A connection that ends within the headers would else look like a short answer: a size that lost its last digits, say.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from io import BufferedReader


class _LastLine:
    """A file that remembers the last line that was read from it."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.line = b""

    def readline(self, limit: int = -1, /) -> bytes:
        self.line = self._file.readline(limit)
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


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def require_whole_heads(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """Make a manager, fresh and unused, open such connections."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager
