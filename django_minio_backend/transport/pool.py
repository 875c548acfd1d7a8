"""A connection pool that follows no redirect and takes no response without end, whatever a server sends.

Every request of the SDK and of its providers of credentials passes here, and every question of the health check.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, SSLError
from urllib3.exceptions import TimeoutError as SilenceError
from urllib3.util import parse_url

from ..errors import BadResponseError
from ..redaction.request_description import request_line
from .bodies import HEALTH_LIMIT, MULTIPLE_CHOICES, discard, drain, read_body, read_response, with_body
from .certificates import raise_if_unencrypted
from .echoed_secrets import Secrets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3._collections import RecentlyUsedContainer
    from urllib3.connectionpool import HTTPConnectionPool
    from urllib3.poolmanager import PoolKey

_STREAMED = frozenset({200, 204, 206})  # what the SDK takes for success; the bodies of all others it reads at once


class BoundedRetry(Retry):
    """Retries before which a response is read to its end, or closed; urllib3 would read on and on."""

    def increment(self, *args: Any, **request: Any) -> BoundedRetry:
        """Count an attempt.

        Raises:
            urllib3.exceptions.HTTPError: there are no attempts left.
        """
        response = request.get("response")
        try:
            retries = super().increment(*args, **request)
        except MaxRetryError:
            if response is not None and self.raise_on_status:
                drain(response)
            raise
        if response is not None:
            drain(response)
        return retries

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds of the Retry-After header; None if it has no number or time that Python can express."""
        try:
            return super().get_retry_after(response)
        except (ValueError, OverflowError):
            return None


class GuardedPool(PoolManager):
    """Another pool's connections, timeouts, retries and certificates.

    Args:
        pool: whose they are.
        always: arguments of ``urlopen`` that win over those of a request.

    Attributes:
        pool: the same.
    """

    def __init__(self, pool: PoolManager, **always: Any) -> None:
        super().__init__(headers=pool.headers)
        self.pool = pool
        self.connection_pool_kw = pool.connection_pool_kw
        self._always = always

    @property
    def pools(self) -> RecentlyUsedContainer[PoolKey, HTTPConnectionPool]:
        """Connections by host: the other pool's, which are replaced after a fork."""
        return self.pool.pools

    @pools.setter
    def pools(self, pools: RecentlyUsedContainer[PoolKey, HTTPConnectionPool]) -> None:
        if "pool" in vars(self):  # else PoolManager's constructor makes some
            self.pool.pools = pools

    def urlopen(self, method: str, url: str, redirect: bool = True, **request: Any) -> BaseHTTPResponse:  # type: ignore[override]  # noqa: ARG002, FBT001, FBT002 - urllib3's signature
        """Send a request as the other pool would, and read the response unless it is an object's content.

        Raises:
            RedirectError: the response is a redirect.
            BadResponseError: it is too large, compressed although that was not asked for, or repeats a secret of the
                request.
            CertificateError: the server's certificate is not trusted.
        """
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
            f"The response to {request_line(method, url)} repeats a secret of the request, so nothing of it is shown. "
            "Is this the endpoint of an S3 server?"
        )

    def _send(self, method: str, url: str, request: dict[str, Any]) -> BaseHTTPResponse:
        is_streamed = not request.get("preload_content", True)
        request = {**request, **self._always, "preload_content": False}
        if request.get("retries") is not False:
            request["retries"] = _bounded(request.get("retries"), self.pool.connection_pool_kw.get("retries"))
        try:
            while True:
                response = self.pool.urlopen(method, url, redirect=False, **request)
                if is_streamed and response.status in _STREAMED:
                    return response
                try:
                    return read_response(method, url, response)
                except (ProtocolError, SilenceError, SSLError) as error:  # urllib3 would retry if it read the body
                    request["retries"] = self._retries_after(error, method, url, response)
        except (SSLError, MaxRetryError) as error:
            raise_if_unencrypted(url, error, self.pool)
            raise

    def _retries_after(self, error: HTTPError, method: str, url: str, response: BaseHTTPResponse) -> Retry:
        """Count a response that broke off as an attempt, and wait before the next one.

        Raises:
            urllib3.exceptions.HTTPError: there are no attempts left.
        """
        if response.retries is None:
            raise error
        path = parse_url(url).request_uri
        pool = self.pool.connection_from_url(url)
        retries = response.retries.increment(method, path, error=error, _pool=pool, _stacktrace=error.__traceback__)
        retries.sleep()
        return retries


def _shown_body(response: BaseHTTPResponse, request: Mapping[str, Any]) -> bytes:
    """Return the body of a successful response without content; S3 itself repeats a token in some error messages."""
    is_content = not request.get("preload_content", True)
    return b"" if is_content or response.status >= MULTIPLE_CHOICES else response.data


def _bounded(retries: Retry | int | None, default: Retry | int | None) -> BoundedRetry:
    """The same retries as urllib3 takes them for, bounded."""
    same = Retry.from_int(retries, redirect=False, default=default)
    if isinstance(same, BoundedRetry):
        return same
    bounded = copy.copy(same)
    bounded.__class__ = _bounded_class(type(same))  # type: ignore[arg-type]  # classes are hashable
    return bounded  # type: ignore[return-value]


@lru_cache
def _bounded_class(kind: type[Retry]) -> type[BoundedRetry]:
    return type(kind.__name__, (BoundedRetry, kind), {})


def pools_of(provider: object) -> list[PoolManager]:
    """Connection pools inside a provider of credentials, and inside of those that it chains."""
    own = getattr(provider, "_http_client", None)
    chained = [pool for inner in getattr(provider, "_providers", None) or () for pool in pools_of(inner)]
    return [own, *chained] if isinstance(own, PoolManager) else chained


def guard_provider(provider: object) -> None:
    """Guard the pools by which a provider of credentials, and those that it chains, exchange secrets for keys."""
    pool = getattr(provider, "_http_client", None)
    if isinstance(pool, PoolManager) and not isinstance(pool, GuardedPool):
        provider._http_client = GuardedPool(pool)  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
    for chained in getattr(provider, "_providers", None) or ():
        guard_provider(chained)


def ask(pool: PoolManager, url: str, *, seconds: float, until: float) -> BaseHTTPResponse:
    """GET a URL once and read its short response, be it a redirect or not.

    Args:
        pool: whose connections to use.
        url: what to ask for.
        seconds: to wait for the connection, and for each piece of the response.
        until: when the body has to be complete, by ``time.monotonic()``.

    Raises:
        BadResponseError: the response is larger than 64 KiB.
        CertificateError: the server's certificate is not trusted.
        TimeoutError: the body is not complete in time.
        urllib3.exceptions.HTTPError: there is no response.
    """
    timeout = Timeout(connect=seconds, read=seconds)
    try:
        response = pool.urlopen("GET", url, redirect=False, preload_content=False, retries=False, timeout=timeout)
    except (SSLError, MaxRetryError) as error:
        raise_if_unencrypted(url, error, pool)
        raise
    return with_body("GET", response, read_body("GET", url, response, HEALTH_LIMIT, until))
