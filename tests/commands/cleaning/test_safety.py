"""Each rule that keeps cleaning from deleting what somebody needs."""

from __future__ import annotations

import datetime as dt
import io
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from django_minio_backend import bulk, orphans
from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW
from tests.support.buckets import remove_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from minio import Minio

    from django_minio_backend.s3 import S3Client
    from tests.commands.cleaning.conftest import Keys, Put
    from tests.commands.conftest import Run


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


@pytest.mark.parametrize("arguments", [[], ["--min-age", "1"], ["--min-age", "0.5"]])
def test_young_objects_stay(run: Run, put: Put, keys: Keys, arguments: list[str]) -> None:
    """Their rows may be yet to come: an upload comes before the commit."""
    put(site.PRIVATE_BUCKET, "young.txt")
    run(COMMAND, *arguments)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "young.txt"]


def test_objects_older_than_the_age_are_deleted(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the server's clock: here it tells that it is two hours later."""
    put(site.PRIVATE_BUCKET, "old.txt")
    pages = bulk.pages

    def later(*arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        for page in pages(*arguments, **more):
            yield page._replace(served_at=page.served_at + dt.timedelta(hours=2))

    monkeypatch.setattr(bulk, "pages", later)
    run(COMMAND, "--min-age", "3")
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "old.txt"]
    run(COMMAND)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


@pytest.mark.parametrize("age", ["soon", "nan", "inf", "-1"])
def test_an_age_that_is_none_is_refused(run: Run, put: Put, keys: Keys, age: str) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match="--min-age"):
        run(COMMAND, f"--min-age={age}")
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


# Rows that come late


def test_a_row_that_comes_to_refer_to_an_object_after_the_listing_saves_it(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "late.txt", "orphan.txt")
    pages = bulk.pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        yield from pages(client, bucket, *arguments, **more)
        if bucket == site.PRIVATE_BUCKET:
            Document.objects.create(plain="late.txt")

    monkeypatch.setattr(bulk, "pages", slow)
    told = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "late.txt"]
    assert "late.txt" not in told


def test_a_late_row_of_a_location_saves_its_object(
    run: Run, put: Put, keys: Keys, archive: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.Located.objects.create(file="a.txt")
    put(archive.LOCATED_BUCKET, "media/a.txt", "media/late.txt", "media/inner/late.txt", "media/orphan.txt")
    pages = bulk.pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        yield from pages(client, bucket, *arguments, **more)
        if bucket == archive.LOCATED_BUCKET:
            archive.Located.objects.create(file="late.txt", inner="late.txt")

    monkeypatch.setattr(bulk, "pages", slow)
    run(COMMAND, *NOW)
    assert keys(archive.LOCATED_BUCKET) == ["media/a.txt", "media/inner/late.txt", "media/late.txt"]


def test_a_row_that_changes_its_name_while_rows_are_read_keeps_its_object(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Document.objects.create(plain="before.txt")
    put(site.PRIVATE_BUCKET, "before.txt", "after.txt")
    pages = bulk.pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        Document.objects.filter(pk=row.pk).update(plain="after.txt")
        yield from pages(client, bucket, *arguments, **more)

    monkeypatch.setattr(bulk, "pages", slow)
    run(COMMAND, *NOW)
    assert "after.txt" in keys(site.PRIVATE_BUCKET)


# Failures


def test_a_database_error_deletes_nothing_and_fails(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")

    def failing(execute: Any, sql: str, *arguments: Any) -> Any:
        if '"image"' in sql:  # the last field that is read
            raise OperationalError("the disk is on fire")
        return execute(sql, *arguments)

    with connection.execute_wrapper(failing), pytest.raises(CommandError, match=r"on fire.*Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "orphan.txt"]


@pytest.mark.usefixtures("second_database")
def test_a_database_that_is_broken_deletes_nothing_and_fails(run: Run, put: Put, keys: Keys, tmp_path: Path) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    (tmp_path / "second.sqlite3").write_bytes(b"no database any more" * 100)
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_table_that_is_in_no_database_deletes_nothing_and_fails(
    run: Run, put: Put, keys: Keys, archive: ModuleType
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with connection.schema_editor() as editor:
        editor.delete_model(archive.Letter)
    try:
        with pytest.raises(CommandError, match=r"archive\.Letter.*Nothing was deleted"):
            run(COMMAND, *NOW)
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(archive.Letter)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_database_that_fails_right_before_the_deletion_deletes_nothing(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")

    def failing(execute: Any, sql: str, *arguments: Any) -> Any:
        if " IN (" in sql:
            raise OperationalError("the disk is on fire")
        return execute(sql, *arguments)

    with connection.execute_wrapper(failing), pytest.raises(CommandError, match="on fire"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
    assert keys(site.PUBLIC_BUCKET) == [KEPT, "orphan.txt"]


def test_a_bucket_that_cannot_be_listed_deletes_nothing_in_any_bucket(
    run: Run, put: Put, keys: Keys, sdk: Minio
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    remove_bucket(sdk, site.PUBLIC_BUCKET)
    with pytest.raises(CommandError, match=f"{site.PUBLIC_BUCKET} cannot be listed: .*Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_a_listing_that_breaks_off_deletes_nothing(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "orphan-1.txt", "orphan-2.txt")
    pages = bulk.pages

    def broken(*arguments: Any, **more: Any) -> Iterator[bulk.Page]:
        yield from pages(*arguments, **more)
        raise ConnectionResetError("cut off")

    monkeypatch.setattr(bulk, "pages", broken)
    with pytest.raises(CommandError, match=r"cut off\. Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan-1.txt", "orphan-2.txt"]


def test_what_could_not_be_deleted_is_listed_and_fails_the_command(
    put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.management import call_command

    monkeypatch.setattr(orphans, "BATCH", 2)
    put(site.PRIVATE_BUCKET, "a.txt", "b.txt", "c.txt", "locked.txt")
    put(site.PUBLIC_BUCKET, "d.txt")
    delete = bulk.delete

    def partly(client: S3Client, bucket: str, names: Sequence[str]) -> bulk.Deletion:
        done = delete(client, bucket, [name for name in names if name != "locked.txt"])
        return done._replace(failed={"locked.txt": "AccessDenied It is locked"} if "locked.txt" in names else {})

    monkeypatch.setattr(bulk, "delete", partly)
    told = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command(COMMAND, *NOW, stdout=told)
    assert f"{site.PRIVATE_BUCKET}/locked.txt: AccessDenied It is locked" in str(failed.value)
    assert "a.txt" not in str(failed.value)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "locked.txt"]
    deleted = [line.rpartition("/")[2] for line in told.getvalue().splitlines() if line.startswith("Deleted ")]
    assert sorted({*deleted} - {"d.txt"}) == ["a.txt", "b.txt", "c.txt"]


def test_a_place_that_fails_does_not_keep_the_others_from_being_cleaned(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")

    def refused(_: S3Client, bucket: str, names: Sequence[str]) -> bulk.Deletion:  # noqa: ARG001 - as the original
        return bulk.Deletion(set(), dict.fromkeys(names, "AccessDenied No"), 0)

    with monkeypatch.context() as patched:
        patched.setattr(bulk, "delete", refused)
        with pytest.raises(CommandError) as failed:
            run(COMMAND, *NOW)
    for bucket in (site.PRIVATE_BUCKET, site.PUBLIC_BUCKET):
        assert f"{bucket}/orphan.txt: AccessDenied" in str(failed.value)
        assert keys(bucket) == [KEPT, "orphan.txt"]
