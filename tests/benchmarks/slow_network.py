"""A network whose connections are slow one by one, as between a site and a storage in the cloud: run by path."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

RATE = 20 * 1024**2  # bytes a second and connection
LATENCY = 0.02  # seconds


@contextmanager
def slow_endpoint(target: str) -> Iterator[str]:
    """Pass connections to ``target`` on in a separate process, and yield the endpoint, as ``host:port``."""
    command = [sys.executable, "-m", "tests.benchmarks.slow_network", target]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def main(target: str) -> None:
    """Pass connections on until stdin ends."""
    with Proxy(target) as proxy:
        proxy.rate, proxy.latency = RATE, LATENCY
        print(proxy.endpoint, flush=True)  # noqa: T201 - the parent reads it
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
