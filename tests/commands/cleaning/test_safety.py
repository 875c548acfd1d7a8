"""Each rule that keeps cleaning from deleting what somebody needs."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import InterfaceError, OperationalError, connection

from django_minio_backend.models import MinioBackend
from tests import settings as site
from tests.app.models import Document
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
from tests.support.buckets import remove_bucket
from tests.support.rewriting_proxy import HANG_UP, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import ModuleType

    from minio import Minio
    from pytest_django import Settings

    from tests.commands.cleaning.conftest import Keys, Late, Put
    from tests.commands.conftest import Run
    from tests.support.rewriting_proxy import Received, Response, RewritingProxy
    from tools.servers import Server


LONG_AGO = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


@pytest.mark.parametrize(
    "age", [pytest.param("", id="default"), "1", "0.5", "90s", "30m", "2h", "7d", "1.5d", "900000d"]
)
def test_young_objects_stay(run: Run, put: Put, keys: Keys, age: str) -> None:
    """Their rows may be yet to come: an upload comes before the commit."""
    put(site.PRIVATE_BUCKET, "young.txt")
    output = run(COMMAND, *(["--min-age", age] if age else []))
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "young.txt"]
    assert "2 objects are too young" in output


@pytest.mark.parametrize(
    ("age", "seconds"), [("2s", 2), ("1.5m", 90), ("1h", 3_600), ("1", 3_600), ("0.5", 1_800), ("2d", 172_800)]
)
def test_an_age_counts_to_the_second(
    run: Run, put: Put, keys: Keys, rewriter: RewritingProxy, age: str, seconds: int
) -> None:
    now = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
    times = {"a.txt": now - dt.timedelta(seconds=seconds), "b.txt": now - dt.timedelta(seconds=seconds + 1)}
    put(site.PRIVATE_BUCKET, "a.txt", "b.txt")
    rewriter.rule = lambda request: listing_page([*times.items(), (KEPT, now)], now) if is_listing(request) else None
    run(COMMAND, "--bucket", site.PRIVATE_BUCKET, "--min-age", age)
    assert keys(site.PRIVATE_BUCKET) == ["a.txt", KEPT]


def test_objects_older_than_the_age_are_deleted(run: Run, put: Put, keys: Keys, rewriter: RewritingProxy) -> None:
    """By the server's clock, which here is two hours ahead."""
    put(site.PRIVATE_BUCKET, "old.txt")
    rewriter.date = formatdate(time.time() + 7_200, usegmt=True)
    run(COMMAND, "--min-age", "3")
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "old.txt"]
    run(COMMAND)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


@pytest.mark.parametrize(
    ("age", "message"),
    [
        *(
            pytest.param(age, f"invalid age '{re.escape(age)}': use 90s, 30m, 2h or 7d", id=name)
            for name, age in {
                "word": "soon",
                "not a number": "nan",
                "infinite": "inf",
                "negative": "-1",
                "empty": "",
                "unit alone": "h",
                "weeks": "1w",
                "space": "1 h",
                "exponent": "1e3",
                "Arabic digit": "\u0661h",
            }.items()
        ),
        pytest.param("99999999999d", "age out of range: '99999999999d'", id="out of range"),
    ],
)
def test_an_invalid_age_is_refused(run: Run, put: Put, keys: Keys, age: str, message: str) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match=rf"--min-age: {message}"):
        run(COMMAND, f"--min-age={age}")
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


# Exclusions, empty databases and confirmation


