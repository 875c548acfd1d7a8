"""A run that is killed in the middle leaves nothing wrong behind, and another one ends its work."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.support.processes import ROOT
from tests.support.scripts import WITH_DATABASE

if TYPE_CHECKING:
    from pathlib import Path

    from minio import Minio

ORPHANS, REFERRED, BATCH = 200, 50, 5

# The database is a file, and batches are small, so that there is a middle.
MANAGE = f"""
{WITH_DATABASE}
from django_minio_backend import orphans
orphans.BATCH = int(os.environ["BATCH"])
if sys.argv[1] == "fill":
    call_command("migrate", run_syncdb=True, verbosity=0)
    Document.objects.bulk_create(Document(plain=f"referred-{{n}}.txt") for n in range(int(sys.argv[2])))
else:
    call_command("clean_orphaned_minio_files", "--min-age", "0", "--check-missing")
"""


def test_a_run_that_is_killed_is_ended_by_another(sdk: Minio, bucket: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "BUCKET": bucket,
        "BATCH": str(BATCH),
        "DATABASE": str(tmp_path / "site.sqlite3"),
        "TMPDIR": str(tmp_path / "tmp"),
        "PYTHONUNBUFFERED": "1",
    }
    (tmp_path / "tmp").mkdir()
    command = [sys.executable, "-c", MANAGE]
    subprocess.run([*command, "fill", str(REFERRED)], cwd=ROOT, env=environment, check=True)
    referred = {f"referred-{number}.txt" for number in range(REFERRED)}
    orphaned = {f"orphan-{number}.txt" for number in range(ORPHANS)}

    def put(key: str) -> None:
        sdk.put_object(bucket_name=bucket, object_name=key, data=io.BytesIO(b"content"), length=7)

    def there() -> set[str]:
        return {str(found.object_name) for found in sdk.list_objects(bucket_name=bucket)}

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, referred | orphaned))
    with subprocess.Popen([*command, "clean"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        for _ in range(3 * BATCH):
            assert killed.stdout.readline().startswith("Deleted ")
        os.kill(killed.pid, signal.SIGKILL)
    left = there()
    assert referred < left  # and some orphans: it was in the middle
    assert list((tmp_path / "tmp").iterdir()) == []
    done = subprocess.run([*command, "clean"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    assert there() == referred
    assert done.stdout.count("Deleted ") == len(left) - REFERRED
    assert f"{bucket}: 0 references to missing objects" in done.stdout
