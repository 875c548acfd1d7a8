"""The connections of the default pool, which refuse response headers that were cut short or are too large.

Python's HTTP client takes what came before a connection broke for all of the headers, the last line cut or not: a size
that lost its last digits, say.
"""

from __future__ import annotations

import http
import http.client
import io
import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3 import connection
from urllib3.poolmanager import key_fn_by_scheme
from urllib3.util import SKIP_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable

    from urllib3.poolmanager import PoolKey

    _KeyFunction = Callable[[dict[str, Any]], PoolKey]

HEADERS_LIMIT = 1024**2  # bytes
INTERIM_RESPONSES = 100  # of "100 Continue" before the response
JOINED_LIMIT = 64 * 1024  # bytes of a body that is sent together with the headers
LINE_LIMIT = 65536  # bytes of one line, as in Python's HTTP client
HEADER_LINES = TRAILER_LINES = 100  # likewise

_FIELD = re.compile(rb"([!-9;-~]+):[ \t]*([^\r\n]*)\r?\n")  # a plain header: on one line, with a name
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~\x80-\xff]*")  # of a request
_PLAIN_URL = re.compile(r"(https?://[^/?#\\@]+)(/[^#]*)")  # origin, and what the request line has
_WITHOUT_BODY = frozenset({http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED})


class Headers(http.client.HTTPMessage):
    """Response headers as Python's HTTP client has them, without its parser, which is one of e-mails and slow."""

    def items(self) -> list[tuple[str, str]]:
        """Return names and values as they were received; Python's own method handles what no parser leaves here."""
        return list(self.raw_items())


def parse_headers(lines: list[bytes]) -> http.client.HTTPMessage:
    """Parse header lines (RFC 9112, 5) as Python's HTTP client does, which parses all but plain ones itself."""
    headers = Headers()
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            return http.client.parse_headers(io.BytesIO(b"".join([*lines, b"\r\n"])))
        headers.set_raw(str(field[1], "latin1"), str(field[2], "latin1"))
    headers.set_payload("")
    return headers


class _StrictResponse(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read the headers, and refuse them unless they end with an empty line (RFC 9112, 2.1).

        urllib3 handles the error as a broken connection, and retries the request where it may.
        """
        for _ in range(INTERIM_RESPONSES):
            version, status, reason = self._read_status()  # type: ignore[attr-defined]  # not in typeshed, like others
            lines = self._read_lines()
            if status != http.HTTPStatus.CONTINUE:
                break
        else:
            raise http.client.HTTPException("The response headers are too large")
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = _version(version)
        self.headers = self.msg = parse_headers(lines)
        self.chunked = self.headers.get("transfer-encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.will_close = self._check_close()  # type: ignore[attr-defined]
        self.length = None if self.chunked else _length(self.headers.get("content-length", ""))
        if status in _WITHOUT_BODY or status < http.HTTPStatus.OK or self._method == "HEAD":  # type: ignore[attr-defined]
            self.length = 0
        self.will_close = self.will_close or (self.length is None and not self.chunked)

    def _read_lines(self) -> list[bytes]:
        """Read the header lines, without the empty line that ends them."""
        lines: list[bytes] = []
        limit = HEADERS_LIMIT
        while (line := self.fp.readline(LINE_LIMIT + 1)) not in (b"\r\n", b"\n"):
            limit -= len(line)
            if limit < 0 or len(line) > LINE_LIMIT or len(lines) == HEADER_LINES:
                raise http.client.HTTPException("The response headers are too large")
            if not line.endswith(b"\n"):
                raise http.client.RemoteDisconnected("The connection broke within the response headers")
            lines.append(line)
        return lines

    def _read_and_discard_trailer(self) -> None:
        """Read the lines after the last chunk of a body; Python's own method reads them without a limit."""
        for _ in range(TRAILER_LINES):
            if self.fp.readline(65537) in (b"\r\n", b"\n", b""):
                return
        raise http.client.HTTPException("The trailer of the response is too large")


def _version(text: str) -> int:
    """Return 10 or 11 for an HTTP version, as Python's HTTP client counts them."""
    if text in {"HTTP/1.0", "HTTP/0.9"}:
        return 10
    if text.startswith("HTTP/1."):
        return 11
    raise http.client.UnknownProtocol(text)


def _length(text: str) -> int | None:
    """Return the bytes of a Content-Length header; None if there is none, or no such number."""
    try:
        length = int(text)
    except ValueError:
        return None
    return None if length < 0 else length


class _JoinedRequest(http.client.HTTPConnection):
    """Sends the headers and a small body at once, which urllib3 sends one after the other."""

    _is_joined = False
    _headers: bytes | None = None

    def request(self, method: str, url: str, body: Any = None, *args: Any, **options: Any) -> None:
        """Send a request, as urllib3's method with the same arguments does."""
        self._is_joined = isinstance(body, bytes | bytearray) and 0 < len(body) <= JOINED_LIMIT
        self._headers = None
        super().request(method, url, body, *args, **options)

    def putheader(self, header: str | bytes, *values: Any) -> None:
        """Add a header line, of which Python's HTTP client encodes and checks name and values one by one."""
        line = f"{header}: {values[0]}" if len(values) == 1 and type(header) is type(values[0]) is str else ""
        if _HEADER.fullmatch(line) and values[0] != SKIP_HEADER:
            self._output(line.encode("latin1"))  # type: ignore[attr-defined]
        else:
            super().putheader(header, *values)

    def send(self, data: Any) -> None:
        """Send bytes; the headers wait for the body if that is small."""
        if self._is_joined:
            if self._headers is None:
                self._headers = data
                return
            data = b"".join((self._headers, data))
            self._is_joined = False
        super().send(data)


# The messages of urllib3's errors begin with the names of these classes, so they are the names that its users know.


class HTTPConnection(_JoinedRequest, connection.HTTPConnection):
    """A connection with strict response headers."""

    response_class = _StrictResponse


class HTTPSConnection(_JoinedRequest, connection.HTTPSConnection):
    """The same, encrypted."""

    response_class = _StrictResponse


class HTTPConnectionPool(urllib3.HTTPConnectionPool):
    """Connections to one server."""

    ConnectionCls = HTTPConnection


class HTTPSConnectionPool(urllib3.HTTPSConnectionPool):
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
