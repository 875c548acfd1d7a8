"""A line on a terminal that counts on while work goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from django.core.management.base import OutputWrapper

INTERVAL = 0.1  # seconds between two changes of the line


class Progress:
    """Writes ``<done> 12 of 430`` over itself; the line is gone when the ``with`` block ends.

    Args:
        stream: a terminal.
        done: what is counted.
        shown: whether anything is written at all.
    """

    def __init__(self, stream: OutputWrapper, done: str, *, shown: bool) -> None:
        self._stream = stream
        self._done = done
        self._shown = shown
        self._last = 0.0
        self._width = 0

    def show(self, count: int, total: int) -> None:
        """Tell how far the work is."""
        if not self._shown or (count < total and time.monotonic() - self._last < INTERVAL):
            return
        self._last = time.monotonic()
        self._write(f"{self._done} {count} of {total}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Make room for another line; the progress comes back with the next ``show``."""
        if self._width:
            self._write("")
            self._stream.write("\r", ending="")
            self._stream.flush()
            self._width = 0

    def _write(self, text: str) -> None:
        self._stream.write(f"\r{text:{self._width}}", ending="")
        self._stream.flush()
        self._width = max(self._width, len(text))
