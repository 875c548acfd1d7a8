"""Range and If-Range: which bytes of a file a client wants (RFC 9110, 13.1.5 and 14). Pure functions."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, NamedTuple

from django.utils.http import parse_http_date_safe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MAX_RANGES = 16  # a client that asks for more gets the whole file; each range is a request to the server
SETTLED = 60  # seconds after which no second change can have the same Last-Modified (RFC 9110, 8.8.2.2)
_FAR = 10**18  # more than any file has
_RANGE = re.compile(r"([0-9]*)-([0-9]*)", re.ASCII)


class ByteRange(NamedTuple):
    """A range as requested: from ``first`` to ``last``, or the ``last`` bytes of the file if ``first`` is None."""

    first: int | None
    last: int | None

    def __str__(self) -> str:
        first, last = ("" if value is None else str(value) for value in self)
        return f"bytes={first}-{last}"


class Span(NamedTuple):
    """Bytes of a file of known size: from ``first`` to ``end`` (not included)."""

    first: int
    end: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.end - self.first

    def of(self, size: int) -> str:
        """The Content-Range header."""
        return f"bytes {self.first}-{self.end - 1}/{size}"


def parse_ranges(header: str | None) -> list[ByteRange]:
    """Return the ranges of a Range header; none if it is to be ignored: missing, invalid, or in another unit."""
    unit, separator, text = (header or "").partition("=")
    if not separator or unit.strip().lower() != "bytes":
        return []
    ranges = [_parse_range(part.strip(" \t")) for part in text.split(",") if part.strip(" \t")]
    return [each for each in ranges if each] if all(ranges) else []


def _parse_range(text: str) -> ByteRange | None:
    match = _RANGE.fullmatch(text)
    if match is None or text == "-":
        return None
    first, last = map(_number, match.groups())
    if first is not None and last is not None and last < first:
        return None
    return ByteRange(first, last)


def _number(digits: str) -> int | None:
    """A number, or a huge one for digits that int() would refuse."""
    digits = digits.lstrip("0") or digits[:1]
    return (int(digits) if len(digits) < len(str(_FAR)) else _FAR) if digits else None


def resolve(ranges: Sequence[ByteRange], size: int) -> list[Span] | None:
    """Return the spans that the ranges have in a file of this size, in the order of the request.

    Returns:
        None: the whole file is to be sent. That is so without ranges, for an empty file, and where the ranges together
            have more bytes than the file or are more than ``MAX_RANGES`` (RFC 9110, 14.2 and 17.15).
        []: no range is satisfiable, so the response is 416.
    """
    if not ranges or not size or len(ranges) > MAX_RANGES:
        return None
    spans = [span for span in (_resolve(each, size) for each in ranges) if span.size > 0]
    return None if sum(span.size for span in spans) > size else spans


def _resolve(wanted: ByteRange, size: int) -> Span:
    if wanted.first is None:
        return Span(max(0, size - (wanted.last or 0)), size)
    return Span(wanted.first, size if wanted.last is None else min(wanted.last + 1, size))


def range_applies(if_range: str | None, etag: str, modified: datetime | None) -> bool:
    """Whether a range is of the version that the client has: there is no If-Range, or it names this version.

    A time counts only if the file has not changed for a while: within a second it may have changed twice.
    """
    if if_range is None:
        return True
    if_range = if_range.strip()
    if if_range.endswith('"'):  # strong comparison (RFC 9110, 8.8.3.2)
        return if_range == etag and not etag.startswith("W/")
    if modified is None:
        return False
    second = int(modified.timestamp())
    return parse_http_date_safe(if_range) == second and second + SETTLED <= time.time()
