"""Forks that Python does not know of, as uWSGI's by default, and what a child must leave alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from minio.credentials.providers import AssumeRoleProvider, ChainedProvider

from django_minio_backend.models import MinioBackend
from django_minio_backend.transport.pool import pools_of
from tests.support.scripts import WITH_STORAGE

if TYPE_CHECKING:
    from tools.servers import Server

ROOT = Path(__file__).parents[2]
READ_TOGETHER = """
for number in range(5):
    storage.save(f"{number}.bin", ContentFile(bytes([number]) * 300_000))

def read(number):
    for _ in range(40):
        content = storage.open(f"{number}.bin").read()
        assert content == bytes([number]) * 300_000, (number, len(content), set(content))
"""


def run(script: str, server: Server, bucket: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITH_STORAGE + script],
        cwd=ROOT,
        env={**os.environ, **server.environment(), "BUCKET": bucket},
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


def test_children_of_an_unannounced_fork_read_their_own_responses(server: Server, bucket: str) -> None:
    run(
        READ_TOGETHER
        + """
libc = ctypes.CDLL(None)
children = [in_child(lambda: read(number), libc.fork) for number in range(4)]
read(4)
wait_for(children)
""",
        server,
        bucket,
    )


def test_a_storage_that_outlived_a_change_of_settings_is_renewed_too(server: Server, bucket: str) -> None:
    run(
        READ_TOGETHER
        + """
from django.core.signals import setting_changed
setting_changed.send(sender=None, setting="STORAGES", value={}, enter=True)
children = [in_child(lambda: read(number)) for number in range(4)]
read(4)
wait_for(children)
""",
        server,
        bucket,
    )


@pytest.mark.needs("conditional-multipart")
def test_a_child_that_drops_a_file_leaves_its_parents_upload_alone(server: Server, bucket: str) -> None:
    run(
        """
import warnings
warnings.simplefilter("ignore")
file = storage.open("large.bin", "wb")
file.write(b"1" * 40 * 1024**2)

def drop():
    global file
    file = None

wait_for([in_child(drop)])
file.write(b"2")
file.close()
assert storage.size("large.bin") == 40 * 1024**2 + 1
""",
        server,
        bucket,
    )


def test_pools_inside_of_providers_are_found_however_deep_they_are() -> None:
    inner = urllib3.PoolManager()
    role = AssumeRoleProvider(
        sts_endpoint="http://127.0.0.1:1", access_key="key", secret_key="secret", http_client=inner
    )
    assert pools_of(ChainedProvider([ChainedProvider([role])])) == [inner]


def test_a_client_keeps_its_connections_where_nothing_has_forked(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options)
    storage.exists("name.txt")
    pools = storage.s3.http.pools
    storage.exists("name.txt")
    assert storage.s3.http.pools is pools
    assert len(pools) == 1