@pytest.mark.parametrize(
    "pattern",
    ["exports/*", "*.txt", "exports/a.tx?", "exports/[ab].txt"],
    ids=["folder", "suffix", "question mark", "set"],
)
def test_what_an_exclusion_matches_stays(run: Run, put: Put, keys: Keys, pattern: str) -> None:
    put(site.PRIVATE_BUCKET, "exports/a.txt", "orphan.bin")
    output = run(COMMAND, "--exclude", "nothing", "--exclude", pattern, *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["exports/a.txt", KEPT]
    assert "excluded" in output


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


def run_on_a_terminal(monkeypatch: pytest.MonkeyPatch, reply: str) -> tuple[str, str]:
    """Run the command for somebody who types this reply; return standard output, and what the terminal shows."""
    monkeypatch.setattr("sys.stdin", Terminal(f"{reply}\n"))
    output, terminal = io.StringIO(), io.StringIO()
    call_command(COMMAND, *NOW, stdout=output, stderr=terminal)
    return output.getvalue(), terminal.getvalue()


def test_on_a_terminal_it_asks_first(put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    output, terminal = run_on_a_terminal(monkeypatch, "yes")
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
    assert f"{site.PRIVATE_BUCKET}: 1 orphaned objects (7" in terminal
    assert f"{site.PUBLIC_BUCKET}: " not in terminal
    assert terminal.endswith("Type 'yes' to delete: ")
    assert "Deleted " in output


def test_the_end_of_the_input_deletes_nothing(run: Run, put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-D is."""
    put(site.PRIVATE_BUCKET, "orphan.txt")
    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


@pytest.mark.parametrize("reply", ["no", pytest.param("", id="empty"), "y", "yes please"])
def test_any_other_reply_deletes_nothing(put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch, reply: str) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match="Nothing was deleted"):
        run_on_a_terminal(monkeypatch, reply)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


@pytest.mark.parametrize("argument", ["--no-input", "--noinput", "--dry-run"])
def test_on_a_terminal_it_does_not_ask_with_these_options(
    run: Run, put: Put, monkeypatch: pytest.MonkeyPatch, argument: str
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    monkeypatch.setattr("sys.stdin", Terminal())
    assert "orphan.txt" in run(COMMAND, argument, *NOW)


def test_on_a_terminal_it_does_not_ask_for_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    assert "0 orphaned objects deleted" in run(COMMAND, *NOW)


def test_a_dry_run_names_exactly_what_a_run_would_delete(run: Run, put: Put, keys: Keys, late: Late) -> None:
    put(site.PRIVATE_BUCKET, "late.txt", "orphan.txt", "exports/x", "pre/orphan.txt")
    arguments = ["--exclude", "exports/*", *NOW]
    late.append(lambda: Document.objects.create(plain="late.txt"))
    dry = run(COMMAND, "--dry-run", *arguments)
    Document.objects.filter(plain="late.txt").delete()
    late.append(lambda: Document.objects.create(plain="late.txt"))
    wet = run(COMMAND, *arguments)
    deleted = [line.removeprefix("Deleted ") for line in wet.splitlines() if line.startswith("Deleted ")]
    assert [line.removeprefix("Would delete ") for line in dry.splitlines() if line.startswith("Would ")] == deleted
    assert keys(site.PRIVATE_BUCKET) == ["exports/x", KEPT, "late.txt"]


# Rows that come late


def test_a_row_that_refers_to_an_object_after_the_listing_keeps_it(run: Run, put: Put, keys: Keys, late: Late) -> None:
    put(site.PRIVATE_BUCKET, "late.txt", "orphan.txt")
    late.append(lambda: Document.objects.create(plain="late.txt"))
    output = run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "late.txt"]
    assert "late.txt" not in output


def test_the_database_is_read_again_before_every_batch(run: Run, rewriter: RewritingProxy) -> None:
    names = [f"{number:04}.txt" for number in range(1_500)]
    batches: list[list[str]] = []

    def rule(request: Received) -> Response | None:
        if is_listing(request):
            return listing_page([(name, LONG_AGO) for name in names], LONG_AGO)
        if request.method == "POST":
            batches.append(deleted_keys(request))
            return deletion_response(batches[-1])
        return None

    def save_a_late_row(execute: Any, sql: str, *arguments: Any) -> Any:
        if " IN (" in sql and batches and not Document.objects.filter(title="late").exists():
            Document.objects.create(title="late", plain=names[-1])
        return execute(sql, *arguments)

    rewriter.rule = rule
    with connection.execute_wrapper(save_a_late_row):
        run(COMMAND, "--bucket", site.PRIVATE_BUCKET, *NOW)
    assert batches == [names[:1_000], names[1_000:-1]]


def test_a_database_that_takes_few_parameters_is_asked_for_all_names(
    run: Run, put: Put, keys: Keys, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "vendor", "another")  # SQLite takes them as JSON
    monkeypatch.setattr(type(connection.features), "max_query_params", 2)
    put(site.PRIVATE_BUCKET, *"abcde")
    counts: list[int] = []

    def counted(execute: Any, sql: str, parameters: Sequence[Any], *arguments: Any) -> Any:
        if " IN (" in sql:
            counts.append(len(parameters))
        return execute(sql, parameters, *arguments)

    late.append(lambda: Document.objects.create(plain="e"))
    with connection.execute_wrapper(counted):
        run(COMMAND, *NOW)
    assert max(counts) == 2
    assert keys(site.PRIVATE_BUCKET) == ["e", KEPT]


def test_sqlite_is_asked_for_all_names_at_once(
    run: Run, put: Put, keys: Keys, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(connection.features), "max_query_params", 2)
    put(site.PRIVATE_BUCKET, *"abcde")
    late.append(lambda: Document.objects.create(plain="e"))
    parameters: list[Sequence[Any]] = []

    def recorded(execute: Any, sql: str, given: Sequence[Any], *arguments: Any) -> Any:
        if " IN (" in sql:
            parameters.append(given)
        return execute(sql, given, *arguments)

    with connection.execute_wrapper(recorded):
        run(COMMAND, *NOW)
    assert all(json.loads(one[0]) == [*"abcde"] for one in parameters if len(one) == 1)
    assert any(len(one) == 1 for one in parameters)
    assert keys(site.PRIVATE_BUCKET) == ["e", KEPT]


def test_a_late_row_of_a_same_named_bucket_keeps_its_object(
    run: Run, put: Put, keys: Keys, server: Server, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One field's storage reaches the bucket at 127.0.0.1, another one's at localhost."""
    options: dict[str, Any] = {**site.STORAGES["default"]["OPTIONS"]}
    options["MINIO_ENDPOINT"] = server.endpoint.replace("127.0.0.1", "localhost")
    monkeypatch.setattr(Document._meta.get_field("private"), "storage", MinioBackend(**options))
    put(site.PRIVATE_BUCKET, "late.txt", "orphan.txt")
    late.append(lambda: Document.objects.create(private="late.txt"))
    run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "late.txt"]


def test_a_late_row_of_a_location_keeps_its_object(
    run: Run, put: Put, keys: Keys, archive: ModuleType, late: Late
) -> None:
    archive.Located.objects.create(file="a.txt")
    put(archive.LOCATED_BUCKET, "media/a.txt", "media/late.txt", "media/inner/late.txt", "media/orphan.txt")
    late.append(lambda: archive.Located.objects.create(file="late.txt", inner="late.txt"))
    run(COMMAND, "--bucket", archive.LOCATED_BUCKET, *NOW)
    assert keys(archive.LOCATED_BUCKET) == ["media/a.txt", "media/inner/late.txt", "media/late.txt"]


def test_a_row_that_changes_its_name_after_it_was_read_keeps_its_object(
    run: Run, put: Put, keys: Keys, late: Late
) -> None:
    row = Document.objects.create(plain="before.txt")
    put(site.PRIVATE_BUCKET, "before.txt", "after.txt")
    late.append(lambda: Document.objects.filter(pk=row.pk).update(plain="after.txt"))
    run(COMMAND, *NOW)
    assert "after.txt" in keys(site.PRIVATE_BUCKET)


@pytest.mark.parametrize("dry_run", [False, True], ids=["run", "dry run"])
@pytest.mark.parametrize("by_another_name", [False, True], ids=["one name", "two names of the server"])
def test_a_replaced_object_is_not_the_orphan_that_was_listed(
    run: Run,
    put: Put,
    keys: Keys,
    rewriter: RewritingProxy,
    monkeypatch: pytest.MonkeyPatch,
    *,
    dry_run: bool,
    by_another_name: bool,
) -> None:
    """Its row is committed after the deletion: only the object itself shows that it is in use again."""
    options: dict[str, Any] = {**site.STORAGES["default"]["OPTIONS"], "replace_existing": True}
    options["MINIO_ENDPOINT"] = rewriter.endpoint.replace("127.0.0.1", "localhost" if by_another_name else "127.0.0.1")
    storage = MinioBackend(**options)
    monkeypatch.setattr(Document._meta.get_field("private"), "storage", storage)
    put(site.PRIVATE_BUCKET, "avatar.txt", "gone.txt", "orphan.txt")
    started_at = dt.datetime.now(dt.UTC).replace(microsecond=0) + dt.timedelta(seconds=1)
    names = ["avatar.txt", "gone.txt", KEPT, "orphan.txt"]
    last_pages = [f"/{site.PRIVATE_BUCKET}"] * (1 + by_another_name)

    def rule(request: Received) -> Response | None:
        """One object a page, a minute a page."""
        if not is_listing(request) or not request.path.endswith(site.PRIVATE_BUCKET):
            return None
        page = int(parse_qs(request.query).get("continuation-token", ["0"])[0])
        is_last = page == len(names) - 1
        if is_last:
            last_pages.pop()
            if not last_pages:
                wait_for_the_clock(seconds=2)
                storage.save("avatar.txt", ContentFile(b"new"))
                storage.delete("gone.txt")
        served_at = started_at + dt.timedelta(minutes=page)
        return listing_page([(names[page], started_at)], served_at, "" if is_last else str(page + 1))

    rewriter.rule = rule
    output = run(COMMAND, *(["--dry-run"] if dry_run else []), *NOW)
    assert keys(site.PRIVATE_BUCKET) == ["avatar.txt", KEPT, *(["orphan.txt"] if dry_run else [])]
    assert "avatar.txt" not in output
    assert by_another_name or "gone.txt" not in output
    assert "2 more were orphans first, but now something refers to or replaces them." in output


def wait_for_the_clock(*, seconds: int) -> None:
    """Objects have their time in whole seconds: wait until a change shows in it."""
    time.sleep(seconds)


@pytest.mark.parametrize("rows", ["with a file", "without"])
def test_connections_that_a_listing_has_left_idle_are_renewed(
    run: Run, put: Put, late: Late, monkeypatch: pytest.MonkeyPatch, rows: str
) -> None:
    """A listing can take longer than a database keeps idle connections."""
    if rows == "without":
        Document.objects.update(plain="", public="")  # so that it is asked whether there is any row
    put(site.PRIVATE_BUCKET, "orphan.txt")
    Document.objects.create(plain="missing.txt")
    idle: list[str] = []
    renew = connection.close_if_unusable_or_obsolete

    def renewed() -> None:
        idle.clear()
        renew()

    def asked(execute: Any, sql: str, *arguments: Any) -> Any:
        if idle:
            raise OperationalError(idle[0])
        return execute(sql, *arguments)

    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", renewed)
    arguments = ("--check-missing", "--bucket", site.PRIVATE_BUCKET, *NOW)
    late.append(lambda: idle.append("closed by the server"))
    with connection.execute_wrapper(asked):
        output = run(COMMAND, *arguments)
    assert "/orphan.txt\n" in output
    assert "plain: missing.txt" in output
    late.append(lambda: idle.append("closed by the server"))
    with connection.execute_wrapper(asked):
        assert "1 references to missing objects" in run(COMMAND, *arguments)  # without any orphan


# Failures


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError], ids=["OperationalError", "InterfaceError"])
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


