"""Which buckets are cleaned, and how much of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from django_minio_backend.models import MinioBackend
from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW
from tests.support.settings import STATIC

if TYPE_CHECKING:
    from types import ModuleType

    from pytest_django import Settings

    from tests.commands.cleaning.conftest import Keys, Put
    from tests.commands.conftest import Run
    from tools.servers import Server


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


@pytest.mark.usefixtures("archive")
def test_buckets_of_static_files_are_never_cleaned(run: Run, put: Put, keys: Keys) -> None:
    """Not even where a field keeps files there."""
    put(site.STATIC_BUCKET, "style.css", "script.js")
    told = run(COMMAND, *NOW)
    assert keys(site.STATIC_BUCKET) == ["script.js", "style.css"]
    assert site.STATIC_BUCKET not in told


def test_the_bucket_of_static_files_that_a_media_alias_names_is_never_cleaned(
    run: Run, put: Put, keys: Keys, settings: Settings
) -> None:
    """Static files may be collected by another program, with settings of its own."""
    default = site.STORAGES["default"]
    options = {**default["OPTIONS"], "MINIO_STATIC_FILES_BUCKET": site.PUBLIC_BUCKET}
    settings.STORAGES = {"default": {**default, "OPTIONS": options}, "staticfiles": STATIC}
    put(site.PUBLIC_BUCKET, "style.css")
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "style.css"]
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_buckets_that_no_field_uses_are_left_alone(
    run: Run, put: Put, keys: Keys, bucket: str, settings: Settings
) -> None:
    default = site.STORAGES["default"]
    options = {**default["OPTIONS"], "MINIO_PRIVATE_BUCKETS": [site.PRIVATE_BUCKET, bucket]}
    settings.STORAGES = {**site.STORAGES, "default": {**default, "OPTIONS": options}}
    put(bucket, "backup.tar")
    run(COMMAND, *NOW)
    assert keys(bucket) == ["backup.tar"]


def test_only_what_lies_below_the_location_is_cleaned(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    archive.Located.objects.create(file="a.txt", inner="b.txt")
    expected = ["a.txt", "mediathek/x.txt", "media/a.txt", "media/inner/b.txt", "other/x.txt"]
    put(
        archive.LOCATED_BUCKET,
        *expected,
        "media/orphan.txt",
        "media/inner/a.txt",
        "media/inner/orphan.txt",
        "media/b.txt",
    )
    run(COMMAND, *NOW)
    assert keys(archive.LOCATED_BUCKET) == sorted(expected)


def test_two_aliases_of_one_bucket_are_one_place(
    run: Run, put: Put, keys: Keys, settings: Settings, server: Server
) -> None:
    """Document.plain keeps its files by the default alias; here another alias leads to the same bucket."""
    settings.STORAGES = {**site.STORAGES, "again": site.STORAGES["default"]}
    put(site.PRIVATE_BUCKET, "orphan.txt")
    told = run(COMMAND, *NOW)
    assert told.count(f"http://{server.endpoint}/{site.PRIVATE_BUCKET}: 1 orphaned") == 1
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_two_names_of_one_server_do_not_make_orphans_of_each_others_files(
    run: Run, put: Put, keys: Keys, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One field's storage reaches the bucket at 127.0.0.1, another one's at localhost."""
    other_name = server.endpoint.replace("127.0.0.1", "localhost")
    options: dict[str, Any] = {**site.STORAGES["default"]["OPTIONS"], "MINIO_ENDPOINT": other_name}
    options["MINIO_DEFAULT_BUCKET"] = site.PRIVATE_BUCKET
    field = Document._meta.get_field("private")
    monkeypatch.setattr(field, "storage", MinioBackend(**options))
    put(site.PRIVATE_BUCKET, "plain.txt", "private.txt", "orphan.txt")
    Document.objects.create(plain="plain.txt", private="private.txt")
    run(COMMAND, *NOW)
    assert {"plain.txt", "private.txt"} <= set(keys(site.PRIVATE_BUCKET))
    assert "orphan.txt" not in keys(site.PRIVATE_BUCKET)
