"""Files of models: through forms, the model itself and migrations' own fields, to the bucket and back."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from django.forms import ModelForm, modelform_factory
from django.test.utils import isolate_apps
from django.utils.datastructures import MultiValueDict
from PIL import Image

from django_minio_backend.models import MinioBackend
from tests import settings as site
from tests.app.models import Document
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.files.uploadedfile import UploadedFile
    from minio import Minio

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("site_buckets")]

FIELDS = ["plain", "private", "public"]
BUCKETS = {"plain": site.PRIVATE_BUCKET, "private": site.PRIVATE_BUCKET, "public": site.PUBLIC_BUCKET}
FOLDERS = {"plain": "", "private": r"\d{4}-\d{1,2}-\d{1,2}/", "public": "public/"}


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=10) as pool:
        yield pool


def form_of(fields: list[str], files: dict[str, SimpleUploadedFile]) -> ModelForm[Document]:
    uploads: MultiValueDict[str, UploadedFile[Any]] = MultiValueDict({name: [file] for name, file in files.items()})
    return modelform_factory(Document, fields=fields)({}, uploads)


def picture(width: int = 4, height: int = 3) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(stream, "PNG")
    return stream.getvalue()


def keys(sdk: Minio, bucket: str) -> list[str]:
    return sorted(str(found.object_name) for found in sdk.list_objects(bucket_name=bucket, recursive=True))


def stored(sdk: Minio, bucket: str, key: str) -> bytes:
    response = sdk.get_object(bucket_name=bucket, object_name=key)
    try:
        return response.data
    finally:
        response.release_conn()


def document(field: str, name: str = "letter.txt", content: bytes = b"Dear reader") -> Any:
    """Make a document with one file; the file of that field and all the rest is `Any` to type checkers."""
    return Document.objects.create(title="letter", **{field: ContentFile(content, name=name)})


@pytest.mark.parametrize("field", FIELDS)
def test_a_form_stores_its_upload(field: str, sdk: Minio) -> None:
    form = form_of([field], {field: SimpleUploadedFile("letter.txt", b"Dear reader", "text/x-letter")})
    assert form.is_valid(), form.errors
    name = getattr(Document.objects.get(pk=form.save().pk), field).name
    assert re.fullmatch(rf"{FOLDERS[field]}letter\.txt", name)
    assert keys(sdk, BUCKETS[field]) == [name]
    assert stored(sdk, BUCKETS[field], name) == b"Dear reader"
    assert sdk.stat_object(bucket_name=BUCKETS[field], object_name=name).content_type == "text/x-letter"


@pytest.mark.parametrize("field", FIELDS)
def test_a_row_finds_its_file_again(field: str) -> None:
    made = document(field)
    file = getattr(Document.objects.get(pk=made.pk), field)
    assert file.name == getattr(made, field).name
    assert file.size == 11
    assert file.read() == b"Dear reader"
    file.close()


@pytest.mark.parametrize("field", FIELDS)
def test_a_closed_file_can_be_opened_again(field: str) -> None:
    file = getattr(Document.objects.get(pk=document(field).pk), field)
    with file.open() as first:
        assert first.read(4) == b"Dear"
    assert file.closed
    with file.open() as second:
        assert second.read() == b"Dear reader"
    assert file.closed
    with file.open("r") as text:
        assert text.read() == "Dear reader"


def test_a_file_can_be_opened_twice_without_a_close() -> None:
    file = Document.objects.get(pk=document("private").pk).private
    assert file.open().read(4) == b"Dear"
    assert file.open().read() == b"Dear reader"
    file.close()


def test_lines_and_chunks_of_a_file() -> None:
    file = Document.objects.get(pk=document("private", content=b"one\ntwo\nthree").pk).private
    assert list(file) == [b"one\n", b"two\n", b"three"]
    assert b"".join(file.chunks(4)) == b"one\ntwo\nthree"
    file.close()


def test_a_file_of_a_field_can_be_written_in_place() -> None:
    made = document("private")
    with made.private.open("wb") as file:
        file.write(b"Dear all")
    again = Document.objects.get(pk=made.pk).private
    assert again.name == made.private.name
    with again.open() as file:
        assert file.read() == b"Dear all"


def test_an_archive_is_read_where_it_lies() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("inside.txt", "found")
    file = Document.objects.get(pk=document("private", "all.zip", stream.getvalue()).pk).private
    with file.open() as opened, zipfile.ZipFile(opened) as archive:
        assert archive.read("inside.txt") == b"found"


@pytest.mark.parametrize("field", FIELDS)
def test_a_deleted_file_is_gone(field: str, sdk: Minio) -> None:
    made = document(field)
    getattr(made, field).delete()
    assert keys(sdk, BUCKETS[field]) == []
    assert not getattr(Document.objects.get(pk=made.pk), field)


def test_deleting_a_row_leaves_its_file(sdk: Minio) -> None:
    made = document("private")
    made.delete()
    assert keys(sdk, site.PRIVATE_BUCKET) == [made.private.name]


def test_a_private_url_is_signed_and_opens_the_file(http: urllib3.PoolManager) -> None:
    url = document("private", "Grüße & more #1.txt").private.url
    assert "X-Amz-Signature=" in url
    answer = http.request("GET", url)
    assert (answer.status, answer.data) == (200, b"Dear reader")


@pytest.mark.needs("signatures")
def test_a_private_file_opens_by_its_signature_alone(http: urllib3.PoolManager) -> None:
    url = document("private").private.url
    assert http.request("GET", url.partition("?")[0]).status == 403


def test_a_public_url_is_plain() -> None:
    url = document("public", "a b.txt").public.url
    assert "?" not in url
    assert url.endswith(f"/{site.PUBLIC_BUCKET}/public/a_b.txt")


@pytest.mark.needs("policies")
def test_a_public_url_opens_the_file(http: urllib3.PoolManager) -> None:
    answer = http.request("GET", document("public").public.url)
    assert (answer.status, answer.data, answer.headers["content-type"]) == (200, b"Dear reader", "text/plain")


def test_a_second_file_of_the_same_name_gets_another_one(sdk: Minio) -> None:
    first, second = document("plain", content=b"first"), document("plain", content=b"second")
    assert first.plain.name == "letter.txt"
    assert second.plain.name != "letter.txt"
    assert stored(sdk, site.PRIVATE_BUCKET, first.plain.name) == b"first"
    assert stored(sdk, site.PRIVATE_BUCKET, second.plain.name) == b"second"


def test_a_name_is_cut_to_the_length_that_its_field_has(sdk: Minio) -> None:
    made = document("plain", "x" * 200 + ".txt")
    assert len(made.plain.name) == 100
    assert made.plain.name.endswith(".txt")
    assert keys(sdk, site.PRIVATE_BUCKET) == [made.plain.name]


def test_an_upload_named_to_break_out_stays_inside(sdk: Minio) -> None:
    form = form_of(["public"], {"public": SimpleUploadedFile("../../passwd", b"x")})
    assert form.is_valid()
    form.save()
    assert keys(sdk, site.PUBLIC_BUCKET) == ["public/passwd"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b"])
def test_a_name_outside_of_the_storage_is_refused(name: str, sdk: Minio) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storages["default"].save(name, ContentFile(b"x"))
    assert keys(sdk, site.PRIVATE_BUCKET) == []


def test_a_missing_file_is_reported_as_such() -> None:
    made = document("private")
    made.private.storage.delete(made.private.name)
    file = Document.objects.get(pk=made.pk).private
    with pytest.raises(FileNotFoundError):
        file.open()
    with pytest.raises(FileNotFoundError):
        _ = file.size


# Pictures


def test_a_form_stores_a_picture_and_its_dimensions_are_read_from_the_bucket() -> None:
    form = form_of(["image"], {"image": SimpleUploadedFile("red.png", picture(), "image/png")})
    assert form.is_valid(), form.errors
    image = Document.objects.get(pk=form.save().pk).image
    assert (image.width, image.height) == (4, 3)
    with image.open() as opened, Image.open(opened) as shown:
        assert shown.size == (4, 3)


def test_a_form_refuses_what_is_no_picture(sdk: Minio) -> None:
    form = form_of(["image"], {"image": SimpleUploadedFile("red.png", b"no picture")})
    assert list(form.errors) == ["image"]
    assert keys(sdk, site.PUBLIC_BUCKET) == []


def test_the_dimensions_of_a_large_picture_do_not_cost_all_of_it(sdk: Minio) -> None:
    noise = Image.effect_noise((2000, 2000), 90)
    stream = io.BytesIO()
    noise.save(stream, "BMP")
    assert len(stream.getvalue()) > 3_000_000
    made = document("image", "noise.bmp", stream.getvalue())
    image = Document.objects.get(pk=made.pk).image
    with requests_made() as made_requests:
        assert image.width == 2000
    assert made_requests == ["GET"]
    assert keys(sdk, site.PUBLIC_BUCKET) == ["images/noise.bmp"]


# Storages of fields


def test_the_default_storage_is_the_one_of_the_settings() -> None:
    assert isinstance(storages["default"], MinioBackend)
    assert default_storage.save("note.txt", ContentFile(b"x")) == "note.txt"
    assert storages["default"].exists("note.txt")


def test_replace_existing_keeps_the_name_and_replaces_the_file(sdk: Minio) -> None:
    storage = MinioBackend(site.PRIVATE_BUCKET, "default", replace_existing=True)
    with isolate_apps("tests.app"):

        class Portrait(models.Model):
            file = models.FileField(storage=storage)

            class Meta:
                app_label = "portraits"

            def __str__(self) -> str:
                return str(self.file)

    portrait = Portrait()
    for content in (b"first", b"second"):
        portrait.file.save("portrait.txt", ContentFile(content), save=False)
        assert portrait.file.name == "portrait.txt"
    assert keys(sdk, site.PRIVATE_BUCKET) == ["portrait.txt"]
    assert stored(sdk, site.PRIVATE_BUCKET, "portrait.txt") == b"second"


def test_replacing_is_one_request() -> None:
    storage = MinioBackend(site.PRIVATE_BUCKET, "default", replace_existing=True)
    storage.save("portrait.txt", ContentFile(b"first"))
    with requests_made() as made:
        storage.save("portrait.txt", ContentFile(b"second"))
    assert made == ["PUT"]


def test_a_file_handed_from_one_storage_to_another_is_copied(sdk: Minio) -> None:
    private = document("private").private
    with private.open() as opened:
        copied = Document.objects.create(public=File(opened, name="copied.txt"))
    assert stored(sdk, site.PUBLIC_BUCKET, str(copied.public.name)) == b"Dear reader"
