"""MinIO with two server pools: a conditional write is refused only where the pool that is asked has the object."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from django_minio_backend.models import MinioBackend
from tests.support.buckets import plain_client
from tests.support.settings import entry, options_of, storages_set
from tools.servers import minio_binary, run_minio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.servers import Server

BUCKET = "of-two-pools"

pytestmark = pytest.mark.skipif(minio_binary() is None, reason="needs the program minio, to start two pools")


@pytest.fixture(scope="module")
def two_pools() -> Iterator[Server]:
    with run_minio(pools=2) as server:
        with plain_client(server) as client:
            client.make_bucket(bucket_name=BUCKET)
        yield server


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        pytest.param("auto", '"auto" is right, but two processes that save one name at once', id="auto"),
        pytest.param(False, "False is right, but two processes that save one name at once", id="never"),
    ],
)
def test_initialize_buckets_reports_that_conditional_writes_are_unreliable(
    two_pools: Server, setting: object, advice: str
) -> None:
    options = options_of(two_pools, MINIO_DEFAULT_BUCKET=BUCKET, MINIO_CONDITIONAL_WRITES=setting)
    output = io.StringIO()
    with storages_set(default=entry(options)):
        call_command("initialize_buckets", stdout=output)
    assert "does not always honour conditional writes (MinIO with several server pools does so)." in output.getvalue()
    assert f"MINIO_CONDITIONAL_WRITES of 'default' is {setting!r}: {advice}" in output.getvalue()


def test_initialize_buckets_fails_where_the_settings_trust_conditional_writes(two_pools: Server) -> None:
    options = options_of(two_pools, MINIO_DEFAULT_BUCKET=BUCKET, MINIO_CONDITIONAL_WRITES=True)
    with storages_set(default=entry(options)), pytest.raises(CommandError, match='is True: set "auto": with True some'):
        call_command("initialize_buckets", stdout=io.StringIO())


def test_a_save_after_another_never_replaces_it(two_pools: Server) -> None:
    storage = MinioBackend(**options_of(two_pools, MINIO_DEFAULT_BUCKET=BUCKET))
    for number in range(20):
        name = f"{number}.txt"
        names = [storage.save(name, ContentFile(content)) for content in (b"first", b"second")]
        assert [storage.open(saved).read() for saved in names] == [b"first", b"second"]
