"""Whatever a server sends, a call ends, and takes little memory: a response has a largest size."""

from __future__ import annotations

import functools
import gzip
import io
import threading
from typing import TYPE_CHECKING

import pytest
import urllib3

from django_minio_backend.errors import BadResponseError
from django_minio_backend.health.deadline import run_with_timeout
from tests.support.hostile import DATE, OBJECT, endless, head, response
from tests.support.memory import peak_memory
from tests.support.scripts import WITH_STORAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from django_minio_backend.models import MinioBackend
    from tests.support.hostile import HostileServer, Received
    from tools.servers import Server

    Start = Callable[..., HostileServer]

MIB = 1024**2
XML = {"Content-Type": "application/xml", "Date": DATE}
CHUNKED = {**XML, "Transfer-Encoding": "chunked"}
UNTIL_CLOSED = head(200, XML)
NAMESPACE = b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
A_MINUTE = 60

OPERATIONS: dict[str, Callable[[MinioBackend], object]] = {
    "listing": lambda storage: storage.listdir(""),
    "reading": lambda storage: storage.open("name.txt").read(),
    "asking for the policy": lambda storage: storage.s3.bucket_exists_with_policy(storage.bucket),
    "deleting": lambda storage: storage.delete("name.txt"),
}
IN_A_PROCESS = (
    WITH_STORAGE
    + """
import threading
from django_minio_backend.errors import BadResponseError
from django_minio_backend.health.deadline import run_with_timeout

def refused(work):
    try:
        found = work()
    except BadResponseError:
        return
    raise AssertionError(found)

with measured():
    run_with_timeout(100, lambda: refused(lambda: {work}))
"""
)
MEMORY = {
    "listing": 'storage.listdir("")',
    "reading": 'storage.open("name.txt").read()',
    "saving": 'storage.s3.put("bucket", "name.txt", b"content", {})',
}


def growth(server: Server, running: HostileServer, work: str) -> float:
    """MiB that a piece of code takes in a process of its own, whose server is the hostile one."""
    environment = {**server.environment(), "TEST_S3_ENDPOINT": running.endpoint, "TEST_S3_SECURE": "0"}
    return peak_memory(IN_A_PROCESS.replace("{work}", work), BUCKET="bucket", **environment).growth


