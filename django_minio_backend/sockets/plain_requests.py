"""Plain requests and their responses in fewer steps than urllib3 takes; all others are left to it.

A plain request has text headers, among them those that urllib3 would add, and bytes or no body.
"""

from __future__ import annotations

import http.client
import inspect
import re
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3 import connection
from urllib3.util import SKIP_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .responses import StrictResponse

JOINED_LIMIT = 64 * 1024  # bytes of a body that is sent together with the headers
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUES = re.compile(r"[\t -~\x80-\xff]*")
_WITHOUT_BODY = frozenset({"GET", "HEAD", "DELETE"})
_LATER_ARGUMENTS = inspect.signature(urllib3.HTTPResponse).parameters.keys() & {"version_string", "sock_shutdown"}
_HAS_CONTAINER = "_container" in vars(urllib3.HTTPHeaderDict())


class PlainRequests(connection.HTTPConnection):
    """Sends the headers at once, and a small body with them, and gives urllib3 the response headers as parsed."""

    _is_joined = False
    _head: bytes | None = None
    _plain: dict[str, Any] | None = None  # about the plain request whose response is next

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **options: Any) -> None:
        """Send a request, as urllib3's method with the same arguments does."""
        self._is_joined = isinstance(body, bytes | bytearray) and 0 < len(body) <= JOINED_LIMIT
        self._head = self._plain = None
        lines = None if options.get("chunked") else _plain_lines(method, body, headers)
        if lines is None:
            super().request(method, url, body, headers, **options)
            return
        options.pop("chunked", None)
        if self.sock is not None:
            self.sock.settimeout(self.timeout)
        self._plain = {"request_method": method, "request_url": url, **options}
        self.putrequest(method, url, skip_host=True)
        self._output(lines)  # type: ignore[attr-defined]  # not in typeshed
        self.endheaders()
        if body:
            self.send(body)

    def send(self, data: Any) -> None:
        """Send bytes; the headers wait for the body if that is small."""
        if self._is_joined:
            if self._head is None:
                self._head = data
                return
            data = b"".join((self._head, data))
            self._is_joined = False
        super().send(data)

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]  # as urllib3's own
        """Return the response, as urllib3's method does."""
        about, self._plain = self._plain, None
        if about is None or self.sock is None:
            return super().getresponse()
        self.sock.settimeout(self.timeout)
        later = {"version_string": self._http_vsn_str, "sock_shutdown": getattr(self.sock, "shutdown", None)}  # type: ignore[attr-defined]  # not in typeshed
        received: Any = http.client.HTTPConnection.getresponse(self)
        return urllib3.HTTPResponse(
            received,
            headers=_headers_of(received),
            status=received.status,
            version=received.version,
            reason=received.reason,
            original_response=received,
            **{name: later[name] for name in _LATER_ARGUMENTS},
            **about,
        )


def _plain_lines(method: str, body: Any, headers: Mapping[str, str] | None) -> bytes | None:
    """Return the header lines of a request, without the end of the last one; None if it is not plain."""
    if type(headers) is not dict or "Host" not in headers or "User-Agent" not in headers:
        return None
    if not _is_plain_body(method, body, headers):
        return None
    try:
        names, values = "".join(headers).lower(), "".join(headers.values())
        lines = "\r\n".join(map(": ".join, headers.items()))
    except TypeError:  # a name or a value is no text
        return None
    if "" in headers or not (_NAMES.fullmatch(names) and _VALUES.fullmatch(values)):
        return None
    if "accept-encoding" in names or "transfer-encoding" in names or SKIP_HEADER in values:
        return None
    return lines.encode("latin1")


def _is_plain_body(method: str, body: Any, headers: Mapping[str, str]) -> bool:
    """Whether urllib3 would add no header about the body, and send it as it is."""
    if body is None:
        return method in _WITHOUT_BODY
    return isinstance(body, bytes | bytearray) and "Content-Length" in headers


def _headers_of(received: StrictResponse) -> urllib3.HTTPHeaderDict:
    """Return the headers of a response in urllib3's dictionary, which would parse their names and values once more."""
    headers = urllib3.HTTPHeaderDict()
    if _HAS_CONTAINER:
        headers._container = received.headers.by_name  # noqa: SLF001 - no public way
    else:
        headers.extend(received.headers.items())
    return headers
