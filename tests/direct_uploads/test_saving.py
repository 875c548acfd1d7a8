"""A direct upload as Django's file: read by ranges, saved by a copy within the server, streamed elsewhere."""

from __future__ import annotations

import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, InMemoryStorage, default_storage
from django.forms import modelform_factory, modelformset_factory
from django.utils.datastructures import MultiValueDict
from PIL import Image

from django_minio_backend.direct_uploads import transfer
from django_minio_backend.direct_uploads.transfer import StoredObject
from django_minio_backend.direct_uploads.uploaded_object import UploadedObject
from django_minio_backend.models import MinioBackend
from tests.app.models import Document
from tests.direct_uploads.conftest import MIB
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def staged(storage: MinioBackend, content: bytes, name: str = "a.bin", media_type: str = "") -> UploadedObject:
    """What a receipt becomes, without the browser's part."""
    key = f".direct-uploads/{os.urandom(16).hex()}"
    result = storage.client.put_object(
        bucket_name=storage.bucket, object_name=key, data=io.BytesIO(content), length=len(content)
    )
    stored = StoredObject(storage.s3, storage.bucket, key, str(result.etag), len(content))
    return UploadedObject("receipt", stored, name=name, content_type=media_type or "application/octet-stream")


def files(**uploads: UploadedObject) -> MultiValueDict[str, Any]:
    """The files of a form that was sent."""
    return MultiValueDict({name: [file] for name, file in uploads.items()})


def exists(storage: MinioBackend, key: str) -> bool:
    try:
        storage.s3.head(storage.bucket, key)
    except FileNotFoundError:
        return False
    return True


def content_of(storage: Any, name: str) -> bytes:
    with storage.open(name) as file:
        return cast("bytes", file.read())


def picture() -> bytes:
    """A PNG of 600 x 400 pixels."""
    buffer = io.BytesIO()
    Image.effect_noise((600, 400), 90).save(buffer, "PNG")
    return buffer.getvalue()


# Reading


def test_a_large_file_is_looked_into_by_reading_kilobytes(storage: MinioBackend) -> None:
    content = os.urandom(30 * MIB)
    file = staged(storage, content)
    with requests_made() as made:
        assert file.size == len(content)
        assert made == []
        assert file.read(16) == content[:16]
        file.seek(-10, os.SEEK_END)
        assert file.read() == content[-10:]
    assert all(request == "GET" for request in made)
    asked = [request.headers["Range"].removeprefix("bytes=").split("-") for request in made]
    assert sum(int(last) - int(first) + 1 for first, last in asked) <= MIB


def test_it_behaves_as_djangos_uploaded_files_do(storage: MinioBackend) -> None:
    content = b"one\ntwo\r\nthree" * 9_000
    file, usual = staged(storage, content), ContentFile(content)
    assert list(file) == list(usual)
    assert b"".join(file.chunks(1_000)) == content
    assert file.multiple_chunks(1_000)
    with file:
        file.seek(5)
        assert file.read(3) == content[5:8]
    assert file.closed
    assert file.open().read() == content
    with pytest.raises(ValueError, match="only be read"):
        file.open("wb")


@pytest.mark.needs("copy-conditions")
def test_a_staged_object_that_was_replaced_is_not_read(storage: MinioBackend) -> None:
    file = staged(storage, b"checked")
    storage.client.put_object(
        bucket_name=storage.bucket, object_name=file.stored.key, data=io.BytesIO(b"another"), length=7
    )
    with pytest.raises(OSError, match=r"changed|replaced"):
        file.read()
    with pytest.raises(OSError, match=r"changed|replaced"):
        storage.save("a.bin", file)
    assert not storage.exists("a.bin")


# Saving within the server


# Garage, which has no conditions either, copies no part of less than 5 MiB: such objects are read and sent again.
@pytest.mark.parametrize(
    "size",
    [0, pytest.param(1, marks=pytest.mark.needs("conditions")), 5 * MIB, 17 * MIB],
    ids=["empty", "a-byte", "a-part", "more"],
)
def test_no_byte_passes_through_django(storage: MinioBackend, size: int) -> None:
    content = os.urandom(size)
    file = staged(storage, content)
    key = file.stored.key
    with requests_made() as made:
        name = storage.save("films/a.bin", file)
    assert name == "films/a.bin"
    copy = ["PUT", "DELETE"] if not size else ["POST", "PUT", "POST", "DELETE"]
    assert made == ["HEAD", *copy]
    assert content_of(storage, name) == content
    assert not exists(storage, key)
    assert file.open().read() == content  # now of what was saved


