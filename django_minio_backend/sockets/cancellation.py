"""Ends the requests of other threads at once: those that connect, wait for a response, read one or wait to retry."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar, Token


class RequestCancelledError(OSError):
    """A request was ended, because nobody needs its response any more."""

    def __init__(self) -> None:
        super().__init__("The request was cancelled: its file was closed.")


class Cancellation:
    """Can end all requests that are sent in its ``requests()`` blocks, each thread sending one at a time.

    It holds a duplicate of each request's socket: shutting that down wakes the thread that waits for the connection.
    The duplicate stays valid while the connection is encrypted or closed, so no other connection is ever met.

    Attributes:
        is_cancelled: whether ``cancel`` was called.
    """

    def __init__(self) -> None:
        self.is_cancelled = False
        # Reentrant, because a file may be collected, and so closed, at any point of any thread.
        self._lock = threading.RLock()
        self._watched: dict[int, tuple[socket.socket, socket.socket]] = {}  # by thread: a socket and its duplicate
        self._no_sleep = threading.Lock()  # released by ``cancel``; an Event could not be set by a collected file
        self._no_sleep.acquire()

    def requests(self) -> _Requests:
        """Return a block whose requests can be cancelled, in this thread."""
        return _Requests(self)

    def cancel(self) -> None:
        """End all requests, and those to come; does not wait for the threads."""
        self.is_cancelled = True
        with self._lock:
            for _, duplicate in self._watched.values():
                with suppress(OSError):  # it is not connected any more
                    duplicate.shutdown(socket.SHUT_RDWR)
        with suppress(RuntimeError):  # it was cancelled before
            self._no_sleep.release()

    def watch(self, connection: socket.socket) -> None:
        """Shut this socket down when the requests are cancelled, instead of the one that this thread used before.

        Raises:
            RequestCancelledError: they were cancelled.
        """
        thread = threading.get_ident()
        with self._lock:
            watched = self._watched.get(thread)
            if watched is None or watched[0] is not connection:
                self.forget()
                # Not dup(), which an encrypted socket does not have. The family does not matter for shutdown().
                duplicate = socket.fromfd(connection.fileno(), socket.AF_INET, socket.SOCK_STREAM)
                self._watched[thread] = connection, duplicate
        self.check()

    def forget(self) -> None:
        """Leave this thread's connection alone from now on, as others may use it or it is closed."""
        with self._lock:
            _, duplicate = self._watched.pop(threading.get_ident(), (None, None))
            if duplicate is not None:
                duplicate.close()

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts.

        Raises:
            RequestCancelledError: the requests were cancelled.
        """
        self.forget()
        if self._no_sleep.acquire(timeout=seconds):
            self._no_sleep.release()  # for the next thread that sleeps
        self.check()

    def check(self) -> None:
        """Raise RequestCancelledError if the requests were cancelled."""
        if self.is_cancelled:
            raise RequestCancelledError


class _Requests:
    """Not a generator: contextlib would set an error's traceback, which the S3Error of minio 7.2.18 forbids."""

    __slots__ = ("_cancellation", "_token")

    def __init__(self, cancellation: Cancellation) -> None:
        self._cancellation = cancellation

    def __enter__(self) -> None:
        self._token: Token[Cancellation | None] = _current.set(self._cancellation)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
        self._cancellation.forget()


_current: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)

current_cancellation = _current.get
"""Return what can cancel the requests of this thread; None outside of a ``requests()`` block."""
