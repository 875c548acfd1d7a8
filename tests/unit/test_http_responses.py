"""Responses of the default pool: valid ones as Python's HTTP client understands them, all others as RFC 9112 says."""

from __future__ import annotations

import http.client
import io
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st

from django_minio_backend.s3.errors import FAILURES
from django_minio_backend.s3.registry import default_pool
from django_minio_backend.sockets.responses import HEADER_LINES, Headers, StrictResponse, parse_block, parse_headers
from django_minio_backend.transport.pool import GuardedPool
from django_minio_backend.transport.request_log import RequestLog
from tests.support.hostile import HostileServer, hostile

if TYPE_CHECKING:
    from collections.abc import Iterable

_names = st.sampled_from(
    ["Transfer-Encoding", "Connection", "Keep-Alive", "ETag", "X-Amz-Meta-A", "x-amz-meta-a", "CONTENT-LENGTH"]
) | st.from_regex(r"[!-9;-~]{1,8}", fullmatch=True)
_values = st.sampled_from(["0", "4", "5", "chunked", "Chunked", "identity", "close", "keep-alive", "a, b", ""])
_values |= st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=12).map(str.strip)


def _is_refused(field: tuple[str, str]) -> bool:
    name, value = field[0].lower(), field[1]
    if name == "content-length":
        return not (value.isascii() and value.isdecimal())
    return name == "transfer-encoding" and value.lower() not in {"chunked", "identity"}


_fields = st.tuples(_names, _values).filter(lambda field: not _is_refused(field))
_lines = st.builds(
    lambda field, gap, end: f"{field[0]}:{gap}{field[1]}{end}".encode("latin1"),
    _fields,
    st.sampled_from(["", " ", "\t "]),
    st.sampled_from(["\r\n", "\n"]),
)
_blocks = st.lists(_lines, max_size=8)


@given(_blocks)
def test_headers_are_parsed_as_python_parses_them(lines: list[bytes]) -> None:
    expected = http.client.parse_headers(io.BytesIO(b"".join([*lines, b"\r\n"])))
    parsed = parse_headers(lines)
    assert parsed.items() == expected.items()
    assert [parsed.get_all(name) for name in parsed] == [expected.get_all(name) for name in expected]
    assert parsed.defects == expected.defects == []
    assert parsed.get_payload() == expected.get_payload()


@given(
    st.lists(_lines, max_size=8, unique_by=lambda line: line.partition(b":")[0].lower()),
    st.sampled_from(
        ["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 No Content", "HTTP/1.1 304", "HTTP/1.1 404 A"]
    ),
    st.sampled_from(["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n"]),
    st.sampled_from(["GET", "HEAD", "PUT"]),
)
@example([b"Content-Length: 4\r\n"], "HTTP/1.1 200 OK", "", "GET")
def test_a_response_is_understood_as_python_understands_it(
    lines: list[bytes], status: str, before: str, method: str
) -> None:
    sent = f"{before}{status}\r\n".encode() + b"".join(lines) + b"\r\nbody"
    ours, theirs = _begun(StrictResponse, sent, method), _begun(http.client.HTTPResponse, sent, method)
    has_body = method != "HEAD" and "204" not in status and "304" not in status
    if not has_body:  # Python would read chunks where there are none
        theirs.chunked, theirs.length = False, 0
    assert ours.headers.items() == theirs.headers.items()
    assert (ours.version, ours.status, ours.reason) == (theirs.version, theirs.status, theirs.reason)
    assert (ours.chunked, ours.length) == (theirs.chunked, theirs.length)
    has_both = "transfer-encoding" in ours.headers and "content-length" in ours.headers
    assert ours.will_close == theirs.will_close or (ours.will_close and (has_both or not has_body))


def _begun(kind: type[http.client.HTTPResponse], sent: bytes, method: str) -> http.client.HTTPResponse:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        response = kind(ours, method=method)
        response.begin()
        response.close()
        return response


@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=6))
@example([b"A: 1\rB: 2\r\n"])
@example([b"A: b\r\n", b"\0\r\n"])
def test_whatever_is_no_header_is_refused_and_no_value_has_control_of_its_line(lines: list[bytes]) -> None:
    try:
        headers = parse_headers(lines)
    except http.client.HTTPException:
        return
    assert len(headers) <= len(lines)
    assert not [value for _, value in headers.items() if {"\r", "\n", "\0"} & set(value)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([b'ETag: "a\r\n', b'  b" \r\n'], {"ETag": '"a b"'}, id="continued"),
        pytest.param([b"A: 1\rB: 2\r\n"], {"A": "1 B: 2"}, id="a bare CR"),
        pytest.param([b"A: 1\0B: 2\r\n"], {"A": "1 B: 2"}, id="a NUL"),
        pytest.param([b"A: 1 \t \r\n"], {"A": "1"}, id="spaces after the value"),
        pytest.param([b"A:\r\n"], {"A": ""}, id="no value"),
    ],
)
def test_odd_values_are_read_as_the_rfc_says(lines: list[bytes], expected: dict[str, str]) -> None:
    assert dict(parse_headers(lines).items()) == expected


