"""Dates as folder names, for ``FileField(upload_to=iso_date_prefix)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

if TYPE_CHECKING:
    from django.db.models import Model


def get_iso_date() -> str:
    """Today as ``2026-1-31``, in UTC; month and day without leading zeros, as names of earlier versions have them."""
    now = timezone.now()
    return f"{now.year}-{now.month}-{now.day}"


def iso_date_prefix(_: Model, file_name_ext: str) -> str:
    """Put a file into a folder named by today's date: ``2026-1-31/photo.png``."""
    return f"{get_iso_date()}/{file_name_ext}"


# Migrations write where a function says it is from: the path that is promised.
get_iso_date.__module__ = iso_date_prefix.__module__ = "django_minio_backend.models"
