"""The dotted paths that settings and migrations name. This app has no database models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from .staticfiles.manifest import MinioManifestStaticStorage
from .staticfiles.storage import MinioBackendStatic
from .storage import MinioBackend

if TYPE_CHECKING:
    from django.db.models import Model

__all__ = ["MinioBackend", "MinioBackendStatic", "MinioManifestStaticStorage", "get_iso_date", "iso_date_prefix"]


def get_iso_date() -> str:
    """Today in UTC, such as ``2026-1-31``; without leading zeros, as in names of earlier versions."""
    now = timezone.now()
    return f"{now.year}-{now.month}-{now.day}"


def iso_date_prefix(_: Model, file_name_ext: str) -> str:
    """Return the name in a folder of today's date, as a FileField's upload_to: ``2026-1-31/photo.png``."""
    return f"{get_iso_date()}/{file_name_ext}"