@pytest.mark.parametrize("kind", [OperationalError, InterfaceError], ids=["OperationalError", "InterfaceError"])
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


@pytest.mark.parametrize("failure", [s3_error(403, "AccessDenied"), HANG_UP], ids=["refused", "cut off"])
def test_a_server_that_fails_in_the_middle_of_a_listing_deletes_nothing(
    run: Run, put: Put, keys: Keys, rewriter: RewritingProxy, failure: Response
) -> None:
    put(site.PRIVATE_BUCKET, "orphan-1.txt", "orphan-2.txt")

    def rule(request: Received) -> Response | None:
        if not is_listing(request):
            return None
        return failure if "continuation-token" in request.query else listing_page([("a", LONG_AGO)], LONG_AGO, "more")

    rewriter.rule = rule
    with pytest.raises(CommandError, match=r"cannot be listed: .*Nothing was deleted"):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan-1.txt", "orphan-2.txt"]


def test_a_field_whose_storage_cannot_be_created_stops_the_run(
    run: Run, put: Put, keys: Keys, settings: Settings
) -> None:
    """Document.plain keeps its files in the default storage, which is made at its first use."""
    put(site.PRIVATE_BUCKET, "orphan.txt")
    settings.STORAGES = {**site.STORAGES, "default": {"BACKEND": "nowhere.Storage"}, "media": site.STORAGES["default"]}
    with pytest.raises(
        CommandError, match=r"storage of app\.Document\.plain cannot be created: .*nowhere.*Nothing was deleted"
    ):
        run(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]


