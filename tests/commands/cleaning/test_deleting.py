"""Deletion itself: versions, locks, unfinished uploads, and runs that are cut off."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig
from urllib3.exceptions import ProtocolError

from django_minio_backend.models import MinioBackend
from django_minio_backend.s3 import deletion
from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW
from tests.support.buckets import remove_bucket, unfinished_uploads
from tests.support.rewriting_proxy import rewriting_proxy, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio import Minio

    from django_minio_backend.s3.client import S3Client
    from tests.commands.cleaning.conftest import Keys, Put
    from tests.commands.conftest import Run
    from tools.servers import Server

cleaned = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]
pytestmark = cleaned


@pytest.fixture
def upload(sdk: Minio) -> Callable[[str], None]:
    """Begin multipart uploads and leave them."""

    def begun(key: str) -> None:
        sdk._create_multipart_upload(site.PRIVATE_BUCKET, key, {"Content-Type": "text/plain"})

    return begun


@pytest.mark.needs("versioning")
def test_a_bucket_that_keeps_versions_is_said_to(run: Run, put: Put, keys: Keys, sdk: Minio) -> None:
    sdk.set_bucket_versioning(bucket_name=site.PRIVATE_BUCKET, config=VersioningConfig(ENABLED))
    put(site.PRIVATE_BUCKET, "orphan-1.txt", "orphan-2.txt")
    told = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
    assert f"{site.PRIVATE_BUCKET}: the bucket keeps versions. 2 of the deleted objects live on as older" in told
    assert f"{site.PUBLIC_BUCKET}: the bucket keeps versions" not in told
    assert "0 orphaned objects deleted" in run(COMMAND, *NOW)


@pytest.mark.needs("object-lock")
def test_a_bucket_that_locks_objects_keeps_them_as_older_versions(run: Run, put: Put, keys: Keys, sdk: Minio) -> None:
    remove_bucket(sdk, site.PRIVATE_BUCKET)
    sdk.make_bucket(bucket_name=site.PRIVATE_BUCKET, object_lock=True)
    put(site.PRIVATE_BUCKET, KEPT, "orphan.txt")
    told = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
    assert "1 of the deleted objects live on as older versions" in told
    versions = [
        str(found.object_name)
        for found in sdk.list_objects(bucket_name=site.PRIVATE_BUCKET, include_version=True)
        if not found.is_delete_marker
    ]
    assert sorted(versions) == [KEPT, "orphan.txt"]


def test_unfinished_uploads_are_aborted_where_that_is_asked_for(
    run: Run, upload: Callable[[str], None], sdk: Minio
) -> None:
    upload("folder/large.bin")
    upload(KEPT)  # whether a row refers to its key does not matter: it is no object
    run(COMMAND, *NOW)
    assert len(unfinished_uploads(sdk, site.PRIVATE_BUCKET)) == 2
    told = run(COMMAND, "--dry-run", "--unfinished-uploads", "0", *NOW)
    assert f"Would abort an unfinished upload of http://{site.SERVER_OPTIONS['MINIO_ENDPOINT']}/" in told
    assert f"{site.PRIVATE_BUCKET}: 2 unfinished uploads would be aborted" in told
    assert len(unfinished_uploads(sdk, site.PRIVATE_BUCKET)) == 2
    told = run(COMMAND, "--unfinished-uploads", "0", *NOW)
    assert f"{site.PRIVATE_BUCKET}: 2 unfinished uploads aborted" in told
    assert unfinished_uploads(sdk, site.PRIVATE_BUCKET) == []


def test_on_a_terminal_it_asks_before_uploads_are_aborted(
    run: Run, upload: Callable[[str], None], sdk: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no object is orphaned."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    upload("large.bin")
    monkeypatch.setattr("sys.stdin", Terminal("no\n"))
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run(COMMAND, "--unfinished-uploads", "0", *NOW)
    assert len(unfinished_uploads(sdk, site.PRIVATE_BUCKET)) == 1


@pytest.mark.needs("signatures")  # the stand-in says of every upload that it is of 2010
def test_young_uploads_stay(run: Run, upload: Callable[[str], None], sdk: Minio) -> None:
    upload("large.bin")
    run(COMMAND, "--unfinished-uploads", "10m", *NOW)
    assert len(unfinished_uploads(sdk, site.PRIVATE_BUCKET)) == 1


def test_prefixes_and_exclusions_hold_for_unfinished_uploads(
    run: Run, upload: Callable[[str], None], sdk: Minio
) -> None:
    for key in ("a/1", "a/2", "b/1"):
        upload(key)
    run(COMMAND, "--unfinished-uploads", "0", "--prefix", "a/", "--exclude", "*/2", *NOW)
    assert sorted(key for key, _ in unfinished_uploads(sdk, site.PRIVATE_BUCKET)) == ["a/2", "b/1"]


def test_an_upload_that_cannot_be_aborted_fails_the_command(
    run: Run, put: Put, keys: Keys, upload: Callable[[str], None], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload("large.bin")
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with rewriting_proxy(server) as rewriter:
        options = {**site.STORAGES["default"]["OPTIONS"], "MINIO_ENDPOINT": rewriter.endpoint}
        storage = MinioBackend(**options)
        for name in ("plain", "private"):
            monkeypatch.setattr(Document._meta.get_field(name), "storage", storage)
        rewriter.rule = lambda asked: s3_error(403, "AccessDenied") if asked.method == "DELETE" else None
        with pytest.raises(CommandError, match=r"Unfinished upload not aborted: .*/large\.bin: .*AccessDenied"):
            run(COMMAND, "--unfinished-uploads", "0", *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_uploads_that_cannot_be_listed_delete_nothing(
    run: Run, put: Put, keys: Keys, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with rewriting_proxy(server) as rewriter:
        options = {**site.STORAGES["default"]["OPTIONS"], "MINIO_ENDPOINT": rewriter.endpoint}
        for name in ("plain", "private"):
            monkeypatch.setattr(Document._meta.get_field(name), "storage", MinioBackend(**options))
        rewriter.rule = lambda asked: s3_error(501, "NotImplemented") if "uploads" in asked.query else None
        with pytest.raises(CommandError, match=r"cannot be listed: .*NotImplemented.*Nothing was deleted"):
            run(COMMAND, "--unfinished-uploads", "0", *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_server_that_fails_between_two_batches_tells_what_is_deleted(
    put: Put, keys: Keys, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django_minio_backend.orphans import deletion as orphans

    monkeypatch.setattr(orphans, "BATCH", 2)
    put(site.PRIVATE_BUCKET, *"abcde")
    delete = deletion.delete_objects

    def failing(client: S3Client, bucket: str, names: list[str]) -> deletion.Deletion:
        if "c" in names:
            raise ConnectionResetError("cut off")
        return delete(client, bucket, names)

    with monkeypatch.context() as patched:
        patched.setattr(deletion, "delete_objects", failing)
        with pytest.raises(CommandError, match=r"stopped: cut off\. What is listed above is deleted"):
            run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["c", "d", "e", KEPT]
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


@pytest.mark.parametrize("answers", [True, False])
def test_names_that_are_deleted_one_by_one_and_fail_do_not_hide_what_is_deleted(
    put: Put, keys: Keys, server: Server, monkeypatch: pytest.MonkeyPatch, *, answers: bool
) -> None:
    """XML cannot carry them. A server that does not answer once is not asked for the others."""
    put(site.PRIVATE_BUCKET, "a.txt", "b\x9b.txt", "c\x9b.txt")
    told = io.StringIO()
    asked: list[str] = []
    with rewriting_proxy(server) as rewriter:
        options = {**site.STORAGES["default"]["OPTIONS"], "MINIO_ENDPOINT": rewriter.endpoint}
        for name in ("plain", "private"):
            monkeypatch.setattr(Document._meta.get_field(name), "storage", MinioBackend(**options))
        rewriter.rule = lambda asked: s3_error(403, "AccessDenied") if asked.method == "DELETE" else None
        if not answers:
            monkeypatch.setattr("django_minio_backend.s3.client.S3Client.delete", cut_off(asked))
        with pytest.raises(
            CommandError, match=r"Not deleted: .*/b\\x9b\.txt: .*\nNot deleted: .*/c\\x9b\.txt: "
        ) as failed:
            call_command(COMMAND, *NOW, stdout=told)
    assert "1 orphaned objects deleted" in told.getvalue()
    assert "/a.txt\n" in told.getvalue()
    assert str(failed.value).count("AccessDenied" if answers else "cut off") == 2
    assert answers or len(asked) == 1
    assert keys(site.PRIVATE_BUCKET) == ["b\x9b.txt", "c\x9b.txt", KEPT]


def cut_off(asked: list[str]) -> Callable[..., None]:
    def delete(_: S3Client, __: str, key: str) -> None:
        asked.append(key)
        raise ConnectionResetError("cut off")

    return delete


def test_what_may_be_deleted_is_told_where_the_answer_is_lost(
    put: Put, keys: Keys, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "a.txt", "b.txt")
    delete = deletion.delete_objects

    def lost(*arguments: Any) -> deletion.Deletion:
        delete(*arguments)
        raise ProtocolError("The answer broke off.")

    monkeypatch.setattr(deletion, "delete_objects", lost)
    with pytest.raises(CommandError, match=r"deleted, and perhaps some of 2 more from 'a\.txt' to 'b\.txt'\."):
        run(COMMAND, "--bucket", site.PRIVATE_BUCKET, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_a_server_that_refuses_a_deletion_has_deleted_nothing(
    put: Put, keys: Keys, run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "a.txt")
    with rewriting_proxy(server) as rewriter:
        options = {**site.STORAGES["default"]["OPTIONS"], "MINIO_ENDPOINT": rewriter.endpoint}
        for name in ("plain", "private"):
            monkeypatch.setattr(Document._meta.get_field(name), "storage", MinioBackend(**options))
        rewriter.rule = lambda asked: s3_error(403, "AccessDenied") if asked.method == "POST" else None
        with pytest.raises(CommandError, match=r"AccessDenied.*What is listed above is deleted\.$"):
            run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["a.txt", KEPT]
