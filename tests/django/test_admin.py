"""Uploads through Django's admin."""

from __future__ import annotations

import html
import io
from typing import TYPE_CHECKING

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from tests import settings as site
from tests.app.models import Document

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("site_buckets")]

ADD = "/admin/app/document/add/"


def upload(name: str = "letter.txt", content: bytes = b"Dear reader") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def red() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 3), "red").save(stream, "PNG")
    return stream.getvalue()


def test_an_upload_is_stored_and_shown(admin_client: Client) -> None:
    files = {field: upload() for field in ("plain", "private", "public")}
    answer = admin_client.post(ADD, {"title": "letter", **files, "image": upload("red.png", red())}, follow=True)
    assert answer.redirect_chain, answer.content.decode()
    made = Document.objects.get()
    page = html.unescape(admin_client.get(f"/admin/app/document/{made.pk}/change/").content.decode())
    assert f'href="{made.public.url}"' in page
    assert f'href="{made.image.url}"' in page
    assert f"/{site.PRIVATE_BUCKET}/{made.private.name}?X-Amz-Algorithm=" in page
    with made.private.open() as file:
        assert file.read() == b"Dear reader"


def test_the_admins_own_files_come_from_the_static_bucket(admin_client: Client) -> None:
    assert site.STATIC_URL == "/static/"
    page = admin_client.get(ADD).content.decode()
    assert f"/{site.STATIC_BUCKET}/admin/css/base.css" in page
    assert "/static/" not in page


def test_another_upload_takes_the_place_of_the_first(admin_client: Client) -> None:
    made = Document.objects.create(title="letter", private=upload())
    admin_client.post(
        f"/admin/app/document/{made.pk}/change/", {"title": "letter", "private": upload("new.txt", b"new")}
    )
    again = Document.objects.get().private
    assert str(again.name).endswith("/new.txt")
    with again.open() as file:
        assert file.read() == b"new"


def test_a_file_can_be_cleared(admin_client: Client) -> None:
    made = Document.objects.create(title="letter", plain=upload())
    answer = admin_client.post(f"/admin/app/document/{made.pk}/change/", {"title": "letter", "plain-clear": "on"})
    assert answer.status_code == 302
    assert not Document.objects.get().plain


def test_an_upload_that_is_no_picture_is_refused(admin_client: Client) -> None:
    answer = admin_client.post(ADD, {"title": "letter", "image": upload("red.png")})
    assert answer.status_code == 200
    assert not Document.objects.exists()
