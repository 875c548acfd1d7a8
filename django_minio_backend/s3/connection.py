"""The SDK's client and connection pool for one server and account, renewed in forked processes."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING, Any

from minio.helpers import md5sum_hash
from urllib3._collections import RecentlyUsedContainer

from ..transport.pool import pools_of
from .credentials import FixedKeys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from minio import Minio
    from minio.credentials.credentials import Credentials
    from minio.credentials.providers import Provider
    from urllib3 import BaseHTTPResponse, PoolManager

_connections: weakref.WeakSet[S3Connection] = weakref.WeakSet()
_parents_pools: list[object] = []  # kept open: both processes share their sockets


def all_connections() -> list[S3Connection]:
    """The connections of this process, to all servers."""
    return list(_connections)


def renew_all_connections() -> None:
    """Give every client of a forked child fresh connections; nothing happens in other processes."""
    for connection in all_connections():
        connection.renew_after_fork()


class S3Connection:
    """Sends requests by the SDK's client and its connection pool."""

    def __init__(self, sdk: Minio, http: PoolManager) -> None:
        self._sdk = sdk
        self._http = http
        self._process = os.getpid()
        _connections.add(self)

    @property
    def sdk(self) -> Minio:
        """The SDK's client for the same endpoint and credentials."""
        self.renew_after_fork()
        return self._sdk

    @property
    def http(self) -> PoolManager:
        """The connection pool."""
        self.renew_after_fork()
        return self._http

    @property
    def guarded_http(self) -> PoolManager:
        """The same pool as the SDK uses it: guarded, and with a log of its requests."""
        return self.sdk._http  # noqa: SLF001 - no public way

    def renew_after_fork(self) -> None:
        """Give a forked child its own connections, also after a fork that Python does not know of, as uWSGI's.

        The parent's connections are neither used nor closed here: both processes would read from one socket.
        """
        if self._process == os.getpid():
            return
        for http in (self._http, *pools_of(self._sdk._provider)):  # noqa: SLF001 - no public way
            _parents_pools.append(http.pools)
            http.pools = RecentlyUsedContainer(http.pools._maxsize)  # noqa: SLF001 - no public way
        self._process = os.getpid()  # last, so that no other thread uses the pools before they are renewed

    @property
    def last_credentials(self) -> Credentials | None:
        """The credentials of the last request; none are requested."""
        return getattr(self._sdk._provider, "current", None)  # noqa: SLF001 - no public way

    @property
    def virtual_host(self) -> str:
        """The endpoint that requests name behind the bucket (virtual-host style); empty in path style."""
        base = self._sdk._base_url  # noqa: SLF001 - no public way
        return str(base.host).lower() if base.virtual_style_flag else ""

    def credentials(self) -> Credentials:
        """Return the current credentials; temporary ones are renewed by a request when they expire."""
        provider: Provider = self._sdk._provider  # type: ignore[assignment]  # noqa: SLF001 - no public way
        if type(provider) is FixedKeys:  # for which no request is sent
            return provider.current
        self.renew_after_fork()
        return provider.retrieve()

    def bucket_url(self, bucket: str) -> str:
        """Return the URL of a bucket, in path style or virtual-host style as the SDK uses it."""
        base = self._sdk._base_url  # noqa: SLF001 - no public way
        return base.build(method="GET", region=str(base.region), bucket_name=bucket).geturl().rstrip("/")

    def request(
        self,
        method: str,
        bucket: str,
        query: Mapping[str, str],
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> BaseHTTPResponse:
        """Send a request that has no method of its own, and return its response, read to the end."""
        sent: dict[str, Any] = dict(headers or {})
        if body:
            sent.update({"Content-Type": "application/xml", "Content-MD5": md5sum_hash(body)})
        return self._execute(method, bucket, key, body=body, headers=sent, query_params=dict(query))

    def _execute(self, method: str, bucket: str, key: str | None = None, **request: Any) -> BaseHTTPResponse:
        return self.sdk._execute(method, bucket_name=bucket, object_name=key, **request)  # noqa: SLF001 - no public way
