"""Deletion itself: versions, locks, unfinished uploads, and runs that are cut off."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from minio.commonconfig import ENABLED
from minio.versioningconfig import VersioningConfig

from tests import settings as site
from tests.commands.cleaning.conftest import (
    COMMAND,
    KEPT,
    NOW,
    Terminal,
    deleted_keys,
    deletion_response,
    is_listing,
    listing_page,
)
from tests.support.buckets import remove_bucket, unfinished_uploads
from tests.support.rewriting_proxy import HANG_UP, Response, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio import Minio

    from tests.commands.cleaning.conftest import Keys, Put
    from tests.commands.conftest import Run
    from tests.support.rewriting_proxy import Received, RewritingProxy

LONG_AGO = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


@pytest.fixture
def upload(sdk: Minio) -> Callable[[str], None]:
    """Begin multipart uploads and leave them."""

    def begun(key: str) -> None:
        sdk._create_multipart_upload(site.PRIVATE_BUCKET, key, {"Content-Type": "text/plain"})

    return begun


@pytest.mark.needs("versioning")
def test_versions_that_a_bucket_keeps_are_reported(run: Run, put: Put, keys: Keys, sdk: Minio) -> None:
    sdk.set_bucket_versioning(bucket_name=site.PRIVATE_BUCKET, config=VersioningConfig(ENABLED))
    put(site.PRIVATE_BUCKET, "orphan-1.txt", "orphan-2.txt")
    output = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
    assert f"{site.PRIVATE_BUCKET}: the bucket keeps versions. 2 of the deleted objects still exist as older" in output
    assert f"{site.PUBLIC_BUCKET}: the bucket keeps versions" not in output
    assert "0 orphaned objects deleted" in run(COMMAND, *NOW)


@pytest.mark.needs("object-lock")
def test_a_bucket_that_locks_objects_keeps_them_as_older_versions(run: Run, put: Put, keys: Keys, sdk: Minio) -> None:
    remove_bucket(sdk, site.PRIVATE_BUCKET)
    sdk.make_bucket(bucket_name=site.PRIVATE_BUCKET, object_lock=True)
    put(site.PRIVATE_BUCKET, KEPT, "orphan.txt")
    output = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
    assert "1 of the deleted objects still exist as older versions" in output
    versions = [
        str(found.object_name)
        for found in sdk.list_objects(bucket_name=site.PRIVATE_BUCKET, include_version=True)
        if not found.is_delete_marker
    ]
    assert sorted(versions) == [KEPT, "orphan.txt"]


def test_unfinished_uploads_are_aborted_on_request(run: Run, upload: Callable[[str], None], sdk: Minio) -> None:
    upload("folder/large.bin")
    upload(KEPT)  # whether a row refers to its key does not matter: it is no object
    run(COMMAND, *NOW)
    assert len(unfinished_uploads(sdk, site.PRIVATE_BUCKET)) == 2
    output = run(COMMAND, "--dry-run", "--unfinished-uploads", "0", *NOW)
    assert f"Would abort an unfinished upload of http://{site.SERVER_OPTIONS['MINIO_ENDPOINT']}/" in output
    assert f"{site.PRIVATE_BUCKET}: 2 unfinished uploads would be aborted" in output
    assert len(unfinished_uploads(sdk, site.PRIVATE_BUCKET)) == 2
    output = run(COMMAND, "--unfinished-uploads", "0", *NOW)
    assert f"{site.PRIVATE_BUCKET}: 2 unfinished uploads aborted" in output
    assert unfinished_uploads(sdk, site.PRIVATE_BUCKET) == []


def test_on_a_terminal_it_asks_before_uploads_are_aborted(
    run: Run, upload: Callable[[str], None], sdk: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where no object is orphaned."""
    upload("large.bin")
    monkeypatch.setattr("sys.stdin", Terminal("no\n"))
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run(COMMAND, "--unfinished-uploads", "0", *NOW)
    assert len(unfinished_uploads(sdk, site.PRIVATE_BUCKET)) == 1


