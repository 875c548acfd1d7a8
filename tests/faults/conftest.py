from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from django_minio_backend.models import MinioBackend

if TYPE_CHECKING:
    from tests.support.proxy import Proxy


@pytest.fixture
def faulty_options(minio_options: dict[str, Any], proxy: Proxy) -> dict[str, Any]:
    """OPTIONS of a storage whose network is `proxy`."""
    return {**minio_options, "MINIO_ENDPOINT": proxy.endpoint}


@pytest.fixture
def faulty(faulty_options: dict[str, Any]) -> MinioBackend:
    return MinioBackend(**faulty_options)
