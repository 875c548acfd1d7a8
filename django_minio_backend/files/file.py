"""One object as a Django File: lazy ranged reads, all-or-nothing writes, open modes as Python spells them."""

from __future__ import annotations

import codecs
import io
import sys
from typing import IO, TYPE_CHECKING, Any, Self, cast

from django.core.files import File

from .writer import ObjectWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

BUFFER = 128 * 1024  # bytes read at once for callers that ask for little


class _TextWriter(io.TextIOWrapper):
    """Text on top of an ObjectWriter, dropped without a close as that is."""

    def __init__(self, binary: ObjectWriter, encoding: str, newline: str | None) -> None:
        super().__init__(cast("IO[bytes]", binary), encoding=encoding, newline=newline)
        binary.expect_sequence()  # the base class has asked for the position, whatever the caller will do

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
        """Bytes that reading gives from the start to the end, or of what is written so far."""
        if isinstance(self.file, _TextWriter) and not self.closed:
            self.file.flush()
        binary: Any = getattr(self.file, "buffer", self.file)
        sized = binary if hasattr(binary, "size") else binary.raw
        return int(sized.size)

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
    wrapper: type[io.TextIOWrapper] = _TextWriter if isinstance(binary, ObjectWriter) else io.TextIOWrapper
    return wrapper(binary, encoding=encoding or "utf-8", newline=newline)
