from __future__ import annotations

from django.db import models

from django_minio_backend.models import MinioBackend
from tests import settings as site
from tests.app.models import private_storage

LOCATED_BUCKET = site.PRIVATE_BUCKET.replace("private", "located")


def located_storage() -> MinioBackend:
    return MinioBackend(LOCATED_BUCKET, "default", MINIO_LOCATION="media")


def inner_storage() -> MinioBackend:
    return MinioBackend(LOCATED_BUCKET, "default", MINIO_LOCATION="media/inner")


def static_storage() -> MinioBackend:
    return MinioBackend(site.STATIC_BUCKET, "default")


class Visible(models.Manager["Paper"]):
    """Hides rows, as the managers of soft deletion do."""

    def get_queryset(self) -> models.QuerySet[Paper]:
        return super().get_queryset().filter(hidden=False)


class Paper(models.Model):
    hidden = models.BooleanField(default=False)
    file = models.FileField(storage=private_storage, null=True)

    objects = Visible()

    class Meta:
        app_label = "archive"
        base_manager_name = "objects"

    def __str__(self) -> str:
        return str(self.file)


class SamePaper(Paper):
    """A proxy."""

    class Meta:
        app_label = "archive"
        proxy = True


class Scan(Paper):
    """A table of its own for what a paper has not."""

    picture = models.FileField(storage=private_storage)

    class Meta:
        app_label = "archive"


class WithAttachment(models.Model):
    attachment = models.FileField(storage=private_storage)

    class Meta:
        app_label = "archive"
        abstract = True


class Letter(WithAttachment):
    class Meta:
        app_label = "archive"

    def __str__(self) -> str:
        return str(self.attachment)


class Ledger(models.Model):
    """A table that another program made."""

    file = models.FileField(storage=private_storage, db_column="path")

    class Meta:
        app_label = "archive"
        db_table = "old_ledger"
        managed = False

    def __str__(self) -> str:
        return str(self.file)


class Located(models.Model):
    file = models.FileField(storage=located_storage)
    inner = models.FileField(storage=inner_storage, blank=True)

    class Meta:
        app_label = "archive"

    def __str__(self) -> str:
        return str(self.file)


class Asset(models.Model):
    """Keeps files in the bucket of static files."""

    file = models.FileField(storage=static_storage)

    class Meta:
        app_label = "archive"

    def __str__(self) -> str:
        return str(self.file)


TABLES = (Paper, Scan, Letter, Ledger, Located, Asset)
