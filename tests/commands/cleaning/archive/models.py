from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, cast

from django.core.files.storage import FileSystemStorage, default_storage
from django.db import models
from django.utils.functional import LazyObject

from django_minio_backend.models import MinioBackend
from tests import settings as site
from tests.app.models import private_storage

if TYPE_CHECKING:
    from django.core.files.storage import Storage

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


class Ticket(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    file = models.FileField(storage=private_storage)

    class Meta:
        app_label = "archive"
        ordering = ("file",)

    def __str__(self) -> str:
        return str(self.file)


class Code(models.Model):
    code = models.CharField(primary_key=True, max_length=20)
    file = models.FileField(storage=private_storage)

    class Meta:
        app_label = "archive"

    def __str__(self) -> str:
        return self.code


class Replaced(models.Model):
    """A model that the site has swapped for another one, so that it has no table."""

    file = models.FileField(storage=private_storage)

    class Meta:
        app_label = "archive"
        swappable = "ARCHIVE_REPLACED_MODEL"

    def __str__(self) -> str:
        return str(self.file)


class SpecialStorage(MinioBackend):
    """A user's own kind of storage, whose names are not quite its keys."""

    def key(self, name: object) -> str:
        return super().key(f"special/{name}")


class LazyMedia(LazyObject):  # type: ignore[type-arg] # generic for type checkers alone
    """A storage that is made at its first use, as Django's ``default_storage`` is."""

    def _setup(self) -> None:
        self._wrapped = private_storage()


class Shelf(models.Model):
    """A storage of each kind."""

    local = models.FileField(storage=FileSystemStorage("/nowhere"), blank=True)
    special = models.FileField(storage=SpecialStorage(site.PRIVATE_BUCKET, "default"), blank=True)
    default = models.FileField(storage=default_storage, blank=True)
    lazy = models.FileField(storage=cast("Storage", LazyMedia()), blank=True)

    class Meta:
        app_label = "archive"

    def __str__(self) -> str:
        return str(self.local)


# What another app may do to a model.
models.FileField(storage=private_storage, blank=True).contribute_to_class(Letter, "stamp")

TABLES = (Paper, Scan, Letter, Ledger, Located, Asset, Ticket, Code, Shelf)
