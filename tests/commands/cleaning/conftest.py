from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, connections

from tests import settings as site
from tests.app.models import Document
from tests.support.buckets import remove_bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from minio import Minio
    from pytest_django import Settings

    Put = Callable[..., None]
    Keys = Callable[[str], list[str]]

COMMAND = "clean_orphaned_minio_files"
NOW = ("--min-age", "0")
KEPT = "kept.txt"


def saved(model: Any, **values: Any) -> Any:
    """Save a row past the model's managers."""
    row = model(**values)
    row.save()
    return row


@pytest.fixture
def put(sdk: Minio) -> Put:
    """Store objects past the library."""

    def stored(bucket: str, *keys: str) -> None:
        for key in keys:
            sdk.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"content"), length=7)

    return stored


@pytest.fixture
def keys(sdk: Minio) -> Keys:
    def listed(bucket: str) -> list[str]:
        return sorted(str(found.object_name) for found in sdk.list_objects(bucket_name=bucket, recursive=True))

    return listed


@pytest.fixture
def kept(site_buckets: None, put: Put, transactional_db: None) -> None:  # noqa: ARG001 - order
    """One row with its files, since no table is empty where cleaning makes sense."""
    Document.objects.create(plain=KEPT, public=KEPT)
    put(site.PRIVATE_BUCKET, KEPT)
    put(site.PUBLIC_BUCKET, KEPT)


@pytest.fixture
def archive(settings: Settings, sdk: Minio, site_buckets: None, transactional_db: None) -> Iterator[ModuleType]:  # noqa: ARG001 - order
    """The app with all kinds of models, its tables, and its bucket."""
    settings.INSTALLED_APPS = [*site.INSTALLED_APPS, "tests.commands.cleaning.archive"]
    settings.ARCHIVE_REPLACED_MODEL = "archive.Letter"
    from tests.commands.cleaning.archive import models as archive

    with connection.schema_editor() as editor:
        for model in archive.TABLES:
            editor.create_model(model)
    sdk.make_bucket(bucket_name=archive.LOCATED_BUCKET)
    yield archive
    remove_bucket(sdk, archive.LOCATED_BUCKET)
    with connection.schema_editor() as editor:
        for model in reversed(archive.TABLES):
            editor.delete_model(model)


@pytest.fixture
def second_database(tmp_path: Path, transactional_db: None) -> Iterator[str]:  # noqa: ARG001 - order
    """Another database, with a table of documents of its own."""
    made = {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "second.sqlite3", "CONN_MAX_AGE": None}
    connections.settings["second"] = connections.configure_settings({"default": {}, "second": made})["second"]
    try:
        connections["second"].connect()  # Django's test case refuses to open it by itself: it came too late
        with connections["second"].schema_editor() as editor:
            editor.create_model(Document)
        yield "second"
        connections["second"].close()
    finally:
        del connections["second"]
        del connections.settings["second"]
