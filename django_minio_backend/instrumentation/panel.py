"""A panel for Django Debug Toolbar: the requests of a page to servers, and which of them repeat others."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from debug_toolbar.panels import Panel

from ..transport.request_log import StorageRequest, StorageRequests, storage_requests

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


# Requests of these differ in what no record shows, the query: they are parts of one upload, or pages of listings.
_NEVER_REPEATED = frozenset(
    {
        *("UploadPart", "UploadPartCopy", "ListParts"),
        *("ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"),
    }
)


class StoragePanel(Panel):  # type: ignore[misc]  # the toolbar has no types
    """Shows operation, object, status, bytes, time and retries of each request, and highlights repeated ones."""

    title = "Storage"
    template = "django_minio_backend/storage_panel.html"
    is_async = True
    _requests = StorageRequests()

    @property
    def nav_subtitle(self) -> str:
        """The number of requests and their time."""
        stats = self.get_stats()
        if not stats:
            return ""
        count, repeated = len(stats["requests"]), stats["repeated"]
        text = f"{count} {'request' if count == 1 else 'requests'} in {stats['milliseconds']:.1f} ms"
        return f"{text}, {repeated} repeated" if repeated else text

    def process_request(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Return the response, and record the requests that are sent for it."""
        with storage_requests() as self._requests:
            response: HttpResponseBase | Awaitable[HttpResponseBase] = super().process_request(request)
        return self._wait_for(response) if isawaitable(response) else response

    async def _wait_for(self, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        with storage_requests() as self._requests:
            return await response

    def generate_stats(self, request: HttpRequest, response: HttpResponseBase) -> None:  # noqa: ARG002 - the toolbar's
        """Hand the requests to the template; the toolbar may keep them as JSON."""
        counts = Counter(_subject(request) for request in self._requests if request.operation not in _NEVER_REPEATED)
        self.record_stats(
            {
                "requests": [_row(request, counts[_subject(request)]) for request in self._requests],
                "milliseconds": self._requests.milliseconds,
                "repeated": counts.total() - len(counts),
            }
        )

    def generate_server_timing(self, request: HttpRequest, response: HttpResponseBase) -> None:  # noqa: ARG002
        """Add the sum of times to the toolbar's Server-Timing header."""
        self.record_server_timing("requests", f"{len(self._requests)} requests", self._requests.milliseconds)


def _subject(request: StorageRequest) -> tuple[str, str, str, str]:
    return request.operation, request.endpoint, request.bucket, request.key


def _row(request: StorageRequest, times: int) -> dict[str, Any]:
    return {**asdict(request), "target": request.target, "times": times}
