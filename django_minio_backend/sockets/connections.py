"""The connections of the default pool: their requests can be cancelled, and their responses are read strictly."""

from __future__ import annotations

import errno
import os
import re
import socket
import sys
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3 import connection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.poolmanager import key_fn_by_scheme
from urllib3.util.connection import allowed_gai_family
from urllib3.util.wait import wait_for_write

from .cancellation import current_cancellation
from .plain_requests import PlainRequests
from .responses import StrictResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3.poolmanager import PoolKey

    from .cancellation import Cancellation

    _KeyFunction = Callable[[dict[str, Any]], PoolKey]

_PLAIN_URL = re.compile(r"(https?://[^/?#\\@]+)(/[^#]*)")  # origin, and what the request line has
_IN_PROGRESS = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK})


class _CancellableConnection(connection.HTTPConnection):
    """Lets the cancellation of this thread's requests, if there is one, end what waits for the connection."""

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request, as urllib3's method with the same arguments does."""
        cancellation = current_cancellation()
        if cancellation is not None and self.sock is not None:
            cancellation.watch(self.sock)
        super().request(*args, **options)

    def _new_conn(self) -> socket.socket:
        cancellation = current_cancellation()
        if cancellation is None:
            return super()._new_conn()
        try:
            connected = self._connect(cancellation)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            message = f"Connection to {self.host} timed out. (connect timeout={self.timeout})"
            raise ConnectTimeoutError(self, message) from error
        except OSError as error:
            raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return connected

    def _connect(self, cancellation: Cancellation) -> socket.socket:
        """Connect to the first of the host's addresses that accepts, as urllib3's create_connection() does."""
        failure = OSError("getaddrinfo returns an empty list")
        addresses = socket.getaddrinfo(self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        for family, kind, protocol, _, address in addresses:
            connecting = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    connecting.setsockopt(*option)
                if self.source_address:
                    connecting.bind(self.source_address)
                _connect_within(connecting, address, self.timeout, cancellation)
            except OSError as error:
                connecting.close()
                failure = error
            else:
                return connecting
        raise failure


def _connect_within(connecting: socket.socket, address: Any, timeout: float | None, cancellation: Cancellation) -> None:
    """Connect a socket.

    Raises:
        OSError: of the connection, or because it was cancelled.
    """
    connecting.settimeout(0)
    code = connecting.connect_ex(address)
    cancellation.watch(connecting)  # not before: shutdown() has no effect on a socket that does nothing yet
    if code in _IN_PROGRESS:
        if not wait_for_write(connecting, timeout):
            raise TimeoutError("timed out")
        cancellation.check()
        code = connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
    connecting.settimeout(timeout)


class _CancellablePool(urllib3.HTTPConnectionPool):
    def _put_conn(self, conn: Any) -> None:
        """Give a connection back, which no cancellation may end any more."""
        cancellation = current_cancellation()
        if cancellation is not None:
            cancellation.forget()
        super()._put_conn(conn)


# The messages of urllib3's errors begin with the names of these classes, so they are the names that its users know.


class HTTPConnection(_CancellableConnection, PlainRequests):
    """A connection with strict response headers."""

    response_class = StrictResponse


class HTTPSConnection(_CancellableConnection, PlainRequests, connection.HTTPSConnection):
    """The same, encrypted."""

    response_class = StrictResponse

    @property
    def is_connected(self) -> bool:
        """Whether the next request may use this connection: not if bytes are left, which would be read as its response.

        urllib3 looks for bytes on the socket only, and does not see those that are decrypted already.
        """
        return super().is_connected and not getattr(self.sock, "pending", int)()


class HTTPConnectionPool(_CancellablePool):
    """Connections to one server."""

    ConnectionCls = HTTPConnection


class HTTPSConnectionPool(_CancellablePool, urllib3.HTTPSConnectionPool):
    """The same, encrypted."""

    ConnectionCls = HTTPSConnection


class _PoolManager(urllib3.PoolManager):
    """Keeps what it has parsed of URLs: urllib3 parses each of them twice."""

    def urlopen(self, method: str, url: str, redirect: bool = True, **request: Any) -> urllib3.BaseHTTPResponse:  # type: ignore[override]  # noqa: FBT001, FBT002 - urllib3's signature
        """Send a request by the connections to its server."""
        plain = _PLAIN_URL.fullmatch(url)
        if redirect or plain is None or self.proxy is not None or "/." in url:  # urllib3 resolves "/./" and "/../"
            return super().urlopen(method, url, redirect, **request)
        pool = self.connection_from_host(*_server(plain[1]))
        request = {"headers": self.headers, **request, "redirect": False, "assert_same_host": False}
        return pool.urlopen(method, plain[2], **request)


@lru_cache
def _server(origin: str) -> tuple[str | None, int | None, str | None]:
    url = urllib3.util.parse_url(origin)
    return url.host, url.port, url.scheme


def strict_pool(**options: Any) -> urllib3.PoolManager:
    """Make a pool of such connections; ``options`` are those of ``urllib3.PoolManager``, for all servers alike."""
    manager = _PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": HTTPSConnectionPool}
    manager.key_fn_by_scheme = {scheme: partial(_cached_key, make, {}) for scheme, make in key_fn_by_scheme.items()}
    return manager


def _cached_key(make: _KeyFunction, keys: dict[object, PoolKey], context: dict[str, Any]) -> PoolKey:
    """Return the key of a server's pool; urllib3 makes it anew of twenty values, 18 of them constant."""
    server = context["host"], context["port"]
    key = keys.get(server)
    if key is None:
        key = keys[server] = make(context)
    return key
