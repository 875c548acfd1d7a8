"""Plain requests are sent, and their responses given, as by urllib3; and an empty response keeps its connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.files.base import ContentFile
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.exceptions import HTTPError
from urllib3.util import SKIP_HEADER

from django_minio_backend.models import MinioBackend
from django_minio_backend.sockets import plain_requests
from django_minio_backend.sockets.connections import strict_pool
from django_minio_backend.sockets.plain_requests import PlainRequests
from django_minio_backend.transport.pool import GuardedPool
from django_minio_backend.transport.request_log import RequestLog
from tests.support.hostile import OBJECT, hostile, response
from tests.support.settings import made_up

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = {"Host": "host:9000", "User-Agent": "agent", "Content-Length": "3"}

_names = st.sampled_from(["Host", "host", "User-Agent", "user-agent", "accept-ENCODING", "Transfer-Encoding", "TE"])
_names |= st.text(st.sampled_from("a-9:_ \r\né\u20ac"), max_size=5)
_values = st.text(st.sampled_from("aB9:;, \t\r\n\0\x7fé\u20ac"), max_size=8)
_values |= st.sampled_from(["3", "chunked", "identity", SKIP_HEADER])
_fields = st.dictionaries(_names, _values | _values.map(lambda text: text.encode()), max_size=2)


@given(_fields, st.sampled_from(["PUT", "GET", "HEAD", "DELETE"]), st.sampled_from([b"END", bytearray(b"END"), None]))
@example({}, "PUT", b"END")
@example({}, "GET", None)
@example({"A": "b\r\nC: d"}, "PUT", b"END")
@example({"A: b\r\nC": "d"}, "PUT", b"END")
@example({"": "d"}, "PUT", b"END")
@example({"A": "é", "B": b"c"}, "PUT", b"END")
@example({"accept-ENCODING": "gzip"}, "GET", None)
@example({"User-Agent": SKIP_HEADER}, "GET", None)
@example({"Transfer-Encoding": "chunked"}, "PUT", b"END")
@example({"Transfer-Encoding": "chunked"}, "GET", None)
@example({"Content-Length": None}, "PUT", b"END")
def test_a_plain_request_is_sent_as_by_urllib3(fields: dict[str, Any], method: str, body: bytes | None) -> None:
    given = {**PLAIN, **fields, **({"Content-Length": None} if body is None else {})}
    headers = {name: value for name, value in given.items() if value is not None}
    outcomes = [_sent(pool, method, headers, body) for pool in (strict_pool(), urllib3.PoolManager())]
    assert outcomes[0] == outcomes[1]


def _sent(
    pool: urllib3.PoolManager, method: str, headers: dict[str, Any], body: bytes | None
) -> bytes | type[Exception]:
    """Return what the server received, or the type of the error."""
    with socket.create_server(("127.0.0.1", 0)) as listener, pool:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/bucket/a%20b?c=d"
        received: list[bytes] = []

        def serve() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                connection.settimeout(20)
                while piece := connection.recv(2**20):
                    received.append(piece)
                    sent = b"".join(received)
                    if sent.endswith((b"END", b"END\r\n0\r\n\r\n") if body else b"\r\n\r\n"):
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            pool.urlopen(method, url, body=body, headers=headers, redirect=False, retries=False)
        except (ValueError, TypeError, HTTPError) as error:
            return type(error)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            pool.clear()
            thread.join()
        return b"".join(received)


def test_the_requests_of_saves_and_reads_are_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests here would compare urllib3 with itself."""
    plain: list[bool] = []

    def noted(*arguments: Any) -> bytes | None:
        lines = plain_lines(*arguments)
        plain.append(lines is not None)
        return lines

    plain_lines = plain_requests._plain_lines
    monkeypatch.setattr(plain_requests, "_plain_lines", noted)
    headers = {**OBJECT, "Content-Length": "0"}
    with hostile(lambda request: [response(404 if request.method == "HEAD" else 200, headers=headers)]) as server:
        storage = MinioBackend(**made_up(MINIO_ENDPOINT=server.endpoint, MINIO_REGION="eu-central-1"))
        storage.save("a", ContentFile(b"content"))
        storage.open("a").read()
        storage.delete("a")
    assert [request.method for request in server.received] == ["HEAD", "PUT", "GET", "DELETE"]
    assert plain == [True] * 4


