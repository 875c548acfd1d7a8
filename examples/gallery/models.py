"""What people upload. The models differ in one thing: where their files go."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.utils import timezone

from django_minio_backend import iso_date_prefix

from .links import FileLinks
from .storages import get_private_storage, get_public_storage

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile


class Upload(models.Model):
    """What all uploads have in common.

    Attributes:
        visibility: who may read the file; it follows from the bucket.
        file_field: the name of the field that holds the file.
        original_name: the file's name on the visitor's computer. The storage chooses the object's name, and changes it
            where another object has it already.
    """

    visibility: ClassVar[str] = "private"
    file_field: ClassVar[str] = "file"

    title = models.CharField(max_length=100)
    original_name = models.CharField(max_length=255, blank=True, editable=False)
    uploaded_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        """The newest first."""

        abstract = True
        ordering = ("-uploaded_at", "-pk")

    def __str__(self) -> str:
        return self.title

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Note the file's name before the storage chooses another one."""
        file: FieldFile = getattr(self, self.file_field)
        if file.name and not getattr(file, "_committed", True):  # Django's mark of a file that is not stored yet
            self.original_name = file.name[-255:]
        super().save(*args, **kwargs)

    @property
    def kind(self) -> str:
        """The model's name, as it is in URLs."""
        return str(self._meta.model_name)

    @property
    def links(self) -> FileLinks:
        """The file's links, signed now."""
        return FileLinks(getattr(self, self.file_field), self.original_name)


class Picture(Upload):
    """A picture and, if the visitor likes, a second file.

    Attributes:
        notes: an optional file. Where there is none, ``notes`` is false and ``notes.url`` raises ValueError.
    """

    file_field = "picture"

    notes = models.FileField(storage=get_private_storage, upload_to=iso_date_prefix, blank=True)

    class Meta(Upload.Meta):
        """The newest first."""

        abstract = True

    @property
    def notes_links(self) -> FileLinks | None:
        """The links of the notes, if there are any."""
        return FileLinks(self.notes) if self.notes else None


class PublicPicture(Picture):
    """A picture that anybody may see."""

    visibility = "public"

    picture = models.ImageField(storage=get_public_storage, upload_to=iso_date_prefix)


class PrivatePicture(Picture):
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


UPLOADS: Mapping[str, type[Upload]] = {
    str(model._meta.model_name): model
    for model in (PublicPicture, PrivatePicture, PublicAttachment, PrivateAttachment, Document)
}
