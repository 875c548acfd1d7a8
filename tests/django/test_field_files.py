"""FieldFile as a context manager, and storages that Django's own classes are mixed into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.base import ContentFile
from django.db.models.fields.files import FieldFile

from django_minio_backend.models import MinioBackend, MinioBackendStatic
from tests.app.models import Document

if TYPE_CHECKING:
    from collections.abc import Callable


class WithinError(Exception):
    pass


def field_file(storage: MinioBackend, name: str) -> FieldFile:
    file = FieldFile(Document(), Document._meta.get_field("plain"), name)
    file.storage = storage
    return file


@pytest.mark.parametrize(("mode", "half"), [("wb", b"half"), ("w", "half")])
def test_an_exception_within_with_around_a_field_keeps_the_old_object(
    storage: MinioBackend, mode: str, half: Any
) -> None:
    name = storage.save("name.txt", ContentFile(b"old content"))

    def fail() -> None:
        with field_file(storage, name).open(mode) as file:
            file.write(half)
            raise WithinError

    with pytest.raises(WithinError):
        fail()
    assert storage.open(name).read() == b"old content"


def test_a_field_that_is_written_within_with_is_stored(storage: MinioBackend) -> None:
    name = storage.save("name.txt", ContentFile(b"old content"))
    with field_file(storage, name).open("wb") as file:
        file.write(b"new")
    assert storage.open(name).read() == b"new"


def test_what_is_written_while_an_exception_is_handled_is_stored(storage: MinioBackend) -> None:
    file = storage.open("report.txt", "wb")
    try:
        int("no number")
    except ValueError:
        file.write(b"what went wrong")
        file.close()
    assert storage.open("report.txt").read() == b"what went wrong"


def test_a_subclass_gets_content_with_chunks_as_django_hands_it_over(minio_options: dict[str, Any]) -> None:
    class Sizing(MinioBackend):
        def _save(self, name: str, content: Any) -> str:
            data = b"".join(content.chunks())
            return super()._save(name, ContentFile(data + b"!"))

    class Bare:
        data = b"content"

        def read(self, _: int = -1) -> bytes:
            data, self.data = self.data, b""
            return data

    storage = Sizing(**minio_options)
    assert storage.open(storage.save("name.txt", Bare())).read() == b"content!"


def test_a_manifest_storage_can_be_made_before_its_bucket(
    minio_options: dict[str, Any], bucket_name: Callable[[], str]
) -> None:
    class Manifest(ManifestFilesMixin, MinioBackendStatic):  # type: ignore[misc]  # as users mix them
        pass

    storage = Manifest(**{**minio_options, "MINIO_STATIC_FILES_BUCKET": bucket_name()})
    assert storage.hashed_files == {}
