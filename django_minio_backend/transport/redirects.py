"""Errors for redirects, which are never followed: they would take keys and content to another server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ..errors import RedirectError
from ..redaction.request_description import origin, printable, request_line

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_MULTIPLE_CHOICES, _NOT_MODIFIED, _BAD_REQUEST = 300, 304, 400
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html
_REGION = re.compile(rb"<Region>([A-Za-z0-9_-]{1,64})</Region>")
_ENDPOINT = re.compile(rb"<Endpoint>([A-Za-z0-9.:_-]{1,255})</Endpoint>")


def is_redirect(status: int) -> bool:
    """Whether the status is that of a redirect; 304 (Not Modified) is not."""
    return _MULTIPLE_CHOICES <= status < _BAD_REQUEST and status != _NOT_MODIFIED


def redirect_error(method: str, url: str, response: BaseHTTPResponse, body: bytes) -> RedirectError:
    """Return the error for a redirect, which names both endpoints and the likely cause."""
    here, there = origin(url), _target(url, response.headers.get("location"), body)
    region = region_in(body) or printable(response.headers.get("x-amz-bucket-region", ""))
    message = (
        f"{request_line(method, url)} was redirected to {there or 'a server that is not named'} "
        f"(HTTP {response.status}). Redirects are not followed: they would take keys and content there. "
        f"{_likely_cause(here, there, region)}"
    )
    return RedirectError(message, status=response.status, endpoint=here, target=there, region=region)


def region_in(body: bytes) -> str:
    """Return the region in an error response; empty if there is none."""
    return _text(_REGION, body)


def _target(url: str, location: str | None, body: bytes) -> str:
    """Return the target of a redirect as ``scheme://host:port``; empty if there is none."""
    if location:
        try:
            return origin(urljoin(url, location))
        except ValueError:
            return origin(location)
    host = _text(_ENDPOINT, body)
    return f"{urlsplit(url).scheme}://{host}" if host else ""


def _likely_cause(here: str, there: str, region: str) -> str:
    if region:
        return f"The bucket is in region '{region}': set MINIO_REGION to it, and MINIO_ENDPOINT to that region's."
    if here == there:
        return "The endpoint is not an S3 API but a web server, a login page or a console: check MINIO_ENDPOINT."
    (scheme, host), (other_scheme, other_host) = _parts(here), _parts(there)
    if host == other_host and (scheme, other_scheme) == ("http", "https"):
        return "The server, or a proxy before it, requires https: set MINIO_USE_HTTPS to True, and check the port."
    if host == other_host and (scheme, other_scheme) == ("https", "http"):
        return "A proxy before the server seems to forward https as http: correct its X-Forwarded-Proto."
    return "Probably the endpoint is another region's, or a web server's: check MINIO_ENDPOINT and MINIO_REGION."


def _parts(endpoint: str) -> tuple[str, str | None]:
    parts = urlsplit(endpoint)
    return parts.scheme, parts.hostname


def _text(pattern: re.Pattern[bytes], body: bytes) -> str:
    match = pattern.search(body)
    return match[1].decode() if match else ""
