"""A run that is killed in the middle leaves nothing wrong behind, and another one ends its work."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.commands.cleaning.conftest import is_listing, listing_page
from tests.support.processes import ROOT
from tests.support.rewriting_proxy import HANG_UP, rewriting_proxy
from tests.support.scripts import WITH_DATABASE

if TYPE_CHECKING:
    from pathlib import Path

    from minio import Minio

    from tests.support.rewriting_proxy import Received, Response
    from tools.servers import Server

LONG_AGO = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
MADE_UP = [f"!{number:04}" for number in range(990)]  # which the server reports as deleted
REFERRED = [f"referred-{number}.txt" for number in range(20)]
ORPHANS = [f"a-{number:02}.txt" for number in range(30)]

MANAGE = f"""
{WITH_DATABASE}
if sys.argv[1] == "fill":
    call_command("migrate", run_syncdb=True, verbosity=0)
    Document.objects.bulk_create(Document(plain=name) for name in sys.argv[2:])
else:
    call_command("clean_orphaned_minio_files", "--min-age", "0", "--check-missing")
"""


def test_a_run_that_is_killed_is_ended_by_another(sdk: Minio, bucket: str, server: Server, tmp_path: Path) -> None:
    """It is killed by its second request for a deletion."""
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-c", MANAGE]
    for key in [*REFERRED, *ORPHANS]:
        sdk.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"content"), length=7)
    with rewriting_proxy(server) as rewriter:
        environment = {
            **os.environ,
            "BUCKET": bucket,
            "DATABASE": str(tmp_path / "site.sqlite3"),
            "TMPDIR": str(tmp_path / "tmp"),
            "TEST_S3_ENDPOINT": rewriter.endpoint,
        }
        subprocess.run([*command, "fill", *REFERRED], cwd=ROOT, env=environment, check=True)
        with subprocess.Popen([*command, "clean"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as killed:
            deletions: list[Received] = []

            def rule(request: Received) -> Response | None:
                if is_listing(request):
                    is_last = "continuation-token" in request.query
                    names = [*ORPHANS, *REFERRED] if is_last else MADE_UP
                    entries = [(name, LONG_AGO) for name in sorted(names)]
                    return listing_page(entries, LONG_AGO, "" if is_last else "more")
                if request.method == "POST":
                    deletions.append(request)
                    if len(deletions) == 2:
                        killed.send_signal(signal.SIGKILL)
                        return HANG_UP
                return None

            rewriter.rule = rule
        left = {str(entry.object_name) for entry in sdk.list_objects(bucket_name=bucket)}
        assert left == {*REFERRED, *ORPHANS[10:]}  # it was in the middle
        assert list((tmp_path / "tmp").iterdir()) == []
        rewriter.rule = lambda _: None
        done = subprocess.run(
            [*command, "clean"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    assert {str(entry.object_name) for entry in sdk.list_objects(bucket_name=bucket)} == set(REFERRED)
    assert done.stdout.count("Deleted ") == 20
    assert f"{bucket}: 0 references to missing objects" in done.stdout
