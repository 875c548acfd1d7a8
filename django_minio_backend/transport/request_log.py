"""Sees every request to a server: logs it, and records it for the blocks that ask for it.

Nothing is described while nobody listens.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ..redaction.escaping import get_logger
from ..redaction.operations import Operation, credentials_operation, s3_operation
from ..redaction.request_description import origin

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from urllib3 import BaseHTTPResponse, Retry

P = ParamSpec("P")
T = TypeVar("T")

logger = get_logger("django_minio_backend.requests")

_TOO_MANY_REQUESTS, _SERVER_ERRORS = 429, 500


@dataclass(frozen=True, slots=True)
class StorageRequest:
    """One request to a server, its retries included.

    Attributes:
        operation: of the S3 API, such as ``PutObject``; ``Health``, ``Preflight``, or ``AssumeRole`` and the like.
        bucket: empty where the request is about none.
        key: of the object, with control characters escaped; empty where the request is about none.
        endpoint: ``scheme://host:port``.
        status: HTTP status of the response; None if there was none, or none that is read.
        error: name of the exception where there was no such response, such as ``MaxRetryError``; else empty.
        bytes_sent: of the request's body.
        bytes_received: of the response's body as its headers announce it, whether it is read or not; None if unknown.
        milliseconds: until the response headers, or until the response's end where it is no object; retries and the
            waits before them are included.
        retries: attempts after the first one.
    """

    operation: str
    bucket: str
    key: str
    endpoint: str
    status: int | None
    error: str
    bytes_sent: int
    bytes_received: int | None
    milliseconds: float
    retries: int

    @property
    def target(self) -> str:
        """Bucket and key, as ``bucket/key``."""
        return f"{self.bucket}/{self.key}" if self.key else self.bucket

    def __str__(self) -> str:
        subject = f"{self.operation} {self.target}".rstrip()
        received = "unknown" if self.bytes_received is None else self.bytes_received
        return (
            f"{subject} at {self.endpoint}: {self.status or self.error}, {self.bytes_sent} bytes sent, "
            f"{received} received, {self.milliseconds:.1f} ms, {self.retries} retries"
        )


class StorageRequests(list[StorageRequest]):
    """The requests of a block, in the order in which they ended."""

    @property
    def operations(self) -> list[str]:
        """The operation of each request."""
        return [request.operation for request in self]

    @property
    def milliseconds(self) -> float:
        """The sum of their times; requests that threads send at once make it longer than the block."""
        return sum(request.milliseconds for request in self)

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no requests"


_blocks: ContextVar[tuple[StorageRequests, ...]] = ContextVar("storage_requests", default=())


class _Block:
    """Not a generator: contextlib would set an error's traceback, which the S3Error of minio 7.2.18 forbids."""

    __slots__ = ("_token",)

    def __enter__(self) -> StorageRequests:
        requests = StorageRequests()
        self._token = _blocks.set((*_blocks.get(), requests))
        return requests

    def __exit__(self, *_: object) -> None:
        _blocks.reset(self._token)


def storage_requests() -> AbstractContextManager[StorageRequests, None]:
    """Record the requests to all servers that are sent in this block, also by the threads that a storage starts in it.

    Blocks can be nested: each records all of its requests. Those of other threads and tasks are not recorded.
    """
    return _Block()


class ContextThreads(ThreadPoolExecutor):
    """Threads with the context of whoever submits work: a block records their requests, and a trace has their spans."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run the function by one of the threads in a copy of the current context."""
        return super().submit(partial(copy_context().run, fn, *args, **kwargs))


