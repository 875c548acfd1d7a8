"""What is written becomes one object on close, all of it or nothing, in whatever order its bytes are written."""

from __future__ import annotations

import errno
import io
import os
import tempfile
import warnings
import weakref
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from ..options.fields import MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import ReadableBuffer

    from .upload import Blocks, Upload

ALWAYS_KEPT = 64 * MEBIBYTE  # of what is sent, for callers that seek without having asked for the position before


class ObjectWriter(io.BufferedIOBase):
    """Sends what is written as it comes; the object appears on close, all of it or nothing.

    It can seek and truncate like a file that is open with mode "wb". The last block is in memory and can be changed at
    no cost. What is sent is kept on disk too: the first 64 MiB always, more from the first call of ``seek``, ``tell``
    or ``seekable`` on. Whoever goes back to it continues on disk, and the blocks that differ in the end are sent again
    on close.

    A writer that is dropped without close, or closed by ``discard``, stores nothing. After a failed write it stores
    nothing either, and ``close`` raises the error again: some libraries ignore the errors of a write.

    Args:
        upload: what sends.
        blocks: how what is written is cut.
        stored: called with the object's ETag once it is there.
    """

    def __init__(self, upload: Upload, blocks: Blocks, stored: Callable[[str], None] | None = None) -> None:
        self._upload = upload
        self._stored = stored
        self._blocks = blocks
        self._block = bytearray()  # the last block, as far as it is written
        self._number = 0
        self._start = 0  # where it starts in the object
        self._position = 0
        self._copy = _DiskCopy(blocks, upload.description)
        self._keeps_all = False  # on disk, of what is sent
        self._is_on_disk = False  # the last block, too, and so all that follows
        self._failure: BaseException | None = None
        self._at_exit = weakref.finalize(self, upload.abort)  # runs before the interpreter takes modules away

    def writable(self) -> bool:
        """Whether this stream can be written: always."""
        return True

    def seekable(self) -> bool:
        """Whether this stream can seek: always."""
        self._keeps_all = True
        return True

    def expect_sequence(self) -> None:
        """Expect a caller that writes in sequence, although the position was asked for: keep no more than always."""
        self._keeps_all = False

    @property
    def size(self) -> int:
        """Bytes written so far, wherever the position is."""
        return self._copy.length if self._is_on_disk else self._start + len(self._block)

    def tell(self) -> int:
        """Offset of the next byte."""
        self._check_open()
        self._keeps_all = True
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset, also behind the end: a write there fills the gap with zeros."""
        self._check_open()
        self._keeps_all = True
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}
        if whence not in bases:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        self._position = _checked(bases[whence] + offset)
        return self._position

    def write(self, data: ReadableBuffer, /) -> int:
        """Take bytes; full blocks are sent.

        Raises:
            OSError: they would change what is sent, and that was not kept.
        """
        self._check_open()
        view = memoryview(data).cast("B")
        try:
            if self._is_in_block(self._position):
                self._write_to_block(view)
            elif view:
                self._write_to_disk(view)
        except BaseException as error:
            self._fail(error)
            raise
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        """Make the object so many bytes long (up to the position if not given), filled up with zeros."""
        self._check_open()
        size = _checked(self._position if size is None else size)
        try:
            if self._is_in_block(size):
                length = size - self._start
                del self._block[length:]
                self._block += bytes(length - len(self._block))
            else:
                self._go_to_disk(size, self.size)
                self._copy.truncate(size)
        except BaseException as error:
            self._fail(error)
            raise
        return size

    def close(self) -> None:
        """Make the object appear.

        Raises:
            ObjectExistsError: the file was opened with mode "x" and the key exists by now.
            Exception: the error of an earlier write, again.
        """
        if self.closed:
            return
        if self._failure is not None:
            self.discard()
            raise self._failure
        self._at_exit.detach()
        try:
            with self._upload:
                etag = self._upload.finish(self._send_rest())
        finally:
            self._copy.close()
            super().close()
        if self._stored is not None:
            self._stored(etag)

    def discard(self) -> None:
        """Close without storing anything."""
        if not self.closed:
            self._at_exit.detach()
            self._abort()
            super().close()

    def __del__(self) -> None:
        if hasattr(self, "_at_exit") and not self.closed:
            self.discard()
            warnings.warn("A file was dropped without being closed; nothing was stored.", ResourceWarning, stacklevel=2)

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        if self._failure is not None:
            raise OSError(
                f"An earlier write to {self._upload.description} failed; nothing will be stored."
            ) from self._failure

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._abort()

    def _abort(self) -> None:
        self._upload.abort()
        self._block = bytearray()
        self._copy.close()

    def _is_in_block(self, position: int) -> bool:
        """Whether a write at this position begins in the last block, or where the next one starts."""
        return not self._is_on_disk and 0 <= position - self._start <= self._blocks.size(self._number)

    def _write_to_block(self, view: memoryview) -> None:
        while view:
            offset = self._position - self._start
            self._block += bytes(max(offset - len(self._block), 0))
            room = self._blocks.size(self._number) - offset
            if not room:  # a full block waits for what comes after it: until then it can be changed
                self._send_block()
                continue
            piece = view[:room]
            known = piece[: len(self._block) - offset]
            with memoryview(self._block) as block:
                block[offset : offset + len(known)] = known
            self._block += piece[len(known) :]
            self._position += len(piece)
            view = view[len(piece) :]

    def _write_to_disk(self, view: memoryview) -> None:
        self._go_to_disk(self._position, self._position + len(view))
        self._copy.write(self._position, view)
        self._position += len(view)

    def _go_to_disk(self, start: int, end: int) -> None:
        """Be ready for a change from ``start`` to ``end``; from here on nothing is sent before close."""
        self._copy.note_change(start, end)
        if not self._is_on_disk:
            self._copy.write(self._start, memoryview(self._block))
            self._block = bytearray()
            self._is_on_disk = True

    def _send_block(self) -> None:
        block = self._next_block()
        self._copy.keep(block, wanted=self._keeps_all)
        self._upload.send(block)

    def _next_block(self) -> bytearray:
        """Take the last block out and begin another."""
        block, self._block = self._block, bytearray()
        self._number += 1
        self._start += len(block)
        return block

    def _send_rest(self) -> int | None:
        """Send what the server does not have yet, or has otherwise; return how many blocks make the object."""
        if not self._is_on_disk:
            if self._block or not self._number:
                self._upload.send(self._next_block())
            return self._number
        if self.size < self._blocks.size(0):
            self._upload.abort()
            self._upload.send(self._copy.read(0, self.size))
            return None
        for number, block in self._copy.unsent():
            self._upload.send(block, number)
            del block
        return self._copy.number


class _DiskCopy:
    """A copy of what is written, in a temporary file: the server does not give back the parts of an upload.

    Attributes:
        length: in bytes.
    """

    def __init__(self, blocks: Blocks, description: str) -> None:
        self._blocks = blocks
        self._description = description
        self._file: io.FileIO | None = None
        self._ends: list[int] = []  # of the blocks that were sent
        self._changed: set[int] = set()  # numbers of those that have changed since
        self._missing: set[int] = set()  # numbers of those that were not kept
        self._problem: OSError | None = None
        self.length = 0

    @property
    def number(self) -> int:
        """How many blocks it has."""
        return sum(1 for _ in self._spans())

    def keep(self, block: bytearray, *, wanted: bool) -> None:
        """Add a block that is being sent. Where there is no room for it, go on without: few will go back to it."""
        number, start = len(self._ends), self.length
        self.length += len(block)
        self._ends.append(self.length)
        if self._problem is not None or not (wanted or start < ALWAYS_KEPT):
            self._missing.add(number)
            return
        try:
            self._write(start, memoryview(block))
        except OSError as error:
            self._problem = error
            self._missing.update(range(number + 1))
            self.close()

    def note_change(self, start: int, end: int) -> None:
        """Remember that bytes from ``start`` to ``end`` are about to change.

        Raises:
            OSError: they were sent and not kept.
        """
        touched = range(bisect_right(self._ends, start), min(bisect_left(self._ends, end) + 1, len(self._ends)))
        needed = [number for number in touched if not start <= self._start(number) <= self._ends[number] <= end]
        if start < end and not self._missing.isdisjoint(needed):
            reason = self._problem or "they were written before anybody called seek(), tell() or seekable()"
            raise OSError(
                (self._problem and self._problem.errno) or errno.ESPIPE,
                f"Bytes {start} to {end} of {self._description} cannot be changed: they are sent, and no copy was kept "
                f"({reason}). Nothing will be stored. Call seekable() first, and let TMPDIR name a folder with room.",
            ) from self._problem
        self._changed.update(touched)
        self._missing.difference_update(touched)

    def write(self, position: int, view: memoryview) -> None:
        """Change bytes, or add some; a gap before them reads as zeros."""
        self._write(position, view)
        self.length = max(self.length, position + len(view))

    def truncate(self, size: int) -> None:
        """Cut off what is behind ``size``, or fill up with zeros as far as that."""
        self._opened().truncate(size)
        self.length = size

    def read(self, start: int, size: int) -> bytes:
        """Bytes of a part that is written."""
        file = self._opened()
        file.seek(start)
        pieces = []
        while size and (piece := file.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    def unsent(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of the blocks that have changed since they were sent, and of those that never were."""
        for number, (start, size) in enumerate(self._spans()):
            if number >= len(self._ends) or number in self._changed:
                yield number, self.read(start, size)

    def close(self) -> None:
        """Remove the copy."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _start(self, number: int) -> int:
        return self._ends[number - 1] if number else 0

    def _spans(self) -> Iterator[tuple[int, int]]:
        """Start and size of each block."""
        start = number = 0
        while start < self.length:
            size = min(self._blocks.size(number), self.length - start)
            yield start, size
            start, number = start + size, number + 1

    def _write(self, position: int, view: memoryview) -> None:
        file = self._opened()
        file.seek(position)
        while view:
            view = view[file.write(view) :]

    def _opened(self) -> io.FileIO:
        if self._file is None:
            # Without a buffer: a forked child would write the parent's when it ends.
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the copy
        return self._file


def _checked(offset: int) -> int:
    """An offset as it is.

    Raises:
        OSError: it is negative; this is what a file says to that.
    """
    if offset < 0:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return offset
