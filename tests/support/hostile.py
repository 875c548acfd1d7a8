"""A server on loopback that sends whatever bytes a test makes up, over TLS where it has a certificate."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Reply = Callable[["Received"], Iterable[bytes]]

DATE = "Sun, 01 Nov 2026 12:00:00 GMT"
OBJECT = {"ETag": '"0123"', "Last-Modified": DATE}  # response headers that every object has


class Received(NamedTuple):
    """A request as it arrived; the names of its headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class HostileServer:
    """The server.

    Attributes:
        endpoint: where it listens, as `host:port`.
        received: the requests so far.
        connections: how many were accepted, whether a request followed or not.
        idle: set while no connection is open.
    """

    endpoint: str
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    idle: threading.Event = field(default_factory=threading.Event)


def response(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """A whole response; Content-Length is the body's unless the headers say something else."""
    return head(status, {"Content-Length": str(len(body)), **(headers or {})}) + body


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """The head of a response."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in {"Connection": "close", **headers}.items())
    return f"HTTP/1.1 {status} Made Up\r\n{lines}\r\n".encode()


def endless(beginning: bytes, piece: bytes) -> Iterator[bytes]:
    """Bytes that never end."""
    yield beginning
    while True:
        yield piece


@contextmanager
def hostile(reply: Reply, tls: ssl.SSLContext | None = None) -> Iterator[HostileServer]:
    """Run a server for the length of the block: one request a connection, to which it sends the bytes of `reply`."""
    listener = socket.create_server(("127.0.0.1", 0))
    running = HostileServer(f"127.0.0.1:{listener.getsockname()[1]}")
    running.idle.set()
    lock = threading.Lock()
    live: set[socket.socket] = set()

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            talking = tls.wrap_socket(connection, server_side=True) if tls else connection
            with talking:
                with lock:
                    live.add(talking)
                request = _received(talking)
                if request is not None:
                    running.received.append(request)
                    for piece in reply(request):
                        talking.sendall(piece)
            connection = talking
        connection.close()
        with lock:
            live.discard(connection)
            if not live:
                running.idle.set()

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # stopped
                return
            running.connections += 1
            running.idle.clear()
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        with lock:
            for connection in live:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _received(connection: socket.socket) -> Received | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    start, _, body = data.partition(b"\r\n\r\n")
    first, *lines = start.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        piece = connection.recv(65536)
        if not piece:
            return None
        body += piece
    return Received(method, target, headers, body)
