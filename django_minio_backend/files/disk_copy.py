"""A copy on disk of what is written to an object: S3 does not return the parts of an unfinished upload."""

from __future__ import annotations

import errno
import tempfile
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from ..options.fields import MEBIBYTE

if TYPE_CHECKING:
    import io
    from collections.abc import Iterator

    from .content import PartSizes

ALWAYS_KEPT = 64 * MEBIBYTE  # of the sent bytes, for callers that seek although they have not called seekable() before


class DiskCopy:
    """The written blocks in a temporary file, and which of them have been sent, changed or not kept.

    Attributes:
        length: in bytes.
    """

    def __init__(self, sizes: PartSizes, description: str) -> None:
        self._sizes = sizes
        self._description = description
        self._file: io.FileIO | None = None
        self._ends: list[int] = []  # of the sent blocks
        self._changed: set[int] = set()  # numbers of the sent blocks that have changed
        self._missing: set[int] = set()  # numbers of the sent blocks that were not kept
        self._problem: OSError | None = None
        self.length = 0

    @property
    def number(self) -> int:
        """Number of blocks."""
        return sum(1 for _ in self._spans())

    def keep(self, block: bytearray, *, required: bool) -> None:
        """Add a block that is being sent. If the disk is full, go on without a copy: most callers never go back."""
        number, start = len(self._ends), self.length
        self.length += len(block)
        self._ends.append(self.length)
        if self._problem is not None or not (required or start < ALWAYS_KEPT):
            self._missing.add(number)
            return
        try:
            self._write(start, memoryview(block))
        except OSError as error:
            self._problem = error
            self._missing.update(range(number + 1))
            self.close()

    def note_change(self, start: int, end: int) -> None:
        """Mark the blocks that a change of the bytes from ``start`` to ``end`` affects.

        Raises:
            OSError: they were sent, and no copy was kept.
        """
        touched = range(bisect_right(self._ends, start), min(bisect_left(self._ends, end) + 1, len(self._ends)))
        needed = [number for number in touched if not start <= self._start(number) <= self._ends[number] <= end]
        if start < end and not self._missing.isdisjoint(needed):
            reason = self._problem or "they were written before seek(), tell() or seekable() was called"
            raise OSError(
                (self._problem and self._problem.errno) or errno.ESPIPE,
                f"Bytes {start} to {end} of {self._description} cannot be changed: no copy was kept of what was sent "
                f"({reason}). Nothing will be stored. Call seekable() first, and set TMPDIR to a folder with space.",
            ) from self._problem
        self._changed.update(touched)
        self._missing.difference_update(touched)

    def write(self, position: int, view: memoryview) -> None:
        """Change or add bytes; a gap before them reads as zeros."""
        self._write(position, view)
        self.length = max(self.length, position + len(view))

    def truncate(self, size: int) -> None:
        """Change the length; new bytes are zeros."""
        self._opened().truncate(size)
        self.length = size

    def read(self, start: int, size: int) -> bytes:
        """Written bytes."""
        file = self._opened()
        file.seek(start)
        pieces = []
        while size and (piece := file.read(size)):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    def unsent(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of each block that has changed since it was sent, or was never sent."""
        for number, (start, size) in enumerate(self._spans()):
            if number >= len(self._ends) or number in self._changed:
                yield number, self.read(start, size)

    def forget_sent(self) -> bool:
        """Treat all blocks as never sent, because the server has lost them; return whether all of them were kept."""
        self._ends.clear()
        return not self._missing

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
            size = min(self._sizes.size(number), self.length - start)
            yield start, size
            start, number = start + size, number + 1

    def _write(self, position: int, view: memoryview) -> None:
        file = self._opened()
        file.seek(position)
        while view:
            view = view[file.write(view) :]

    def _opened(self) -> io.FileIO:
        if self._file is None:
            # No buffer: a forked child would write its copy of the parent's buffer when it ends.
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the copy
        return self._file
