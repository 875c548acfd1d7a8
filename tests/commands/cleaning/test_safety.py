"""Each rule that keeps cleaning from deleting what somebody needs."""

from __future__ import annotations

import datetime as dt
import io
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, connection

from django_minio_backend.models import MinioBackend
from django_minio_backend.orphans import deletion as orphans
from django_minio_backend.s3 import deletion, listing
from tests import settings as site
from tests.app.models import Document
from tests.commands.cleaning.conftest import COMMAND, KEPT, NOW
from tests.support.buckets import remove_bucket
from tests.support.rewriting_proxy import rewriting_proxy, s3_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from minio import Minio
    from pytest_django import Settings

    from django_minio_backend.s3.client import S3Client
    from tests.commands.cleaning.conftest import Keys, Put
    from tests.commands.conftest import Run
    from tools.servers import Server


pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


class AgedPage(NamedTuple):
    """What the cleaning reads of a page of a listing, served at another time."""

    served_at: dt.datetime
    objects: list[listing.ListedObject]


@pytest.mark.parametrize("age", ["", "1", "0.5", "90s", "30m", "2h", "7d", "1.5d", "900000d"])
def test_young_objects_stay(run: Run, put: Put, keys: Keys, age: str) -> None:
    """Their rows may be yet to come: an upload comes before the commit."""
    put(site.PRIVATE_BUCKET, "young.txt")
    told = run(COMMAND, *(["--min-age", age] if age else []))
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "young.txt"]
    assert "2 objects are too young" in told


@pytest.mark.parametrize(
    ("age", "seconds"), [("2s", 2), ("1.5m", 90), ("1h", 3_600), ("1", 3_600), ("0.5", 1_800), ("2d", 172_800)]
)
def test_an_age_counts_to_the_second(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch, age: str, seconds: int
) -> None:
    put(site.PRIVATE_BUCKET, "a.txt", "b.txt")
    pages = listing.list_pages

    def timed(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[AgedPage]:
        for page in pages(client, bucket, *arguments, **more):
            now = page.served_at.replace(microsecond=0)
            times = {"a.txt": now - dt.timedelta(seconds=seconds), "b.txt": now - dt.timedelta(seconds=seconds + 1)}
            aged = [one._replace(modified=times.get(one.key, now)) for one in page.objects]
            yield AgedPage(now, aged)

    monkeypatch.setattr(listing, "list_pages", timed)
    run(COMMAND, "--min-age", age)
    assert keys(site.PRIVATE_BUCKET) == ["a.txt", KEPT]


def test_objects_older_than_the_age_are_deleted(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the server's clock: here it tells that it is two hours later."""
    put(site.PRIVATE_BUCKET, "old.txt")
    pages = listing.list_pages

    def later(*arguments: Any, **more: Any) -> Iterator[AgedPage]:
        for page in pages(*arguments, **more):
            yield AgedPage(page.served_at + dt.timedelta(hours=2), page.objects)

    monkeypatch.setattr(listing, "list_pages", later)
    run(COMMAND, "--min-age", "3")
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "old.txt"]
    run(COMMAND)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


@pytest.mark.parametrize("age", ["soon", "nan", "inf", "-1", "", "h", "1w", "1 h", "1e3", "\u0661h", "99999999999d"])
def test_an_age_that_is_none_is_refused(run: Run, put: Put, keys: Keys, age: str) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match="--min-age"):
        run(COMMAND, f"--min-age={age}")
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


# Where the user does not say so


