"""What the command prints and logs, and for whom."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import re
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

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

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.commands.cleaning.conftest import Keys, Put
    from tests.commands.conftest import Run
    from tests.support.rewriting_proxy import Received, Response, RewritingProxy
    from tools.servers import Server

LONG_AGO = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site_buckets", "kept")]


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_there_is_one_line_for_each_orphan_and_each_bucket(run: Run, put: Put, server: Server) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    url = f"http://{server.endpoint}"
    rest = "and 1 references were compared; 0 objects are too young and 0 excluded."
    assert sorted(run(COMMAND, *NOW).splitlines()) == [
        f"Deleted {url}/{site.PRIVATE_BUCKET}/orphan.txt",
        f"{url}/{site.PRIVATE_BUCKET}: 1 orphaned objects deleted (7\xa0bytes). 2 objects {rest}",
        f"{url}/{site.PUBLIC_BUCKET}: 0 orphaned objects deleted (0\xa0bytes). 1 objects {rest}",
    ]


def test_a_quiet_run_prints_nothing(run: Run, put: Put, keys: Keys) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    assert run(COMMAND, "--check-missing", "--verbosity", "0", *NOW) == ""
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_json_is_one_object_a_line_and_a_summary(run: Run, put: Put, server: Server) -> None:
    row = Document.objects.create(plain="missing \u00e9.txt")
    put(site.PRIVATE_BUCKET, "orphan \u00e9.txt")
    where = {"endpoint": f"http://{server.endpoint}", "bucket": site.PRIVATE_BUCKET}
    *lines, summary = events(run(COMMAND, "--json", "--check-missing", "--bucket", site.PRIVATE_BUCKET, *NOW))
    missing = {"model": "app.Document", "primary_key": str(row.pk), "field": "plain", "name": "missing \u00e9.txt"}
    assert lines == [
        {"event": "deleted", **where, "key": "orphan \u00e9.txt", "size": 7},
        {"event": "missing", **where, "database": "default", **missing},
    ]
    assert summary == {
        "event": "summary",
        "dry_run": False,
        "buckets": [
            {
                **where,
                "rows": 2,
                "objects": 2,
                "young": 0,
                "excluded": 0,
                "deleted": 1,
                "bytes": 7,
                "not_deleted": 0,
                "kept": 0,
                "delete_markers": 0,
                "aborted": 0,
                "not_aborted": 0,
                "missing": 1,
            }
        ],
        "problems": [],
    }


def test_json_shows_whether_a_run_is_dry(run: Run, put: Put) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    output = events(run(COMMAND, "--json", "--dry-run", *NOW))
    assert [line["event"] for line in output] == ["would_delete", "summary"]
    assert output[-1]["dry_run"] is True
    assert {bucket["missing"] for bucket in output[-1]["buckets"]} == {None}


def test_json_shows_what_failed_and_so_does_the_exit_code(put: Put, lock: Callable[[str], None]) -> None:
    put(site.PRIVATE_BUCKET, "locked.txt")
    lock("locked.txt")
    out = io.StringIO()
    with pytest.raises(CommandError, match="AccessDenied It is locked"):
        call_command(COMMAND, "--json", *NOW, stdout=out)
    line, summary = events(out.getvalue())
    assert (line["event"], line["key"], line["problem"]) == ("not_deleted", "locked.txt", "AccessDenied It is locked")
    assert sum(bucket["not_deleted"] for bucket in summary["buckets"]) == 1
    (problem,) = summary["problems"]
    assert problem.endswith(f"{site.PRIVATE_BUCKET}/locked.txt: AccessDenied It is locked")


def test_many_failures_do_not_make_an_endless_error(rewriter: RewritingProxy) -> None:
    names = [f"{number:04}.txt" for number in range(1_200)]

    def rule(request: Received) -> Response | None:
        if is_listing(request):
            return listing_page([(name, LONG_AGO) for name in names], LONG_AGO)
        return deletion_response([], locked=deleted_keys(request)) if request.method == "POST" else None

    rewriter.rule = rule
    out = io.StringIO()
    with pytest.raises(CommandError) as failed:
        call_command(COMMAND, "--bucket", site.PRIVATE_BUCKET, *NOW, stdout=out)
    assert str(failed.value).splitlines()[-1] == "More failures are in the output."
    assert len(str(failed.value).splitlines()) == 1_001
    assert out.getvalue().count("Not deleted ") == 1_200


def test_deletions_and_failures_are_logged(
    run: Run, put: Put, lock: Callable[[str], None], rewriter: RewritingProxy, caplog: pytest.LogCaptureFixture
) -> None:
    put(site.PRIVATE_BUCKET, "a.txt", "b\x9b.txt", "locked.txt")
    lock("locked.txt")
    with caplog.at_level(logging.DEBUG, "django_minio_backend.orphans"), pytest.raises(CommandError):
        run(COMMAND, "--verbosity", "0", "--bucket", site.PRIVATE_BUCKET, *NOW)
    bucket = f"http://{rewriter.endpoint}/{site.PRIVATE_BUCKET}"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("DEBUG", f"Deleted {bucket}/a.txt"),
        ("DEBUG", f"Deleted {bucket}/b\\x9b.txt"),
        ("WARNING", f"Not deleted: {bucket}/locked.txt: AccessDenied It is locked"),
        ("INFO", f"Deleted 2 objects of {bucket}, from 'a.txt' to 'b\\x9b.txt'"),
    ]


def test_progress_is_shown_on_a_terminal(put: Put, rewriter: RewritingProxy) -> None:
    rewriter.rule = lambda _: time.sleep(0.15)  # longer than the interval of the line
    put(site.PRIVATE_BUCKET, "orphan.txt")
    terminal = Terminal()
    call_command(COMMAND, "--bucket", site.PRIVATE_BUCKET, *NOW, stdout=io.StringIO(), stderr=terminal)
    lines = [line for line in terminal.getvalue().split("\r") if line.strip()]
    assert re.fullmatch(rf".*/{site.PRIVATE_BUCKET}: 1 references, [12] objects, [\d,]+ per second *", lines[-1])
    assert terminal.getvalue().endswith(" \r")  # and taken away


def test_a_coarse_clock_does_not_stop_the_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows nothing seems to take any time."""
    monkeypatch.setattr("time.monotonic", lambda: 7.0)
    assert "0 orphaned objects deleted" in run(COMMAND, *NOW)


