"""A connection pool that follows no redirect and takes no response without end, whatever a server sends.

Every request of the SDK and of its providers of credentials passes here, and every question of the health check.
"""

from __future__ import annotations

import copy
import io
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, SSLError
from urllib3.exceptions import TimeoutError as SilenceError

from ..errors import BadResponseError
from ..redaction.request_description import https_is_wanted, https_wanted, printable, request_line
from .certificates import certificate_error
from .echoed_secrets import Secrets
from .redirects import is_redirect, redirect_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse, PoolManager
    from urllib3._collections import RecentlyUsedContainer
    from urllib3.connectionpool import HTTPConnectionPool
    from urllib3.poolmanager import PoolKey

    Retries = urllib3.Retry | bool | int | None

# A page of a listing has 1,000 keys of 1,024 bytes, each three times as long in percent-encoding; the metadata of each
# object, which MinIO adds on request, is several times as much. Nothing else but an object's content is larger.
LIMIT = 32 * 1024**2
ERROR_LIMIT = 1024**2
HEALTH_LIMIT = 64 * 1024
MARKUP_LIMIT = 1_000_000  # tags and quotes: a parsed element or attribute takes many times its bytes
CHUNK = 1024**2
DRIP = 16  # bytes to wait for before the time is looked at, where that is limited

_STREAMED = frozenset({200, 204, 206})  # what the SDK takes for success; the bodies of all others it reads at once
_MULTIPLE_CHOICES = 300


class BoundedRetry(urllib3.Retry):
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


class GuardedPool(urllib3.PoolManager):
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
                    return _settled(method, url, response)
                except (ProtocolError, SilenceError, SSLError) as error:  # urllib3 would retry if it read the body
                    request["retries"] = self._retries_after(error, method, url, response)
        except (SSLError, MaxRetryError) as error:
            refused = certificate_error(url, error, self.pool)
            if refused is None:
                raise
            raise refused from error

    def _retries_after(self, error: HTTPError, method: str, url: str, response: BaseHTTPResponse) -> urllib3.Retry:
        """Count a response that broke off as an attempt, and wait before the next one.

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


def _shown_body(response: BaseHTTPResponse, request: Mapping[str, Any]) -> bytes:
    """Return the body of a successful response without content; S3 itself repeats a token in some error messages."""
    is_content = not request.get("preload_content", True)
    return b"" if is_content or response.status >= _MULTIPLE_CHOICES else response.data


def _bounded(retries: object, default: object) -> BoundedRetry:
    """The same retries as urllib3 takes them for, bounded."""
    given = urllib3.Retry.from_int(cast("Retries", retries), redirect=False, default=cast("Retries", default))
    if isinstance(given, BoundedRetry):
        return given
    bounded = copy.copy(given)
    bounded.__class__ = _bounded_class(type(given))  # type: ignore[arg-type]  # classes are hashable
    return bounded  # type: ignore[return-value]


@lru_cache
def _bounded_class(kind: type[urllib3.Retry]) -> type[BoundedRetry]:
    return type(kind.__name__, (BoundedRetry, kind), {})


def guarded(pool: PoolManager) -> GuardedPool:
    """The pool, guarded; itself if it is that already."""
    return pool if isinstance(pool, GuardedPool) else GuardedPool(pool)


def pools_of(provider: object) -> list[urllib3.PoolManager]:
    """Connection pools inside a provider of credentials, and inside of those that it chains."""
    own = getattr(provider, "_http_client", None)
    chained = [pool for inner in getattr(provider, "_providers", None) or () for pool in pools_of(inner)]
    return [own, *chained] if isinstance(own, urllib3.PoolManager) else chained


def guard_provider(provider: object) -> None:
    """Guard the pools by which a provider of credentials, and those that it chains, exchange secrets for keys."""
    pool = getattr(provider, "_http_client", None)
    if isinstance(pool, urllib3.PoolManager):
        provider._http_client = guarded(pool)  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
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
    timeout = urllib3.Timeout(connect=seconds, read=seconds)
    try:
        response = pool.urlopen("GET", url, redirect=False, preload_content=False, retries=False, timeout=timeout)
    except (SSLError, MaxRetryError) as error:
        refused = certificate_error(url, error, pool)
        if refused is None:
            raise
        raise refused from error
    return _whole("GET", response, _read("GET", url, response, HEALTH_LIMIT, until))


def discard(response: BaseHTTPResponse) -> None:
    """Close the connection of a response that is not read to its end, and free its place in the pool."""
    response.close()
    response.release_conn()


def drain(response: BaseHTTPResponse, limit: int = ERROR_LIMIT) -> None:
    """Read the rest of a response that nobody wants, for its connection's sake; close that if the rest is long."""
    try:
        while limit > 0 and (piece := response.read(min(limit, CHUNK), decode_content=False)):
            limit -= len(piece)
    except (HTTPError, OSError):
        limit = 0
    if limit <= 0:
        discard(response)


def _settled(method: str, url: str, response: BaseHTTPResponse) -> BaseHTTPResponse:
    """The response, read to its end within limits.

    Raises:
        RedirectError, BadResponseError: as ``GuardedPool.urlopen``.
    """
    if is_redirect(response.status):
        raise redirect_error(method, url, response, _beginning(method, url, response))
    is_good = response.status < _MULTIPLE_CHOICES
    body = _read(method, url, response, LIMIT if is_good else ERROR_LIMIT)
    if not body:
        return response  # reading nothing has given its connection back
    if https_is_wanted(response.status, body):
        raise BadResponseError(https_wanted(url))
    encoding = response.headers.get("content-encoding", "").lower()
    if encoding not in ("", "identity"):
        raise BadResponseError(
            f"The response to {request_line(method, url)} (HTTP {response.status}) is compressed "
            f"({printable(encoding)}), which was not asked for, and is not decompressed. Check what stands between "
            "this machine and the server."
        )
    if is_good or "xml" in response.headers.get("content-type", ""):
        _check_xml(method, url, body)
    return _whole(method, response, body)


def _read(method: str, url: str, response: BaseHTTPResponse, limit: int, until: float | None = None) -> bytes:
    """The body as it came: nothing is decompressed.

    Raises:
        BadResponseError: it has more bytes than ``limit``.
        TimeoutError: it has not ended at ``until``.
    """
    pieces: list[bytes] = []
    left = limit + 1
    size: int | None = getattr(response, "length_remaining", None)
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
    """The body of a redirect, where S3 names the region; nothing if it is too long or breaks off."""
    try:
        return _read(method, url, response, HEALTH_LIMIT)
    except (BadResponseError, HTTPError):
        return b""


def _whole(method: str, response: BaseHTTPResponse, body: bytes) -> BaseHTTPResponse:
    """The response with this body; it holds no connection."""
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
    """Refuse what a parser would make much larger: entities, which S3 does not use, and masses of empty elements.

    Raises:
        BadResponseError: it is such a body.
    """
    if b"<!DOCTYPE" in body or b"\0" in body:  # a NUL is in every other encoding in which a parser finds the former
        problem = "has a document type or a NUL, which S3 does not send"
    elif len(body) > ERROR_LIMIT and sum(body.count(mark) for mark in (b"<", b'"', b"'")) > MARKUP_LIMIT:
        problem = "has more elements than any that S3 sends"
    else:
        return
    raise BadResponseError(f"The response to {request_line(method, url)} {problem}.")
