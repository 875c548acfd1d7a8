"""What a caller hands to save() becomes blocks of bytes, from its start and by the methods that Django would call."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Protocol

from ..options.fields import MEBIBYTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .upload import Blocks


TEXT_PIECE = 256 * 1024  # characters, of at most 4 bytes each


class TruncatedContentError(OSError):
    """The content ended before the size it gave; nothing is stored."""


class Readable(Protocol):
    """The least that content must have."""

    def read(self, size: int = -1, /) -> bytes | str | None:
        """Return up to ``size`` bytes (or characters); nothing at the end."""
        ...


class Source:
    """Content of a save: where it starts, how long it is, and its bytes.

    Text is encoded as UTF-8. Content that has a chunks() of its own, instead of Django's, is what that gives, as it is
    with Django's storages: it may encrypt, say. Such content, and what cannot seek, is recorded on disk while it is
    read, if ``replayable``, so that it can be sent a second time (under another name, say).

    Attributes:
        length: bytes, or None where that cannot be told before reading. Binary content is measured by
            seeking; a ``size`` attribute counts only where it cannot seek. Neither counts where a file has a chunks()
            of its own.
    """

    def __init__(self, content: Any, *, replayable: bool) -> None:
        by_chunks = _has_chunks_of_its_own(content)
        self._content = content
        self._seekable = rewound(content) and not by_chunks
        self._reader: Readable = _ChunkReader(content.chunks()) if by_chunks else content
        self._has_size = not (by_chunks and hasattr(content, "read"))
        self._is_binary = False  # not before the first piece has shown it
        self._rest = memoryview(b"")
        self._record: IO[bytes] | None = None
        self._replay: IO[bytes] | None = None
        if replayable and not self._seekable:
            self._record = tempfile.SpooledTemporaryFile(max_size=MEBIBYTE)  # noqa: SIM115 - closed with the source
        self.length = self._measure()

    def blocks(self, blocks: Blocks) -> Iterator[bytes]:
        """Yield the content, cut as ``blocks`` says; at least one block, which may be empty.

        Raises:
            TruncatedContentError: at the end, if less came than the content's size.
        """
        total = 0
        number = 0
        while True:
            block = self._read_exactly(blocks.size(number), self._hint(total))
            length = len(block)
            total += length
            if block or number == 0:
                yield block
            del block  # before the next one is read
            if length < blocks.size(number):
                break
            number += 1
        if self.length is not None and total < self.length:
            raise TruncatedContentError(f"The content ended after {total} of {self.length} bytes; nothing was stored.")

    def rewind(self) -> None:
        """Go back to the start, to be read once more."""
        if self._seekable:
            self._rest = memoryview(b"")
            self._content.seek(0)
        elif self._record is not None:
            self._record.seek(0)
            self._replay = self._record

    def close(self) -> None:
        """Remove the recording; the content itself stays open."""
        if self._record is not None:
            self._record.close()

    def _hint(self, total: int) -> int | None:
        """How much is worth asking for at once: a byte more than is expected, to see the end."""
        return None if self.length is None else max(self.length - total, 0) + 1

    def _read_exactly(self, size: int, hint: int | None) -> bytes:
        first = self._read(size if hint is None else min(size, hint))
        if not first or len(first) == size:
            return first
        pieces = [first]
        missing = size - len(first)
        while missing and (piece := self._read(min(missing, MEBIBYTE))):
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces) if len(pieces) > 1 else first

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
        """Read up to ``size`` bytes, or a piece of text, which may become more."""
        piece = self._reader.read(size if self._is_binary else min(size, TEXT_PIECE))
        if piece is None:
            raise BlockingIOError("The content had nothing to read at that moment; give it in blocking mode.")
        self._is_binary = not isinstance(piece, str)
        if isinstance(piece, str):
            self.length = None  # a size would count characters
            return piece.encode()
        return piece

    def _measure(self) -> int | None:
        if isinstance(self._peek_type(), str):
            return None
        self._is_binary = self._seekable
        if not self._has_size:
            return None
        if self._seekable:
            length: int | None = None
            with suppress(OSError, ValueError):  # gzip and the like: they seek, but not to the end
                self._content.seek(0, 2)
                length = self._content.tell()
            self._content.seek(0)
            return length
        size = None
        with suppress(AttributeError, NotImplementedError, OSError, TypeError, ValueError):  # a File that cannot tell
            size = self._content.size
        return size if isinstance(size, int) and size > 0 else None

    def _peek_type(self) -> bytes | str | None:
        """An empty piece of the content, of the type that it gives."""
        return self._reader.read(0) if self._seekable else b""


def _has_chunks_of_its_own(content: Any) -> bool:
    """Whether chunks() is to be called, as it is another than those of Django's files: they give what read() gives."""
    if not hasattr(content, "chunks"):
        return False
    module = getattr(content.chunks, "__module__", None) or ""
    return not (hasattr(content, "read") and module.startswith("django.core.files."))


class _ChunkReader:
    """Reads from an iterator of chunks, for content that has chunks() only."""

    def __init__(self, chunks: Iterator[bytes | str]) -> None:
        self._chunks = iter(chunks)

    def read(self, size: int = -1, /) -> bytes | str:  # noqa: ARG002 - a chunk is as long as it is
        return next((chunk for chunk in self._chunks if chunk), b"")


def rewound(content: Any) -> bool:
    """Seek to the start of the content; False where it cannot seek."""
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
