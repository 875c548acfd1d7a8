"""An object as a Django File, opened with the modes of Python's open()."""

from __future__ import annotations

import codecs
import io
import sys
from typing import IO, TYPE_CHECKING, Any, Self, cast

from django.core.files import File

from .writer import ObjectWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class _TextWriter(io.TextIOWrapper):
    """Text on top of an ObjectWriter, which stores nothing if it is dropped without close."""

    def __init__(self, binary: ObjectWriter, encoding: str, newline: str | None) -> None:
        super().__init__(cast("IO[bytes]", binary), encoding=encoding, newline=newline)
        binary.expect_sequence()  # the base class has called tell()

    def discard(self) -> None:
        """Close without storing anything."""
        cast("ObjectWriter", self.buffer).discard()

    def __del__(self) -> None:
        """Do not close, because that would store a dropped file."""


class ObjectFile(File):  # type: ignore[type-arg]  # bytes or text, by its mode
    """A file from ``storage.open``. It can be opened again after close; ``with`` stores a write unless it raises."""

    def __init__(self, name: str, mode: str, opener: Callable[[str], IO[Any]]) -> None:
        self._opener = opener
        self.name = name  # first: tracebacks of an error in the opener show this object
        self.mode = mode
        super().__init__(opener(mode), name)

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> Self:  # noqa: ARG002 - Django's signature
        """Go back to the start; open the object again if the file is closed or the mode changes."""
        if not self.closed and mode in (None, self.mode) and self.readable():
            self.seek(0)
            return self
        self.close()
        self.mode = mode or self.mode
        self.file = self._opener(self.mode)
        return self

    @property
    def size(self) -> int:
        """Bytes of the whole file, or written so far."""
        if isinstance(self.file, _TextWriter) and not self.closed:
            self.file.flush()
        binary: Any = getattr(self.file, "buffer", self.file)
        return int((binary if hasattr(binary, "size") else binary.raw).size)

    def close(self) -> None:
        """Close, and store a written file unless an exception ends the ``with`` block around it."""
        if _ends_by_exception():
            self._discard()
        super().close()

    def _discard(self) -> None:
        if isinstance(self.file, (ObjectWriter, _TextWriter)):
            self.file.discard()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._discard()
        self.close()

    def peek(self, size: int = 0) -> bytes:
        """Return the next bytes without moving."""
        return cast("io.BufferedReader", self.file).peek(size)

    def read1(self, size: int = -1) -> bytes:
        """Read up to ``size`` bytes, by at most one request."""
        return cast("io.BufferedReader", self.file).read1(size)


def _ends_by_exception() -> bool:
    """Whether an exception ends the ``with`` block of a FieldFile around the file that is being closed.

    ``with instance.field.open("wb")`` enters the FieldFile. Django's ``__exit__`` receives the exception and calls
    close() without it, so that only the frame has it.
    """
    frame: FrameType | None = sys._getframe(1).f_back  # noqa: SLF001 - see above
    for _ in range(3):
        if frame is None:
            return False
        if frame.f_code is File.__exit__.__code__:
            return frame.f_locals.get("exc_type") is not None
        frame = frame.f_back
    return False


def open_object(
    name: str,
    mode: str,
    reader: Callable[[], IO[bytes]],
    writer: Callable[[str], ObjectWriter],
    *,
    encoding: str | None = None,
    newline: str | None = None,
) -> ObjectFile:
    """Open an object as a Django file.

    Args:
        name: of the file.
        mode: as for Python's open().
        reader: returns a stream to read from.
        writer: returns a stream to write to; called with the kind, "w" or "x".
        encoding: of text, as for Python's open().
        newline: of text, likewise.
    """

    def opener(mode: str) -> IO[Any]:
        kind, is_text = parse_mode(mode)
        binary: Any = reader() if kind == "r" else writer(kind)
        return as_text(binary, encoding=encoding, newline=newline) if is_text else cast("IO[Any]", binary)

    return ObjectFile(name, mode, opener)


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
    """Wrap a binary stream for text, in UTF-8 by default.

    Raises:
        LookupError: the encoding is unknown.
    """
    codecs.lookup(encoding or "utf-8")
    wrapper: type[io.TextIOWrapper] = _TextWriter if isinstance(binary, ObjectWriter) else io.TextIOWrapper
    return wrapper(binary, encoding=encoding or "utf-8", newline=newline)
