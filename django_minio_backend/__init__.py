"""Django file storage for MinIO and other S3-compatible servers.

Importing this package does not import the minio SDK, nor anything that needs configured settings.
"""

from .apps import DjangoMinioBackendConfig
from .models import MinioBackend, MinioBackendStatic, get_iso_date, iso_date_prefix

__version__ = "5.0.0.dev0"

__all__ = [
    "DjangoMinioBackendConfig",
    "MinioBackend",
    "MinioBackendStatic",
    "get_iso_date",
    "iso_date_prefix",
]
