"""The import paths of helpers for projects: server status, errors, and access to settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from .errors import ConfigurationError, PrivatePublicMixedError
from .health.status import MinioServerStatus

__all__ = ["ConfigurationError", "MinioServerStatus", "PrivatePublicMixedError", "get_setting", "get_storages_setting"]


def get_setting(name: str, default: Any = None) -> Any:
    """The value of a setting, or ``default`` if it is not set."""
    return getattr(settings, name, default)


def get_storages_setting(name: str, storage: str = "default", default: Any = None) -> Any:
    """The value of an option in ``STORAGES[storage]["OPTIONS"]``, or ``default`` if it is not set.

    Raises:
        ConfigurationError: STORAGES has no such alias.
    """
    entry = settings.STORAGES.get(storage)
    if entry is None:
        listed = ", ".join(f"'{alias}'" for alias in settings.STORAGES) or "none"
        raise ConfigurationError(f"STORAGES has no alias '{storage}'. Storages in STORAGES: {listed}.")
    return (entry.get("OPTIONS") or {}).get(name, default)
