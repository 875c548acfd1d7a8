from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.servers import Server


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    """A browser, as it were: no credentials."""
    with urllib3.PoolManager(retries=False, timeout=30) as pool:
        yield pool


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.endpoint) as proxy:
        yield proxy
