"""Reads the content of a save as Django would read it, from its start, in blocks that become the parts of an upload."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from ..options.fields import MEBIBYTE
from ..transport.limits import MAX_PARTS, MIN_PART_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..options.fields import StorageOptions

# Measured through connections of 20 MiB/s and 20 ms: 24 MiB take 0.5 s in parts instead of 1.3 s in one request, 32 MiB
# 0.5 s instead of 1.8 s. Over the loopback interface three or more parts take as long as one request, but two parts
# longer: a multipart upload begins and ends with a request. Some servers (SeaweedFS) are atomic only in one request.
SINGLE_PUT = 16 * MEBIBYTE  # limit of one request's body, which is in memory as a whole
PART = 8 * MEBIBYTE  # five, four of them being sent, are below 64 MiB; of a stream of unknown length, later parts grow
PARTS_BEFORE_GROWTH = 900  # so that 10,000 parts hold 5 TiB, the largest object, whatever the first ones' size
TEXT_PIECE = 256 * 1024  # characters, of at most 4 bytes each


@dataclass(slots=True)  # not frozen, as UploadTarget
class PartSizes:
    """Sizes of the blocks that become the parts of an upload.

    Attributes:
        first: bytes of the first block; a stream that fits into it is stored by one PUT.
        part: bytes of every further block, and of the first 900 of a stream of unknown length.
        grows: whether blocks grow, so that any length fits into 10,000 parts.
    """

    first: int
    part: int
    grows: bool

    def size(self, number: int) -> int:
        """Bytes of block ``number``, counted from 0."""
        if number == 0:
            return self.first
        return self.part * 2 ** (number // PARTS_BEFORE_GROWTH) if self.grows else self.part


def plan_parts(length: int | None, options: StorageOptions) -> PartSizes:
    """Return the part sizes for a stream of ``length`` bytes (None: unknown)."""
    single, part = SINGLE_PUT, PART
    if options.multipart_upload:
        single, part = options.multipart_threshold - 1, options.multipart_part_size
    if length is None:
        return PartSizes(first=part, part=part, grows=True)
    if length <= single:
        return PartSizes(first=max(single, MIN_PART_SIZE), part=part, grows=True)
    part = max(part, -(-length // MAX_PARTS))
    return PartSizes(first=part, part=part, grows=False)


class TruncatedContentError(OSError):
    """The content ended before its stated size; nothing is stored."""


class ContentReader:
    """Reads the content of a save from its start.

    Text is encoded as UTF-8. If content has its own chunks() instead of Django's, that is read, as by Django's
    storages: it may encrypt, for example. Such content, and content that cannot seek, is recorded on disk while it is
    read, if ``replayable``, so that it can be sent again, under another name for example.

    Attributes:
        length: bytes, or None if unknown before reading. Binary content is measured by seeking; its ``size`` attribute
            counts only if it cannot seek. Neither counts if a file has its own chunks().
    """

    def __init__(self, content: Any, *, replayable: bool) -> None:
        by_chunks = _has_own_chunks(content)
        self._content = content
        self._seekable = rewind(content) and not by_chunks
        self._read_content: Callable[[int], bytes | str | None]
        if by_chunks:
            chunks = filter(None, content.chunks())
            self._read_content = lambda _size: next(chunks, b"")  # chunks have their own sizes
        else:
            self._read_content = content.read
        self._has_size = not (by_chunks and hasattr(content, "read"))
        self._is_binary = False  # unknown before the first piece
        self._rest = memoryview(b"")
        self._record: IO[bytes] | None = None
        self._replay: IO[bytes] | None = None
        if replayable and not self._seekable:
            self._record = tempfile.SpooledTemporaryFile(max_size=MEBIBYTE)  # noqa: SIM115 - closed with the reader
        self.length = self._measure()

    def blocks(self, sizes: PartSizes) -> Iterator[bytes | bytearray]:
        """Yield the content in blocks of these sizes: at least one block, which may be empty.

        Raises:
            TruncatedContentError: at the end, if the content is shorter than its size.
        """
        total = 0
        number = 0
        while True:
            block = self._read_exactly(sizes.size(number), total)
            length = len(block)
            total += length
            if block or number == 0:
                yield block
            del block  # before the next one is read
            if length < sizes.size(number):
                break
            number += 1
        if self.length is not None and total < self.length:
            raise TruncatedContentError(f"The content ended after {total} of {self.length} bytes; nothing was stored.")

    def rewind(self) -> bool:
        """Go back to the start; return whether that is possible."""
        if self._seekable:
            self._rest = memoryview(b"")
            self._content.seek(0)
        elif self._record is not None:
            self._record.seek(0)
            self._replay = self._record
        return self._seekable or self._record is not None

    def close(self) -> None:
        """Remove the recording; the content itself stays open."""
        if self._record is not None:
            self._record.close()

    def _read_exactly(self, size: int, position: int) -> bytes | bytearray:
        # One byte more than the rest of the content: the end is seen without another call, and no large buffer is made.
        expected = size if self.length is None else min(size, max(self.length - position, 0) + 1)
        first = self._read(expected)
        if not first or len(first) == size:
            return first
        piece = self._read(min(size - len(first), MEBIBYTE))
        if not piece:
            return first
        # Filled in place: pieces to be joined would be in memory twice. A larger block grows while it is filled.
        block = bytearray(min(expected, SINGLE_PUT))
        block[: len(first)] = first
        length = len(first)
        while piece:
            block[length : length + len(piece)] = piece
            length += len(piece)
            piece = self._read(min(size - length, MEBIBYTE)) if length < size else b""
        del block[length:]
        return block

    def _read(self, size: int) -> bytes:
        if self._replay is not None:
            recorded = self._replay.read(size)
            if recorded:
                return recorded
            self._replay = None
        piece = self._rest or self._next_piece(size)
        if isinstance(piece, bytes) and len(piece) <= size:
            data = piece
        else:
            view = memoryview(piece)
            data, self._rest = bytes(view[:size]), view[size:]
        if self._record is not None:
            self._record.write(data)
        return data

    def _next_piece(self, size: int) -> bytes:
        """Read up to ``size`` bytes, or a piece of text, which may have more bytes."""
        piece = self._read_content(size if self._is_binary else min(size, TEXT_PIECE))
        if piece is None:
            raise BlockingIOError("The content is in non-blocking mode and has no data yet. Pass it in blocking mode.")
        self._is_binary = not isinstance(piece, str)
        if isinstance(piece, str):
            self.length = None  # a text's size would count characters
            return piece.encode()
        return piece

    def _measure(self) -> int | None:
        if self._seekable and isinstance(self._read_content(0), str):
            return None
        self._is_binary = self._seekable
        if not self._has_size:
            return None
        if self._seekable:
            seek = self._content.seek
            try:
                seek(0, 2)
                length: int | None = self._content.tell()
            except (OSError, ValueError):  # gzip files, for example, seek, but not to the end
                length = None
            seek(0)
            return length
        size = None
        with suppress(AttributeError, NotImplementedError, OSError, TypeError, ValueError):  # a File of unknown size
            size = self._content.size
        return size if isinstance(size, int) and size > 0 else None


def _has_own_chunks(content: Any) -> bool:
    """Whether content has a chunks() that is not Django's: those of Django's files return the same as read()."""
    if not hasattr(content, "chunks"):
        return False
    module = getattr(content.chunks, "__module__", None) or ""
    return not (hasattr(content, "read") and module.startswith("django.core.files."))


def rewind(content: Any) -> bool:
    """Seek to the start of the content; return False if it cannot seek."""
    seekable = getattr(content, "seekable", None)
    if not hasattr(content, "seek") or (callable(seekable) and not seekable()):
        return False
    try:
        content.seek(0)
    except (OSError, ValueError, AttributeError):
        if getattr(content, "closed", False):
            raise
        return False
    return True
