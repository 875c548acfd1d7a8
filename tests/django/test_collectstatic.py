"""Django's collectstatic, with static files in a public bucket."""

from __future__ import annotations

import io
import os
import random
import re
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.files.base import ContentFile
from django.template import Context, Template
from django.templatetags.static import static

from django_minio_backend.models import MinioBackend, MinioBackendStatic, MinioManifestStaticStorage
from django_minio_backend.staticfiles.collecting import upload_queue
from tests import settings as site
from tests.django.conftest import FILES
from tests.support.settings import BACKEND, STATIC_BACKEND, entry, storages_set
from tests.support.static_files import collect, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from minio import Minio
    from pytest_django import Settings

    from tools.servers import Server

pytestmark = pytest.mark.usefixtures("site_buckets")


class Manifest(ManifestFilesMixin, MinioBackendStatic):  # type: ignore[misc]  # Django's url() has an additional argument
    """Static files under hashed names, as a project may define it."""


class Bundling(MinioManifestStaticStorage):
    """Adds a file that is requests of all others."""

    def post_process(self, paths: Any, dry_run: bool = False, **options: Any) -> Iterator[Any]:  # noqa: FBT001, FBT002
        yield from super().post_process(paths, dry_run=dry_run, **options)
        bundle = ContentFile(b"a bundle of all")
        yield "bundle.css", self._save(self.hashed_name("bundle.css", bundle), bundle), True


@pytest.fixture
def manifest(folder: Path) -> Iterator[Path]:
    with storages_set(
        default=entry(dict(site.STORAGES["default"]["OPTIONS"])),
        staticfiles=entry(dict(site.STORAGES["staticfiles"]["OPTIONS"]), f"{__name__}.Manifest"),
    ):
        yield folder


@pytest.mark.usefixtures("folder")
def test_files_are_copied_to_the_bucket(sdk: Minio, objects: Callable[[], dict[str, bytes]]) -> None:
    assert "4 static files copied" in collect()
    assert objects() == FILES
    types = {name: sdk.stat_object(bucket_name=site.STATIC_BUCKET, object_name=name).content_type for name in FILES}
    assert types["style.css"] == "text/css"
    assert types["images/red.png"] == "image/png"
    assert types["images/deep/er/dot.svg"] == "image/svg+xml"
    assert types["script.js"] == "text/javascript"


@pytest.mark.needs("policies")
@pytest.mark.usefixtures("folder")
def test_anyone_gets_a_style_sheet_as_one() -> None:
    collect()
    with urllib3.PoolManager(retries=False, timeout=10) as http:
        response = http.request("GET", static("style.css"))
    assert (response.status, response.data, response.headers["content-type"]) == (200, FILES["style.css"], "text/css")


@pytest.mark.usefixtures("folder")
def test_a_second_run_copies_nothing(objects: Callable[[], dict[str, bytes]]) -> None:
    collect()
    output = collect()
    assert "0 static files copied" in output
    assert "4 unmodified" in output
    assert objects() == FILES


def test_a_changed_file_is_copied_under_its_name(folder: Path, objects: Callable[[], dict[str, bytes]]) -> None:
    collect()
    (folder / "style.css").write_bytes(b"changed")
    in_a_minute = time.time() + 60
    os.utime(folder / "style.css", (in_a_minute, in_a_minute))
    assert re.search(r"\b1 static file copied.*3 unmodified", collect())
    assert objects() == {**FILES, "style.css": b"changed"}


@pytest.mark.usefixtures("folder")
def test_clear_deletes_all_files_first(objects: Callable[[], dict[str, bytes]]) -> None:
    stale = MinioBackendStatic()
    for name in ("stale.css", "images/stale.png", "old/deep/stale.svg"):
        stale.save(name, io.BytesIO(b"stale"))
    output = collect("--clear")
    assert "4 static files copied" in output
    assert objects() == FILES


@pytest.mark.usefixtures("folder")
def test_a_dry_run_changes_nothing(objects: Callable[[], dict[str, bytes]]) -> None:
    MinioBackendStatic().save("stale.css", io.BytesIO(b"stale"))
    output = collect("--dry-run", "--clear", verbosity=2)
    assert "Pretending to copy" in output
    assert "Pretending to delete 'stale.css'" in output
    assert objects() == {"stale.css": b"stale"}


def test_a_failed_upload_fails_the_command(folder: Path, sdk: Minio) -> None:
    deep = folder.joinpath(*["y" * 240] * 5)  # a key longer than S3 has
    deep.mkdir(parents=True)
    (deep / "lost.css").write_bytes(b"lost")
    with pytest.raises(Exception, match=r"too long for the key of an object"):
        collect()
    assert not list(sdk.list_objects(bucket_name=site.STATIC_BUCKET, prefix="y"))


@pytest.mark.usefixtures("folder")
def test_links_are_refused() -> None:
    with pytest.raises(Exception, match="Can't symlink to a remote destination"):
        collect("--link")


# URLs


