from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integrations.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from minio import Minio


@pytest.fixture
def project(tmp_path: Path, sdk: Minio, bucket_name: Callable[[], str]) -> Project:
    """A Django project with empty buckets of its own."""
    buckets = {name: bucket_name() for name in ("PRIVATE", "PUBLIC", "STATIC")}
    for name in buckets.values():
        sdk.make_bucket(bucket_name=name)
    return Project(tmp_path, buckets)