@pytest.mark.parametrize(
    "line",
    [b"no colon\r\n", b"A : 1\r\n", b": no name\r\n", b" folded\r\n", "Ä: 1\r\n".encode(), b"\rA: 1\r\n"],
    ids=["no colon", "a space before the colon", "no name", "nothing to continue", "not ASCII", "a CR before the name"],
)
def test_a_malformed_line_is_refused(line: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        parse_headers([line, b"Content-Length: 5\r\n"])


def test_all_values_of_a_name_count() -> None:
    headers: Headers = parse_headers([b"A: 1\r\n", b"a:2\r\n"])
    assert headers.all_of("a") == "1,2"
    assert headers.all_of("b") == ""


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
READ: dict[str, bytes] = {
    "early hints before it": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    + OK
    + b"Content-Length: 2\r\n\r\nok",
    "processing before it": b"HTTP/1.1 102 Processing\r\n\r\n" * 9 + OK + b"Content-Length: 2\r\n\r\nok",
    "chunks": CHUNKED + b"1\r\no\r\n1;extension\r\nk\r\n0\r\nTrailer: 1\r\n\r\n",
    "a space after chunked": OK + b"Transfer-Encoding: chunked \r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks and a length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "the same length twice": OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok and more",
    "a list of the same lengths": OK + b"Content-Length: 2, 2\r\n\r\nok and more",
}
EMPTY: dict[str, bytes] = {
    "204 with chunks": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
    "304 with chunks": b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    "204 with a body": b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc",
}
REFUSED: dict[str, bytes] = {
    "different lengths": OK + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\nokxyz",
    "a length with a sign": OK + b"Content-Length: +2\r\n\r\nok",
    "a negative length": OK + b"Content-Length: -1\r\n\r\nok",
    "a length with an underscore": OK + b"Content-Length: 0_2\r\n\r\nok",
    "a length without end": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nok",
    "another coding": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "another coding in a second header": OK
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a negative chunk": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk with a prefix": CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"2\r\nokXX0\r\n\r\n",
    "chunks that end in the size": CHUNKED + b"2\r\nok\r\n1",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "a malformed line": OK + b"malformed\r\nContent-Length: 2\r\n\r\nok",
}


def received(sent: Iterable[bytes], http_pool: urllib3.PoolManager | None = None) -> urllib3.BaseHTTPResponse:
    pool = GuardedPool(http_pool or default_pool(secure=False), RequestLog())
    with hostile(lambda _: sent) as server:
        return _get(pool, server)


def _get(pool: GuardedPool, server: HostileServer) -> urllib3.BaseHTTPResponse:
    return pool.urlopen("GET", f"http://{server.endpoint}/", retries=urllib3.Retry(0), timeout=20)


@pytest.mark.parametrize("sent", READ.values(), ids=READ)
def test_the_body_is_found(sent: bytes) -> None:
    response = received([sent])
    assert (response.status, response.data) == (200, b"ok")


@pytest.mark.parametrize("sent", EMPTY.values(), ids=EMPTY)
def test_there_is_no_body(sent: bytes) -> None:
    response = received([sent])
    assert (response.status, response.data) == (int(sent[9:12]), b"")


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_it_is_refused(sent: bytes) -> None:
    with pytest.raises(FAILURES):
        received([sent])


@pytest.mark.parametrize("own_pool", [False, True], ids=["the default pool", "a project's pool"])
def test_a_chunk_of_a_negative_size_is_not_read_without_end(*, own_pool: bool) -> None:
    pieces = 0

    def endless() -> Iterable[bytes]:
        nonlocal pieces
        yield CHUNKED + b"-1\r\n"
        while pieces < 1000:
            pieces += 1
            yield bytes(65536)

    with pytest.raises(FAILURES):
        received(endless(), urllib3.PoolManager() if own_pool else None)
    assert pieces < 1000


def test_a_connection_is_closed_after_a_response_with_two_sizes() -> None:
    sent = READ["chunks and a length"]
    assert _begun(StrictResponse, sent, "GET").will_close
    assert not _begun(StrictResponse, READ["chunks"], "GET").will_close


@given(lines=st.lists(st.text(st.sampled_from("aB-: \t\r\0é"), max_size=6).map(lambda text: f"{text}\r\n"), max_size=4))
@example(["A: b\r\n", " c\r\n"])
@example(["A: b \r\n", "a:\r\n"])
@example(["A: b\r\n"] * (HEADER_LINES + 1))
def test_headers_that_arrive_together_are_parsed_as_line_by_line(lines: list[str]) -> None:
    encoded = [line.encode("latin1") for line in lines]
    together = parse_block(b"".join(encoded))
    plain = all(re.fullmatch(r"[!-9;-~]+:[ \t]*[^\r\n\0]*\r\n", line) for line in lines)
    assert (together is not None) == (plain and len(lines) <= HEADER_LINES)
    if together is not None:
        assert together.items() == parse_headers(encoded).items()


@pytest.mark.parametrize("line", ['b"A:" + b" " * 65_000', 'b"A" * 65_000'], ids=["blanks", "name"])
def test_long_lines_end_soon(line: str) -> None:
    """Each of them took half a minute when expressions went back."""
    code = (
        "from http.client import HTTPException\n"
        "from django_minio_backend.sockets.responses import parse_block, parse_headers\n"
        f"line = {line} + b'\\0\\r\\n'\n"
        "assert parse_block(line * 16) is None\n"
        "try: parse_headers([line] * 16)\n"
        "except HTTPException: pass\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
