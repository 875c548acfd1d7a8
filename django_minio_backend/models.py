"""The dotted paths that settings and migrations name. This app has no database models."""

from .dates import get_iso_date, iso_date_prefix
from .static import MinioBackendStatic
from .static_manifest import MinioManifestStaticStorage
from .storage import MinioBackend

__all__ = ["MinioBackend", "MinioBackendStatic", "MinioManifestStaticStorage", "get_iso_date", "iso_date_prefix"]