def test_what_could_not_be_deleted_is_listed_and_fails_the_command(
    put: Put, keys: Keys, lock: Callable[[str], None]
) -> None:
    put(site.PRIVATE_BUCKET, "a.txt", "b.txt", "c.txt", "locked.txt")
    put(site.PUBLIC_BUCKET, "d.txt")
    lock("locked.txt")
    output = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command(COMMAND, *NOW, stdout=output)
    assert f"{site.PRIVATE_BUCKET}/locked.txt: AccessDenied It is locked" in str(failed.value)
    assert "a.txt" not in str(failed.value)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "locked.txt"]
    deleted = [line.rpartition("/")[2] for line in output.getvalue().splitlines() if line.startswith("Deleted ")]
    assert sorted({*deleted} - {"d.txt"}) == ["a.txt", "b.txt", "c.txt"]


def test_a_bucket_whose_objects_are_locked_does_not_keep_the_others_from_being_cleaned(
    run: Run, put: Put, keys: Keys, lock: Callable[[str], None]
) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")
    lock("orphan.txt")
    with pytest.raises(CommandError) as failed:
        run(COMMAND, *NOW)
    for bucket in (site.PRIVATE_BUCKET, site.PUBLIC_BUCKET):
        assert f"{bucket}/orphan.txt: AccessDenied" in str(failed.value)
        assert keys(bucket) == [KEPT, "orphan.txt"]


