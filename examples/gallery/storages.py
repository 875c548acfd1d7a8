"""The storages of the gallery's files.

They are functions, and the models name the functions: so a migration file holds the function's name and nothing of the
settings, and another bucket needs no new migration.
"""

from django.conf import settings

from django_minio_backend import MinioBackend


def get_public_storage() -> MinioBackend:
    """Return the bucket that anybody may read from."""
    return MinioBackend(bucket_name=settings.PUBLIC_BUCKET, storage_name="default")


def get_private_storage() -> MinioBackend:
    """Return the bucket whose files are reached by signed links only."""
    return MinioBackend(bucket_name=settings.PRIVATE_BUCKET, storage_name="default")
