"""The tests' own instruments: what they report must be true."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.memory import peak_memory
from tests.support.proxy import Proxy
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minio import Minio

    from tools.servers import Server

SIZE = 1_000_000


@pytest.fixture
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False, timeout=10) as pool:
        yield pool


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.endpoint) as proxy:
        yield proxy


@pytest.fixture
def url(sdk: Minio, bucket: str, proxy: Proxy) -> str:
    """Where an object of SIZE bytes is read through the proxy; the signature holds for the proxy's address."""
    sdk.put_object(bucket_name=bucket, object_name="big", data=io.BytesIO(bytes(SIZE)), length=SIZE)
    return signed(sdk, proxy, "GET", bucket, "big")


def signed(sdk: Minio, proxy: Proxy, method: str, bucket: str, name: str) -> str:
    """Presign for the proxy's address: the SDK signs for the address that its client has."""
    base = type(sdk)(
        endpoint=proxy.endpoint,
        credentials=sdk._provider,
        secure=False,
        region="us-east-1",
        http_client=sdk._http,
    )
    return base.get_presigned_url(method=method, bucket_name=bucket, object_name=name)


def test_the_proxy_passes_everything_on_and_counts(proxy: Proxy, url: str, http: urllib3.PoolManager) -> None:
    assert len(http.request("GET", url).data) == SIZE
    assert len(http.request("GET", url).data) == SIZE
    assert 1 <= proxy.connections <= 2  # some servers hang up after each answer
    assert proxy.transferred["down"] > 2 * SIZE
    assert 0 < proxy.transferred["up"] < 10_000


@pytest.mark.parametrize("after", [0, SIZE // 2])
def test_the_proxy_cuts_a_response_once(proxy: Proxy, url: str, http: urllib3.PoolManager, after: int) -> None:
    proxy.cut(after)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        http.request("GET", url)
    assert proxy.transferred["down"] == after
    assert len(http.request("GET", url).data) == SIZE


def test_the_proxy_cuts_an_upload(proxy: Proxy, sdk: Minio, bucket: str, http: urllib3.PoolManager) -> None:
    target = signed(sdk, proxy, "PUT", bucket, "cut")
    proxy.cut(lambda: 200_000, direction="up")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        http.request("PUT", target, body=bytes(10 * SIZE))
    assert proxy.transferred["up"] == 200_000
    # Versity keeps what arrived, since the payload of a presigned URL is not signed; the others keep nothing.
    assert all((found.size or 0) < 200_000 for found in sdk.list_objects(bucket_name=bucket))


def test_the_proxy_swallows_a_response(proxy: Proxy, sdk: Minio, bucket: str, http: urllib3.PoolManager) -> None:
    target = signed(sdk, proxy, "PUT", bucket, "silent")
    proxy.drop_answer(rb"PUT /\S+/silent")
    with pytest.raises(urllib3.exceptions.ProtocolError):
        http.request("PUT", target, body=b"arrived")
    assert [found.object_name for found in sdk.list_objects(bucket_name=bucket)] == ["silent"]
    assert http.request("PUT", target, body=b"arrived").status == 200


def test_the_proxy_can_be_silent_and_slow(proxy: Proxy, url: str, http: urllib3.PoolManager) -> None:
    proxy.black_hole()
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        http.request("GET", url, timeout=0.3)
    proxy.answer_again()
    proxy.delay = 0.4
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        http.request("GET", url, timeout=0.2)
    proxy.delay = 0
    assert http.request("GET", url).status == 200


def test_the_proxy_can_go_away_and_come_back(proxy: Proxy, url: str, http: urllib3.PoolManager) -> None:
    http.request("GET", url)
    proxy.stop()
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        http.request("GET", url)
    proxy.start()
    assert http.request("GET", url).status == 200


def test_requests_of_all_threads_and_retries_are_recorded(proxy: Proxy, url: str, http: urllib3.PoolManager) -> None:
    proxy.cut(0)
    with requests_made() as made:
        http.request("GET", url, retries=urllib3.Retry(1), headers={"X-Purpose": "test"})
        thread = threading.Thread(target=http.request, args=("DELETE", url))
        thread.start()
        thread.join()
    http.request("GET", url)
    assert made == ["GET", "GET", "DELETE"]
    assert [request.status for request in made][:2] == [None, 200]
    assert made[0].url == url
    assert made[0].headers == {"X-Purpose": "test"}


def test_peak_memory_sees_the_marked_section_alone() -> None:
    memory = peak_memory("""
before = bytearray(50 << 20)
del before
with measured():
    inside = bytearray(20 << 20)
    del inside
after = bytearray(50 << 20)
""")
    assert 19 < memory.growth < 30
    assert memory.peak == memory.baseline + memory.growth