def test_a_file_of_several_copied_parts_arrives_whole(storage: MinioBackend) -> None:
    piece = os.urandom(16 * MIB)
    size = transfer.COPY_PART + 3
    key = f".direct-uploads/{os.urandom(16).hex()}"
    upload_id = storage.s3.create_upload(storage.bucket, key, {})
    parts = []
    for number, start in enumerate(range(0, size, len(piece)), 1):
        etag = storage.s3.put_part(storage.bucket, key, upload_id, number, piece[: size - start], {})
        parts.append({"PartNumber": str(number), "ETag": f'"{etag}"'})
    etag = storage.s3.complete_upload(storage.bucket, key, upload_id, parts, {})
    stored = StoredObject(storage.s3, storage.bucket, key, etag, size)
    file = UploadedObject("receipt", stored, name="a.bin", content_type="video/mp4")
    with requests_made() as made:
        storage.save("a.bin", file)
    assert made == ["HEAD", "POST", "PUT", "PUT", "POST", "DELETE"]
    assert storage.size("a.bin") == size
    with storage.open("a.bin") as saved:
        saved.seek(size - 5)
        assert saved.read() == piece[-2:] + piece[:3]


def test_parts_cover_the_largest_object() -> None:
    for size in (1, transfer.COPY_PART, transfer.COPY_PART + 1, 5 * 1024**4):
        spans = list(transfer.spans(size))
        assert spans[0].start == 0
        assert [one.stop for one in spans[:-1]] == [other.start for other in spans[1:]]
        assert spans[-1].stop == size
        assert len(spans) <= 10_000
        assert all(len(span) <= 5 * 1024**3 for span in spans)