@pytest.mark.parametrize("pattern", ["exports/*", "*.txt", "exports/a.tx?", "exports/[ab].txt"])
def test_what_an_exclusion_matches_stays(run: Run, put: Put, keys: Keys, pattern: str) -> None:
    put(site.PRIVATE_BUCKET, "exports/a.txt", "orphan.bin")
    told = run(COMMAND, "--exclude", "nothing", "--exclude", pattern, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["exports/a.txt", KEPT]
    assert "excluded" in told


def test_an_exclusion_is_of_whole_keys_and_of_letters_as_they_are(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "a/exports/x", "Exports/x", "exports/x")
    run(COMMAND, "--exclude", "exports/*", *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["exports/x", KEPT]


def test_an_empty_database_cleans_no_full_bucket(run: Run, put: Put, keys: Keys) -> None:
    """It may be the wrong one."""
    Document.objects.all().delete()
    put(site.PRIVATE_BUCKET, "orphan.txt")
    for arguments in ([], ["--dry-run"], ["--no-input"], ["--prefix", "orphan"], ["--bucket", site.PRIVATE_BUCKET]):
        with pytest.raises(CommandError, match=r"every FileField on it is empty: app\.Document\.plain.*--force"):
            run(COMMAND, *NOW, *arguments)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
    run(COMMAND, "--force", *NOW)
    assert keys(site.PRIVATE_BUCKET) == []


def test_an_empty_database_and_a_bucket_without_old_objects_are_no_error(run: Run) -> None:
    Document.objects.all().delete()
    assert "0 orphaned objects deleted" in run(COMMAND)


def test_rows_without_files_tell_a_right_database(run: Run, put: Put, keys: Keys) -> None:
    Document.objects.all().delete()
    Document.objects.create(title="no file yet")
    put(site.PRIVATE_BUCKET, "orphan.txt")
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == []


def test_a_database_that_fails_when_asked_for_any_row_deletes_nothing(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")

    def failing(execute: Any, sql: str, *arguments: Any) -> Any:
        if "LIMIT 1" in sql:
            raise OperationalError("the disk is on fire")
        return execute(sql, *arguments)

    with connection.execute_wrapper(failing), pytest.raises(CommandError, match=r"on fire.*Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


class Terminal(io.StringIO):
    """Standard input of somebody who answers."""

    def isatty(self) -> bool:
        return True


def asked_on_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> tuple[str, str]:
    """What the command prints on standard output and on the terminal, if somebody gives that answer."""
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    told, asked = io.StringIO(), io.StringIO()
    call_command(COMMAND, *NOW, stdout=told, stderr=asked)
    return told.getvalue(), asked.getvalue()


def test_on_a_terminal_it_asks_first(put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    told, asked = asked_on_a_terminal(monkeypatch, "yes")
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
    assert f"{site.PRIVATE_BUCKET}: 1 orphaned objects (7" in asked
    assert f"{site.PUBLIC_BUCKET}: " not in asked
    assert asked.endswith("Type 'yes' to delete: ")
    assert "Deleted " in told


def test_the_end_of_the_input_is_no_answer(run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-D is."""
    put(site.PRIVATE_BUCKET, "orphan.txt")
    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


@pytest.mark.parametrize("answer", ["no", "", "y", "yes please"])
def test_any_other_answer_deletes_nothing(put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        asked_on_a_terminal(monkeypatch, answer)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


@pytest.mark.parametrize("argument", ["--no-input", "--noinput", "--dry-run"])
def test_on_a_terminal_it_does_not_ask_where_nobody_wants_it(
    run: Run, put: Put, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    monkeypatch.setattr("sys.stdin", Terminal())
    assert "orphan.txt" in run(COMMAND, argument, *NOW)


def test_on_a_terminal_it_does_not_ask_for_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    assert "0 orphaned objects deleted" in run(COMMAND, *NOW)


def test_a_dry_run_names_exactly_what_a_run_would_delete(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "late.txt", "orphan.txt", "exports/x", "pre/orphan.txt")
    pages = listing.list_pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[listing.ListingPage]:
        yield from pages(client, bucket, *arguments, **more)
        Document.objects.get_or_create(plain="late.txt")

    monkeypatch.setattr(listing, "list_pages", slow)
    arguments = ["--exclude", "exports/*", *NOW]
    dry = run(COMMAND, "--dry-run", *arguments)
    Document.objects.filter(plain="late.txt").delete()
    wet = run(COMMAND, *arguments)
    deleted = [line.removeprefix("Deleted ") for line in wet.splitlines() if line.startswith("Deleted ")]
    assert [line.removeprefix("Would delete ") for line in dry.splitlines() if line.startswith("Would ")] == deleted
    assert keys(site.PRIVATE_BUCKET) == ["exports/x", KEPT, "late.txt"]


# Rows that come late


def test_a_row_that_comes_to_refer_to_an_object_after_the_listing_saves_it(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site.PRIVATE_BUCKET, "late.txt", "orphan.txt")
    pages = listing.list_pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[listing.ListingPage]:
        yield from pages(client, bucket, *arguments, **more)
        if bucket == site.PRIVATE_BUCKET:
            Document.objects.create(plain="late.txt")

    monkeypatch.setattr(listing, "list_pages", slow)
    told = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "late.txt"]
    assert "late.txt" not in told


def test_every_batch_is_asked_for_again(run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "BATCH", 2)
    put(site.PRIVATE_BUCKET, *"abcd")
    delete = deletion.delete_objects

    def slow(*arguments: Any) -> deletion.Deletion:
        Document.objects.get_or_create(plain="d")
        return delete(*arguments)

    monkeypatch.setattr(deletion, "delete_objects", slow)
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["d", KEPT]


def test_a_database_that_takes_few_parameters_is_asked_for_all_names(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(connection.features), "max_query_params", 2)
    put(site.PRIVATE_BUCKET, *"abcde")
    pages = listing.list_pages
    asked: list[int] = []

    def slow(*arguments: Any, **more: Any) -> Iterator[listing.ListingPage]:
        yield from pages(*arguments, **more)
        Document.objects.get_or_create(plain="e")

    def counted(execute: Any, sql: str, parameters: Sequence[Any], *arguments: Any) -> Any:
        if " IN (" in sql:
            asked.append(len(parameters))
        return execute(sql, parameters, *arguments)

    monkeypatch.setattr(listing, "list_pages", slow)
    with connection.execute_wrapper(counted):
        run(COMMAND, *NOW)
    assert max(asked) == 2
    assert keys(site.PRIVATE_BUCKET) == ["e", KEPT]


def test_a_late_row_of_a_namesake_saves_its_object(
    run: Run, put: Put, keys: Keys, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One field's storage reaches the bucket at 127.0.0.1, another one's at localhost."""
    options: dict[str, Any] = {**site.STORAGES["default"]["OPTIONS"]}
    options["MINIO_ENDPOINT"] = server.endpoint.replace("127.0.0.1", "localhost")
    monkeypatch.setattr(Document._meta.get_field("private"), "storage", MinioBackend(**options))
    put(site.PRIVATE_BUCKET, "late.txt", "orphan.txt")
    pages = listing.list_pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[listing.ListingPage]:
        yield from pages(client, bucket, *arguments, **more)
        Document.objects.get_or_create(private="late.txt")

    monkeypatch.setattr(listing, "list_pages", slow)
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "late.txt"]


def test_a_late_row_of_a_location_saves_its_object(
    run: Run, put: Put, keys: Keys, archive: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.Located.objects.create(file="a.txt")
    put(archive.LOCATED_BUCKET, "media/a.txt", "media/late.txt", "media/inner/late.txt", "media/orphan.txt")
    pages = listing.list_pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[listing.ListingPage]:
        yield from pages(client, bucket, *arguments, **more)
        if bucket == archive.LOCATED_BUCKET:
            archive.Located.objects.create(file="late.txt", inner="late.txt")

    monkeypatch.setattr(listing, "list_pages", slow)
    run(COMMAND, *NOW)
    assert keys(archive.LOCATED_BUCKET) == ["media/a.txt", "media/inner/late.txt", "media/late.txt"]


def test_a_row_that_changes_its_name_while_rows_are_read_keeps_its_object(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Document.objects.create(plain="before.txt")
    put(site.PRIVATE_BUCKET, "before.txt", "after.txt")
    pages = listing.list_pages

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[listing.ListingPage]:
        Document.objects.filter(pk=row.pk).update(plain="after.txt")
        yield from pages(client, bucket, *arguments, **more)

    monkeypatch.setattr(listing, "list_pages", slow)
    run(COMMAND, *NOW)
    assert "after.txt" in keys(site.PRIVATE_BUCKET)


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("by_another_name", [False, True])
def test_a_replaced_object_is_not_the_orphan_that_was_listed(
    run: Run,
    put: Put,
    keys: Keys,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    *,
    dry_run: bool,
    by_another_name: bool,
) -> None:
    """Its row is committed after the deletion: only the object itself tells that it is in use again."""
    options: dict[str, Any] = {**site.STORAGES["default"]["OPTIONS"], "replace_existing": True}
    if by_another_name:
        options["MINIO_ENDPOINT"] = server.endpoint.replace("127.0.0.1", "localhost")
    storage = MinioBackend(**options)
    monkeypatch.setattr(Document._meta.get_field("private"), "storage", storage)
    monkeypatch.setattr(listing, "KEYS_PER_PAGE", 1)
    put(site.PRIVATE_BUCKET, "avatar.txt", "gone.txt", "orphan.txt")
    pages = listing.list_pages
    to_list = [site.PRIVATE_BUCKET] * (1 + by_another_name)

    def slow(client: S3Client, bucket: str, *arguments: Any, **more: Any) -> Iterator[AgedPage]:
        for number, page in enumerate(pages(client, bucket, *arguments, **more)):
            yield AgedPage(page.served_at + dt.timedelta(seconds=2 + 60 * number), page.objects)
        if bucket in to_list:
            to_list.remove(bucket)
            if to_list:
                return
            wait_for_the_clock(seconds=2)
            storage.save("avatar.txt", ContentFile(b"new"))
            storage.delete("gone.txt")

    monkeypatch.setattr(listing, "list_pages", slow)
    told = run(COMMAND, *(["--dry-run"] if dry_run else []), *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["avatar.txt", KEPT, *(["orphan.txt"] if dry_run else [])]
    assert "avatar.txt" not in told
    assert by_another_name or "gone.txt" not in told
    assert "2 more were orphaned at first, and something refers to them or has replaced them by now" in told


def wait_for_the_clock(*, seconds: int) -> None:
    """Objects have their time in whole seconds: wait until a change shows in it."""
    time.sleep(seconds)


@pytest.mark.parametrize("rows", ["with a file", "without"])
def test_connections_that_a_listing_has_left_idle_are_renewed(
    run: Run, put: Put, monkeypatch: pytest.MonkeyPatch, rows: str
) -> None:
    """A listing can take longer than a database keeps idle connections."""
    if rows == "without":
        Document.objects.update(plain="", public="")  # so that it is asked whether there is any row
    put(site.PRIVATE_BUCKET, "orphan.txt")
    Document.objects.create(plain="missing.txt")
    idle: list[str] = []
    pages, renew = listing.list_pages, connection.close_if_unusable_or_obsolete

    def slow(*arguments: Any, **more: Any) -> Iterator[listing.ListingPage]:
        yield from pages(*arguments, **more)
        idle.append("closed by the server")

    def renewed() -> None:
        idle.clear()
        renew()

    def asked(execute: Any, sql: str, *arguments: Any) -> Any:
        if idle:
            raise OperationalError(idle[0])
        return execute(sql, *arguments)

    monkeypatch.setattr(listing, "list_pages", slow)
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", renewed)
    with connection.execute_wrapper(asked):
        told = run(COMMAND, "--check-missing", *NOW)
    assert "1 orphaned objects deleted" in told
    assert "plain: missing.txt" in told
    with connection.execute_wrapper(asked):
        assert "1 references to missing objects" in run(COMMAND, "--check-missing", *NOW)  # without any orphan


# Failures


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_database_error_deletes_nothing_and_fails(run: Run, put: Put, keys: Keys, kind: type[Exception]) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")

    def failing(execute: Any, sql: str, *arguments: Any) -> Any:
        if '"image"' in sql:  # the last field that is read
            raise kind("the disk is on fire")
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


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError])
def test_a_database_that_fails_right_before_the_deletion_deletes_nothing(
    run: Run, put: Put, keys: Keys, kind: type[Exception]
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")

    def failing(execute: Any, sql: str, *arguments: Any) -> Any:
        if " IN (" in sql:
            raise kind("the disk is on fire")
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
    pages = listing.list_pages

    def broken(*arguments: Any, **more: Any) -> Iterator[listing.ListingPage]:
        yield from pages(*arguments, **more)
        raise ConnectionResetError("cut off")

    monkeypatch.setattr(listing, "list_pages", broken)
    with pytest.raises(CommandError, match=r"cut off\. Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan-1.txt", "orphan-2.txt"]


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_server_that_fails_in_the_middle_of_a_listing_deletes_nothing(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch, server: Server, workers: str
) -> None:
    monkeypatch.setattr(listing, "KEYS_PER_PAGE", 2)
    names = [f"{number:02}.txt" for number in range(30)]
    put(site.PRIVATE_BUCKET, *names)
    with rewriting_proxy(server) as rewriter:
        options = {**site.STORAGES["default"]["OPTIONS"], "MINIO_ENDPOINT": rewriter.endpoint}
        storage = MinioBackend(**{**options, "MINIO_DEFAULT_BUCKET": site.PRIVATE_BUCKET})
        for name in ("plain", "private"):
            monkeypatch.setattr(Document._meta.get_field(name), "storage", storage)
        rewriter.rule = lambda asked: s3_error(403, "AccessDenied") if "continuation-token" in asked.query else None
        with pytest.raises(CommandError, match=r"cannot be listed: .*AccessDenied.*Nothing was deleted"):
            run(COMMAND, "--workers", workers, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [*names, KEPT]


def test_a_field_whose_storage_cannot_be_made_stops_the_run(run: Run, put: Put, keys: Keys, settings: Settings) -> None:
    """Document.plain keeps its files in the default storage, which is made at its first use."""
    put(site.PRIVATE_BUCKET, "orphan.txt")
    settings.STORAGES = {**site.STORAGES, "default": {"BACKEND": "nowhere.Storage"}, "media": site.STORAGES["default"]}
    with pytest.raises(
        CommandError, match=r"storage of app\.Document\.plain cannot be made: .*nowhere.*Nothing was deleted"
    ):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_what_could_not_be_deleted_is_listed_and_fails_the_command(
    put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.management import call_command

    monkeypatch.setattr(orphans, "BATCH", 2)
    put(site.PRIVATE_BUCKET, "a.txt", "b.txt", "c.txt", "locked.txt")
    put(site.PUBLIC_BUCKET, "d.txt")
    delete = deletion.delete_objects

    def partly(client: S3Client, bucket: str, names: Sequence[str]) -> deletion.Deletion:
        done = delete(client, bucket, [name for name in names if name != "locked.txt"])
        return done._replace(failed={"locked.txt": "AccessDenied It is locked"} if "locked.txt" in names else {})

    monkeypatch.setattr(deletion, "delete_objects", partly)
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

    def refused(_: S3Client, bucket: str, names: Sequence[str]) -> deletion.Deletion:  # noqa: ARG001 - as the original
        return deletion.Deletion(set(), dict.fromkeys(names, "AccessDenied No"), 0)

    with monkeypatch.context() as patched:
        patched.setattr(deletion, "delete_objects", refused)
        with pytest.raises(CommandError) as failed:
            run(COMMAND, *NOW)
    for bucket in (site.PRIVATE_BUCKET, site.PUBLIC_BUCKET):
        assert f"{bucket}/orphan.txt: AccessDenied" in str(failed.value)
        assert keys(bucket) == [KEPT, "orphan.txt"]


def test_a_place_that_stops_does_not_keep_the_others_from_being_cleaned(
    run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is cleaned first."""
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")
    delete = deletion.delete_objects

    def failing(client: S3Client, bucket: str, names: Sequence[str]) -> deletion.Deletion:
        if bucket == site.PRIVATE_BUCKET:
            raise ConnectionResetError("cut off")
        return delete(client, bucket, names)

    monkeypatch.setattr(deletion, "delete_objects", failing)
    with pytest.raises(CommandError, match=f"{site.PRIVATE_BUCKET} stopped: cut off"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
    assert keys(site.PUBLIC_BUCKET) == [KEPT]


# Options from code, which argparse does not read


def test_one_name_from_code_is_not_as_many_as_it_has_letters(put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "exports/a.txt", "exports/b.txt", "each.txt", "s.txt")
    put(site.PUBLIC_BUCKET, "exports/b.txt")
    call_command(
        COMMAND,
        bucket=site.PRIVATE_BUCKET,
        prefix="exports/",
        exclude="exports/a.txt",
        min_age="0",
        stdout=io.StringIO(),
    )
    assert keys(site.PRIVATE_BUCKET) == ["each.txt", "exports/a.txt", KEPT, "s.txt"]
    assert keys(site.PUBLIC_BUCKET) == ["exports/b.txt", KEPT]


@pytest.mark.parametrize("age", ["90s", "2h", 2, 0.5, dt.timedelta(minutes=10)])
def test_an_age_from_code_is_read(put: Put, keys: Keys, age: object) -> None:
    put(site.PRIVATE_BUCKET, "young.txt")
    told = io.StringIO()
    call_command(COMMAND, min_age=age, unfinished_uploads=age, workers="2", stdout=told)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "young.txt"]
    assert "2 objects are too young" in told.getvalue()


@pytest.mark.parametrize("options", [{"min_age": None}, {"min_age": "soon"}, {"workers": 0}])
def test_an_option_from_code_that_cannot_be_is_refused(put: Put, keys: Keys, options: dict[str, Any]) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError):
        call_command(COMMAND, stdout=io.StringIO(), **options)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
