"""Takes requests of urllib3 to a server in memory, and its responses back."""

from __future__ import annotations

import io
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..s3_requests.messages import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from urllib3 import BaseHTTPResponse

    from ..memory_s3.server import MemoryServer

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def respond(server: MemoryServer, method: str, url: str, request: Mapping[str, Any]) -> BaseHTTPResponse:
    """Return the server's response to a request.

    Args:
        server: in memory.
        method: of the request.
        url: of the request.
        request: the other arguments of ``urllib3.PoolManager.urlopen``.
    """
    from urllib3 import HTTPResponse, Retry

    body = _bytes_of(request.get("body"))
    response = server.respond(Request(method, url, _headers(url, request.get("headers") or {}, body), body))
    return HTTPResponse(
        io.BytesIO(response.body),
        headers=response.headers,
        status=response.status,
        version=11,
        reason=HTTPStatus(response.status).phrase,
        preload_content=request.get("preload_content", True),
        decode_content=request.get("decode_content", True),
        retries=Retry.from_int(request.get("retries")),
        request_method=method,
        request_url=url,
    )


def _headers(url: str, given: Mapping[str, Any], body: bytes) -> dict[str, str]:
    """The headers as they arrive, with those that the HTTP client adds."""
    parts = urlsplit(url)
    headers = {"host": parts.netloc.removesuffix(_DEFAULT_PORTS.get(parts.scheme, " "))}
    if body:
        headers["content-length"] = str(len(body))
    for name, value in given.items():
        headers[name.lower()] = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return headers


def _bytes_of(body: object) -> bytes:
    """What urllib3 would send."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    read = getattr(body, "read", None)
    if read is not None:
        return _bytes_of(read())
    pieces: Iterable[object] = body  # type: ignore[assignment]  # as urllib3 has it
    return b"".join(map(_bytes_of, pieces))