def test_a_response_belongs_to_the_last_request() -> None:
    with hostile(lambda _: [response(200)]) as server:
        connection = PlainRequests("127.0.0.1", int(server.endpoint.partition(":")[2]))
        connection.request("GET", "/plain", headers={"Host": "host", "User-Agent": "agent"})
        connection.close()
        connection.request("GET", "/other")
        assert connection.getresponse().url == "/other"
        connection.close()


_response_names = st.sampled_from(["ETag", "x-amz-meta-A", "X-Amz-Meta-a", "Set-Cookie", "Connection", "A"])
_response_values = st.text(st.sampled_from("aB 9,;é\t"), max_size=6).map(str.strip) | st.sampled_from(
    ["close", "keep-alive"]
)
_response_fields = st.lists(st.tuples(_response_names, _response_values), max_size=5)


@given(
    fields=_response_fields,
    status=st.sampled_from([200, 204, 304, 404]),
    method=st.sampled_from(["GET", "HEAD"]),
    is_preloaded=st.booleans(),
)
@example(fields=[("A", "b"), ("a", "c")], status=200, method="GET", is_preloaded=True)
@example(fields=[], status=200, method="GET", is_preloaded=False)
def test_a_plain_response_is_given_as_by_urllib3(
    fields: list[tuple[str, str]], status: int, method: str, *, is_preloaded: bool
) -> None:
    body = b"content" if method == "GET" and status not in {204, 304} else b""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    sent = f"HTTP/1.1 {status} Words\r\nContent-Length: {len(body)}\r\n{lines}\r\n".encode("latin1") + body
    headers = {"Host": "host", "User-Agent": "agent"}
    with hostile(lambda _: [sent]) as server:
        ours, theirs = (
            _described(
                pool.urlopen(
                    method,
                    f"http://{server.endpoint}/a",
                    headers=headers,
                    redirect=False,
                    retries=False,
                    preload_content=is_preloaded,
                )
            )
            for pool in (strict_pool(), urllib3.PoolManager())
        )
    assert ours == theirs


def _described(given: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    names = ["status", "reason", "version", "version_string", "url", "chunked", "length_remaining", "decode_content"]
    headers = given.headers
    return {
        **{name: getattr(given, name, None) for name in names},
        "type": type(given),
        "headers": headers,
        "items": list(headers.items()),
        "lists": {name: headers.getlist(name) for name in headers},
        "shutdown": getattr(given, "_sock_shutdown", None) is None,
        "data": given.data,
        "closed": given.closed,
    }


@contextlib.contextmanager
def _one_connection(replies: list[bytes]) -> Iterator[str]:
    """Take one connection, and send one of the replies to each request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                listener.close()
                connection.settimeout(20)
                for reply in replies:
                    received = b""
                    while not received.endswith(b"\r\n\r\n"):
                        received += connection.recv(2**16)
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


@pytest.mark.parametrize("is_streamed", [False, True], ids=["read by the pool", "streamed"])
def test_a_connection_is_used_again_after_responses_without_a_body(*, is_streamed: bool) -> None:
    alive = {"Connection": "keep-alive"}
    replies = [
        response(200, headers=alive),
        response(404, headers={**alive, "Content-Length": "7"}),
        b"HTTP/1.1 204 None\r\n\r\n",
        response(200, b"last", headers=alive),
    ]
    methods = ["GET", "HEAD", "DELETE", "GET"]
    pool = GuardedPool(strict_pool(), RequestLog())
    headers = {"Host": "host", "User-Agent": "agent"}
    received: list[urllib3.BaseHTTPResponse] = []
    with _one_connection(replies) as url:
        for method in methods:
            retries = urllib3.Retry(0)
            received.append(
                pool.urlopen(method, url, headers=headers, retries=retries, preload_content=not is_streamed)
            )
            if is_streamed:
                received[-1].read(cache_content=True)
    assert received[-1].data == b"last"
