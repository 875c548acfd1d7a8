"""What people upload. The models differ in one thing: where their files go."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from django_minio_backend import iso_date_prefix

from .storages import get_private_storage, get_public_storage


class Upload(models.Model):
    """What all uploads have in common.

    Attributes:
        visibility: who may read the file; it follows from the bucket.
    """

    visibility: ClassVar[str] = "private"

    title = models.CharField(max_length=100)
    uploaded_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """The newest first."""

        abstract = True
        ordering = ("-uploaded_at", "-pk")

    def __str__(self) -> str:
        return self.title


class PublicPicture(Upload):
    """A picture that anybody may see."""

    visibility = "public"

    picture = models.ImageField(storage=get_public_storage, upload_to=iso_date_prefix)


class PrivatePicture(Upload):
    """A picture that only a signed link shows."""

    picture = models.ImageField(storage=get_private_storage, upload_to=iso_date_prefix)


class PublicAttachment(Upload):
    """A file of any kind that anybody may read."""

    visibility = "public"

    file = models.FileField(storage=get_public_storage, upload_to=iso_date_prefix)


class PrivateAttachment(Upload):
    """A file of any kind that only a signed link gives."""

    file = models.FileField(storage=get_private_storage, upload_to=iso_date_prefix)


class Document(Upload):
    """A file in the default storage: no storage is named, so it goes to the bucket MINIO_DEFAULT_BUCKET."""

    file = models.FileField(upload_to=iso_date_prefix)
