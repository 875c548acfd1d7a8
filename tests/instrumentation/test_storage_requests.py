"""What a block records of the requests that storages, the SDK's client and threads send in it."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from asgiref.sync import sync_to_async
from django.core.files.base import ContentFile
from minio.commonconfig import CopySource, Tags
from minio.deleteobjects import DeleteObject

from django_minio_backend.instrumentation import StorageRequests, storage_requests
from django_minio_backend.models import MinioBackend
from django_minio_backend.s3.errors import FAILURES
from django_minio_backend.s3.registry import client_for
from tests.support.rewriting_proxy import HANG_UP, rewriting_proxy, s3_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio import Minio

    from tools.servers import Server

MIB = 1024**2
LOGGER = "django_minio_backend.requests"


def test_a_save_and_a_read_are_recorded(storage: MinioBackend, bucket: str, server: Server) -> None:
    with storage_requests() as requests:
        name = storage.save("report.txt", ContentFile(b"12345"))
        storage.open(name).read()
    head, put, get = requests
    assert (head.operation, head.status, head.bytes_sent, head.bytes_received) == ("HeadObject", 404, 0, 0)
    assert (put.operation, put.status, put.bytes_sent, put.bytes_received) == ("PutObject", 200, 5, 0)
    assert (get.operation, get.status, get.bytes_sent, get.bytes_received) == ("GetObject", 206, 0, 5)
    assert {(request.bucket, request.key) for request in requests} == {(bucket, "report.txt")}
    assert {request.endpoint for request in requests} == {f"http://{server.endpoint}"}
    assert all(0 < request.milliseconds < 60_000 and request.retries == 0 and not request.error for request in requests)
    assert requests.milliseconds == pytest.approx(sum(request.milliseconds for request in requests))
    assert str(put).startswith(f"PutObject {bucket}/report.txt at http://{server.endpoint}: 200, 5 bytes sent")
    assert str(requests).count("\n") == 2
    assert str(StorageRequests()) == "no requests"


def lists(sdk: Minio, bucket: str) -> object:
    return list(sdk.list_objects(bucket))


CALLS: dict[str, Callable[[Minio, str], object]] = {
    "ListBuckets": lambda sdk, _: sdk.list_buckets(),
    "HeadBucket": lambda sdk, bucket: sdk.bucket_exists(bucket),
    "ListObjectsV2": lists,
    "HeadObject": lambda sdk, bucket: sdk.stat_object(bucket, "a.txt"),
    "GetObject": lambda sdk, bucket: sdk.get_object(bucket, "a.txt").close(),
    "PutObject": lambda sdk, bucket: sdk.put_object(bucket, "b.txt", io.BytesIO(b"b"), 1),
    "CopyObject": lambda sdk, bucket: sdk.copy_object(bucket, "c.txt", CopySource(bucket, "a.txt")),
    "DeleteObject": lambda sdk, bucket: sdk.remove_object(bucket, "a.txt"),
    "DeleteObjects": lambda sdk, bucket: list(sdk.remove_objects(bucket, [DeleteObject("a.txt")])),
}


@pytest.mark.parametrize("operation", CALLS)
def test_calls_of_the_sdk_have_the_names_of_the_s3_api(storage: MinioBackend, bucket: str, operation: str) -> None:
    storage.save("a.txt", ContentFile(b"a"))
    with storage_requests() as requests:
        CALLS[operation](storage.client, bucket)
    assert requests.operations[-1] == operation
    assert requests[-1].bucket == ("" if operation == "ListBuckets" else bucket)


@pytest.mark.needs("tags")
def test_tags_have_operations_of_their_own(storage: MinioBackend, bucket: str) -> None:
    storage.save("a.txt", ContentFile(b"a"))
    tags = Tags(for_object=True)
    tags["kind"] = "letter"
    with storage_requests() as requests:
        storage.client.set_object_tags(bucket, "a.txt", tags)
        storage.client.get_object_tags(bucket, "a.txt")
        storage.client.delete_object_tags(bucket, "a.txt")
    assert requests.operations == ["PutObjectTagging", "GetObjectTagging", "DeleteObjectTagging"]


def test_requests_of_a_storages_threads_are_recorded(minio_options: dict[str, Any]) -> None:
    sizes: dict[str, Any] = {"MINIO_MULTIPART_THRESHOLD": 6 * MIB, "MINIO_MULTIPART_PART_SIZE": 5 * MIB}
    storage = MinioBackend(**minio_options, **sizes, MINIO_MULTIPART_UPLOAD=True)
    with storage_requests() as requests:
        storage.save("large.bin", ContentFile(bytes(12 * MIB)))
    assert sorted(requests.operations) == sorted(
        ["HeadObject", "CreateMultipartUpload", *["UploadPart"] * 3, "CompleteMultipartUpload"]
    )
    assert sum(request.bytes_sent for request in requests) > 12 * MIB


def test_availability_is_recorded_although_daemon_threads_check_it(storage: MinioBackend) -> None:
    with storage_requests() as requests:
        assert storage.is_minio_available()
    assert set(requests.operations) == {"Health"}
    assert {(request.bucket, request.key) for request in requests} == {("", "")}


def test_blocks_can_be_nested(storage: MinioBackend) -> None:
    with storage_requests() as outer:
        storage.exists("a.txt")
        with storage_requests() as inner:
            storage.exists("b.txt")
        storage.exists("c.txt")
    storage.exists("d.txt")
    assert [request.key for request in outer] == ["a.txt", "b.txt", "c.txt"]
    assert [request.key for request in inner] == ["b.txt"]


def test_requests_of_other_threads_are_not_recorded(storage: MinioBackend) -> None:
    with storage_requests() as requests:
        others = threading.Thread(target=storage.exists, args=("others.txt",))
        ours = threading.Thread(target=copy_context().run, args=(storage.exists, "ours.txt"))
        for thread in (others, ours):
            thread.start()
            thread.join()
    assert [request.key for request in requests] == ["ours.txt"]


def test_tasks_record_their_own_requests(storage: MinioBackend) -> None:
    async def task(name: str) -> list[str]:
        with storage_requests() as requests:
            for _ in range(3):
                await sync_to_async(storage.exists)(name)
        return [request.key for request in requests]

    async def tasks() -> tuple[list[str], list[str]]:
        first, second = await asyncio.gather(task("a.txt"), task("b.txt"))
        return first, second

    assert asyncio.run(tasks()) == (["a.txt"] * 3, ["b.txt"] * 3)


def test_a_block_that_fails_ends_the_recording(storage: MinioBackend) -> None:
    with pytest.raises(KeyError), storage_requests() as requests:
        raise KeyError
    storage.exists("a.txt")
    assert requests == []


def test_errors_of_the_sdk_leave_a_block_as_they_are(storage: MinioBackend) -> None:
    with pytest.raises(FileNotFoundError), storage_requests() as requests:
        storage.size("missing.txt")
    assert [request.status for request in requests] == [404]


def test_a_retried_request_is_one_with_its_retries(server: Server, minio_options: dict[str, Any]) -> None:
    with rewriting_proxy(server) as proxy:
        proxy.rule = lambda _: HANG_UP if len(proxy.requests) < 3 else None
        storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": proxy.endpoint})
        with storage_requests() as requests:
            storage.exists("a.txt")
    assert [(request.operation, request.status, request.retries) for request in requests] == [("HeadObject", 404, 2)]


class SentHere(urllib3.PoolManager):
    """Connects to one server for every host, as a name server would."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self.address = endpoint.split(":")

    def connection_from_host(self, *_: object, **__: object) -> urllib3.HTTPConnectionPool:
        return super().connection_from_host(self.address[0], int(self.address[1]))


