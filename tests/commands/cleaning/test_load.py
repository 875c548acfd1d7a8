"""Cleaning while a site is in use: uploads go on at full speed, and not one live file is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.processes import ROOT
from tests.support.scripts import WITH_DATABASE

if TYPE_CHECKING:
    from pathlib import Path

# Eight threads save files and commit each one's row within a second, while the command runs again and again with an
# age of two. A commit that took longer, on a busy machine, is told and breaks no promise.
SITE = f"""
{WITH_DATABASE}
import json, random, threading
from concurrent.futures import ThreadPoolExecutor
from django.db import connection
from django_minio_backend.s3 import listing

THREADS, EACH, ORPHANS, REPOINTED = 8, 40, 120, 5
call_command("migrate", run_syncdb=True, verbosity=0)
with connection.cursor() as cursor:
    cursor.execute("PRAGMA journal_mode = WAL")  # readers and a writer at once, as other databases have it

with ThreadPoolExecutor(THREADS) as pool:
    orphans = list(pool.map(lambda n: storage.save(f"before-{{n}}.txt", ContentFile(b"-")), range(ORPHANS)))
    again = list(pool.map(lambda n: storage.save(f"again-{{n}}.txt", ContentFile(b"-")), range(REPOINTED)))
rows = [Document.objects.create(title="without a file") for _ in again]
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

pages = listing.list_pages
todo = list(again)

def repoint(*arguments, **more):
    yield from pages(*arguments, **more)  # listed as orphans
    while todo:
        Document.objects.filter(pk=rows[len(todo) - 1].pk).update(private=todo.pop())

listing.list_pages = repoint
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


def test_no_live_file_is_lost_while_orphans_go(bucket: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SITE],
        cwd=ROOT,
        env={**os.environ, "BUCKET": bucket, "DATABASE": str(tmp_path / "site.sqlite3")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["lost"] == []
    assert told["orphans left"] == []
    assert len(told["re-pointed"]) == 5
    assert told["rows"] == 8 * 40 + 5
    assert told["late"] < 8 * 40 / 2, "the machine is too busy for this test to mean anything"
