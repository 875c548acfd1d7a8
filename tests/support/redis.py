"""A real Redis on loopback, which runs for the length of a block."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tools.processes import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY_WITHIN = 30.0  # seconds


def redis_program() -> str:
    """The program; skips the test where it is missing, unless REQUIRE_REDIS is set."""
    program = shutil.which("redis-server")
    if program is None:
        assert not os.environ.get("REQUIRE_REDIS"), "Redis is not installed (Debian: apt-get install redis-server)"
        pytest.skip("not installed: redis-server (Debian: apt-get install redis-server)")
    return program


@contextmanager
def redis(program: str, folder: Path) -> Iterator[str]:
    """Run Redis, which keeps nothing on disk, and give its URL."""
    port = free_port()
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with (folder / "redis.log").open("wb") as log, subprocess.Popen(command, stdout=log) as process:
        try:
            _wait_until_ready(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                assert connection.recv(16) == b"+PONG\r\n"
                return
        except OSError:
            assert time.monotonic() < deadline, "Redis does not answer"
            time.sleep(0.05)
