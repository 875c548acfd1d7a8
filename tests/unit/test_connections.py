"""The connections of the default pool: small requests are sent at once, and each server has one pool."""

from __future__ import annotations

from typing import Any, cast

import pytest

from django_minio_backend.transport.connections import (
    SMALL_BODY,
    HTTPConnection,
    HTTPConnectionPool,
    HTTPSConnectionPool,
    strict_pool,
)


class RecordingSocket:
    """A socket that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def settimeout(self, _: object) -> None:
        """Do nothing."""

    def sendall(self, data: Any) -> None:
        """Keep the data."""
        self.sent.append(bytes(data))


def sent_by(*args: Any) -> list[bytes]:
    connection = HTTPConnection("localhost")
    connection.sock = cast("Any", RecordingSocket())
    connection.request(*args, headers={"X-Name": "value"})
    return cast("RecordingSocket", connection.sock).sent


@pytest.mark.parametrize("body", [b"a", b"a" * SMALL_BODY], ids=["one-byte", "limit"])
def test_a_small_body_is_sent_with_its_headers(body: bytes) -> None:
    (request,) = sent_by("PUT", "/a.txt", body)
    headers, _, content = request.partition(b"\r\n\r\n")
    assert headers.startswith(b"PUT /a.txt HTTP/1.1\r\n")
    assert f"Content-Length: {len(body)}".encode() in headers
    assert b"X-Name: value" in headers
    assert content == body


@pytest.mark.parametrize(
    "body", [b"a" * (SMALL_BODY + 1), bytearray(b"abc"), iter([b"a", b"b"])], ids=["large", "bytearray", "iterator"]
)
def test_any_other_body_is_sent_after_the_headers(body: Any) -> None:
    first, *others = sent_by("PUT", "/a.txt", body)
    assert first.endswith(b"\r\n\r\n")
    assert others


def test_a_request_without_a_body_is_sent() -> None:
    (request,) = sent_by("HEAD", "/a.txt")
    assert request.startswith(b"HEAD /a.txt HTTP/1.1\r\n")


def test_each_server_has_one_pool() -> None:
    manager = strict_pool(maxsize=2)
    urls = ["http://a:9000", "http://a:9001", "https://a:9000", "http://b:9000"]
    pools = [manager.connection_from_url(url) for url in urls]
    assert len(set(map(id, pools))) == len(urls)
    assert [manager.connection_from_url(f"{url}/b/c?d") for url in urls] == pools
    assert [type(pool) for pool in pools] == [*[HTTPConnectionPool] * 2, HTTPSConnectionPool, HTTPConnectionPool]


def test_a_manager_that_was_cleared_opens_another_pool() -> None:
    manager = strict_pool()
    before = manager.connection_from_url("http://a:9000")
    manager.clear()
    assert manager.connection_from_url("http://a:9000") is not before
