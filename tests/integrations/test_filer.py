"""django-filer, whose rows choose between a public and a private storage: its everyday use, and cleaning."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from minio import Minio

# A process of its own: filer makes its storages once, from settings that the other tests do not have.
FILER = """
import io, os
from django.conf import settings
from tests import settings as site

def alias(bucket):
    options = {**site.SERVER_OPTIONS, "MINIO_DEFAULT_BUCKET": bucket}
    return {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": options}

def storage(name, **more):
    engine = {"ENGINE": "django_minio_backend.models.MinioBackend", "OPTIONS": {"storage_name": name}}
    return {"main": {**engine, **more}, "thumbnails": {**engine, "THUMBNAIL_OPTIONS": {"base_dir": "thumbnails"}}}

public, private = os.environ["PUBLIC"], os.environ["PRIVATE"]
local = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": os.environ["FOLDER"]}}
settings.configure(
    USE_TZ=True,
    SECRET_KEY="-",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django_minio_backend.apps.DjangoMinioBackendConfig",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "easy_thumbnails",
        "filer",
        *os.environ.get("MORE_APPS", "").split(),
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    PRIVATE_BUCKET=private,
    PUBLIC_BUCKET=public,
    STORAGES={
        "default": alias(public) if os.environ["DEFAULT"] == "public" else local,
        "public": alias(public),
        "private": alias(private),
    },
    FILER_STORAGES={"public": storage("public"), "private": storage("private")},
)
import django
django.setup()
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.dispatch import receiver
from easy_thumbnails.models import Thumbnail
from filer.models import File, Image
from PIL import Image as Picture
from django_minio_backend.signals import collect_references

call_command("migrate", run_syncdb=True, verbosity=0)

@receiver(collect_references)
def thumbnails(storage, among, **kwargs):
    found = Thumbnail.objects.all() if among is None else Thumbnail.objects.filter(name__in=among)
    return found.values_list("name", flat=True).iterator()

from django.core.files.storage import storages
client = storages["public"].client

def keys(bucket):
    return {one.object_name for one in client.list_objects(bucket_name=bucket, recursive=True)}

def put(bucket, *names):
    for name in names:
        client.put_object(bucket_name=bucket, object_name=name, data=io.BytesIO(b"content"), length=7)

def clean(*arguments):
    output = io.StringIO()
    call_command("clean_orphaned_minio_files", "--min-age", "0", "--check-missing", *arguments, stdout=output)
    return output.getvalue()

def picture(color):
    buffer = io.BytesIO()
    Picture.new("RGB", (64, 48), color).save(buffer, "PNG")
    return buffer.getvalue()

def upload(color, *, is_public):
    content = ContentFile(picture(color), name=f"{color}.png")
    return Image.objects.create(original_filename=f"{color}.png", is_public=is_public, file=content)

def thumbnail(image):
    return image.file.get_thumbnail({"size": (16, 16)}).name
"""

USE = """
image = upload("red", is_public=True)
small = thumbnail(image)
first = image.file.name
assert keys(public) == {first, small}, keys(public)
assert keys(private) == set()
assert (image.width, image.height, image.size) == (64, 48, len(picture("red")))
assert image.url.startswith(storages["public"].base_url), image.url

image = Image.objects.get()
assert image.file  # filer looks for thumbnails to delete in the storage that this value had when it was created
image.is_public = False
image.save()
assert keys(public) == set(), keys(public)
assert keys(private) == {image.file.name}
assert image.file.read() == picture("red")
assert f"/{private}/" in image.url
small = thumbnail(Image.objects.get())
assert keys(private) == {image.file.name, small}, keys(private)

image = Image.objects.get()
assert image.file
image.is_public = True
image.save()
assert keys(private) == set(), keys(private)
assert File.objects.get().file.read() == picture("red")
image.file.delete_thumbnails()
image.delete()
assert keys(public) == set(), keys(public)
"""

CLEAN = """
kept = {public: set(), private: set()}
for color, is_public in (("red", True), ("green", False), ("blue", False), ("black", True)):
    image = upload(color, is_public=is_public)
    kept[public if is_public else private] |= {image.file.name, thumbnail(image)}
    if color == "black":  # and its old thumbnail goes with it
        kept[public] -= {image.file.name, thumbnail(image)}
        image.is_public = False
        image.save()
        kept[private] |= {image.file.name, thumbnail(image)}
image = File.objects.create(original_filename="a.txt", is_public=False, file=ContentFile(b"text", name="a.txt"))
kept[private].add(image.file.name)
assert {bucket: keys(bucket) for bucket in kept} == kept

red, green = (Image.objects.get(original_filename=f"{color}.png").file.name for color in ("red", "green"))
put(public, "orphan.png", green)  # what a row refers to elsewhere is an orphan here
put(private, "orphan.png", red)
output = clean(*CLEANED)
assert {bucket: keys(bucket) for bucket in kept} == kept, output
assert "Missing" not in output, output
assert output.count("Deleted ") == 4, output

row = Image.objects.get(original_filename="green.png")
client.remove_object(bucket_name=private, object_name=green)
put(public, green)
output = clean(*CLEANED)
missing = [line for line in output.splitlines() if line.startswith("Missing")]
assert missing == [f"Missing in {storages['private'].base_url}/{private}: filer.File {row.pk} file: {green}"], output
assert green not in keys(public)
"""


@pytest.fixture
def run_script(bucket: str, bucket_name: Callable[[], str], sdk: Minio, tmp_path: Path) -> Callable[..., None]:
    """Run a script after the beginning above, with two buckets of its own."""
    private = bucket_name()
    sdk.make_bucket(bucket_name=private)

    def run(script: str, *, default: str = "public", **more: str) -> None:
        environment = {"PUBLIC": bucket, "PRIVATE": private, "DEFAULT": default, "FOLDER": str(tmp_path), **more}
        command = [sys.executable, "-W", "ignore", "-c", FILER + script]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert not done.returncode, done.stderr

    return run


def test_files_and_thumbnails_follow_the_choice_of_their_row(run_script: Callable[..., None]) -> None:
    run_script(USE)


def test_cleaning_keeps_public_and_private_files_where_another_field_uses_the_bucket(
    run_script: Callable[..., None],
) -> None:
    """The field's own storage is the public one; a field of another app has the private bucket cleaned as well."""
    script = """
from tests.app.models import Document
Document.objects.create(private="document.txt")
put(private, "document.txt")
"""
    checked = CLEAN.replace("private: set()", "private: {'document.txt'}").replace("*CLEANED", "")
    run_script(script + checked, MORE_APPS="tests.app")


def test_cleaning_keeps_them_where_the_buckets_are_named_and_the_default_storage_is_none_of_ours(
    run_script: Callable[..., None],
) -> None:
    named = '"--bucket", public, "--bucket", private'
    run_script(CLEAN.replace("*CLEANED", named), default="local")


def test_buckets_that_only_rows_name_are_looked_at_and_not_cleaned(run_script: Callable[..., None]) -> None:
    script = """
image = upload("red", is_public=False)
put(private, "nobody-knows.txt")
output = clean()
assert f"{private}: 0 references to missing objects" in output, output
assert keys(private) == {image.file.name, "nobody-knows.txt"}
client.remove_object(bucket_name=private, object_name=image.file.name)
assert f"{private}: filer.File {image.pk} file: {image.file.name}" in clean()
"""
    run_script(script, default="local")
