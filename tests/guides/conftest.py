from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.guides.environments import python_of
from tests.guides.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from tools.servers import Server


@pytest.fixture(scope="session")
def now() -> Path:
    """The interpreter with this package, and without any of the old libraries."""
    return python_of("now")


@pytest.fixture(scope="session")
def others() -> Path:
    """The interpreter with the other libraries and django-minio-backend 3.x."""
    return python_of("others")


@pytest.fixture(scope="session")
def version_4() -> Path:
    """The interpreter with django-minio-backend 4.x."""
    return python_of("4x")


@pytest.fixture
def project(tmp_path: Path, server: Server) -> Project:
    return Project(tmp_path, server)
