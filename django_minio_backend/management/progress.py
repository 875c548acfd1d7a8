"""Shows the progress of a command on one line of a terminal, which it rewrites."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from django.core.management.base import OutputWrapper

INTERVAL = 0.1  # seconds between two changes of the line


def is_terminal(stream: TextIO | OutputWrapper | None) -> bool:
    """Whether a stream is a terminal; one that was closed before Python started is None."""
    return stream is not None and not getattr(stream, "closed", False) and stream.isatty()


class Progress:
    """Rewrites its line, and removes it when the ``with`` block ends.

    Args:
        stream: where the line is written, if that is a terminal.
        shown: False writes nothing.
    """

    def __init__(self, stream: OutputWrapper, *, shown: bool = True) -> None:
        self._stream = stream
        self._shown = shown and is_terminal(stream)
        self._last = 0.0
        self._width = 0

    def show(self, text: str, *, at_once: bool = False) -> None:
        """Show a text, at most every 0.1 seconds unless ``at_once``."""
        if not self._shown or (not at_once and time.monotonic() - self._last < INTERVAL):
            return
        self._last = time.monotonic()
        self._write(f"\r{text:{self._width}}")
        self._width = max(self._width, len(text))

    def clear(self) -> None:
        """Remove the line, so that another one can be written; the next ``show`` writes it again."""
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
