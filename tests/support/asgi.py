"""Django under uvicorn, in a thread of this process."""

from __future__ import annotations

import gc
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import uvicorn
from django.core.handlers.asgi import ASGIHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

Implementation = Literal["h11", "httptools"]

STOPS_WITHIN = 30  # seconds


@contextmanager
def uvicorn_running(http: Implementation = "h11") -> Iterator[str]:
    """Run the site of the current settings, and give its ``host:port``. It has no access to the tests' database.

    Args:
        http: "h11" with the event loop of Python, as in ``uvicorn``, or "httptools" with uvloop, as in
            ``uvicorn[standard]``.
    """
    configuration = uvicorn.Config(
        ASGIHandler(),
        lifespan="off",
        log_level="critical",
        timeout_graceful_shutdown=5,
        http=http,
        loop="asyncio" if http == "h11" else "uvloop",
    )
    server = uvicorn.Server(configuration)
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            server.should_exit = True
            thread.join(STOPS_WITHIN)
            assert not thread.is_alive()
            gc.collect()  # Django closes no request's body after an error in a response: its warning is of this test
