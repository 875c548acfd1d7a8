"""The import paths for settings and migrations. This app has no database models."""

from .dates import get_iso_date, iso_date_prefix
from .staticfiles.manifest import MinioManifestStaticStorage
from .staticfiles.storage import MinioBackendStatic
from .storage import MinioBackend

__all__ = ["MinioBackend", "MinioBackendStatic", "MinioManifestStaticStorage", "get_iso_date", "iso_date_prefix"]
