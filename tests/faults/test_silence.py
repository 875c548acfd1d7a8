"""Servers that accept and say nothing, or too little."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from django_minio_backend.models import MinioBackend

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def dripping() -> Iterator[str]:
    """A port that sends status 200 and then a byte now and then, for a minute."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
            for _ in range(60):
                if ended.wait(1):
                    return
                try:
                    connection.sendall(b".")
                except OSError:
                    return

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    ended.set()
    listening.close()


def test_a_server_whose_response_drips_is_not_available(minio_options: dict[str, Any], dripping: str) -> None:
    storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": dripping})
    begun = time.monotonic()
    status = storage.is_minio_available()
    assert not status
    assert "seconds" in status.details
    assert time.monotonic() - begun < 10


def test_the_status_reports_a_function_that_fails_to_make_credentials(minio_options: dict[str, Any]) -> None:
    def fail() -> None:
        raise RuntimeError("no keys today")

    keyless = {name: value for name, value in minio_options.items() if not name.endswith("_KEY")}
    status = MinioBackend(**keyless, MINIO_CREDENTIALS=fail).is_minio_available()
    assert not status
    assert "no keys today" in status.details
