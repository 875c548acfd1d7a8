"""Which buckets are cleaned, and how much of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.management.base import CommandError

from django_minio_backend.models import MinioBackend, MinioBackendStatic
from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW, saved
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
    output = run(COMMAND, *NOW)
    assert keys(site.STATIC_BUCKET) == ["script.js", "style.css"]
    assert site.STATIC_BUCKET not in output


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


def with_another_bucket(settings: Settings, bucket: str) -> None:
    """Let the default alias know one more bucket, which no field uses."""
    default = site.STORAGES["default"]
    options = {**default["OPTIONS"], "MINIO_PRIVATE_BUCKETS": [site.PRIVATE_BUCKET, bucket]}
    settings.STORAGES = {**site.STORAGES, "default": {**default, "OPTIONS": options}}


def test_buckets_that_no_field_uses_are_left_alone(
    run: Run, put: Put, keys: Keys, bucket: str, settings: Settings
) -> None:
    with_another_bucket(settings, bucket)
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


def test_two_aliases_of_one_bucket_are_cleaned_once(
    run: Run, put: Put, keys: Keys, settings: Settings, server: Server
) -> None:
    """Document.plain keeps its files by the default alias; here another alias leads to the same bucket."""
    settings.STORAGES = {**site.STORAGES, "again": site.STORAGES["default"]}
    put(site.PRIVATE_BUCKET, "orphan.txt")
    output = run(COMMAND, *NOW)
    assert output.count(f"http://{server.endpoint}/{site.PRIVATE_BUCKET}: 1 orphaned") == 1
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
    output = run(COMMAND, *NOW)
    assert {"plain.txt", "private.txt"} <= set(keys(site.PRIVATE_BUCKET))
    assert "orphaned at first" not in output
    assert "orphan.txt" not in keys(site.PRIVATE_BUCKET)


def test_buckets_that_no_field_uses_are_cleaned_where_they_are_named(
    run: Run, put: Put, keys: Keys, bucket: str, settings: Settings
) -> None:
    with_another_bucket(settings, bucket)
    put(bucket, "backup.tar")
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, "--bucket", bucket, *NOW)
    assert keys(bucket) == []
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_several_buckets_can_be_named(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")
    run(COMMAND, "--bucket", site.PRIVATE_BUCKET, "--bucket", site.PUBLIC_BUCKET, *NOW)
    assert keys(site.PRIVATE_BUCKET) == keys(site.PUBLIC_BUCKET) == [KEPT]


def test_a_bucket_of_static_files_cannot_be_named(run: Run, put: Put, keys: Keys) -> None:
    put(site.STATIC_BUCKET, "style.css")
    with pytest.raises(CommandError, match=f"static files are never cleaned: {site.STATIC_BUCKET}"):
        run(COMMAND, "--bucket", site.STATIC_BUCKET, *NOW)
    assert keys(site.STATIC_BUCKET) == ["style.css"]


def test_an_unknown_bucket_cannot_be_named(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match="has a bucket 'nobodys-bucket'"):
        run(COMMAND, "--bucket", "nobodys-bucket", "--bucket", site.PRIVATE_BUCKET, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_named_bucket_keeps_what_fields_of_a_same_named_bucket_refer_to(
    run: Run, put: Put, keys: Keys, settings: Settings, server: Server
) -> None:
    """The alias says localhost and every field 127.0.0.1, for the same server."""
    options = {**site.STORAGES["default"]["OPTIONS"]}
    options["MINIO_ENDPOINT"] = server.endpoint.replace("127.0.0.1", "localhost")
    settings.STORAGES = {**site.STORAGES, "again": {**site.STORAGES["default"], "OPTIONS": options}}
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, "--bucket", site.PRIVATE_BUCKET, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_a_bucket_that_a_field_uses_for_static_files_is_never_cleaned(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No alias names it: the field's own storage says so."""
    storage = MinioBackendStatic(site.PUBLIC_BUCKET, "staticfiles")
    monkeypatch.setattr(Document._meta.get_field("image"), "storage", storage)
    put(site.PUBLIC_BUCKET, "style.css")
    output = run(COMMAND, *NOW)
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "style.css"]
    assert site.PUBLIC_BUCKET not in output


