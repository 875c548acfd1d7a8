"""Requests that nobody needs any more end at once, whatever they wait for, and leave no thread and no connection."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from urllib3.exceptions import HTTPError

from django_minio_backend.sockets.cancellation import Cancellation, RequestCancelledError
from django_minio_backend.sockets.connections import strict_pool
from django_minio_backend.sockets.responses import socket_of
from django_minio_backend.transport.pool import BoundedRetry, GuardedPool
from django_minio_backend.transport.request_log import RequestLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 20.0  # seconds that a test waits for what should happen at once
LONG = 120.0  # seconds that a request would wait
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

SILENT: dict[str, bytes] = {  # what the server sends before it goes silent
    "the response": b"",
    "the status line": b"HTTP/1.1 2",
    "the headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "the body": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234",
    "a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12",
    "the next attempt": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
    "the next attempt, as the server says": b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 100\r\n\r\n",
}


class Server:
    """Takes any number of connections; each is over (`ended`) when the client has closed it."""

    def __init__(self, sends: bytes) -> None:
        self.sends = sends
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while connection.recv(65536):
                connection.sendall(self.sends)
                self.requests.release()
        self.ended.release()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], Server]]:
    with contextlib.ExitStack() as stack:

        def start(sends: bytes) -> Server:
            server = Server(sends)
            stack.callback(server.close)
            return server

        yield start


def pool() -> GuardedPool:
    """A pool whose requests wait long, and are retried after long pauses."""
    retries = BoundedRetry(5, backoff_factor=LONG, status_forcelist=[503])
    retries.DEFAULT_BACKOFF_MAX = int(LONG)
    return GuardedPool(strict_pool(timeout=LONG, retries=retries, cert_reqs="CERT_NONE"), RequestLog())


class Request(threading.Thread):
    """A request in a thread."""

    def __init__(self, cancellation: Cancellation, http: urllib3.PoolManager, url: str) -> None:
        super().__init__(daemon=True)
        self.error: type[Exception] | None = None  # not the error itself, whose frames hold the pool
        self._sent = cancellation, http, url

    def run(self) -> None:
        cancellation, http, url = self._sent
        try:
            with cancellation.requests():
                http.urlopen("GET", url)
        except (HTTPError, OSError) as error:
            self.error = type(error)


def assert_ends(request: Request, cancellation: Cancellation) -> None:
    assert request.is_alive()
    cancellation.cancel()
    request.join(LIMIT)
    assert not request.is_alive()
    assert request.error is RequestCancelledError


@pytest.mark.parametrize("waits_for", SILENT)
def test_a_request_ends_whatever_it_waits_for(serve: Callable[[bytes], Server], waits_for: str) -> None:
    server, cancellation, http = serve(SILENT[waits_for]), Cancellation(), pool()
    request = Request(cancellation, http, f"http://127.0.0.1:{server.port}/")
    request.start()
    assert server.requests.acquire(timeout=LIMIT)
    time.sleep(0.05)  # by now it waits, most likely; before that it is ended as well
    assert_ends(request, cancellation)
    http.clear()
    assert server.ended.acquire(timeout=LIMIT)
    assert server.connections == 1


def test_a_request_ends_while_the_connection_is_being_encrypted(serve: Callable[[bytes], Server]) -> None:
    server, cancellation = serve(b""), Cancellation()
    request = Request(cancellation, pool(), f"https://127.0.0.1:{server.port}/")
    request.start()
    assert server.requests.acquire(timeout=LIMIT)
    assert_ends(request, cancellation)
    assert server.ended.acquire(timeout=LIMIT)


def test_a_request_ends_while_it_connects() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, contextlib.ExitStack() as stack:
        address, cancellation = listener.getsockname(), Cancellation()
        for _ in range(4):  # until the queue is full, so that the next one waits
            other = stack.enter_context(socket.socket())
            other.settimeout(0)
            other.connect_ex(address)
        request = Request(cancellation, pool(), f"http://127.0.0.1:{address[1]}/")
        request.start()
        time.sleep(0.1)
        assert_ends(request, cancellation)


def test_a_cancelled_one_sends_nothing_more(serve: Callable[[bytes], Server]) -> None:
    server, cancellation, http = serve(OK), Cancellation(), pool()
    url = f"http://127.0.0.1:{server.port}/"
    with cancellation.requests():
        assert http.urlopen("GET", url).status == 200
    cancellation.cancel()
    cancellation.cancel()  # twice is no error
    for _ in range(2):  # by the pool's connection, and by a new one
        with cancellation.requests(), pytest.raises(RequestCancelledError):
            http.urlopen("GET", url)
        http.clear()
    assert http.urlopen("GET", url).status == 200
    assert [server.requests.acquire(timeout=LIMIT), server.requests.acquire(timeout=LIMIT)] == [True, True]
    assert not server.requests.acquire(blocking=False)


def test_a_connection_that_was_given_back_is_left_alone(serve: Callable[[bytes], Server]) -> None:
    server, cancellation, http = serve(OK), Cancellation(), pool()
    url = f"http://127.0.0.1:{server.port}/"
    with cancellation.requests():
        assert http.urlopen("GET", url).status == 200
        cancellation.cancel()
    assert http.urlopen("GET", url).status == 200
    assert server.connections == 1


def test_requests_of_others_go_on(serve: Callable[[bytes], Server]) -> None:
    server, http = serve(b""), pool()
    url = f"http://127.0.0.1:{server.port}/"
    cancellations = [Cancellation(), Cancellation()]
    requests = [Request(cancellation, http, url) for cancellation in cancellations]
    for request in requests:
        request.start()
        assert server.requests.acquire(timeout=LIMIT)
    assert_ends(requests[0], cancellations[0])
    assert server.ended.acquire(timeout=LIMIT)
    assert not server.ended.acquire(timeout=0.1)
    assert_ends(requests[1], cancellations[1])


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "options"),
    [
        pytest.param("127.0.0.1", {}, id="refused"),
        pytest.param("localhost", {}, id="refused at all addresses"),
        pytest.param("missing.invalid", {}, id="no such host"),
        pytest.param("127.0.0.1", {"source_address": ("127.0.0.2", 0)}, id="another source"),
        pytest.param("127.0.0.1", {"source_address": ("192.0.2.1", 0)}, id="a source that is not ours"),
    ],
)
def test_a_failed_connection_is_the_same_error_as_without(host: str, options: dict[str, Any]) -> None:
    url = f"http://{host}:{unused_port()}/"
    errors: list[Exception] = []
    for block in (Cancellation().requests(), contextlib.nullcontext()):
        with strict_pool(retries=False, **options) as http, block, pytest.raises(HTTPError) as caught:
            http.urlopen("GET", url)
        errors.append(caught.value)
    assert len({(type(error), str(error)) for error in errors}) == 1, errors


def test_connections_have_the_timeout_and_options_of_the_pool(serve: Callable[[bytes], Server]) -> None:
    server = serve(OK)
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    http = strict_pool(timeout=urllib3.Timeout(connect=7, read=9), socket_options=options)
    url = f"http://127.0.0.1:{server.port}/"
    with Cancellation().requests():
        response: Any = http.urlopen("GET", url, preload_content=False)
        connected = response.connection.sock
        assert connected.gettimeout() == 9
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert response.read() == b"ok"


@pytest.mark.parametrize("header", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_a_body_that_another_thread_has_requested_ends(serve: Callable[[bytes], Server], header: bytes) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\n" + header + b"Content-Length: 9\r\n\r\n1234")
    response = pool().urlopen("GET", f"http://127.0.0.1:{server.port}/", preload_content=False)
    cancellation, ended = Cancellation(), threading.Event()

    def read() -> None:
        connected = socket_of(response)
        assert connected is not None
        with cancellation.requests(), contextlib.suppress(HTTPError):
            cancellation.watch(connected)
            response.read(9)
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    time.sleep(0.2)
    cancellation.cancel()
    assert ended.wait(LIMIT)
    response.close()
    assert socket_of(response) is None