@pytest.mark.parametrize("external", [False, True], ids=["endpoint", "external endpoint"])
def test_virtual_host_style_is_understood(
    minio_options: dict[str, Any], bucket: str, server: Server, *, external: bool
) -> None:
    options = {
        **minio_options,
        "MINIO_VIRTUAL_HOST_STYLE": True,
        "MINIO_HTTP_CLIENT": SentHere(server.endpoint),
        "MINIO_ENDPOINT": "minio.test:9000",
    }
    if external:
        options |= {"MINIO_EXTERNAL_ENDPOINT": "files.test", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": False}
    storage = MinioBackend(**options)
    client = client_for(storage.options, external=external)
    with suppress(*FAILURES), storage_requests() as requests:  # the server may know no such host
        client.sdk.stat_object(bucket, "folder/a.txt")
    assert {(request.bucket, request.key) for request in requests} == {(bucket, "folder/a.txt")}
    assert {request.endpoint.partition(".")[2] for request in requests} == {
        "files.test" if external else "minio.test:9000"
    }


class TestLogs:
    """The logger django_minio_backend.requests."""

    def test_a_line_has_all_but_secrets(
        self, minio_options: dict[str, Any], bucket: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        storage = MinioBackend(**minio_options)
        with caplog.at_level(logging.DEBUG, LOGGER):
            storage.exists("a\r\nFORGED \x1b[2J.txt")
        (record,) = caplog.records
        assert record.name == LOGGER
        assert record.getMessage().startswith(rf"HeadObject {bucket}/a\r\nFORGED \x1b[2J.txt at http://")
        assert record.storage_request.operation == "HeadObject"  # type: ignore[attr-defined]
        for secret in (minio_options["MINIO_SECRET_KEY"], minio_options["MINIO_ACCESS_KEY"], "Signature", "AWS4", "?"):
            assert secret not in caplog.text
            assert secret not in repr(record.storage_request)  # type: ignore[attr-defined]

    def test_a_session_token_is_not_logged(self, server: Server, caplog: pytest.LogCaptureFixture) -> None:
        with rewriting_proxy(server) as proxy, caplog.at_level(logging.DEBUG, LOGGER):
            proxy.rule = lambda _: s3_error(403, "AccessDenied")
            storage = MinioBackend(
                MINIO_ENDPOINT=proxy.endpoint,
                MINIO_USE_HTTPS=False,
                MINIO_ACCESS_KEY="someone",
                MINIO_SECRET_KEY="hush-hush",
                MINIO_SESSION_TOKEN="TOKEN-0123456789ABCDEF",
                MINIO_DEFAULT_BUCKET="bucket",
            )
            with pytest.raises(Exception, match="AccessDenied"), storage_requests() as requests:
                storage.listdir("")
        assert "TOKEN" in str(proxy.requests)  # it was sent
        assert len(requests) == len(caplog.records) == 1
        assert "TOKEN" not in caplog.text + repr(requests)

    @pytest.mark.parametrize("level", ["INFO", "DEBUG"])
    def test_retries_that_ran_out_are_a_warning(
        self, server: Server, minio_options: dict[str, Any], caplog: pytest.LogCaptureFixture, level: str
    ) -> None:
        with rewriting_proxy(server) as proxy, caplog.at_level(level, LOGGER):
            proxy.rule = lambda _: HANG_UP
            storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": proxy.endpoint, "MINIO_HTTP_CLIENT": quick()})
            with pytest.raises(Exception, match="Max retries"), storage_requests() as requests:
                storage.size("a.txt")
        assert [(request.status, request.error, request.retries) for request in requests] == [
            (None, "MaxRetryError", 2)
        ]
        (warning,) = [each for each in caplog.records if each.name == LOGGER and each.levelno == logging.WARNING]
        assert warning.getMessage().startswith("Failed after all retries: HeadObject ")
        assert "MaxRetryError, 0 bytes sent, unknown received" in warning.getMessage()

    def test_server_errors_after_all_retries_are_a_warning(
        self, server: Server, minio_options: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        with rewriting_proxy(server) as proxy:
            proxy.rule = lambda _: s3_error(503, "SlowDown")
            storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": proxy.endpoint, "MINIO_HTTP_CLIENT": quick()})
            with pytest.raises(Exception, match="503"), caplog.at_level(logging.INFO, LOGGER):
                storage.size("a.txt")
        (warning,) = [record for record in caplog.records if record.name == LOGGER]
        assert warning.getMessage().startswith("Failed after all retries: HeadObject ")
        assert ": 503, " in warning.getMessage()
        assert "2 retries" in warning.getMessage()

    def test_slow_requests_are_a_warning(
        self, storage: MinioBackend, minio_options: dict[str, Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        slow = MinioBackend(**minio_options, MINIO_SLOW_REQUEST_SECONDS=1e-6)
        with caplog.at_level(logging.INFO, LOGGER):
            storage.exists("quick.txt")
            slow.exists("slow.txt")
            slow.is_minio_available()
        (warning,) = [record for record in caplog.records if record.name == LOGGER]
        assert warning.getMessage().startswith("Slower than MINIO_SLOW_REQUEST_SECONDS (1e-06): HeadObject ")

    def test_nothing_is_described_while_nobody_listens(
        self, storage: MinioBackend, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, LOGGER):
            storage.exists("a.txt")
        assert not [record for record in caplog.records if record.name == LOGGER]


def quick() -> Any:
    """A pool that retries twice, without waiting."""
    return urllib3.PoolManager(
        retries=urllib3.Retry(2, backoff_factor=0, status_forcelist=[503], raise_on_status=False), timeout=20
    )