@pytest.mark.needs("signatures")  # the stand-in reports that every upload started in 2010
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
    run: Run, put: Put, keys: Keys, upload: Callable[[str], None], rewriter: RewritingProxy
) -> None:
    upload("large.bin")
    put(site.PRIVATE_BUCKET, "orphan.txt")
    rewriter.rule = lambda request: s3_error(403, "AccessDenied") if request.method == "DELETE" else None
    with pytest.raises(CommandError, match=r"Unfinished upload not aborted: .*/large\.bin: .*AccessDenied"):
        run(COMMAND, "--unfinished-uploads", "0", *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_uploads_that_cannot_be_listed_delete_nothing(run: Run, put: Put, keys: Keys, rewriter: RewritingProxy) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    rewriter.rule = lambda request: s3_error(501, "NotImplemented") if "uploads" in request.query else None
    with pytest.raises(CommandError, match=r"cannot be listed: .*NotImplemented.*Nothing was deleted"):
        run(COMMAND, "--unfinished-uploads", "0", *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (s3_error(403, "AccessDenied"), r"AccessDenied.* The objects listed above are deleted\."),
        (HANG_UP, r"are deleted, and perhaps some of 500 more from '1000\.txt' to '1499\.txt'\. Run the command again"),
    ],
    ids=["refused", "cut off"],
)
def test_a_server_that_fails_between_two_batches_leaves_a_report_of_what_is_deleted(
    rewriter: RewritingProxy, failure: Response, message: str
) -> None:
    names = [f"{number:04}.txt" for number in range(1_500)]
    output = io.StringIO()

    def rule(request: Received) -> Response | None:
        if is_listing(request):
            return listing_page([(name, LONG_AGO) for name in names], LONG_AGO)
        if request.method != "POST":
            return None
        return deletion_response(names[:1_000]) if names[0] in deleted_keys(request) else failure

    rewriter.rule = rule
    with pytest.raises(CommandError, match=message):
        call_command(COMMAND, "--bucket", site.PRIVATE_BUCKET, *NOW, stdout=output)
    deleted = [line.rpartition("/")[2] for line in output.getvalue().splitlines() if line.startswith("Deleted ")]
    assert deleted == names[:1_000]


@pytest.mark.parametrize("failure", [s3_error(403, "AccessDenied"), HANG_UP], ids=["refused", "cut off"])
def test_names_that_are_deleted_one_by_one_and_fail_do_not_hide_what_is_deleted(
    put: Put, keys: Keys, rewriter: RewritingProxy, failure: Response
) -> None:
    """XML cannot carry them. After a connection is lost, the others are not tried."""
    put(site.PRIVATE_BUCKET, "a.txt", "b\x9b.txt", "c\x9b.txt")
    output = io.StringIO()
    rewriter.rule = lambda request: failure if request.method == "DELETE" else None
    with pytest.raises(CommandError, match=r"Not deleted: .*/b\\x9b\.txt: .*\nNot deleted: .*/c\\x9b\.txt: ") as failed:
        call_command(COMMAND, *NOW, stdout=output)
    assert "1 orphaned objects deleted" in output.getvalue()
    assert "/a.txt\n" in output.getvalue()
    assert str(failed.value).count("AccessDenied") == (0 if failure is HANG_UP else 2)
    tried = {request.path for request in rewriter.requests if request.method == "DELETE"}
    assert len(tried) == (1 if failure is HANG_UP else 2)
    assert keys(site.PRIVATE_BUCKET) == ["b\x9b.txt", "c\x9b.txt", KEPT]


def test_what_may_be_deleted_is_reported_if_the_response_is_lost(
    put: Put, keys: Keys, run: Run, rewriter: RewritingProxy
) -> None:
    put(site.PRIVATE_BUCKET, "a.txt", "b.txt")
    rewriter.afterwards = lambda request: Response(200, b"<DeleteResult><Deleted>") if deleted_keys(request) else None
    with pytest.raises(CommandError, match=r"deleted, and perhaps some of 2 more from 'a\.txt' to 'b\.txt'\."):
        run(COMMAND, "--bucket", site.PRIVATE_BUCKET, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_a_server_that_refuses_a_deletion_has_deleted_nothing(
    put: Put, keys: Keys, run: Run, rewriter: RewritingProxy
) -> None:
    put(site.PRIVATE_BUCKET, "a.txt")
    rewriter.rule = lambda request: s3_error(403, "AccessDenied") if request.method == "POST" else None
    with pytest.raises(CommandError, match=r"AccessDenied.* The objects listed above are deleted\. Run the command"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["a.txt", KEPT]