def test_no_progress_is_shown_elsewhere(rewriter: RewritingProxy) -> None:
    rewriter.rule = lambda _: time.sleep(0.15)
    log = io.StringIO()
    call_command(COMMAND, *NOW, stdout=io.StringIO(), stderr=log)
    assert log.getvalue() == ""


def test_help_explains_an_age(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call_command(COMMAND, "--help")
    assert "90s, 30m, 2h or 7d" in " ".join(capsys.readouterr().out.split())


# Where the output goes


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("two\nDeleted lines.txt", marks=pytest.mark.needs("line-breaks"), id="line feed"),
        pytest.param("\x9b2Jclear.txt", id="control sequence"),
        pytest.param("\u2028.txt", id="line separator"),
    ],
)
def test_a_name_cannot_break_lines_or_steer_a_terminal(
    run: Run, put: Put, keys: Keys, server: Server, name: str
) -> None:
    """Anyone who uploads may have chosen it."""
    Document.objects.create(plain=f"no {name}")
    put(site.PRIVATE_BUCKET, name)
    assert len(keys(site.PRIVATE_BUCKET)) == 2
    output = run(COMMAND, "--check-missing", "--bucket", site.PRIVATE_BUCKET, *NOW)
    shown = name.encode("unicode_escape").decode()
    deleted, _, missing, _ = output.splitlines()
    assert deleted == f"Deleted http://{server.endpoint}/{site.PRIVATE_BUCKET}/{shown}"
    assert missing.endswith(f"plain: no {shown}")
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


def test_an_output_that_cannot_carry_a_name_does_not_stop_the_run(put: Put, keys: Keys) -> None:
    """As a file has on Windows, or in a cron job with an old locale."""
    put(site.PRIVATE_BUCKET, "\u65e5.txt")
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    call_command(COMMAND, *NOW, stdout=out)
    assert b"/\\u65e5.txt\n" in raw.getvalue()
    assert keys(site.PRIVATE_BUCKET) == [KEPT]


class Closed(io.StringIO):
    """What ``head`` leaves behind."""

    def write(self, _: str) -> int:
        raise BrokenPipeError("Broken pipe")


@pytest.mark.parametrize("arguments", [[], ["--json"]], ids=["lines", "JSON"])
def test_an_output_that_nobody_reads_any_more_stops_the_run(put: Put, arguments: list[str]) -> None:
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with pytest.raises(CommandError, match=r"output cannot be written: Broken pipe\. The run stopped"):
        call_command(COMMAND, "--dry-run", *arguments, *NOW, stdout=Closed())


def test_no_stream_need_be_open(put: Put, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after ``<&- >&- 2>&-``."""
    put(site.PRIVATE_BUCKET, "orphan.txt")
    with monkeypatch.context() as patched:
        for name in ("stdin", "stdout", "stderr"):
            patched.setattr(sys, name, None)
        call_command(COMMAND, *NOW)
    assert keys(site.PRIVATE_BUCKET) == [KEPT]
