"""The import paths for settings and migrations. This app has no database models."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from .staticfiles.storage import MinioBackendStatic
from .storage import MinioBackend

if TYPE_CHECKING:
    from django.db.models import Model

    from .staticfiles.manifest import MinioManifestStaticStorage

__all__ = ["MinioBackend", "MinioBackendStatic", "MinioManifestStaticStorage", "get_iso_date", "iso_date_prefix"]


def get_iso_date() -> str:
    """Today's date in UTC, such as ``2026-01-31``."""
    return dt.datetime.now(dt.UTC).date().isoformat()


def iso_date_prefix(_: Model, file_name_ext: str) -> str:
    """Return the name in a folder of today's date, as a FileField's upload_to: ``2026-01-31/photo.png``."""
    return f"{get_iso_date()}/{file_name_ext}"


def __getattr__(name: str) -> object:
    """Import MinioManifestStaticStorage at its first use, and with it Django's storage of static files (PEP 562)."""
    if name != "MinioManifestStaticStorage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .staticfiles.manifest import MinioManifestStaticStorage

    globals()[name] = MinioManifestStaticStorage
    return MinioManifestStaticStorage
