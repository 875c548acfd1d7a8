"""A line on a terminal that tells how far work is, and changes while it goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from django.core.management.base import OutputWrapper

INTERVAL = 0.1  # seconds between two changes of the line


def is_terminal(stream: TextIO | OutputWrapper | None) -> bool:
    """Whether somebody sits there; a stream that was closed before Python started is None."""
    return stream is not None and not getattr(stream, "closed", False) and stream.isatty()


class Progress:
    """Writes over its own line, which is gone when the ``with`` block ends.

    Args:
        stream: where to; nothing is written if it is no terminal.
        shown: whether anything is to be written at all.
    """

    def __init__(self, stream: OutputWrapper, *, shown: bool = True) -> None:
        self._stream = stream
        self._shown = shown and is_terminal(stream)
        self._last = 0.0
        self._width = 0

    def show(self, text: str, *, at_once: bool = False) -> None:
        """Tell how far the work is, unless the line has changed just now."""
        if not self._shown or (not at_once and time.monotonic() - self._last < INTERVAL):
            return
        self._last = time.monotonic()
        self._write(f"\r{text:{self._width}}")
        self._width = max(self._width, len(text))

    def clear(self) -> None:
        """Make room for another line; the progress comes back with the next ``show``."""
        if self._width:
            self._write(f"\r{' ' * self._width}\r")
            self._width = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def _write(self, text: str) -> None:
        self._stream.write(text, style_func=str, ending="")
        self._stream.flush()
