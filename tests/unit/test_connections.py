"""The default pool has one pool of connections for each server, sends small requests at once, and keeps no body."""

from __future__ import annotations

import contextlib
import gc
import io
import socket
import ssl
import threading
import weakref
from typing import TYPE_CHECKING

import pytest
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.exceptions import HTTPError
from urllib3.util import SKIP_HEADER

from django_minio_backend.s3.registry import default_pool
from django_minio_backend.sockets.connections import HTTPConnectionPool, HTTPSConnectionPool, strict_pool
from django_minio_backend.transport.pool import GuardedPool
from django_minio_backend.transport.request_log import RequestLog
from tests.support.certificates import Certificates
from tests.support.hostile import Received, hostile, response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


_targets = st.text(st.sampled_from("ab/.?#%&=+@\\:~é\u20ac "), max_size=12) | st.sampled_from(
    ["bucket/a%20b?x=%2f", "./a", "a/../b", "a//b", "/a", "a?b=/../c", "%zz", "a#b"]
)
_fields = st.dictionaries(
    st.sampled_from(["A", "x-One", "Host", "User-Agent"]) | st.text(st.sampled_from("a-9:_ \r\né\u20ac"), max_size=5),
    st.text(st.sampled_from("aB9:;, \t\r\n\0\x7fé\u20ac"), max_size=8) | st.sampled_from(["END", SKIP_HEADER]),
    max_size=3,
)


@given(_targets, _fields)
@example("/./a", {"X-One": "1"})
@example("a", {"Host": "other", "User-Agent": SKIP_HEADER})
@example("a", {"A": "b\r\nC: d"})
@example("a", {"A: b": "c"})
def test_a_request_is_sent_as_by_urllib3(target: str, fields: dict[str, str]) -> None:
    requests: list[list[bytes]] = []
    with _counting_server(requests) as url:
        outcomes = [_sent(pool, f"{url}{target}", fields, requests) for pool in (strict_pool(), urllib3.PoolManager())]
    assert outcomes[0] == outcomes[1]


def _sent(
    pool: urllib3.PoolManager, url: str, fields: dict[str, str], requests: list[list[bytes]]
) -> bytes | type[Exception]:
    """Return what the server received, or the type of the error."""
    with pool:
        try:
            pool.urlopen("PUT", url, body=b"END", headers=fields, redirect=False, retries=False)
        except (ValueError, HTTPError) as error:
            return type(error)
        return b"".join(requests.pop())


FORGED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"


@pytest.mark.parametrize(
    ("method", "head"),
    [
        pytest.param("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", id="HEAD with a body"),
        pytest.param("PUT", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", id="without a body"),
        pytest.param("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", id="no content"),
        pytest.param("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", id="with a body"),
    ],
)
@pytest.mark.parametrize("is_encrypted", [True, False], ids=["https", "http"])
def test_bytes_after_a_response_are_not_the_response_to_the_next_request(
    method: str, head: bytes, *, is_encrypted: bool, tmp_path: Path
) -> None:
    """Those of an object, say, if a proxy sends a body with the response to HEAD."""
    certificates = Certificates(tmp_path)
    finished = threading.Event()

    def reply(request: Received) -> Iterator[bytes]:
        if request.target == "/first":
            yield head.ljust(io.DEFAULT_BUFFER_SIZE, b".") + FORGED  # all but FORGED goes into the reader's buffer
            finished.wait(20)  # the connection stays open
        else:
            yield response(200, b"ok")

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificates.files)
    options = {"ca_certs": str(certificates.authority)} if is_encrypted else {}
    with hostile(reply, tls if is_encrypted else None) as server, strict_pool(**options) as pool:
        url = f"http{'s' if is_encrypted else ''}://{server.endpoint}"
        pool.urlopen(method, f"{url}/first", body=b"x" if method == "PUT" else None, timeout=20)
        assert pool.urlopen("GET", f"{url}/second", timeout=20).data == b"ok"
        finished.set()
    assert server.connections == 2


@pytest.mark.parametrize("body", ["\u00e9END", b"END"], ids=["text", "bytes"])
def test_a_body_is_sent_in_chunks_on_request(body: str | bytes) -> None:
    headers = {"Host": "host", "User-Agent": "agent", "Content-Length": "3"}
    for given_headers in (headers, {"Host": "host"}):
        sent: list[bytes] = []
        for pool in (strict_pool(), urllib3.PoolManager()):
            requests: list[list[bytes]] = []
            with _counting_server(requests) as url, pool:
                pool.urlopen("PUT", url, body=body, headers=given_headers, chunked=True, retries=False)
            sent.append(b"".join(requests[0]))
        assert sent[0] == sent[1]
