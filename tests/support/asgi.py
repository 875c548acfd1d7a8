"""Django under uvicorn, in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from django.core.handlers.asgi import ASGIHandler

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_WITHIN = 30  # seconds


@contextmanager
def uvicorn_running() -> Iterator[str]:
    """Run the site of the current settings, and give its ``host:port``. It has no access to the tests' database."""
    server = uvicorn.Server(
        uvicorn.Config(ASGIHandler(), port=0, lifespan="off", log_level="critical", timeout_graceful_shutdown=5)
    )
    ready = threading.Event()

    async def serve() -> None:
        task = asyncio.create_task(server.serve())
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        ready.set()
        await task

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(READY_WITHIN)
    assert server.started
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    try:
        yield f"{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(READY_WITHIN)
        assert not thread.is_alive()