def test_the_saved_object_has_the_headers_of_its_storage(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(
        **minio_options,
        metadata={"owner": "us"},
        MINIO_OBJECT_HEADERS={"Cache-Control": "max-age=60", "Content-Disposition": "inline"},
    )
    storage.save("a.mp4", staged(storage, b"film", "a.mp4", "video/mp4"))
    stat = storage.stat("a.mp4")
    headers = stat.metadata or {}
    assert stat.content_type == "video/mp4"
    assert headers["cache-control"] == "max-age=60"
    assert headers["content-disposition"] == "inline"
    assert headers["x-amz-meta-owner"] == "us"


@pytest.mark.needs("tags")
def test_tags_go_to_the_saved_object(minio_options: dict[str, Any]) -> None:
    from minio.commonconfig import Tags

    tags = Tags.new_object_tags()
    tags["kind"] = "film"
    storage = MinioBackend(**minio_options, tags=tags)
    storage.save("a.bin", staged(storage, b"film"))
    assert storage.client.get_object_tags(bucket_name=storage.bucket, object_name="a.bin") == {"kind": "film"}


def test_nothing_is_replaced(storage: MinioBackend) -> None:
    storage.save("a.bin", ContentFile(b"first"))
    name = storage.save("a.bin", staged(storage, b"second"))
    assert name != "a.bin"
    assert (content_of(storage, "a.bin"), content_of(storage, name)) == (b"first", b"second")


def test_replace_existing_replaces(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, replace_existing=True)
    storage.save("a.bin", ContentFile(b"first"))
    assert storage.save("a.bin", staged(storage, b"second")) == "a.bin"
    assert content_of(storage, "a.bin") == b"second"


@pytest.mark.needs("conditional-multipart")
def test_fifty_racing_saves_under_one_name_make_fifty_objects(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options)
    contents = [f"content {number}".encode() for number in range(50)]
    uploads = [staged(storage, content) for content in contents]
    start = threading.Barrier(10)

    def save(batch: Iterable[UploadedObject]) -> list[str]:
        start.wait(timeout=30)
        return [storage.save("a.bin", file) for file in batch]

    with ThreadPoolExecutor(10) as pool:
        names = [name for batch in pool.map(save, [uploads[i::10] for i in range(10)]) for name in batch]
    assert len(set(names)) == 50
    assert {content_of(storage, name) for name in names} == set(contents)
    assert list(storage.s3.request("GET", storage.bucket, {"uploads": ""}).data.split(b"<Upload>"))[1:] == []


@pytest.mark.needs("missing-buckets")
def test_a_failed_save_keeps_the_staged_object(storage: MinioBackend, minio_options: dict[str, Any]) -> None:
    file = staged(storage, b"content")
    elsewhere = MinioBackend(**{**minio_options, "MINIO_DEFAULT_BUCKET": "no-such-bucket-here"})
    with pytest.raises(Exception, match="does not exist"):
        elsewhere.save("a.bin", file)
    assert exists(storage, file.stored.key)
    assert storage.save("a.bin", file) == "a.bin"


def test_a_copy_into_another_bucket_of_the_server(
    storage: MinioBackend, minio_options: dict[str, Any], bucket_name: Any
) -> None:
    other = bucket_name()
    storage.client.make_bucket(bucket_name=other)
    target = MinioBackend(**{**minio_options, "MINIO_DEFAULT_BUCKET": other, "MINIO_PRIVATE_BUCKETS": [other]})
    with requests_made() as made:
        target.save("a.bin", staged(storage, bytes(5 * MIB)))
    assert "GET" not in made
    assert content_of(target, "a.bin") == bytes(5 * MIB)


# Saving elsewhere


def test_another_storage_gets_the_bytes(storage: MinioBackend, tmp_path: Path) -> None:
    content = os.urandom(3 * MIB)
    for other in (FileSystemStorage(tmp_path), InMemoryStorage()):
        assert content_of(other, other.save("a.bin", staged(storage, content))) == content


def test_another_account_gets_the_bytes(storage: MinioBackend, minio_options: dict[str, Any]) -> None:
    from minio.credentials.providers import StaticProvider

    keys = StaticProvider(minio_options.pop("MINIO_ACCESS_KEY"), minio_options.pop("MINIO_SECRET_KEY"))
    other = MinioBackend(**minio_options, MINIO_CREDENTIALS=keys)
    assert other.s3 is not storage.s3
    file = staged(storage, b"content")
    key = file.stored.key
    assert content_of(other, other.save("a.bin", file)) == b"content"
    assert not exists(storage, key)


def test_a_checksum_is_made_of_the_bytes(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, checksum="SHA256")
    with requests_made() as made:
        storage.save("a.bin", staged(storage, b"content"))
    assert "GET" in made
    assert content_of(storage, "a.bin") == b"content"


def test_a_wrapper_around_it_counts(storage: MinioBackend) -> None:
    """What changes the bytes on their way is not passed over by the copy."""

    class Reversed(File):  # type: ignore[type-arg]  # Django's classes take none at runtime
        def chunks(self, chunk_size: int | None = None) -> Any:  # noqa: ARG002 - Django's signature
            yield cast("io.BytesIO", self.file).read()[::-1]

    assert content_of(storage, storage.save("a.bin", Reversed(staged(storage, b"abc"), "a.bin"))) == b"cba"


# By models and forms


@pytest.mark.usefixtures("db", "site")
class TestModels:
    def storage(self) -> MinioBackend:
        return cast("MinioBackend", default_storage)

    def test_a_field_file_saves_it(self) -> None:
        document = Document()
        document.plain.save("films/a.bin", staged(self.storage(), b"content"))
        assert document.plain.name == "films/a.bin"
        assert Document.objects.get().plain.read() == b"content"

    def test_bulk_create_saves_it(self) -> None:
        uploads = [staged(self.storage(), f"content {number}".encode()) for number in range(3)]
        keys = [upload.stored.key for upload in uploads]
        Document.objects.bulk_create([Document(plain=upload) for upload in uploads])
        found = sorted(document.plain.read() for document in Document.objects.all())
        assert found == [b"content 0", b"content 1", b"content 2"]
        assert not any(exists(self.storage(), key) for key in keys)

    def test_a_form_saves_it_when_the_model_is_saved(self) -> None:
        form = modelform_factory(Document, fields=["plain"])({}, files(plain=staged(self.storage(), b"content")))
        document = form.save(commit=False)
        assert not self.storage().exists("a.bin")
        document.save()
        assert content_of(self.storage(), "a.bin") == b"content"

    def test_a_formset_saves_each(self) -> None:
        data = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0"}
        uploads = {f"form-{number}-plain": staged(self.storage(), b"%d" % number) for number in range(2)}
        formset = modelformset_factory(Document, fields=["plain"])(data, files(**uploads))
        assert formset.is_valid(), formset.errors
        assert sorted(document.plain.read() for document in formset.save()) == [b"0", b"1"]

    def test_an_image_is_verified_and_measured(self) -> None:
        form_class = modelform_factory(Document, fields=["image"])
        refused = form_class({}, files(image=staged(self.storage(), b"no image", "a.png", "image/png")))
        assert not refused.is_valid()
        form = form_class({}, files(image=staged(self.storage(), picture(), "a.png", "image/png")))
        assert form.is_valid(), form.errors
        image = form.cleaned_data["image"]
        assert (image.image.width, image.content_type) == (600, "image/png")
