"""Conditions and ranges of requests.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html and RFC 9110, 13 and 14.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ..s3_requests.messages import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .store import StoredObject

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_COPY = "x-amz-copy-source-"
OF_COPIES = {
    name: f"{_COPY}{name}" for name in ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
}
"""Headers of a copy by the names that the same conditions have on a read."""


def failed() -> RequestError:
    """The error for a condition that does not hold."""
    return RequestError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")


def is_unmodified(found: StoredObject, headers: Mapping[str, str]) -> bool:
    """Whether the response to a read is 304 (Not Modified).

    Raises:
        RequestError: If-Match or If-Unmodified-Since does not hold.
    """
    if if_match := headers.get("if-match"):
        if not _matches(found, if_match):
            raise failed()
    elif (since := _seconds(headers.get("if-unmodified-since"))) is not None and int(found.modified) > since:
        raise failed()
    if if_none_match := headers.get("if-none-match"):
        return _matches(found, if_none_match)
    since = _seconds(headers.get("if-modified-since"))
    return since is not None and int(found.modified) <= since


def check_source(source: StoredObject, headers: Mapping[str, str]) -> None:
    """Check the conditions of a copy.

    Raises:
        RequestError: one does not hold.
    """
    if is_unmodified(source, {name: headers[header] for name, header in OF_COPIES.items() if header in headers}):
        raise failed()


def check_write(found: StoredObject | None, headers: Mapping[str, str]) -> None:
    """Check the conditions of an upload onto an existing object, if there is one.

    Raises:
        RequestError: one does not hold.
    """
    if_match, if_none_match = headers.get("if-match"), headers.get("if-none-match")
    if if_match and found is None:
        raise RequestError("NoSuchKey", "The specified key does not exist.")
    if found is None:
        return
    if (if_match and not _matches(found, if_match)) or (if_none_match and _matches(found, if_none_match)):
        raise failed()


def byte_range(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for; None for all: as MinIO, other forms of the header are ignored.

    Raises:
        RequestError: it asks for none of the bytes.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    if match is None or match.group(1, 2) == ("", ""):
        return None
    first, last = match.groups()
    if first:
        span = range(int(first), min(int(last), size - 1) + 1 if last else size)
    else:
        span = range(max(size - int(last), 0), size)
    if not span:
        headers = {"content-range": f"bytes */{size}"}
        raise RequestError("InvalidRange", "The requested range is not satisfiable", headers)
    return span


def _matches(found: StoredObject, header: str) -> bool:
    etags = {etag.strip().removeprefix("W/").strip('"') for etag in header.split(",")}
    return not etags.isdisjoint({"*", found.etag})


def _seconds(header: str | None) -> float | None:
    try:
        return parsedate_to_datetime(header).timestamp() if header else None
    except ValueError:
        return None
