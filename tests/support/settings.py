"""STORAGES for one test: entries of a made-up server, or of the one that runs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from django.core.files.storage import default_storage
from django.test.utils import override_settings

from django_minio_backend.options.fields import FIELDS, StorageOptions
from tests.support.server_options import options_of as options_of  # noqa: PLC0414 - for tests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django_minio_backend.models import MinioBackend

Entry = dict[str, Any]
BACKEND = "django_minio_backend.models.MinioBackend"
STATIC_BACKEND = "django_minio_backend.models.MinioBackendStatic"
STATIC: Entry = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
SECRET_KEY = "hush-hush-hush"


def made_up(**more: Any) -> dict[str, Any]:
    """OPTIONS of a server that is nowhere."""
    return {
        "MINIO_ENDPOINT": "minio.test:9000",
        "MINIO_ACCESS_KEY": "someone",
        "MINIO_SECRET_KEY": SECRET_KEY,
        "MINIO_USE_HTTPS": False,
        **more,
    }


def entry(options: dict[str, Any], backend: str = BACKEND) -> Entry:
    return {"BACKEND": backend, "OPTIONS": options}


@contextmanager
def storages_set(_entries: dict[str, Entry] | None = None, /, **entries: Entry) -> Iterator[dict[str, Entry]]:
    """Override STORAGES, with Django's own static storage unless another one is given.

    Django before 5.1 takes BACKEND and OPTIONS out of an entry when it makes the storage, so it gets copies.
    """
    entries = {"staticfiles": STATIC, **(_entries or {}), **entries}
    with override_settings(STORAGES={alias: dict(given) for alias, given in entries.items()}):
        yield entries


@contextmanager
def default_site(settings: Any, urlconf: str, options: dict[str, Any]) -> Iterator[MinioBackend]:
    """A site with one storage, which this returns.

    Args:
        settings: the fixture of pytest-django, which undoes its own changes after those of the block.
        urlconf: of the site.
        options: of the storage.
    """
    settings.ROOT_URLCONF = urlconf
    with storages_set(default=entry(options)):
        yield cast("MinioBackend", default_storage)


def read(**more: Any) -> StorageOptions:
    """Options of a made-up server with these on top, as a storage gets them."""
    from django_minio_backend.options.reading import read_options

    return read_options(made_up(**more), "default")


def value_of(options: StorageOptions, name: str) -> Any:
    """The value that a storage has for an option, by the option's name in STORAGES."""
    return getattr(options, FIELDS[name].attribute)
