from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import settings as site
from tests.support.settings import entry, storages_set
from tests.support.static_files import generated, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Any

    from minio import Minio
    from pytest_django import Settings

FILES = {
    "style.css": b"body { background: url('images/red.png'); }",
    "images/red.png": b"\x89PNG red",
    "images/deep/er/dot.svg": b"<svg/>",
    "script.js": b"void 0;",
}


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    """A folder of four static files; no other files are collected."""
    path = tmp_path / "static"
    write(path, FILES)
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [path]
    return path


@pytest.fixture
def big_folder(tmp_path: Path, settings: Settings) -> Path:
    """A folder of 300 static files, which are collected with those of Django's admin."""
    path = tmp_path / "static"
    write(path, generated())
    settings.STATICFILES_DIRS = [path]
    return path


@pytest.fixture
def static_storage() -> Callable[..., AbstractContextManager[Any]]:
    """Configure the storage of static files with another class or further options."""

    def using(backend: str = "django_minio_backend.models.MinioBackendStatic", **more: Any) -> Any:
        return storages_set(
            default=entry(dict(site.STORAGES["default"]["OPTIONS"])),
            staticfiles=entry({**site.STORAGES["staticfiles"]["OPTIONS"], **more}, backend),
        )

    return using


@pytest.fixture
def manifest_storage(static_storage: Callable[..., AbstractContextManager[Any]]) -> Iterator[None]:
    """Static files under hashed names."""
    with static_storage("django_minio_backend.models.MinioManifestStaticStorage"):
        yield


@pytest.fixture
def objects(sdk: Minio) -> Callable[[], dict[str, bytes]]:
    """Keys and contents of the objects in the static bucket."""

    def read() -> dict[str, bytes]:
        contents = {}
        for listed in sdk.list_objects(bucket_name=site.STATIC_BUCKET, recursive=True):
            response = sdk.get_object(bucket_name=site.STATIC_BUCKET, object_name=str(listed.object_name))
            contents[str(listed.object_name)] = response.read(decode_content=False)
            response.release_conn()
        return contents

    return read
