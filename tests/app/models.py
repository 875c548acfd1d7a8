from __future__ import annotations

from django.conf import settings
from django.db import models

from django_minio_backend.models import MinioBackend, iso_date_prefix


def private_storage() -> MinioBackend:
    return MinioBackend(bucket_name=settings.PRIVATE_BUCKET, storage_name="default")


def public_storage() -> MinioBackend:
    return MinioBackend(bucket_name=settings.PUBLIC_BUCKET, storage_name="default")


class Document(models.Model):
    """One field for each way in which users name a storage."""

    title = models.CharField(max_length=100, blank=True)
    plain = models.FileField(blank=True)  # the default storage
    private = models.FileField(storage=private_storage, upload_to=iso_date_prefix, blank=True)
    public = models.FileField(storage=public_storage, upload_to="public/", blank=True)
    image = models.ImageField(storage=public_storage, upload_to="images/", blank=True)

    def __str__(self) -> str:
        return self.title
