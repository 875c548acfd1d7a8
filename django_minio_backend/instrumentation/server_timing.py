"""A middleware that shows in the browser's developer tools how long a page's requests to servers took."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed

from ..transport.request_log import StorageRequests, storage_requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    Handler = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class ServerTimingMiddleware:
    """Adds ``Server-Timing: s3;dur=12.3;desc="3 requests"`` to every response while DEBUG is on.

    The duration is in milliseconds, the sum of all requests. Requests that a streaming response sends after its
    headers are not in it.

    Source: https://www.w3.org/TR/server-timing/

    Raises:
        django.core.exceptions.MiddlewareNotUsed: DEBUG is off, so that Django leaves it out.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Handler) -> None:
        if not settings.DEBUG:
            raise MiddlewareNotUsed
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Return the response with the header."""
        if self._is_async:
            return self._call_async(request)
        with storage_requests() as requests:
            response = cast("HttpResponseBase", self._get_response(request))
        return _with_header(response, requests)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        with storage_requests() as requests:
            response = await cast("Awaitable[HttpResponseBase]", self._get_response(request))
        return _with_header(response, requests)


def _with_header(response: HttpResponseBase, requests: StorageRequests) -> HttpResponseBase:
    count = len(requests)
    timing = f's3;dur={requests.milliseconds:.1f};desc="{count} {"request" if count == 1 else "requests"}"'
    others = response.headers.get("Server-Timing")
    response.headers["Server-Timing"] = f"{others}, {timing}" if others else timing
    return response
