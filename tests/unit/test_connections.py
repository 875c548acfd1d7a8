"""The default pool has one pool of connections for each server, and reads response headers as Python does."""

from __future__ import annotations

import contextlib
import gc
import http.client
import io
import socket
import threading
import weakref
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from django_minio_backend.s3.registry import default_pool
from django_minio_backend.sockets import connections
from django_minio_backend.sockets.connections import HTTPConnectionPool, HTTPSConnectionPool, strict_pool
from django_minio_backend.transport.pool import GuardedPool
from django_minio_backend.transport.request_log import RequestLog
from tests.support.hostile import hostile, response

if TYPE_CHECKING:
    from collections.abc import Iterator

_names = st.sampled_from(
    ["Content-Length", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "ETag", "X-Amz-Meta-A", ""]
) | st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\r\n"), max_size=8)
_values = st.sampled_from(
    ["0", "5", "-5", "+5", "5, 5", "1_0", "chunked", "Chunked", "gzip, chunked", "close", "keep-alive"]
)
_values |= st.text(st.characters(max_codepoint=0xFF, exclude_characters="\n"), max_size=12)
_lines = st.builds(
    "{}:{}{}{}".format, _names, st.sampled_from(["", " ", "\t "]), _values, st.sampled_from(["\r\n", "\n"])
)
_lines |= st.sampled_from([" folded\r\n", "no colon\r\n", "From me\r\n", ": no name\r\n"])
_blocks = st.lists(_lines.map(lambda line: line.encode("latin1")).filter(lambda line: line != b"\n"), max_size=8)


@given(_blocks)
@example([b"A: 1\r\n", b" folded\r\n", b"B: 2\r\n"])
@example([b"A: 1\rB: 2\r\n"])
@example([b"A : 1\r\n"])
def test_headers_are_parsed_as_python_parses_them(lines: list[bytes]) -> None:
    expected = http.client.parse_headers(io.BytesIO(b"".join([*lines, b"\r\n"])))
    parsed = connections.parse_headers(lines)
    assert parsed.items() == expected.items()
    assert [parsed.get_all(name) for name in parsed] == [expected.get_all(name) for name in expected]
    assert list(map(repr, parsed.defects)) == list(map(repr, expected.defects))
    assert parsed.get_payload() == expected.get_payload()


@given(
    _blocks,
    st.sampled_from(
        ["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 No Content", "HTTP/1.1 304", "HTTP/1.1 199 A"]
    ),
    st.sampled_from(["", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n"]),
    st.sampled_from(["GET", "HEAD", "PUT"]),
)
def test_a_response_is_understood_as_python_understands_it(
    lines: list[bytes], status: str, before: str, method: str
) -> None:
    sent = f"{before}{status}\r\n".encode() + b"".join(lines) + b"\r\nbody"
    assert _begun(connections.HTTPConnection.response_class, sent, method) == _begun(
        http.client.HTTPResponse, sent, method
    )


def _begun(kind: type[http.client.HTTPResponse], sent: bytes, method: str) -> object:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        response = kind(ours, method=method)
        response.begin()
        understood = response.version, response.status, response.reason, response.getheaders()
        body = response.chunked, response.length, response.will_close
        rest = b"" if response.chunked else response.read(4)  # not more: a size of 5 would be an error
        response.close()
        return understood, body, rest


@contextlib.contextmanager
def _counting_server(requests: list[list[bytes]]) -> Iterator[str]:
    """Take connections and record, for each, what every recv() gave until the request was complete."""

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection:
                    pieces = [connection.recv(2**20)]
                    requests.append(pieces)
                    while not b"".join(pieces).endswith((b"END", b"END\r\n0\r\n\r\n")):
                        pieces.append(connection.recv(2**20))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("size", [3, 10_000, 65_536], ids=["tiny", "small", "at the limit"])
def test_a_small_body_is_sent_with_its_headers(size: int) -> None:
    body = bytes(size - 3) + b"END"
    requests: list[list[bytes]] = []
    with _counting_server(requests) as url, strict_pool() as pool:
        assert pool.urlopen("PUT", url, body=body, headers={"X-One": "1"}).status == 200
    head, _, received = b"".join(requests[0]).partition(b"\r\n\r\n")
    assert received == body
    assert head.startswith(b"PUT / HTTP/1.1\r\n")
    assert b"X-One: 1" in head
    assert len(requests[0][0]) > len(head) + 4  # the first bytes of the body came with the headers


@pytest.mark.parametrize(
    "body", [bytes(65_534) + b"END", iter([b"one", b"END"]), "END"], ids=["large", "chunks", "text"]
)
def test_any_other_body_is_sent_as_by_urllib3(body: object) -> None:
    requests: list[list[bytes]] = []
    with _counting_server(requests) as url, strict_pool() as pool:
        response = pool.urlopen(
            "PUT", url, body=body, headers={"Content-Length": "65537"} if isinstance(body, bytes) else {}
        )
        assert response.status == 200


def test_each_server_has_one_pool() -> None:
    manager = strict_pool(maxsize=2)
    urls = ["http://a:9000", "http://a:9001", "https://a:9000", "http://b:9000"]
    pools = [manager.connection_from_url(url) for url in urls]
    assert len(set(map(id, pools))) == len(urls)
    assert [manager.connection_from_url(f"{url}/b/c?d") for url in urls] == pools
    assert [type(pool) for pool in pools] == [*[HTTPConnectionPool] * 2, HTTPSConnectionPool, HTTPConnectionPool]


def test_a_manager_that_was_cleared_opens_another_pool() -> None:
    manager = strict_pool()
    before = manager.connection_from_url("http://a:9000")
    manager.clear()
    assert manager.connection_from_url("http://a:9000") is not before


class _Body(bytearray):
    """Bytes that can be referred to weakly."""


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(b"", id="without a response"),
        pytest.param(b"HTTP/1.1 200 OK\r\nConte", id="within the headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12", id="within the body"),
        pytest.param(response(503), id="by an error of the server"),
    ],
)
def test_a_retried_request_leaves_its_body_to_no_garbage_collection(first: bytes) -> None:
    replies = [first, response(200, b"ok")]
    http = GuardedPool(default_pool(secure=False), RequestLog())

    def send(url: str) -> weakref.ref[_Body]:
        body = _Body(b"content")
        assert http.urlopen("PUT", url, body=body).data == b"ok"
        return weakref.ref(body)

    gc.disable()
    try:
        with hostile(lambda _: [replies.pop(0)]) as server:
            assert send(f"http://{server.endpoint}/")() is None
    finally:
        gc.enable()
