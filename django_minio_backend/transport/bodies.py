"""Reads the bodies of responses within limits of size and time, whatever a server sends."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import urllib3
from urllib3.exceptions import HTTPError

from ..errors import BadResponseError
from ..redaction.request_description import https_is_wanted, https_wanted, printable, request_line
from .redirects import is_redirect, redirect_error

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

MULTIPLE_CHOICES = 300
# A page of a listing has 1,000 keys of 1,024 bytes, each three times as long in percent-encoding. On request MinIO adds
# the metadata of each object, which is several times as much. Only objects are larger.
LIMIT = 32 * 1024**2
ERROR_LIMIT = 1024**2
HEALTH_LIMIT = 64 * 1024
MARKUP_LIMIT = 1_000_000  # tags and quotes: a parsed element or attribute takes many times its bytes
CHUNK = 1024**2
DRIP = 16  # bytes to read before the time is checked, where it is limited


def discard(response: BaseHTTPResponse) -> None:
    """Close the connection of a response that is not read to its end, and release its place in the pool."""
    response.close()
    response.release_conn()


def drain(response: BaseHTTPResponse, limit: int = ERROR_LIMIT) -> None:
    """Read the rest of an unneeded response, so that its connection can be used again; close it if the rest is long."""
    try:
        while limit > 0 and (piece := response.read(min(limit, CHUNK), decode_content=False)):
            limit -= len(piece)
    except (HTTPError, OSError):
        limit = 0
    if limit <= 0:
        discard(response)


def read_response(method: str, url: str, response: BaseHTTPResponse) -> BaseHTTPResponse:
    """Read a response to its end within limits, and return one that holds no connection.

    Raises:
        RedirectError, BadResponseError: as ``GuardedPool.urlopen``.
    """
    if is_redirect(response.status):
        raise redirect_error(method, url, response, _beginning(method, url, response))
    is_good = response.status < MULTIPLE_CHOICES
    body = read_body(method, url, response, LIMIT if is_good else ERROR_LIMIT)
    if not body:
        return response  # reading nothing has given its connection back
    if https_is_wanted(response.status, body):
        raise BadResponseError(https_wanted(url))
    encoding = response.headers.get("content-encoding", "").lower()
    if encoding not in ("", "identity"):
        raise BadResponseError(
            f"The response to {request_line(method, url)} (HTTP {response.status}) is compressed "
            f"({printable(encoding)}), which was not requested, and is not decompressed. Check the proxies between "
            "this machine and the server."
        )
    if is_good or "xml" in response.headers.get("content-type", ""):
        _check_xml(method, url, body)
    return with_body(method, response, body)


def read_body(method: str, url: str, response: BaseHTTPResponse, limit: int, until: float | None = None) -> bytes:
    """Return the body as it was sent; nothing is decompressed.

    Raises:
        BadResponseError: it has more than ``limit`` bytes.
        TimeoutError: it has not ended at ``until``.
    """
    pieces: list[bytes] = []
    left = limit + 1
    size: int | None = getattr(response, "length_remaining", None)
    if size == 0 and response.closed:  # without a body
        response.release_conn()
        return b""
    while left > 0 and (size is None or size <= limit):
        if until is not None and time.monotonic() > until:
            discard(response)
            raise TimeoutError
        piece = response.read(min(left, CHUNK if until is None else DRIP), decode_content=False)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        left -= len(piece)
    discard(response)
    raise BadResponseError(
        f"The response to {request_line(method, url)} (HTTP {response.status}) has more than {limit // 1024} KiB, "
        "which no S3 server sends there, and was not read further. Is this the endpoint of an S3 server?"
    )


def _beginning(method: str, url: str, response: BaseHTTPResponse) -> bytes:
    """Return the body of a redirect, where S3 names the region; empty if it is too long or truncated."""
    try:
        return read_body(method, url, response, HEALTH_LIMIT)
    except (BadResponseError, HTTPError):
        return b""


def with_body(method: str, response: BaseHTTPResponse, body: bytes) -> BaseHTTPResponse:
    """Return the response with this body and without a connection."""
    return urllib3.HTTPResponse(
        io.BytesIO(body),
        headers=response.headers,
        status=response.status,
        version=response.version,
        reason=response.reason,
        decode_content=False,
        retries=response.retries,
        request_method=method,
        request_url=response.url,
    )


def _check_xml(method: str, url: str, body: bytes) -> None:
    """Check that a parser will not expand the body: by entities, which S3 does not use, or masses of empty elements.

    Raises:
        BadResponseError: it would.
    """
    if b"<!DOCTYPE" in body or b"\0" in body:  # a NUL is in every other encoding in which a parser finds the former
        problem = "has a document type or a NUL, which S3 does not send"
    elif len(body) > ERROR_LIMIT and sum(body.count(mark) for mark in (b"<", b'"', b"'")) > MARKUP_LIMIT:
        problem = "has more elements than any that S3 sends"
    else:
        return
    raise BadResponseError(f"The response to {request_line(method, url)} {problem}.")
