"""Start a server process, wait until it answers, and end exactly that process."""

from __future__ import annotations

import http.client
import os
import random
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

READY_WITHIN = 60.0  # seconds
STOPS_WITHIN = 30.0  # SeaweedFS takes most of it

# The kernel ends the child when we are gone, SIGKILL included, so that no server outlives a test run. The small
# launcher asks for that and then *becomes* the server (same process id); unlike `preexec_fn` it runs no Python between
# fork and exec, which could deadlock where threads are running. "We" is the thread that started the child:
# start servers from a thread that outlives them.
_LAUNCHER = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):  # the parent died before we could ask
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class ServerError(RuntimeError):
    """A server cannot be found or does not start; the message says what to do."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses.

    It lies below the ports that the system hands out to outgoing connections: one of those could take it before the
    server does, and connecting to it while nobody listens could even reach itself.
    """
    for _ in range(100):
        port = random.randint(20_000, 32_000)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerError("no free TCP port found between 20000 and 32000")


@contextmanager
def running(
    command: Sequence[str], *, endpoint: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; the block begins when `endpoint` answers.

    Args:
        command: The program and its arguments.
        endpoint: `host:port` where the program will listen.
        log: The file that takes the program's output.
        environment: Variables on top of this process's own.
    """
    launcher = [sys.executable, "-I", "-c", _LAUNCHER, str(os.getpid())] if sys.platform == "linux" else []
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*launcher, *command],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: the server is still needed for cleaning up
        )
    try:
        _wait_until_ready(process, endpoint, log)
        yield process
    finally:
        _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], endpoint: str, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not answers(endpoint):
        if process.poll() is not None:
            raise ServerError(f"{endpoint}: the server ended at once with {process.returncode}:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise ServerError(f"{endpoint}: no answer within {READY_WITHIN:.0f} seconds:\n{_tail(log)}")
        time.sleep(0.05)


def answers(endpoint: str) -> bool:
    """Tell whether `GET /`, unsigned, is answered with anything but 503."""
    connection = http.client.HTTPConnection(endpoint, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status != http.HTTPStatus.SERVICE_UNAVAILABLE
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path, lines: int = 20) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
