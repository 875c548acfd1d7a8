"""Responses as RFC 9112 frames them, where Python's HTTP client guesses.

Python takes what came before a connection broke for all of the headers, the last line cut or not: a size that lost its
last digits, say. It takes 103 (Early Hints) for the response, reads "chunked " as no framing and a chunk of -1 bytes
without end, and finds another header behind a bare CR.
"""

from __future__ import annotations

import http
import http.client
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

    from urllib3 import BaseHTTPResponse

HEADERS_LIMIT = 1024**2  # bytes
INTERIM_RESPONSES = 100  # such as "100 Continue" and "103 Early Hints", before the response
LINE_LIMIT = 65536  # bytes of one line, as in Python's HTTP client
HEADER_LINES = TRAILER_LINES = 100  # likewise

# Possessive and anchored, so that no line takes more than linear time.
_FIELD = re.compile(rb"([!-9;-~]++):[ \t]*+([^\r\n\0]*+)\r?\n")  # on one line, with a name
_FIELDS = re.compile(r"^([!-9;-~]++):[ \t]*+([^\r\n\0]*+)\r\n", re.MULTILINE)  # the same, for all lines of a response
_LENGTH = re.compile("[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_WITHOUT_BODY = frozenset({http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED})


class Headers(http.client.HTTPMessage):
    """Response headers as Python's HTTP client has them, without its parser, which is one of e-mails and slow.

    Attributes:
        by_name: the name as received and all values, by the name in lower case.
    """

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        super().__init__()
        self._headers = fields
        self.by_name: dict[str, list[str]] = {}
        for name, value in fields:
            self.by_name.setdefault(name.lower(), [name]).append(value)
        self.set_payload("")

    def items(self) -> list[tuple[str, str]]:
        """Return names and values as they were received; Python's own method handles what no parser leaves here."""
        return list(self.raw_items())

    def get(self, name: str, failobj: Any = None) -> Any:
        """Return the value of the first header of this name."""
        found = self.by_name.get(name.lower())
        return failobj if found is None else found[1]

    def all_of(self, name: str) -> str:
        """Return the values of all headers of this name (in lower case), separated by commas (RFC 9110, 5.3)."""
        return ",".join(self.by_name.get(name, ())[1:])


def parse_headers(lines: list[bytes]) -> Headers:
    """Parse header lines (RFC 9112, 5).

    Spaces around a value are dropped, a line that continues another one is joined to it, and each bare CR or NUL
    becomes a space, as the RFC says.

    Raises:
        http.client.HTTPException: a line is no header. Python would ignore it and all after it.
    """
    fields: list[tuple[str, str]] = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None and fields and line[0] in b" \t":
            name, value = fields.pop()
            fields.append((name, f"{value} {str(_plain(line), 'latin1').strip()}"))
            continue
        field = field or _FIELD.fullmatch(_plain(line))
        if field is None:
            raise http.client.HTTPException("The response headers have a malformed line")
        fields.append((str(field[1], "latin1"), str(field[2], "latin1").rstrip(" \t")))
    return Headers(fields)


def parse_block(block: bytes) -> Headers | None:
    """Parse all header lines at once; None where one is not plain, or where there are too many."""
    parts = _FIELDS.split(str(block, "latin1"))
    around, names, values = parts[::3], parts[1::3], parts[2::3]
    if any(around) or len(names) > HEADER_LINES:
        return None
    if b" \r\n" in block or b"\t\r\n" in block:
        values = [value.rstrip(" \t") for value in values]
    return Headers(list(zip(names, values, strict=True)))


def _plain(line: bytes) -> bytes:
    """Return a line with spaces instead of what no value may contain (RFC 9110, 5.5)."""
    return line.rstrip(b"\r\n").replace(b"\r", b" ").replace(b"\0", b" ") + b"\n"


class StrictResponse(http.client.HTTPResponse):
    """A response whose headers, sizes and chunks are refused where they are cut short, malformed or contradictory.

    urllib3 handles the errors as a broken connection, and retries the request where it may.
    """

    headers: Headers

    def __init__(self, connected: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(connected, *arguments, **options)
        self.socket = connected

    def begin(self) -> None:
        """Read the headers.

        Raises:
            http.client.HTTPException: they are not valid, or too large.
        """
        for _ in range(INTERIM_RESPONSES):
            version, status, reason = self._read_status()  # type: ignore[attr-defined]  # not in typeshed, like others
            headers = self._read_headers()
            if status >= http.HTTPStatus.OK:
                break
            if status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise http.client.HTTPException("The server changes to another protocol, which was not requested")
        else:
            raise http.client.HTTPException("The response headers are too large")
        self.code = self.status = status
        self.reason = reason.strip()
        self.version = _version(version)
        self.headers = self.msg = headers
        self._find_end(has_body=status not in _WITHOUT_BODY and self._method != "HEAD")  # type: ignore[attr-defined]
        if self.length == 0:
            self._close_conn()  # type: ignore[attr-defined]  # as after the last byte: the connection can be used again

    def _find_end(self, *, has_body: bool) -> None:
        """Find out where the body ends (RFC 9112, 6.3), and whether the connection can be used again then."""
        is_chunked = _is_chunked(self.headers.all_of("transfer-encoding"))
        length = _length(self.headers.all_of("content-length"), ignored=is_chunked)
        self.chunk_left = None
        self.chunked = is_chunked and has_body
        self.length = None if self.chunked else length if has_body else 0
        # A response with both sizes may have passed somebody who believes the other one.
        is_unclear = (is_chunked and "content-length" in self.headers) or (self.length is None and not self.chunked)
        self.will_close = is_unclear or self._check_close()  # type: ignore[attr-defined]

    def _read_headers(self) -> Headers:
        """Read the headers, and the empty line that ends them: together if they have arrived together, as most do."""
        arrived = self.fp.peek()
        end = arrived.find(b"\r\n\r\n") + 2
        headers = parse_block(arrived[:end]) if end > 1 else None
        if headers is None:
            return parse_headers(self._read_lines())
        self.fp.read(end + 2)
        return headers

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

    def _get_chunk_left(self) -> int | None:
        """Return the bytes that are left of a chunk; None after the last one."""
        left: int | None = self.chunk_left
        if left:
            return left
        if left is not None and self._safe_read(2) != b"\r\n":  # type: ignore[attr-defined]
            raise http.client.IncompleteRead(b"")
        left = self._read_next_chunk_size()
        if left == 0:
            self._read_and_discard_trailer()
            self._close_conn()  # type: ignore[attr-defined]
            left = None
        self.chunk_left = left
        return left

    def _read_next_chunk_size(self) -> int:
        """Read a line with the size of a chunk; Python takes "-1" for one, and reads all that comes."""
        line = self.fp.readline(LINE_LIMIT + 1)
        if len(line) > LINE_LIMIT:
            raise http.client.LineTooLong("chunk size")
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise http.client.IncompleteRead(b"")
        return int(size[1], 16)

    def _read_and_discard_trailer(self) -> None:
        """Read the lines after the last chunk of a body; Python's own method reads them without a limit."""
        for _ in range(TRAILER_LINES):
            if self.fp.readline(LINE_LIMIT + 1) in (b"\r\n", b"\n", b""):
                return
        raise http.client.HTTPException("The trailer of the response is too large")


def read_strictly(response: BaseHTTPResponse) -> None:
    """Read the chunks of a response strictly, although it is of a pool that made no StrictResponse."""
    received: Any = getattr(response, "_original_response", None)
    if type(received) is http.client.HTTPResponse:
        received.__class__ = StrictResponse


def socket_of(response: BaseHTTPResponse) -> socket.socket | None:
    """Return the socket that a response is read from; None if there is none any more.

    Where the server closes the connection after the response, Python's connection has let go of it.
    """
    received = getattr(response, "_original_response", None)
    connected: socket.socket | None = getattr(received, "socket", None) or getattr(response.connection, "sock", None)
    return connected if connected is not None and connected.fileno() >= 0 else None


def _version(text: str) -> int:
    """Return 10 or 11 for an HTTP version, as Python's HTTP client counts them."""
    if text in {"HTTP/1.0", "HTTP/0.9"}:
        return 10
    if text.startswith("HTTP/1."):
        return 11
    raise http.client.UnknownProtocol(text)


def _is_chunked(codings: str) -> bool:
    """Whether the body has chunks, by Transfer-Encoding.

    Raises:
        http.client.HTTPException: it has another coding, which cannot be read.
    """
    if codings.lower() not in {"", "identity", "chunked"}:
        raise http.client.HTTPException("The response has a transfer coding that was not requested")
    return codings.lower() == "chunked"


def _length(lengths: str, *, ignored: bool) -> int | None:
    """Return the bytes of the body by Content-Length; None if there is none, or if it is ignored.

    Raises:
        http.client.HTTPException: it is no number, or there are several different ones.
    """
    if ignored or not lengths:
        return None
    values = {value.strip(" \t") for value in lengths.split(",")}
    value = values.pop()
    if values or not _LENGTH.fullmatch(value):
        raise http.client.HTTPException("The response has no valid Content-Length")
    return int(value)