def test_the_bucket_of_static_files_at_another_endpoint_is_never_cleaned(
    run: Run, put: Put, keys: Keys, settings: Settings, server: Server
) -> None:
    """It may be the same server by another name, as the external endpoint is."""
    static = site.STORAGES["staticfiles"]
    options = {**static["OPTIONS"], "MINIO_STATIC_FILES_BUCKET": site.PUBLIC_BUCKET}
    options["MINIO_ENDPOINT"] = server.endpoint.replace("127.0.0.1", "localhost")
    settings.STORAGES = {**site.STORAGES, "staticfiles": {**static, "OPTIONS": options}}
    put(site.PUBLIC_BUCKET, "style.css")
    run(COMMAND, *NOW)
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "style.css"]


def test_a_prefix_restricts_the_run(run: Run, put: Put, keys: Keys) -> None:
    Document.objects.create(plain="a/missing.txt", private="b/missing.txt")
    put(site.PRIVATE_BUCKET, "a/orphan.txt", "ab/orphan.txt", "b/orphan.txt", "c/orphan.txt")
    output = run(COMMAND, "--check-missing", "--prefix", "a/", "--prefix", "c", *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["ab/orphan.txt", "b/orphan.txt", KEPT]
    assert "plain: a/missing.txt" in output
    assert "b/missing.txt" not in output


def test_a_prefix_and_a_location_restrict_each_other(run: Run, put: Put, keys: Keys, archive: ModuleType) -> None:
    saved(archive.Located, file="kept.txt")
    bucket = archive.LOCATED_BUCKET
    put(bucket, "media/a/1", "media/b/1", "media/kept.txt", "other/1")
    run(COMMAND, "--prefix", "media/a", "--prefix", "other", *NOW)
    assert keys(bucket) == ["media/b/1", "media/kept.txt", "other/1"]
    run(COMMAND, "--prefix", "med", *NOW)
    assert keys(bucket) == ["media/kept.txt", "other/1"]


def test_machines_that_divide_a_bucket_by_prefixes_clean_all_of_it(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, *(f"{letter}/orphan.txt" for letter in "abcdef"))
    for letters in ("ab", "cd", "ef"):
        run(COMMAND, *(argument for letter in letters for argument in ("--prefix", letter)), *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_the_bucket_of_the_static_alias_is_never_cleaned_whatever_its_class(
    run: Run, put: Put, keys: Keys, settings: Settings
) -> None:
    """Such as a class of the user's that is a MinioBackend with a manifest."""
    options = {**site.STORAGES["default"]["OPTIONS"], "MINIO_DEFAULT_BUCKET": site.PUBLIC_BUCKET}
    settings.STORAGES = {**site.STORAGES, "staticfiles": {**site.STORAGES["default"], "OPTIONS": options}}
    put(site.PUBLIC_BUCKET, "style.css")
    put(site.PRIVATE_BUCKET, "orphan.txt")
    output = run(COMMAND, *NOW)
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "style.css"]
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
    assert site.PUBLIC_BUCKET not in output


def test_a_named_bucket_that_fields_use_is_cleaned_where_they_keep_files(
    run: Run, put: Put, keys: Keys, archive: ModuleType, settings: Settings
) -> None:
    """An alias without the location knows the bucket as well."""
    with_another_bucket(settings, archive.LOCATED_BUCKET)
    saved(archive.Located, file="kept.txt")
    put(archive.LOCATED_BUCKET, "media/kept.txt", "media/orphan.txt", "other/x.txt")
    run(COMMAND, "--bucket", archive.LOCATED_BUCKET, *NOW)
    assert keys(archive.LOCATED_BUCKET) == ["media/kept.txt", "other/x.txt"]


@pytest.mark.parametrize("option", ["--bucket", "--prefix", "--exclude"])
def test_an_unset_variable_of_a_script_does_not_widen_the_run(run: Run, put: Put, keys: Keys, option: str) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match=f"{option} is empty"):
        run(COMMAND, option, "", *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