def test_static_urls_lead_to_the_bucket_whatever_static_url_is(server: Server) -> None:
    bucket = f"{server.environment()['TEST_S3_ENDPOINT']}/{site.STATIC_BUCKET}"
    shown = Template("{% load static %}{% static 'a b/style.css' %}").render(Context())
    assert shown.endswith(f"://{bucket}/a%20b/style.css")
    assert "?" not in shown


def test_the_url_of_a_folder_keeps_its_slash(server: Server) -> None:
    """Scripts append file names to it."""
    assert static("admin/img/").endswith(f"://{server.endpoint}/{site.STATIC_BUCKET}/admin/img/")
    assert static("").endswith(f"://{server.endpoint}/{site.STATIC_BUCKET}/")


@pytest.mark.parametrize("setting", ["STATIC_URL", "MEDIA_URL"])
def test_the_urls_of_settings_are_ignored(setting: str, settings: Settings) -> None:
    before = (static("style.css"), MinioBackend(site.PUBLIC_BUCKET).url("photo.png"))
    setattr(settings, setting, "https://elsewhere.test/here/")
    assert (static("style.css"), MinioBackend(site.PUBLIC_BUCKET).url("photo.png")) == before


def test_the_bucket_of_static_files_is_always_public(server: Server) -> None:
    options = {**site.SERVER_OPTIONS, "MINIO_STATIC_FILES_BUCKET": "assets", "MINIO_PRIVATE_BUCKETS": ["assets"]}
    storage = MinioBackendStatic(**options)
    assert storage.is_bucket_public
    assert (storage.PUBLIC_BUCKETS, storage.PRIVATE_BUCKETS) == (["assets"], [])
    assert storage.url("style.css").endswith(f"://{server.endpoint}/assets/style.css")


def test_default_buckets_have_the_promised_names() -> None:
    with storages_set(
        default=entry(dict(site.SERVER_OPTIONS), BACKEND), staticfiles=entry(dict(site.SERVER_OPTIONS), STATIC_BACKEND)
    ):
        default, static = MinioBackend(), MinioBackendStatic()
        assert (default.bucket, default.is_bucket_public) == ("auto-generated-bucket-media-files", False)
        assert (static.bucket, static.is_bucket_public) == ("auto-generated-bucket-static-files", True)
        assert isinstance(staticfiles_storage, MinioBackendStatic)


# Hashed names


@pytest.mark.usefixtures("manifest")
def test_the_manifest_mixin_of_django_works_on_the_bucket(objects: Callable[[], dict[str, bytes]]) -> None:
    assert "4 static files copied, 4 post-processed" in collect()
    contents = objects()
    assert set(FILES) < set(contents)
    hashed = sorted(set(contents) - set(FILES))
    assert [re.sub(r"\.[0-9a-f]{12}\.", ".*.", name) for name in hashed] == [
        "images/deep/er/dot.*.svg",
        "images/red.*.png",
        "script.*.js",
        "staticfiles.json",
        "style.*.css",
    ]
    style, picture = hashed[-1], hashed[1]
    assert contents[style] == FILES["style.css"].replace(b"images/red.png", picture.encode()).replace(b"'", b'"')
    assert staticfiles_storage.url("style.css").endswith(f"/{site.STATIC_BUCKET}/{style}")


@pytest.mark.usefixtures("manifest")
def test_hashed_files_are_not_copied_twice(objects: Callable[[], dict[str, bytes]]) -> None:
    collect()
    before = objects()
    assert re.search(r"0 static files copied, 4 unmodified", collect())
    assert objects() == before


def test_a_file_that_a_projects_class_adds_in_post_processing_is_stored(
    folder: Path, objects: Callable[[], dict[str, bytes]], static_storage: Callable[..., AbstractContextManager[Any]]
) -> None:
    assert folder.exists()
    with static_storage(f"{__name__}.Bundling"):
        assert "4 static files copied, 5 post-processed." in collect()
    (bundle,) = [content for name, content in objects().items() if re.fullmatch(r"bundle\.[0-9a-f]{12}\.css", name)]
    assert bundle == b"a bundle of all"


@pytest.mark.usefixtures("manifest_storage")
def test_rewritten_files_are_not_all_kept_in_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, objects: Callable[[], dict[str, bytes]]
) -> None:
    """Later passes may rename them, so they wait. If memory runs short they are uploaded, and deleted at the end."""
    write(folder, {f"{number}.js": random.Random(number).randbytes(500_000).hex().encode() for number in range(30)})
    write(folder, {"up.css": b"@import 'in/b.css';", "in/b.css": b"@import '../c.css';", "c.css": b"a {}"})
    monkeypatch.setattr(upload_queue, "MAX_QUEUED_BYTES", 4 * 1024**2)
    tracemalloc.start()
    try:
        collect()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * 1024**2
    assert len(objects()) == 2 * (30 + 3 + 4) + 1


@pytest.mark.usefixtures("manifest")
def test_another_process_finds_the_manifest() -> None:
    collect()
    url = staticfiles_storage.url("style.css")
    assert Manifest().url("style.css") == url
    assert "style.css" in Manifest().hashed_files
