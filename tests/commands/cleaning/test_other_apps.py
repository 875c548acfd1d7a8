"""Names that other apps keep: the signal, and the examples of the documentation with the real packages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management.base import CommandError

from django_minio_backend.models import MinioBackend
from django_minio_backend.signals import collect_references
from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW, saved
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from tests.commands.cleaning.conftest import Keys, Late, Put
    from tests.commands.conftest import Run
    from tools.servers import Server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


@contextmanager
def received(receiver: Callable[..., Any]) -> Iterator[None]:
    collect_references.connect(receiver)
    try:
        yield
    finally:
        collect_references.disconnect(receiver)


def test_what_another_app_names_stays(run: Run, put: Put, keys: Keys) -> None:
    asked: list[tuple[str, Sequence[str] | None]] = []

    def thumbnails(storage: MinioBackend, among: Sequence[str] | None, **_: object) -> list[str] | None:
        asked.append((storage.bucket, among))
        return ["./thumbs/a.png"] if storage.bucket == site.PRIVATE_BUCKET else None

    put(site.PRIVATE_BUCKET, "thumbs/a.png", "thumbs/b.png")
    put(site.PUBLIC_BUCKET, "thumbs/a.png")
    with received(thumbnails):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "thumbs/a.png"]
    assert keys(site.PUBLIC_BUCKET) == [KEPT]
    assert sorted(asked, key=str) == sorted(
        [
            (site.PRIVATE_BUCKET, None),
            (site.PRIVATE_BUCKET, ["thumbs/b.png"]),
            (site.PUBLIC_BUCKET, None),
            (site.PUBLIC_BUCKET, ["thumbs/a.png"]),
        ],
        key=str,
    )


def test_what_another_app_names_is_never_missing(run: Run) -> None:
    """It may be made again at any time, as thumbnails are."""

    def made_when_asked_for(**_: object) -> list[str]:
        return ["never/made.png"]

    with received(made_when_asked_for):
        output = run(COMMAND, "--check-missing", *NOW)
    assert f"{site.PRIVATE_BUCKET}: 0 references to missing objects" in output


def test_names_of_another_app_are_relative_to_the_location(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    saved(archive.Located, file="kept.txt")

    def named(storage: MinioBackend, **_: object) -> Iterator[str]:
        if storage.options.location == "media":
            yield "named.txt"

    put(archive.LOCATED_BUCKET, "media/kept.txt", "media/named.txt", "media/inner/named.txt")
    with received(named):
        run(COMMAND, *NOW)
    assert keys(archive.LOCATED_BUCKET) == ["media/kept.txt", "media/named.txt"]


def test_what_another_app_names_late_stays(run: Run, put: Put, keys: Keys, late: Late) -> None:
    names: list[str] = []

    def named(**_: object) -> list[str]:
        return names

    late.append(lambda: names.append("late.png"))
    put(site.PRIVATE_BUCKET, "late.png", "orphan.png")
    with received(named):
        run(COMMAND, "--bucket", site.PRIVATE_BUCKET, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "late.png"]


def test_the_sender_is_the_class_of_the_storage(run: Run, put: Put, keys: Keys) -> None:
    """Also where a field has Django's default_storage, which is a LazyObject."""

    def named(**_: object) -> list[str]:
        return ["named.png"]

    put(site.PRIVATE_BUCKET, "named.png", "orphan.png")
    collect_references.connect(named, sender=MinioBackend)
    try:
        run(COMMAND, *NOW)
    finally:
        collect_references.disconnect(named, sender=MinioBackend)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "named.png"]


@pytest.mark.parametrize("is_late", [False, True], ids=["in time", "late"])
def test_what_another_app_names_for_a_same_named_bucket_stays(
    run: Run, put: Put, keys: Keys, server: Server, monkeypatch: pytest.MonkeyPatch, *, is_late: bool
) -> None:
    """Its storage reaches the bucket at localhost, and the one that cleans at 127.0.0.1."""
    options = {**site.STORAGES["default"]["OPTIONS"]}
    options["MINIO_ENDPOINT"] = server.endpoint.replace("127.0.0.1", "localhost")
    monkeypatch.setattr(Document._meta.get_field("private"), "storage", MinioBackend(**options))
    put(site.PRIVATE_BUCKET, "named.png", "orphan.png")

    def named(storage: MinioBackend, among: Sequence[str] | None, **_: object) -> list[str]:
        return ["named.png"] if "localhost" in storage.base_url and not (is_late and among is None) else []

    with received(named):
        output = run(COMMAND, *NOW)
    assert ("were orphans first" in output) == is_late
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "named.png"]


