"""The environments in which the guides' projects run: the old libraries, and this package without them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.environments import ROOT, InstallationError, make_environment

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = ROOT / ".cache" / "guides"

# Libraries that can live together share an environment. 4.4.4 pins a version of minio that no other library works with.
REQUIREMENTS = {
    "now": ["--editable", str(ROOT), "minio==7.2.20"],
    "others": [
        "django-minio-backend==3.8.1",
        "django-minio-storage",
        "django-s3-storage",
        "django-storages[s3]",
        "minio==7.2.20",
    ],
    "4x": ["django-minio-backend==4.4.4"],
}


def python_of(name: str) -> Path:
    """Return the interpreter of an environment; without it, skip the test, or fail it if REQUIRE_GUIDES asks so."""
    try:
        return make_environment(FOLDER / name, REQUIREMENTS[name])
    except InstallationError as error:
        if os.environ.get("REQUIRE_GUIDES", "0") not in {"", "0"}:
            pytest.fail(f"{error}\nREQUIRE_GUIDES=1", pytrace=False)
        pytest.skip(str(error))
