from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from django_minio_backend.models import MinioBackend
from tests.support.hostile import hostile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.hostile import HostileServer, Reply


@pytest.fixture
def storage_at(minio_options: dict[str, Any]) -> Callable[..., MinioBackend]:
    """Make storages with the options of the server under test, but at another endpoint."""

    def make(endpoint: str, **options: Any) -> MinioBackend:
        return MinioBackend(**{**minio_options, "MINIO_ENDPOINT": endpoint, "MINIO_USE_HTTPS": False, **options})

    return make


@pytest.fixture
def hostile_server() -> Iterator[Callable[..., HostileServer]]:
    """Start servers that send made up bytes; they end with the test."""
    with ExitStack() as stack:

        def start(reply: Reply, **options: Any) -> HostileServer:
            return stack.enter_context(hostile(reply, **options))

        yield start
