"""The dotted paths that settings and migrations name. This app has no database models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .dates import get_iso_date, iso_date_prefix
from .staticfiles.storage import MinioBackendStatic
from .storage import MinioBackend

if TYPE_CHECKING:
    from .staticfiles.manifest import MinioManifestStaticStorage

__all__ = ["MinioBackend", "MinioBackendStatic", "MinioManifestStaticStorage", "get_iso_date", "iso_date_prefix"]


def __getattr__(name: str) -> object:
    """Import MinioManifestStaticStorage at its first use, and with it Django's storage of static files (PEP 562)."""
    if name != "MinioManifestStaticStorage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .staticfiles.manifest import MinioManifestStaticStorage

    globals()[name] = MinioManifestStaticStorage
    return MinioManifestStaticStorage
