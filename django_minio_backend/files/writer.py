"""A stream to write to in any order of bytes; on close they become one object, or none."""

from __future__ import annotations

import errno
import io
import os
import warnings
import weakref
from typing import TYPE_CHECKING

from ..s3.errors import FAILURES, lost_parts
from .disk_copy import DiskCopy

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer

    from .content import PartSizes
    from .upload import Upload


class ObjectWriter(io.BufferedIOBase):
    """Sends full blocks as they are written; the object appears on close, as a whole or not at all.

    It can seek and truncate like a file that is open with mode "wb". The last block is in memory, where it can be
    changed at no cost. A copy of the sent blocks is kept on disk: of the first 64 MiB always, of all from the first
    call of ``seek``, ``tell`` or ``seekable`` on. After a change to a sent block everything is written to disk, and
    blocks that differ in the end are sent again on close. If the server loses the parts while it makes the object of
    them, all is sent once more, provided that all was kept.

    A writer that is dropped without close, or closed by ``discard``, stores nothing. After a failed write it stores
    nothing either, and ``close`` raises the error again, because some libraries ignore the errors of a write.

    Args:
        upload: that sends the blocks.
        sizes: of the blocks.
        stored: called with the ETag of the stored object.
    """

    def __init__(self, upload: Upload, sizes: PartSizes, stored: Callable[[str], None] | None = None) -> None:
        self._upload = upload
        self._stored = stored
        self._sizes = sizes
        self._block = bytearray()  # the written part of the last block
        self._number = 0
        self._start = 0  # where it starts in the object
        self._position = 0
        self._copy = DiskCopy(sizes, upload.description)
        self._keeps_all = False  # of the sent blocks, on disk
        self._is_on_disk = False  # the last block as well, and so all that follows
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
        """Keep no more than the first 64 MiB, although ``tell`` was called, because the caller will not seek."""
        self._keeps_all = False

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._copy.length if self._is_on_disk else self._start + len(self._block)

    def tell(self) -> int:
        """Offset of the next byte."""
        self._check_open()
        self._keeps_all = True
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move to an offset. A write after the end fills the gap with zeros."""
        self._check_open()
        self._keeps_all = True
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}
        if whence not in bases:
            raise ValueError(f"invalid whence ({whence}, should be 0, 1 or 2)")
        self._position = _non_negative(bases[whence] + offset)
        return self._position

    def write(self, data: ReadableBuffer, /) -> int:
        """Write bytes, and send full blocks.

        Raises:
            OSError: they would change sent bytes of which no copy was kept.
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
        """Change the size, by default to the position; new bytes are zeros."""
        self._check_open()
        size = _non_negative(self._position if size is None else size)
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
        """Store the object.

        Raises:
            ObjectExistsError: the file was opened with mode "x", and the object exists by now.
            Exception: the error of an earlier write.
        """
        if self.closed:
            return
        if self._failure is not None:
            self.discard()
            raise self._failure
        self._at_exit.detach()
        try:
            etag = self._store()
        finally:
            self._copy.close()
            self._next_block()  # the last one was kept until here
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
        """Whether a write at this position begins in the last block or directly after it."""
        return not self._is_on_disk and 0 <= position - self._start <= self._sizes.size(self._number)

    def _write_to_block(self, view: memoryview) -> None:
        while view:
            offset = self._position - self._start
            self._block += bytes(max(offset - len(self._block), 0))
            room = self._sizes.size(self._number) - offset
            if not room:  # a full block is sent when bytes after it are written: until then it can be changed
                self._send_block()
                continue
            piece = view[:room]
            replacing = piece[: len(self._block) - offset]
            with memoryview(self._block) as block:
                block[offset : offset + len(replacing)] = replacing
            self._block += piece[len(replacing) :]
            self._position += len(piece)
            view = view[len(piece) :]

    def _write_to_disk(self, view: memoryview) -> None:
        self._go_to_disk(self._position, self._position + len(view))
        self._copy.write(self._position, view)
        self._position += len(view)

    def _go_to_disk(self, start: int, end: int) -> None:
        """Prepare for a change from ``start`` to ``end``; from here on nothing is sent before close."""
        self._copy.note_change(start, end)
        if not self._is_on_disk:
            self._copy.write(self._start, memoryview(self._block))
            self._block = bytearray()
            self._is_on_disk = True

    def _send_block(self) -> None:
        block = self._next_block()
        self._copy.keep(block, required=self._keeps_all)
        self._upload.send(block)

    def _next_block(self) -> bytearray:
        """Return the last block and begin another."""
        block, self._block = self._block, bytearray()
        self._number += 1
        self._start += len(block)
        return block

    def _store(self) -> str:
        """Store the object and return its ETag."""
        try:
            return self._finish()
        except FAILURES as error:
            if not (lost_parts(error) and self._copy.forget_sent()):
                raise
        self._upload = self._upload.again()
        return self._finish()

    def _finish(self) -> str:
        with self._upload:
            return self._upload.finish(self._send_rest())

    def _send_rest(self) -> int | None:
        """Send the blocks that are new, changed or lost; return how many make the object, None for all."""
        if self._is_on_disk and self.size < self._sizes.size(0):
            self._upload.abort()
            self._upload.send(self._copy.read(0, self.size))
            return None
        for number, block in self._copy.unsent():
            self._upload.send(block, number)
            del block
        if self._is_on_disk:
            return self._copy.number
        if self._block or not self._number:
            self._upload.send(self._block)
        return None


def _non_negative(offset: int) -> int:
    """Return the offset; if it is negative, raise what a file would raise."""
    if offset < 0:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return offset
