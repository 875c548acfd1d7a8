"""Cleaning while a site is in use: uploads go on at full speed, and not one live file is lost."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from tests.commands.cleaning.conftest import is_listing
from tests.support.processes import ROOT
from tests.support.rewriting_proxy import rewriting_proxy
from tests.support.scripts import WITH_DATABASE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.rewriting_proxy import Received
    from tools.servers import Server

# Eight threads save files and commit each one's row within a second, while the command runs again and again with an
# age of two. A commit that took longer, on a busy machine, is reported and breaks no promise.
SITE = f"""
{WITH_DATABASE}
import json, random, threading
from concurrent.futures import ThreadPoolExecutor
from django.db import connection

THREADS, EACH, ORPHANS, REPOINTED = 8, 40, 120, 5
call_command("migrate", run_syncdb=True, verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("PRAGMA journal_mode = WAL")  # readers and a writer at once, as other databases have it

with ThreadPoolExecutor(THREADS) as pool:
    orphans = list(pool.map(lambda n: storage.save(f"before-{{n}}.txt", ContentFile(b"-")), range(ORPHANS)))
    again = list(pool.map(lambda n: storage.save(f"again-{{n}}.txt", ContentFile(b"-")), range(REPOINTED)))
Document.objects.bulk_create(Document(pk=n + 1, title="without a file") for n in range(REPOINTED))
time.sleep(3)  # they are old now
late = []

def upload(thread):
    chance = random.Random(thread)
    for number in range(EACH):
        begin = time.monotonic()
        name = storage.save(f"live-{{thread}}-{{number}}.txt", ContentFile(b"-"))
        saved = time.monotonic()
        if number % 4 == 0:
            time.sleep(chance.random() * 0.8)
        Document.objects.create(private=name)
        if time.monotonic() - saved > 1:
            late.append(name)
    connection.close()

threads = [threading.Thread(target=upload, args=(number,)) for number in range(THREADS)]
for thread in threads:
    thread.start()
runs = 0
while any(thread.is_alive() for thread in threads) or runs < 3:
    call_command("clean_orphaned_minio_files", "--min-age", "2s", verbosity=0)
    runs += 1
there = {{found.object_name for found in storage.client.list_objects(storage.bucket)}}
referred = set(Document.objects.exclude(private="").values_list("private", flat=True))
print(json.dumps({{
    "runs": runs, "rows": len(referred), "late": len(late), "lost": sorted(referred - there - set(late)),
    "orphans left": sorted(there & set(orphans)), "re-pointed": sorted(there & set(again)),
}}))
"""


def test_no_live_file_is_lost_while_orphans_go(bucket: str, server: Server, tmp_path: Path) -> None:
    database = tmp_path / "site.sqlite3"
    listings: list[str] = []

    def repoint(request: Received) -> None:
        """Let rows refer to objects that have been listed as orphans."""
        if is_listing(request):
            listings.append(request.query)
            if len(listings) == 1:
                with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
                    connection.execute("UPDATE app_document SET private = 'again-' || (id - 1) || '.txt' WHERE id <= 5")

    with rewriting_proxy(server) as rewriter:
        rewriter.afterwards = repoint
        done = subprocess.run(
            [sys.executable, "-c", SITE],
            cwd=ROOT,
            env={**os.environ, "BUCKET": bucket, "DATABASE": str(database), "TEST_S3_ENDPOINT": rewriter.endpoint},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["lost"] == []
    assert result["orphans left"] == []
    assert len(result["re-pointed"]) == 5
    assert result["rows"] == 8 * 40 + 5
    assert result["late"] < 8 * 40 / 2, "the machine is too busy for this test to mean anything"
