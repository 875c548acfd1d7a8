"""A connection pool that follows no redirects and reads responses within limits, whatever a server sends.

Every request of the SDK, of its providers of credentials and of the health check is sent by it.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, SSLError
from urllib3.exceptions import TimeoutError as SilenceError

from ..errors import BadResponseError
from ..redaction.echoed_secrets import Secrets, causes_of
from ..redaction.request_description import request_line
from ..redaction.urllib3_log import current_request
from ..sockets.cancellation import current_cancellation
from ..sockets.responses import read_strictly
from .bodies import HEALTH_LIMIT, MULTIPLE_CHOICES, discard, drain, read_body, read_response, with_body
from .certificates import certificate_error
from .request_log import RequestLog, note_retries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3 import BaseHTTPResponse, PoolManager
    from urllib3._collections import RecentlyUsedContainer
    from urllib3.connectionpool import HTTPConnectionPool
    from urllib3.poolmanager import PoolKey

    Retries = urllib3.Retry | bool | int | None
    Wire = Callable[[str, str, Mapping[str, Any]], BaseHTTPResponse]
    """Takes method, URL and arguments of a ``urlopen`` and returns the response."""

replacement: Wire | None = None
"""What gets every request of this process instead of the network; ``django_minio_backend.testing`` sets it."""

_STREAMED = frozenset({200, 204, 206})  # what the SDK takes for success; the bodies of all others it reads at once


class BoundedRetry(urllib3.Retry):
    """Retries that first read the response to its end within limits, or close it; urllib3 reads without a limit."""

    def increment(self, method: str | None = None, url: str | None = None, *args: Any, **request: Any) -> BoundedRetry:
        """Count an attempt; errors show the URL without its query, which may hold a token.

        Raises:
            urllib3.exceptions.HTTPError: there are no attempts left.
            RequestCancelledError: nobody needs the response any more.
        """
        cancellation = current_cancellation()
        if cancellation is not None:
            cancellation.check()
        response = request.get("response")
        try:
            retries = super().increment(method, url and url.partition("?")[0], *args, **request)
        except HTTPError as error:
            note_retries(error, self)
            if response is not None and self.raise_on_status and isinstance(error, MaxRetryError):
                drain(response)
            raise
        if response is not None:
            drain(response)
        _forget_tracebacks(request.get("error"))
        return retries

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Wait before the next attempt, as urllib3 does, or until the request is cancelled."""
        cancellation = current_cancellation()
        if cancellation is None:
            super().sleep(response)
            return
        wanted = self.get_retry_after(response) if response and self.respect_retry_after_header else None
        cancellation.sleep(wanted or self.get_backoff_time())

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds of the Retry-After header; None if it has no number or time that Python can express."""
        try:
            return super().get_retry_after(response)
        except (ValueError, OverflowError):
            return None


def _forget_tracebacks(error: Exception | None) -> None:
    """Let go of the frames in which an attempt failed: with the error they would keep the body until a collection."""
    for cause in causes_of(error) if error else ():
        cause.with_traceback(None)


class GuardedPool(urllib3.PoolManager):
    """Wraps a pool and uses its connections, timeouts, retries and certificates.

    Args:
        pool: the wrapped pool, also an attribute.
        log: sees every request, also an attribute.
        always: arguments of ``urlopen`` that take precedence over those of a request.
    """

    def __init__(self, pool: PoolManager, log: RequestLog, **always: Any) -> None:
        super().__init__(headers=pool.headers)
        self.pool = pool
        self.log = log
        self.connection_pool_kw = pool.connection_pool_kw
        self._always = always

    @property
    def pools(self) -> RecentlyUsedContainer[PoolKey, HTTPConnectionPool]:
        """The wrapped pool's connections by host, which are replaced after a fork."""
        return self.pool.pools

    @pools.setter
    def pools(self, pools: RecentlyUsedContainer[PoolKey, HTTPConnectionPool]) -> None:
        if "pool" in vars(self):  # else PoolManager's constructor sets it
            self.pool.pools = pools

    def urlopen(self, method: str, url: str, redirect: bool = True, **request: Any) -> BaseHTTPResponse:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002 - urllib3's signature
        """Send a request by the wrapped pool, and read the response unless it is an object's content.

        Raises:
            RedirectError: the response is a redirect.
            BadResponseError: it is too large, compressed without having been requested so, or contains a secret of the
                request.
            CertificateError: the server's certificate is not trusted.
        """
        return self.log.watch(lambda: self._guarded(method, url, request), method, url, request)

    def _guarded(self, method: str, url: str, request: dict[str, Any]) -> BaseHTTPResponse:
        secrets = Secrets(url, request.get("headers"))
        if not secrets:
            return self._send(method, url, request)
        try:
            response = self._send(method, url, request)
        except Exception as error:
            if not secrets.are_in_error(error):
                raise
        else:
            if not secrets.are_in_response(response, _shown_body(response, request)):
                return response
            discard(response)
        raise BadResponseError(  # not within the block above: its error would be the context of this one
            f"The response to {request_line(method, url)} contains a secret of the request, so nothing of it is shown. "
            "Is this the endpoint of an S3 server?"
        )

    def _send(self, method: str, url: str, request: dict[str, Any]) -> BaseHTTPResponse:
        is_streamed = not request.get("preload_content", True)
        request = {**request, **self._always, "preload_content": False}
        if request.get("retries") is not False:
            request["retries"] = _bounded(request.get("retries"), self.pool.connection_pool_kw.get("retries"))
        try:
            while True:
                response = _send(self.pool, method, url, **request)
                if is_streamed and response.status in _STREAMED:
                    return response
                try:
                    return read_response(method, url, response)
                except (ProtocolError, SilenceError, SSLError) as error:  # urllib3 would retry if it read the body
                    request["retries"] = self._retries_after(error, method, url, response)
        except (SSLError, MaxRetryError) as error:
            refused = certificate_error(url, error, self.pool)
            if refused is None:
                raise
            raise refused from error

    def _retries_after(self, error: HTTPError, method: str, url: str, response: BaseHTTPResponse) -> urllib3.Retry:
        """Count a truncated response as an attempt, and wait before the next one.

        Raises:
            urllib3.exceptions.HTTPError: there are no attempts left.
        """
        if response.retries is None:
            raise error
        path = urllib3.util.parse_url(url).request_uri
        pool = self.pool.connection_from_url(url)
        retries = response.retries.increment(method, path, error=error, _pool=pool, _stacktrace=error.__traceback__)
        retries.sleep()
        return retries


