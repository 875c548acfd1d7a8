"""A faulty network: a TCP proxy on loopback between a client and a server.

Clients use the proxy's address as their endpoint. Signatures cover the Host header, but a server verifies whichever
Host it was sent, so bytes need not be changed on their way.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable

Direction = Literal["up", "down"]
"""up: from the client to the server; down: the responses."""

CHUNK = 65536


class Proxy:
    """Passes bytes on, until a test makes it misbehave.

    Attributes:
        endpoint: Where it listens, as `host:port`.
        connections: How many connections clients have made.
        transferred: Bytes passed on, by direction.
        delay: Seconds that every piece of a response is held back.
        rate: Bytes per second that each connection passes on in each direction; 0 for no limit.
        latency: Seconds that a request waits after a connection has been idle.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener: socket.socket | None = None
        self._address = ("127.0.0.1", 0)
        self._lock = threading.Lock()
        self._live: set[_Connection] = set()
        self._cuts: list[_Cut] = []
        self._swallow: list[re.Pattern[bytes]] = []
        self._open = threading.Event()
        self._open.set()
        self.connections = 0
        self.transferred: dict[Direction, int] = {"up": 0, "down": 0}
        self.delay = 0.0
        self.rate = 0
        self.latency = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        return "{}:{}".format(*self._address)

    @property
    def live_connections(self) -> int:
        """How many connections there are now."""
        with self._lock:
            return len(self._live)

    def start(self) -> None:
        """Listen; after `stop` on the same port again."""
        self._listener = socket.create_server(self._address)
        self._address = self._listener.getsockname()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        """Refuse new connections and break those that there are."""
        listener, self._listener = self._listener, None
        if listener:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            listener.close()
        self.break_connections()
        self.answer_again()  # so that no thread waits for ever

    def break_connections(self) -> None:
        """Close all connections that there are now, as a server does with idle ones."""
        with self._lock:
            live = list(self._live)
        for connection in live:
            connection.close()

    def cut(self, after: int | Callable[[], int], *, direction: Direction = "down", times: int = 1) -> None:
        """Pass `after` more bytes on in this direction and then hang up; do so with `times` connections, one by one.

        A function instead of a number is called once for each connection.
        """
        with self._lock:
            self._cuts += [_Cut(after() if callable(after) else after, direction) for _ in range(times)]

    def drop_answer(self, request: bytes) -> None:
        """Pass the next request on whose head matches this regular expression, but swallow its response and hang up."""
        with self._lock:
            self._swallow.append(re.compile(request))

    def black_hole(self) -> None:
        """Accept connections and bytes, but pass nothing on, until `answer_again`."""
        self._open.clear()

    def answer_again(self) -> None:
        """End `black_hole`: what was held back goes on."""
        self._open.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # stopped
                return
            self.connections += 1
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            connection = _Connection(client, server)
            with self._lock:
                self._live.add(connection)
                stopped = self._listener is not listener
            if stopped:
                connection.close()
            directions: tuple[Direction, Direction] = ("up", "down")
            for direction in directions:
                threading.Thread(target=self._pump, args=(connection, direction), daemon=True).start()

    def _pump(self, connection: _Connection, direction: Direction) -> None:
        source, sink = connection.ends(direction)
        free_at = 0.0  # when the bytes before these have passed
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if self.rate:
                    now = time.monotonic()
                    is_idle = now - free_at > self.latency
                    free_at = max(free_at, now) + len(data) / self.rate + (self.latency / 2 if is_idle else 0)
                    connection.closed.wait(max(0, free_at - now))
                self._open.wait()
                if direction == "up":
                    connection.swallow = connection.swallow or self._wants_swallowing(data)
                elif connection.swallow:
                    break
                else:
                    connection.closed.wait(self.delay)
                passed, cut = self._up_to_the_cut(connection, data, direction)
                self._count(direction, len(passed))  # before: the receiver may ask at once
                sink.sendall(passed)
                if cut:
                    break
        connection.close()
        with self._lock:
            self._live.discard(connection)
            connection.release()

    def _wants_swallowing(self, data: bytes) -> bool:
        with self._lock:
            for pattern in self._swallow:
                if pattern.match(data):
                    self._swallow.remove(pattern)
                    return True
        return False

    def _up_to_the_cut(self, connection: _Connection, data: bytes, direction: Direction) -> tuple[bytes, bool]:
        with self._lock:
            if not (cut := connection.cuts.get(direction)):
                cut = next((waiting for waiting in self._cuts if waiting.direction == direction), None)
                if cut is None:
                    return data, False
                self._cuts.remove(cut)
                connection.cuts[direction] = cut
            passed = data[: cut.remaining]
            cut.remaining -= len(data)
            return passed, cut.remaining < 0

    def _count(self, direction: Direction, size: int) -> None:
        with self._lock:
            self.transferred[direction] += size


@dataclass
class _Cut:
    remaining: int
    direction: Direction


@dataclass(eq=False)
class _Connection:
    client: socket.socket
    server: socket.socket
    swallow: bool = False
    cuts: dict[Direction, _Cut] = field(default_factory=dict)
    pumps: int = 2
    closed: threading.Event = field(default_factory=threading.Event)

    def ends(self, direction: Direction) -> tuple[socket.socket, socket.socket]:
        return (self.client, self.server) if direction == "up" else (self.server, self.client)

    def close(self) -> None:
        """Hang up on both sides; unlike a plain `close` this also wakes a thread that reads or holds bytes back."""
        self.closed.set()
        for end in (self.client, self.server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Give the sockets back once both threads are done with them."""
        self.pumps -= 1
        if not self.pumps:
            self.client.close()
            self.server.close()
