"""The default pool has one pool of connections for each server."""

from __future__ import annotations

from django_minio_backend.transport.connections import HTTPConnectionPool, HTTPSConnectionPool, strict_pool


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
