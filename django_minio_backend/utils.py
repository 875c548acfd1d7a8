"""The dotted paths of helpers that projects use: server status, errors, and look-ups in settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from .errors import ConfigurationError, PrivatePublicMixedError
from .health.status import MinioServerStatus

__all__ = ["ConfigurationError", "MinioServerStatus", "PrivatePublicMixedError", "get_setting", "get_storages_setting"]


def get_setting(name: str, default: Any = None) -> Any:
    """Value of a setting, or ``default`` where it is not set."""
    return getattr(settings, name, default)


def get_storages_setting(name: str, storage: str = "default", default: Any = None) -> Any:
    """Value of an option in ``STORAGES[storage]["OPTIONS"]``, or ``default`` where it is not set.

    Raises:
        ConfigurationError: there is no such storage in STORAGES.
    """
    entry = settings.STORAGES.get(storage)
    if entry is None:
        listed = ", ".join(f"'{alias}'" for alias in settings.STORAGES) or "none"
        raise ConfigurationError(f"STORAGES has no alias '{storage}'. Storages in STORAGES: {listed}.")
    return (entry.get("OPTIONS") or {}).get(name, default)
