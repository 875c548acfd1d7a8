"""Bytes on their way to a client: read in blocks, from one response of the server, as a sync or async iterator."""

from __future__ import annotations

import asyncio
import threading
import time
import zlib
from contextvars import copy_context
from typing import TYPE_CHECKING, Protocol, Self

from ..sockets.cancellation import Cancellation, RequestCancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.core.files.base import File

    from .ranges import Span

# Bytes of a block: what one client has in memory. On loopback, blocks of 4 MiB are sent 1.2 times as fast as those of
# 1 MiB. Blocks of 8 MiB are no faster than those, and a thread that reads ahead of the client saves nothing.
SMALLEST, LARGEST = 64 * 1024, 4 * 1024**2
PACE = 0.01  # seconds in which the client takes a block: slow clients need little memory, fast ones little CPU time


class Body(Protocol):
    """Bytes that are read once, from the first to the last."""

    def read(self, size: int) -> bytes:
        """Return the next block of at most ``size`` bytes; empty at the end. An error if the bytes end before that."""

    def close(self) -> None:
        """Release what is held; reading is over."""


class IncompleteFileError(OSError):
    """A file has ended before its size, so the response must not look complete."""


class FileBody:
    """The bytes of a span of a Django file."""

    def __init__(self, file: File[bytes], span: Span) -> None:
        file.seek(span.first)
        self._file = file
        self._left = span.size

    def read(self, size: int) -> bytes:
        """Return the next block.

        Raises:
            IncompleteFileError: the file has become shorter.
        """
        block: bytes = self._file.read(min(size, self._left)) if self._left else b""
        if self._left and not block:
            raise IncompleteFileError(f"The file '{self._file.name}' ended {self._left} bytes before its size.")
        self._left -= len(block)
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class GunzipBody:
    """What a gzip-encoded body decodes to, for the rare client that does not accept gzip."""

    def __init__(self, encoded: Body) -> None:
        self._encoded = encoded
        self._decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Return the next block, whatever the bytes decode to.

        Raises:
            IncompleteFileError: the encoded bytes end too early.
            zlib.error: they are not gzip.
        """
        while True:
            if self._decoder.eof and self._rest:  # gzip allows several members, one after the other
                self._decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
            data = self._rest or self._encoded.read(size)
            if not data and self._decoder.eof:
                return b""
            block = self._decoder.decompress(data, size)
            self._rest = self._decoder.unconsumed_tail or self._decoder.unused_data
            if block:
                return block
            if not data:
                raise IncompleteFileError("A gzip-encoded file ended too early.")

    def close(self) -> None:
        """Close the encoded body."""
        self._encoded.close()


class MultipartBody:
    """The parts of a multipart/byteranges response (RFC 9110, 14.6): each part's header, then its bytes.

    Args:
        parts: header of each part, and a function that opens its body. The first is opened at once, the others each
            when the one before it has been read.
        end: the last delimiter.
    """

    def __init__(self, parts: Iterable[tuple[bytes, Callable[[], Body]]], end: bytes) -> None:
        self._parts = iter(parts)
        self._end = end
        self._header, opener = next(self._parts)
        self._body: Body | None = opener()

    def read(self, size: int) -> bytes:
        """Return the next header, or the next block of a part."""
        header, self._header = self._header, b""
        block = header or (self._body.read(size) if self._body else b"")
        if block:
            return block
        self.close()
        for header, opener in self._parts:
            self._body = opener()
            return header
        end, self._end = self._end, b""
        return end

    def close(self) -> None:
        """Close the part that is open."""
        body, self._body = self._body, None
        if body is not None:
            body.close()


class _Blocks:
    """Reads a body; ``close`` may be called by another thread while a block is being read."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._reading = threading.Lock()
        self._closed = False
        self._started = time.monotonic()
        self._sent = 0

    def read(self) -> bytes:
        """Return the next block; empty at the end, and after ``close``."""
        block = b""
        try:
            with self._reading:
                if not self._closed:
                    block = self._body.read(self._size())
            self._sent += len(block)
        finally:
            if self._closed or not block:
                self.close()
        return block

    def _size(self) -> int:
        rate = self._sent / max(time.monotonic() - self._started, PACE)
        return min(max(int(rate * PACE), SMALLEST), LARGEST)

    def close(self) -> None:
        """Close the body, or leave that to the thread that reads a block now: a socket is not closed while in use."""
        self._closed = True
        if self._reading.acquire(blocking=False):
            try:
                self._body.close()
            finally:
                self._reading.release()
        else:
            self._interrupt()

    def _interrupt(self) -> None:
        """Let the thread that reads a block end soon."""


class SyncBlocks(_Blocks):
    """A body as an iterator, for WSGI."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        block = self.read()
        if not block:
            raise StopIteration
        return block


class AsyncBlocks(_Blocks):
    """A body as an asynchronous iterator, for ASGI: a thread is busy while it reads a block, not while it is sent."""

    def __init__(self, body: Body) -> None:
        super().__init__(body)
        self._cancellation = Cancellation()

    def read(self) -> bytes:
        """Return the next block; empty at the end, and after ``close``, which ends the request at once."""
        try:
            with self._cancellation.requests():
                return super().read()
        except RequestCancelledError:
            return b""

    def _interrupt(self) -> None:
        self._cancellation.cancel()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        # sync_to_async() does the same, but takes several times as long.
        block = await asyncio.get_running_loop().run_in_executor(None, copy_context().run, self.read)
        if not block:
            raise StopAsyncIteration
        return block