@functools.cache
def compressed_listing() -> bytes:
    """200 MiB of spaces within a listing, in 200 KiB."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(NAMESPACE)
        for _ in range(200):
            file.write(b" " * MIB)
        file.write(b"<IsTruncated>false</IsTruncated></ListBucketResult>")
    return packed.getvalue()


def test_nothing_is_decompressed(hostile_server: Start, server: Server) -> None:
    running = hostile_server(lambda _: [response(200, compressed_listing(), {**XML, "Content-Encoding": "gzip"})])
    assert growth(server, running, MEMORY["listing"]) < 32


@pytest.mark.parametrize("status", [200, 404])
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate, gzip", "br", "unknown\x07"])
def test_a_compressed_response_is_an_error(
    hostile_server: Start, storage_at: Callable[..., MinioBackend], encoding: str, status: int
) -> None:
    running = hostile_server(lambda _: [response(status, gzip.compress(b"x"), {**XML, "Content-Encoding": encoding})])
    with pytest.raises(BadResponseError, match="is compressed") as caught:
        storage_at(running.endpoint).listdir("")
    assert f"GET http://{running.endpoint}/" in str(caught.value)
    assert str(caught.value).isprintable()


def test_responses_are_not_asked_to_be_compressed(
    hostile_server: Start, storage_at: Callable[..., MinioBackend]
) -> None:
    running = hostile_server(lambda _: [response(403, b"", XML)])
    for operation in OPERATIONS.values():
        with pytest.raises(Exception, match=r"403|denied"):
            operation(storage_at(running.endpoint))
    assert {asked.headers["accept-encoding"] for asked in running.received} == {"identity"}


@pytest.mark.parametrize(
    ("operation", "status"),
    [("listing", 200), ("saving", 200), ("listing", 400), ("reading", 400), ("saving", 400), ("reading", 404)],
)
def test_a_response_that_does_not_end_is_not_read_on(
    hostile_server: Start, server: Server, operation: str, status: int
) -> None:
    """Neither without a Content-Length nor with a huge one."""
    for length in ({}, {"Content-Length": str(1 << 40)}):
        start = head(status, {**XML, **OBJECT, **length})
        running = hostile_server(lambda _, start=start: endless(start, NAMESPACE + b" " * MIB))
        assert growth(server, running, MEMORY[operation]) < 100
        assert running.idle.wait(10), "the connection is closed"


def test_a_listing_that_does_not_end_is_not_read_on(hostile_server: Start, server: Server) -> None:
    running = hostile_server(lambda _: endless(UNTIL_CLOSED + NAMESPACE, b"<Contents><Key>a</Key></Contents>" * 1000))
    assert growth(server, running, MEMORY["listing"]) < 100
    assert running.idle.wait(10), "the connection is closed"


def entities() -> bytes:
    """A kilobyte that a parser of XML makes 8 MiB of, as often as it is asked for."""
    doubled = b"".join(b'<!ENTITY e%d "&e%d;&e%d;">' % (number + 1, number, number) for number in range(16))
    return b"<!DOCTYPE x [<!ENTITY e0 '%s'>%s]><ListBucketResult>%s</ListBucketResult>" % (
        b"x" * 100,
        doubled,
        b"&e16;" * 20,
    )


@pytest.mark.parametrize(
    "body",
    [
        entities(),
        entities().decode().encode("utf-16"),
        b"<ListBucketResult>" + b"<a/>" * (7 * MIB) + b"</ListBucketResult>",
        b"<ListBucketResult " + b" ".join(b"a%x=''" % number for number in range(3 * MIB)) + b"></ListBucketResult>",
    ],
    ids=["entities", "entities in UTF-16", "elements", "attributes"],
)
def test_xml_that_grows_when_it_is_parsed_is_refused(hostile_server: Start, server: Server, body: bytes) -> None:
    running = hostile_server(lambda _: [response(200, body, XML)])
    assert growth(server, running, MEMORY["listing"]) < 100


def test_the_largest_listing_is_read(hostile_server: Start, storage_at: Callable[..., MinioBackend]) -> None:
    """1,000 keys of 1,024 bytes in percent-encoding, with more than twice as much beside each."""
    entries = b"".join(
        b"<Contents><Key>%s%04d</Key><Size>1</Size><LastModified>2026-11-01T12:00:00Z</LastModified>"
        b"<Owner>%s</Owner></Contents>" % (b"%C3%A4" * 510, number, b"x" * 8000)
        for number in range(1000)
    )
    body = (
        NAMESPACE
        + b"<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
        + entries
        + b"</ListBucketResult>"
    )
    running = hostile_server(lambda _: [response(200, body, XML)])
    assert len(storage_at(running.endpoint).listdir("")[1]) == 1000


def never_ending_heads(_: Received) -> Iterator[bytes]:
    return endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def never_ending_trailers(_: Received) -> Iterator[bytes]:
    return endless(head(200, CHUNKED) + b"0\r\n", b"X-Trailer: x\r\n" * 1000)


def busy_without_end(received: list[int]) -> Callable[[Received], Iterable[bytes]]:
    """503 with a body that does not end, and then another error."""

    def reply(_: Received) -> Iterable[bytes]:
        received.append(1)
        if len(received) == 1:
            return endless(head(503, XML), b" " * MIB)
        return [response(403, b"<Error><Code>AccessDenied</Code></Error>", XML)]

    return reply


@pytest.mark.parametrize(
    "reply",
    [never_ending_heads, never_ending_trailers, busy_without_end([])],
    ids=["headers", "trailers", "body-before-a-retry"],
)
def test_a_response_without_end_ends_a_call(
    hostile_server: Start,
    storage_at: Callable[..., MinioBackend],
    reply: Callable[[Received], Iterable[bytes]],
) -> None:
    running = hostile_server(reply)
    with pytest.raises(Exception, match=r"too large|AccessDenied"):
        run_with_timeout(A_MINUTE, lambda: storage_at(running.endpoint).listdir(""))
    assert running.idle.wait(10), "the connection is closed"


@pytest.mark.parametrize(
    "retries",
    [None, 1, urllib3.Retry(1, status_forcelist=[503]), urllib3.Retry(0, status_forcelist=[503])],
    ids=["urllib3's default", "a number", "a rule", "none left"],
)
def test_a_pool_of_ones_own_reads_no_response_without_end(
    hostile_server: Start, storage_at: Callable[..., MinioBackend], retries: urllib3.Retry | int | None
) -> None:
    running = hostile_server(lambda _: endless(head(503, {**XML, "Retry-After": "0"}), b" " * MIB))
    storage = storage_at(running.endpoint, MINIO_HTTP_CLIENT=urllib3.PoolManager(retries=retries, timeout=10))
    with pytest.raises((BadResponseError, urllib3.exceptions.MaxRetryError)):
        run_with_timeout(20, lambda: storage.listdir(""))
    assert running.idle.wait(10), "the connections are closed"


def test_a_health_check_reads_little(hostile_server: Start, server: Server) -> None:
    running = hostile_server(lambda _: endless(head(200, {"x-amz-request-id": "1"}), b"<Error>" * 10_000))
    script = (
        WITH_STORAGE
        + """
import time
with measured():
    status = storage.is_minio_available()
    time.sleep(3)
assert not status
assert "64 KiB" in status.details, status.details
"""
    )
    environment = {**server.environment(), "TEST_S3_ENDPOINT": running.endpoint, "TEST_S3_SECURE": "0"}
    assert peak_memory(script, BUCKET="bucket", **environment).growth < 16
    assert running.idle.wait(10), "the connection is closed"


def test_a_health_check_does_not_read_on_after_its_time(
    hostile_server: Start, storage_at: Callable[..., MinioBackend]
) -> None:
    stopped = threading.Event()

    def drip(_: Received) -> Iterator[bytes]:
        yield head(200, {})
        while not stopped.wait(0.2):
            yield b"."

    running = hostile_server(drip)
    status = storage_at(running.endpoint).is_minio_available()
    assert not status
    assert "no complete response within" in status.details
    assert running.idle.wait(20), "the connection is closed"
    stopped.set()