class RequestLog:
    """Logs and records the requests of a connection pool.

    Args:
        hosts: the server's hosts, with their ports as in URLs.
        slow_seconds: the time from which a request is logged as slow; None for never.
        purpose: ``credentials`` or ``health`` where the requests are not about buckets.
    """

    __slots__ = ("_hosts", "_purpose", "_slow_seconds")

    def __init__(self, hosts: tuple[str, ...] = (), *, slow_seconds: float | None = None, purpose: str = "") -> None:
        self._hosts, self._purpose = hosts, purpose
        self._slow_seconds = float("inf") if slow_seconds is None else slow_seconds

    def watch(
        self, send: Callable[[], BaseHTTPResponse], method: str, url: str, request: Mapping[str, Any]
    ) -> BaseHTTPResponse:
        """Send a request, log and record it, and return its response.

        Args:
            send: sends the request.
            method: of the request.
            url: of the request.
            request: its ``headers``, ``body`` and ``preload_content``, if it has any.
        """
        started = time.perf_counter()
        try:
            response = send()
        except Exception as error:
            self._note(time.perf_counter() - started, method, url, request, error)
            raise
        seconds = time.perf_counter() - started
        retries = response.retries
        is_plain = (retries is None or not retries.history) and seconds < self._slow_seconds
        if not is_plain or _blocks.get() or logger.isEnabledFor(logging.DEBUG):
            self._note(seconds, method, url, request, response)
        return response

    def _note(
        self, seconds: float, method: str, url: str, request: Mapping[str, Any], outcome: BaseHTTPResponse | Exception
    ) -> None:
        blocks = _blocks.get()
        is_slow = seconds >= self._slow_seconds
        ran_out = _retries_ran_out(outcome)
        if not (blocks or is_slow or ran_out or logger.isEnabledFor(logging.DEBUG)):
            return
        noted = self._describe(seconds, method, url, request, outcome)
        for requests in blocks:
            requests.append(noted)
        extra = {"storage_request": noted}
        logger.debug("%s", noted, extra=extra)
        if ran_out:
            logger.warning("Failed after all retries: %s", noted, extra=extra)
        if is_slow:
            limit = self._slow_seconds
            logger.warning("Slower than MINIO_SLOW_REQUEST_SECONDS (%s): %s", limit, noted, extra=extra)

    def _describe(
        self, seconds: float, method: str, url: str, request: Mapping[str, Any], outcome: BaseHTTPResponse | Exception
    ) -> StorageRequest:
        body = request.get("body")
        operation = self._operation(method, url, request)
        return StorageRequest(
            *operation,
            endpoint=origin(url),
            status=_status_of(outcome),
            error=type(outcome).__name__ if isinstance(outcome, Exception) else "",
            bytes_sent=len(body) if isinstance(body, Sized) else 0,
            bytes_received=_bytes_received(outcome, is_read=request.get("preload_content", True)),
            milliseconds=seconds * 1000,
            retries=_retries_of(outcome),
        )

    def _operation(self, method: str, url: str, request: Mapping[str, Any]) -> Operation:
        if self._purpose == "health":
            return Operation("Health")
        if self._purpose == "credentials":
            return credentials_operation(url, request.get("body"))
        return s3_operation(method, url, request.get("headers"), self._hosts)


def note_retries(error: Exception, retries: Retry) -> None:
    """Note in an error how often its request was retried; urllib3 does not.

    The number alone: the history holds errors, whose frames hold headers.
    """
    error.retries = len(retries.history)  # type: ignore[attr-defined]


def _status_of(outcome: BaseHTTPResponse | Exception) -> int | None:
    status = getattr(outcome, "status", None)
    return status if isinstance(status, int) else None


def _retries_of(outcome: BaseHTTPResponse | Exception) -> int:
    """Count the attempts after the first: urllib3 has them in a response, and our retries note them in an error."""
    retries = getattr(outcome, "retries", None)
    return retries if isinstance(retries, int) else len(getattr(retries, "history", ()))


def _retries_ran_out(outcome: BaseHTTPResponse | Exception) -> bool:
    if not _retries_of(outcome):
        return False
    status = _status_of(outcome)
    return status is None or status == _TOO_MANY_REQUESTS or status >= _SERVER_ERRORS


def _bytes_received(outcome: BaseHTTPResponse | Exception, *, is_read: bool) -> int | None:
    if isinstance(outcome, Exception):
        return None
    if is_read:
        return len(outcome.data)
    length = outcome.headers.get("content-length", "")
    return int(length[:20]) if length.isascii() and length.isdigit() else None
