"""The head of an answer about an object: its ETag, its times, and whether all of it has come."""

from __future__ import annotations

import re
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

from urllib3.exceptions import ProtocolError

if TYPE_CHECKING:
    import datetime as dt

    from urllib3 import BaseHTTPResponse

_ETAG = re.compile(r'(?:W/)?"([^"]*)"')
_LENGTH = re.compile(r"[0-9]{1,19}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})")


def etag_of(response: BaseHTTPResponse) -> str:
    """The ETag without its quotes; empty where there is none, or not all of it."""
    quoted = _ETAG.fullmatch(response.headers.get("etag", ""))
    return quoted[1] if quoted else ""


def http_date(value: str) -> dt.datetime:
    """The time in a header (RFC 9110, IMF-fixdate).

    Not by strptime(), whose lock a forked child inherits locked if another thread was inside of it.

    Raises:
        ValueError: it is not exactly such a time.
    """
    time = parsedate_to_datetime(value)
    if format_datetime(time, usegmt=True) != value:
        raise ValueError(f"{value!r} is not a time as HTTP writes it")
    return time


def check_head(response: BaseHTTPResponse, bucket: str, key: str) -> None:
    """Refuse an answer about an object whose head is not whole.

    Python's HTTP client takes what came before a connection broke for all of the head, the last line cut or not.
    """
    headers = response.headers
    is_whole = bool(etag_of(response)) and _LENGTH.fullmatch(headers.get("content-length", "")) is not None
    if is_whole and response.status == 206:  # noqa: PLR2004 - Partial Content
        is_whole = range_of(response) is not None
    try:
        http_date(headers.get("last-modified", ""))
    except ValueError:
        is_whole = False
    if not is_whole:
        raise cut_short(bucket, key)


def range_of(response: BaseHTTPResponse) -> tuple[int, int, int] | None:
    """First byte, end (not included) and the object's size, as an answer with a range tells them (RFC 9110, 14.4).

    None if it does not, or if they cannot be.
    """
    told = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if told is None:
        return None
    first, last, size = (int(number) for number in told.groups())
    return (first, last + 1, size) if first <= last < size else None


def cut_short(bucket: str, key: str) -> ProtocolError:
    """The error for an answer whose connection broke within its head: Python takes what came for all of it."""
    return ProtocolError(f"The answer about '{key}' in bucket '{bucket}' broke off.")