def test_a_bucket_whose_deletion_fails_does_not_keep_the_others_from_being_cleaned(
    run: Run, put: Put, keys: Keys, rewriter: RewritingProxy
) -> None:
    """The one that is cleaned first."""
    put(site.PRIVATE_BUCKET, "orphan.txt")
    put(site.PUBLIC_BUCKET, "orphan.txt")

    def rule(request: Received) -> Response | None:
        return HANG_UP if request.method == "POST" and site.PRIVATE_BUCKET in request.path else None

    rewriter.rule = rule
    with pytest.raises(CommandError, match=f"{site.PRIVATE_BUCKET} stopped: "):
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


@pytest.mark.parametrize(
    "age",
    ["90s", "2h", 2, 0.5, dt.timedelta(minutes=10)],
    ids=["seconds", "hours", "whole number", "fraction", "timedelta"],
)
def test_an_age_from_code_is_read(put: Put, keys: Keys, age: object) -> None:
    put(site.PRIVATE_BUCKET, "young.txt")
    output = io.StringIO()
    call_command(COMMAND, min_age=age, unfinished_uploads=age, stdout=output)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "young.txt"]
    assert "2 objects are too young" in output.getvalue()


@pytest.mark.parametrize(
    "options",
    [{"min_age": None}, {"min_age": "soon"}],
    ids=["no age", "invalid age"],
)
def test_an_invalid_option_from_code_is_refused(put: Put, keys: Keys, options: dict[str, Any]) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError):
        call_command(COMMAND, stdout=io.StringIO(), **options)
    assert keys(site.PRIVATE_BUCKET) == [KEPT, "orphan.txt"]
