"""What goes over the wire: every attempt of every HTTP request, of all threads."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from urllib3.connectionpool import HTTPConnectionPool

from django_minio_backend.transport import pool as pool_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from urllib3.response import BaseHTTPResponse


class Request(str):
    """One attempt; it equals its method ("PUT"), so that a request budget reads `made == ["HEAD", "PUT"]`."""

    url: str
    headers: Mapping[str, str]
    """The request's headers."""
    status: int | None
    """Of the response; None if there was none."""

    __slots__ = ("headers", "status", "url")

    def __repr__(self) -> str:
        return f"<{self} {self.url} {self.status}>"


def counted(requests: Iterable[Request]) -> dict[str, int]:
    """Number of requests by method, with LIST for the listings of objects."""
    names = ("LIST" if request == "GET" and "list-type=2" in request.url else str(request) for request in requests)
    return dict(Counter(names))


@contextmanager
def requests_made() -> Iterator[list[Request]]:
    """Record the requests that urllib3 makes in the block, in the order in which they were begun."""
    made: list[Request] = []
    # Retries and redirects call this once per attempt; all that is above it would hide them.
    original = HTTPConnectionPool._make_request

    def recorded(
        pool: HTTPConnectionPool, conn: Any, method: str, url: str, *args: Any, **kwargs: Any
    ) -> BaseHTTPResponse:
        request = Request(method)
        request.url = f"{pool.scheme}://{pool.host}:{pool.port}{url}"
        request.headers = dict(kwargs.get("headers") or {})
        request.status = None
        made.append(request)
        response = original(pool, conn, method, url, *args, **kwargs)
        request.status = response.status
        return response

    to_memory = pool_module.replacement

    def recorded_in_memory(method: str, url: str, given: Mapping[str, Any]) -> BaseHTTPResponse:
        request = Request(method)
        request.url, request.headers, request.status = url, dict(given.get("headers") or {}), None
        made.append(request)
        assert to_memory is not None
        response = to_memory(method, url, given)
        request.status = response.status
        return response

    with (
        mock.patch.object(HTTPConnectionPool, "_make_request", recorded),
        mock.patch.object(pool_module, "replacement", recorded_in_memory if to_memory else None),
    ):
        yield made
