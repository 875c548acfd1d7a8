"""One object as a Django File: lazy ranged reads, all-or-nothing writes, open modes as Python spells them."""

from __future__ import annotations

import codecs
import io
import sys
import warnings
import weakref
from typing import IO, TYPE_CHECKING, Any, Self, cast

from django.core.files import File

from .readers import ObjectReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    from _typeshed import ReadableBuffer

    from .uploads import Blocks, Upload

BUFFER = 128 * 1024  # bytes read at once for callers that ask for little


class ObjectWriter(io.BufferedIOBase):
    """Sends what is written as it comes; the object appears on close, all of it or nothing.

    A writer that is dropped without close, or closed by ``discard``, stores nothing.

    Args:
        upload: what sends.
        blocks: how what is written is cut.
        stored: called with the object's ETag once it is there.
    """

    def __init__(self, upload: Upload, blocks: Blocks, stored: Callable[[str], None] | None = None) -> None:
        self._upload = upload
        self._stored = stored
        self._blocks = blocks
        self._buffer = bytearray()
        self._number = 0
        self._written = 0
        self._at_exit = weakref.finalize(self, upload.abort)  # runs before the interpreter takes modules away

    def writable(self) -> bool:
        """Whether this stream can be written: always."""
        return True

    def tell(self) -> int:
        """Bytes written so far."""
        return self._written

    def write(self, data: ReadableBuffer, /) -> int:
        """Take bytes; full blocks are sent."""
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        view = memoryview(data).cast("B")
        taken = 0
        while taken < len(view):
            room = self._blocks.size(self._number) - len(self._buffer)
            piece = view[taken : taken + room]
            self._buffer += piece
            taken += len(piece)
            if len(piece) == room:
                self._send()
        self._written += taken
        return taken

    def close(self) -> None:
        """Make the object appear.

        Raises:
            ObjectExistsError: the file was opened with mode "x" and the key is taken by now.
        """
        if self.closed:
            return
        self._at_exit.detach()
        try:
            with self._upload:
                if self._buffer or not self._number:
                    self._send()
                etag = self._upload.finish()
        finally:
            super().close()
        if self._stored is not None:
            self._stored(etag)

    def discard(self) -> None:
        """Close without storing anything."""
        if not self.closed:
            self._at_exit.detach()
            self._upload.abort()
            super().close()

    def __del__(self) -> None:
        if hasattr(self, "_at_exit") and not self.closed:
            self.discard()
            warnings.warn("A file was dropped without being closed; nothing was stored.", ResourceWarning, stacklevel=2)

    def _send(self) -> None:
        block, self._buffer = self._buffer, bytearray()
        self._number += 1
        try:
            self._upload.send(block)
        except BaseException:
            self.discard()
            raise


class _TextWriter(io.TextIOWrapper):
    """Text on top of an ObjectWriter, dropped without a close as that is."""

    def discard(self) -> None:
        """Close without storing anything."""
        cast("ObjectWriter", self.buffer).discard()

    def __del__(self) -> None:
        """Keep the base class from closing, and so from storing, what was dropped: the writer sees to itself."""


class ObjectFile(File):  # type: ignore[type-arg]  # bytes or text, by its mode
    """What ``storage.open`` returns. A closed one can be opened again; ``with`` commits a write unless it raises."""

    def __init__(self, name: str, mode: str, opener: Callable[[str], IO[Any]]) -> None:
        self._opener = opener
        self.name = name  # first: reports of an error of the opener show this object
        self.mode = mode
        super().__init__(opener(mode), name)

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> Self:  # noqa: ARG002 - Django's signature
        """Go back to the start; a closed file, or one of another mode, is opened anew."""
        if not self.closed and mode in (None, self.mode) and self.readable():
            self.seek(0)
            return self
        self.close()
        self.mode = mode or self.mode
        self.file = self._opener(self.mode)
        return self

    @property
    def size(self) -> int:
        """Bytes of the object as stored, or written so far."""
        raw: Any = getattr(self.file, "buffer", self.file)
        raw = getattr(raw, "raw", raw)
        return raw.size if isinstance(raw, ObjectReader) else int(raw.tell())

    def close(self) -> None:
        """Close; a file that was written is stored now, unless a ``with`` block around it ends by an exception."""
        if _is_left_by_an_exception():
            self._discard()
        super().close()

    def _discard(self) -> None:
        if isinstance(self.file, (ObjectWriter, _TextWriter)):
            self.file.discard()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._discard()
        self.close()

    def peek(self, size: int = 0) -> bytes:
        """Look at the next bytes without moving."""
        return cast("io.BufferedReader", self.file).peek(size)

    def read1(self, size: int = -1) -> bytes:
        """Read what one request gives, up to ``size`` bytes."""
        return cast("io.BufferedReader", self.file).read1(size)


def _is_left_by_an_exception() -> bool:
    """Whether a FieldFile around the file that is being closed is left by an exception.

    ``with instance.field.open("wb")`` enters the FieldFile: Django's File.__exit__ is what is told of an
    exception, and it calls close() without a word of it.
    """
    frame: FrameType | None = sys._getframe(1).f_back  # noqa: SLF001 - the only witness
    for _ in range(3):
        if frame is None:
            return False
        if frame.f_code is File.__exit__.__code__:
            return frame.f_locals.get("exc_type") is not None
        frame = frame.f_back
    return False


def parse_mode(mode: str) -> tuple[str, bool]:
    """Split an open() mode into its kind ("r", "w" or "x") and whether it is text.

    Raises:
        ValueError: for any other mode; objects are read or replaced whole, so "+" and "a" cannot work.
    """
    if set(mode) & set("+a"):
        raise ValueError(
            f"mode {mode!r} is not supported: an object cannot be appended to or changed in place. "
            "Read it with 'r' or 'rb', or write a new one with 'w', 'wb', 'x' or 'xb'."
        )
    kind = set(mode) & set("rwx")
    if len(kind) != 1 or len(mode) != len(set(mode)) or set(mode) - set("rwxbt") or {"b", "t"} <= set(mode):
        raise ValueError(f"invalid mode: {mode!r}")
    return kind.pop(), "b" not in mode


def as_text(binary: Any, *, encoding: str | None, newline: str | None) -> IO[str]:
    """Wrap a binary stream for text; UTF-8 unless another encoding is given, on every system.

    Raises:
        LookupError: there is no such encoding.
    """
    codecs.lookup(encoding or "utf-8")
    wrapper = _TextWriter if binary.writable() else io.TextIOWrapper
    return wrapper(binary, encoding=encoding or "utf-8", newline=newline)