def _send(pool: PoolManager, method: str, url: str, **request: Any) -> BaseHTTPResponse:
    """Send one request by a pool, or to the server in memory of a test; redirects are not followed."""
    if replacement is not None:
        return replacement(method, url, request)
    token = current_request.set((url, request.get("headers")))
    try:
        response = pool.urlopen(method, url, redirect=False, **request)
    finally:
        current_request.reset(token)
    read_strictly(response)
    return response


def _shown_body(response: BaseHTTPResponse, request: Mapping[str, Any]) -> bytes:
    """Return the body of a successful response without content; S3 repeats the token in some error messages."""
    is_content = not request.get("preload_content", True)
    return b"" if is_content or response.status >= MULTIPLE_CHOICES else response.data


def _bounded(retries: object, default: object) -> BoundedRetry:
    """Return the retries that urllib3 would use, bounded."""
    parsed = urllib3.Retry.from_int(cast("Retries", retries), redirect=False, default=cast("Retries", default))
    if isinstance(parsed, BoundedRetry):
        return parsed
    bounded = copy.copy(parsed)
    bounded.__class__ = _bounded_class(type(parsed))  # type: ignore[arg-type]  # classes are hashable
    return bounded  # type: ignore[return-value]


@lru_cache
def _bounded_class(kind: type[urllib3.Retry]) -> type[BoundedRetry]:
    return type(kind.__name__, (BoundedRetry, kind), {})


def pools_of(provider: object) -> list[urllib3.PoolManager]:
    """Return the connection pools of a provider of credentials and of the providers that it chains."""
    own = getattr(provider, "_http_client", None)
    chained = [pool for inner in getattr(provider, "_providers", None) or () for pool in pools_of(inner)]
    return [own, *chained] if isinstance(own, urllib3.PoolManager) else chained


def guard_provider(provider: object, slow_seconds: float | None) -> None:
    """Guard the connection pools of a provider of credentials and of the providers that it chains."""
    pool = getattr(provider, "_http_client", None)
    if isinstance(pool, urllib3.PoolManager) and not isinstance(pool, GuardedPool):
        log = RequestLog(slow_seconds=slow_seconds, purpose="credentials")
        provider._http_client = GuardedPool(pool, log)  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
    for chained in getattr(provider, "_providers", None) or ():
        guard_provider(chained, slow_seconds)


def ask(pool: PoolManager, url: str, *, seconds: float, until: float) -> BaseHTTPResponse:
    """Send one GET request and return its short response, which may be a redirect.

    Args:
        pool: for the connection.
        url: of the request.
        seconds: timeout of connecting, and of each read.
        until: when the body has to be complete, by ``time.monotonic()``.

    Raises:
        BadResponseError: the response is larger than 64 KiB.
        CertificateError: the server's certificate is not trusted.
        TimeoutError: the body is not complete in time.
        urllib3.exceptions.HTTPError: there is no response.
    """
    log = RequestLog(purpose="health")
    return log.watch(lambda: _ask(pool, url, seconds, until), "GET", url, {})


def _ask(pool: PoolManager, url: str, seconds: float, until: float) -> BaseHTTPResponse:
    timeout = urllib3.Timeout(connect=seconds, read=seconds)
    try:
        response = _send(pool, "GET", url, preload_content=False, retries=False, timeout=timeout)
    except (SSLError, MaxRetryError) as error:
        refused = certificate_error(url, error, pool)
        if refused is None:
            raise
        raise refused from error
    return with_body("GET", response, read_body("GET", url, response, HEALTH_LIMIT, until))
