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
_CONTENT_RANGE = re.compile(r"bytes \d+-\d+/\d+")


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
    is_whole = bool(etag_of(response)) and headers.get("content-length", "").isdecimal()
    if is_whole and response.status == 206:  # noqa: PLR2004 - Partial Content
        is_whole = _CONTENT_RANGE.fullmatch(headers.get("content-range", "")) is not None
    try:
        http_date(headers.get("last-modified", ""))
    except ValueError:
        is_whole = False
    if not is_whole:
        raise cut_short(bucket, key)


def cut_short(bucket: str, key: str) -> ProtocolError:
    """The error for an answer whose connection broke within its head: Python takes what came for all of it."""
    return ProtocolError(f"The answer about '{key}' in bucket '{bucket}' broke off.")
