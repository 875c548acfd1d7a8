"""A pytest plugin with the fixture ``memory_minio``.

It is no entry point: pytest would import this package, and with it Django, for the tests of every project in the
environment, and before coverage is measured. Name it in the ``conftest.py`` at the root of the tests:
``pytest_plugins = ["django_minio_backend.testing.pytest_plugin"]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .view import MemoryMinio


@pytest.fixture(name="memory_minio")
def _memory_minio() -> Iterator[MemoryMinio]:
    """Every MinIO storage of the process works on a new S3 server in memory, which this is."""
    from .memory import memory_minio

    with memory_minio() as minio:
        yield minio
