"""Reads the rest of a large object by several ranged requests at a time, and returns the bytes in order.

One connection gives what its round trips and the server's limit allow; several give a multiple of that.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING

from ..options.fields import MEBIBYTE
from ..sockets.cancellation import Cancellation
from ..transport.request_log import ContextThreads
from .ranges import CHEAP_TO_SKIP, PIECE, Interruptions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from .ranges import Version

BLOCK = 8 * MEBIBYTE  # bytes of one request

Pieces = list[bytes]


class ReadAhead:
    """The bytes of one version from a position to its end.

    At most ``parallel`` requests are under way, and at most ``parallel`` + 1 blocks are in memory. The threads hold no
    reference to the file that reads, so that a dropped file ends them.

    Attributes:
        position: of the next byte.
        end: of the object.
    """

    resumes = True  # each block continues after an interruption, so the caller need not

    def __init__(self, version: Version, position: int, parallel: int) -> None:
        self.position = position
        self.end = version.known_size()
        self._process = os.getpid()
        self._blocks = _Blocks(version, parallel)
        self._next_block = position
        self._futures: deque[Future[Pieces]] = deque()
        self._pieces: deque[bytes] = deque()
        self._offset = 0  # in the first piece
        for _ in range(parallel):
            self._request_block()

    def _request_block(self) -> None:
        first, end = self._next_block, min(self._next_block + BLOCK, self.end)
        if first < end:
            self._futures.append(self._blocks.request(first, end))
            self._next_block = end

    def move_to(self, position: int) -> bool:
        """Whether reading can continue at ``position``, perhaps after skipping some bytes."""
        if self._process != os.getpid() or not self.position <= position < self.end:
            return False
        if position - self.position > CHEAP_TO_SKIP:
            return False
        while self.position < position:
            self.read(position - self.position)
        return True

    def read(self, size: int) -> bytes:
        """Read up to ``size`` bytes; raises as ``Version.fetch`` does, and for an interruption that lasts."""
        if not self._pieces and self._futures:
            self._pieces.extend(self._futures.popleft().result())
            self._request_block()
        if not self._pieces:
            return b""
        piece = self._pieces[0]
        data = piece if not self._offset and len(piece) <= size else piece[self._offset : self._offset + size]
        self._offset += len(data)
        if self._offset == len(piece):
            self._pieces.popleft()
            self._offset = 0
        self.position += len(data)
        return data

    def release(self, *, broken: bool = False) -> None:  # noqa: ARG002 - as of a Body
        """End all requests."""
        self._pieces.clear()
        self._futures.clear()
        if self._process == os.getpid():  # a forked child has no such threads, and their locks may be held for ever
            self._blocks.end()


class _Blocks:
    """Threads that read blocks."""

    def __init__(self, version: Version, parallel: int) -> None:
        self._version = version
        self._threads = ContextThreads(parallel, thread_name_prefix="read-ahead")
        self._cancellation = Cancellation()

    def request(self, first: int, end: int) -> Future[Pieces]:
        """Read a block in a thread."""
        return self._threads.submit(self._read, first, end)

    def end(self) -> None:
        """End all requests and start no more; does not wait for the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._cancellation.cancel()

    def _read(self, first: int, end: int) -> Pieces:
        pieces: Pieces = []
        interruptions = Interruptions()
        with self._cancellation.requests():
            while first < end and not self._cancellation.is_cancelled:
                try:
                    for piece in self._pieces(first, end):
                        pieces.append(piece)
                        first += len(piece)
                        interruptions = Interruptions()
                except Exception as error:  # noqa: BLE001 - raised again unless it is an interruption
                    if not self._cancellation.is_cancelled:
                        interruptions.add(error)
        return pieces

    def _pieces(self, first: int, end: int) -> Iterator[bytes]:
        body = self._version.fetch(first, end - first)
        try:
            while body.position < body.end and not self._cancellation.is_cancelled:
                yield body.read(PIECE)
        finally:
            body.release(broken=body.position < body.end)
