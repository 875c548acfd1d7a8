"""Models whose rows choose the storage of their files, in each way in which code can do so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db import models
from django.db.models.fields.files import FieldFile, FileDescriptor
from django.db.models.signals import post_init
from django.utils.functional import LazyObject

from django_minio_backend.models import MinioBackend
from tests import settings as site
from tests.app.models import private_storage, public_storage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.core.files.base import File


OPTIONS: dict[str, Any] = site.STORAGES["default"]["OPTIONS"]
NAMESAKE = OPTIONS["MINIO_ENDPOINT"].replace("127.0.0.1", "localhost")


class WithKeysOfItsOwn(MinioBackend):
    def key(self, name: object) -> str:
        return super().key(f"own/{name}")


class Wrapper(Storage):
    """A storage of another class that keeps its files in a MinioBackend."""

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        return private_storage().open(f"wrapped/{name}", mode)


class LazyPublic(LazyObject):  # type: ignore[type-arg] # generic for type checkers alone
    def _setup(self) -> None:
        self._wrapped = public_storage()


def elsewhere() -> MinioBackend:
    return MinioBackend(site.PRIVATE_BUCKET.replace("private", "elsewhere"), "default")


def chosen(row: Any) -> Storage:
    """The storage that a row names."""
    return {
        "private": private_storage,
        "public": public_storage,
        "elsewhere": elsewhere,
        "located": lambda: MinioBackend(site.PRIVATE_BUCKET, "default", MINIO_LOCATION="located/here"),
        "namesake": lambda: MinioBackend(**{**OPTIONS, "MINIO_ENDPOINT": NAMESAKE}),
        "replacing": lambda: MinioBackend(site.PRIVATE_BUCKET, "default", replace_existing=True),
        "static": lambda: MinioBackend(site.STATIC_BUCKET, "default"),
        "own": lambda: WithKeysOfItsOwn(site.PRIVATE_BUCKET, "default"),
        "local": lambda: FileSystemStorage("/nowhere"),
        "default": lambda: storages["default"],
        "lazy": lambda: cast("Storage", LazyPublic()),
        "function": lambda: cast("Storage", private_storage),
        "none": lambda: cast("Storage", None),
        "wrapper": Wrapper,
    }[row.place]()


class ByRow(FieldFile):
    @property
    def storage(self) -> Storage:
        return chosen(self.instance)

    @storage.setter
    def storage(self, value: Storage) -> None:
        pass


class ByRowField(models.FileField):
    attr_class = ByRow


class Choosing(models.Model):
    place = models.CharField(max_length=20, default="private")

    class Meta:
        app_label = "choice"
        abstract = True

    def __str__(self) -> str:
        return f"{self.pk} in {self.place}"


class ByFieldFile(Choosing):
    file = ByRowField(storage=private_storage)


class ByLocalField(Choosing):
    """A field whose own storage is none of ours."""

    file = ByRowField(storage=FileSystemStorage("/nowhere"))


class Descriptor(FileDescriptor):
    def __get__(self, instance: Any, owner: Any = None) -> Any:
        file = super().__get__(instance, owner)
        if isinstance(file, FieldFile):
            file.storage = chosen(instance)
        return file


class DescribedField(models.FileField):
    descriptor_class = Descriptor


class ByDescriptor(Choosing):
    file = DescribedField(storage=private_storage)


class ByInit(Choosing):
    file = models.FileField(storage=private_storage)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.file.storage = chosen(self)


class ByFromDb(Choosing):
    file = models.FileField(storage=private_storage)

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> ByFromDb:
        row = super().from_db(*args, **kwargs)
        row.file.storage = chosen(row)
        return row


class BySetattr(Choosing):
    file = models.FileField(storage=private_storage)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if {"file", "place"} <= self.__dict__.keys():
            self.file.storage = chosen(self)


class BySignal(Choosing):
    file = models.FileField(storage=private_storage)


def choose(instance: BySignal, **_: object) -> None:
    instance.file.storage = chosen(instance)


post_init.connect(choose, sender=BySignal)


class InheritedInit(ByInit):
    """A table of its own, whose rows choose as the parent's."""

    scan = models.FileField(storage=private_storage)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scan.storage = chosen(self)


class ByProxy(Choosing):
    file = models.FileField(storage=private_storage)


class PublicProxy(ByProxy):
    class Meta:
        app_label = "choice"
        proxy = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.file.storage = chosen(self)


class Renaming(FieldFile):
    """Its names in the database are not those by which its files are saved."""

    def __init__(self, instance: Any, field: Any, name: str | None) -> None:
        super().__init__(instance, field, f"renamed/{name}" if name else name)


class RenamingField(models.FileField):
    attr_class = Renaming


class Renamed(Choosing):
    file = RenamingField(storage=private_storage)


class Measured(Choosing):
    """A picture without dimensions, whose file Django would read when a row is loaded."""

    width = models.IntegerField(null=True)
    height = models.IntegerField(null=True)
    file = models.ImageField(storage=private_storage, width_field="width", height_field="height")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.file.storage = chosen(self)


class Plain(Choosing):
    """Chooses nothing; Django's own receiver of ``post_init`` is no reason to ask each row."""

    width = models.IntegerField(null=True)
    file = models.ImageField(storage=private_storage, width_field="width")


WAYS: Sequence[type[Any]] = (
    ByFieldFile,
    ByLocalField,
    ByDescriptor,
    ByInit,
    ByFromDb,
    BySetattr,
    BySignal,
    InheritedInit,
    ByProxy,
)
TABLES: Sequence[type[Any]] = (*WAYS, Renamed, Measured, Plain)
