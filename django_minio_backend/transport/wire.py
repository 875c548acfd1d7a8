"""The one place where a request leaves the process, or goes to a server in memory while a test has put one there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3 import BaseHTTPResponse, PoolManager

    Wire = Callable[[str, str, Mapping[str, Any]], BaseHTTPResponse]
    """Takes method, URL and arguments of a ``urlopen`` and returns the response."""

replacement: Wire | None = None
"""What gets every request of this process instead of the network; ``django_minio_backend.testing`` sets it."""


def send(pool: PoolManager, method: str, url: str, **request: Any) -> BaseHTTPResponse:
    """Send one request by a pool; redirects are not followed."""
    if replacement is None:
        return pool.urlopen(method, url, redirect=False, **request)
    return replacement(method, url, request)