def test_another_app_that_fails_stops_the_run(run: Run, put: Put, keys: Keys) -> None:
    def failing(**_: object) -> Iterator[str]:
        yield "a.png"
        raise RuntimeError("the table is gone")

    put(site.PRIVATE_BUCKET, "orphan.png")
    with received(failing), pytest.raises(RuntimeError, match="the table is gone"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.png"]


@pytest.mark.parametrize(
    ("names", "message"),
    [("one.png", "one string"), (["../a.png"], r"'\.\./a\.png': .*outside")],
    ids=["string", "name outside of the location"],
)
def test_another_app_that_gives_no_names_stops_the_run(
    run: Run, put: Put, keys: Keys, names: object, message: str
) -> None:
    def confused(**_: object) -> object:
        return names

    put(site.PRIVATE_BUCKET, "orphan.png")
    with (
        received(confused),
        pytest.raises(CommandError, match=rf"confused, a receiver of collect_references, returned .*{message}"),
    ):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.png"]


def test_names_of_other_apps_do_not_make_a_database_the_right_one(run: Run, put: Put, keys: Keys) -> None:
    def named(**_: object) -> list[str]:
        return [KEPT]

    Document.objects.all().delete()
    put(site.PRIVATE_BUCKET, "orphan.png")
    with received(named), pytest.raises(CommandError, match="--force"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.png"]


# The examples of docs/how-to/clean-up.md, with the packages that they are for

MODELS = """
from django.db import models
from imagekit.models import ImageSpecField
from imagekit.processors import ResizeToFit

class Photo(models.Model):
    image = models.ImageField(blank=True)
    thumbnail = ImageSpecField(source="image", processors=[ResizeToFit(8, 8)], format="PNG")

class Article(models.Model):
    body = models.TextField()
"""
SITE = """
import os, sys
from django.conf import settings
from tests import settings as site
minio = {"BACKEND": "django_minio_backend.models.MinioBackend",
         "OPTIONS": {**site.SERVER_OPTIONS, "MINIO_DEFAULT_BUCKET": os.environ["BUCKET"],
                     "MINIO_LOCATION": os.environ["LOCATION"]}}
static = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
settings.configure(
    USE_TZ=True, SECRET_KEY="-", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django_minio_backend.apps.DjangoMinioBackendConfig", "easy_thumbnails", "imagekit", "documents"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    STORAGES={"default": minio, "easy_thumbnails": minio, "staticfiles": static},
)
import django
django.setup()
import io
from django.core.files.base import ContentFile
from django.core.management import call_command
from documents.models import Article, Photo
from easy_thumbnails.files import get_thumbnailer
from PIL import Image
call_command("migrate", run_syncdb=True, verbosity=0)
picture = io.BytesIO()
Image.new("RGB", (32, 32)).save(picture, "PNG")
photo = Photo.objects.create(image=ContentFile(picture.getvalue(), name="photo.png"))
storage = photo.image.storage
names = {photo.image.name, get_thumbnailer(photo.image).get_thumbnail({"size": (16, 16)}).name}
photo.thumbnail.generate()
names |= {photo.thumbnail.name, storage.save("pictures/in a text.png", ContentFile(b"-"))}
names.add(storage.save("pictures/(noted).png", ContentFile(b"-")))
noted = storage.url("pictures/(noted).png").partition("?")[0]  # as in a public bucket
Article.objects.create(body=f"![A note]({noted}) and words")
Article.objects.create(body=f'<p><img src="{storage.url("pictures/in a text.png")}" alt=""></p>')
storage.save("orphan.png", ContentFile(b"-"))
if sys.argv[1:]:
    import documents.receivers
expected = names if sys.argv[1:] else {photo.image.name}
call_command("clean_orphaned_minio_files", "--min-age", "0", verbosity=0)
left = {found.object_name for found in storage.client.list_objects(storage.bucket, recursive=True)}
expected = {storage.key(name) for name in expected}
assert left == expected and len(names) == 5, (left, names)
"""


@pytest.mark.parametrize("location", ["", "media"], ids=["no location", "location"])
@pytest.mark.parametrize("arguments", [["with receivers"], []], ids=["with receivers", "without"])
def test_the_examples_of_the_documentation_keep_what_they_are_for(
    bucket: str, tmp_path: Path, arguments: list[str], location: str
) -> None:
    text = (ROOT / "docs" / "how-to" / "clean-up.md").read_text(encoding="utf-8")
    section = text[text.index("## Names that other apps keep") :]
    examples = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(examples) == 4  # the imports, and three receivers
    app = tmp_path / "documents"
    app.mkdir()
    for name, content in {"__init__": "", "models": MODELS, "receivers": "\n".join(examples)}.items():
        (app / f"{name}.py").write_text(content)
    done = subprocess.run(
        [sys.executable, "-c", SITE, *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "BUCKET": bucket,
            "LOCATION": location,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
