from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest

from tests.plugin import SERVER
from tests.support.buckets import allow_reading, plain_client, remove_bucket
from tests.support.proxy import Proxy
from tests.support.server_options import options_of
from tools.memory_server import pool_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import urllib3
    from minio import Minio

    from django_minio_backend.models import MinioBackend
    from tools.servers import Server


LONGEST_ID = 60


def pytest_make_parametrize_id(val: object) -> str | None:
    """Words for parameters that pytest would call `options0`, short ids for long strings; escaped as pytest does."""
    pytest_has_words = isinstance(val, (bool, int, float, bytes, Enum, type(None))) or hasattr(val, "__name__")
    return None if pytest_has_words else _words(val).encode("unicode_escape").decode("ascii")[:LONGEST_ID]


def _words(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_words(inner)}" for name, inner in value.items()) or "empty"
    if isinstance(value, (list, tuple)):
        return " ".join(map(_words, value)) or "empty"
    if isinstance(value, (set, frozenset)):  # the workers of pytest-xdist have to agree on the order
        return " ".join(sorted(map(_words, value))) or "empty"
    if isinstance(value, BaseException):
        return f"{type(value).__name__} {getattr(value, 'code', '') or value}"
    is_plain = value is None or isinstance(value, (bool, int, float, bytes, date, timedelta))
    return str(value) if is_plain else getattr(value, "__name__", type(value).__name__)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Server:
    return request.config.stash[SERVER]


@pytest.fixture(scope="session")
def sdk(server: Server) -> Iterator[Minio]:
    with plain_client(server) as client:
        yield client


@pytest.fixture
def bucket_name(sdk: Minio) -> Iterator[Callable[[], str]]:
    """Make up names of buckets; the buckets of these names are removed afterwards, whoever made them."""
    names: list[str] = []

    def new_name() -> str:
        names.append(f"test-{secrets.token_hex(6)}")
        return names[-1]

    yield new_name
    for name in names:
        remove_bucket(sdk, name)


@pytest.fixture
def bucket(sdk: Minio, bucket_name: Callable[[], str]) -> str:
    name = bucket_name()
    sdk.make_bucket(bucket_name=name)
    return name


@pytest.fixture
def public_bucket(sdk: Minio, bucket_name: Callable[[], str]) -> str:
    """A bucket whose objects anyone may GET."""
    name = bucket_name()
    sdk.make_bucket(bucket_name=name)
    allow_reading(sdk, name)
    return name


@pytest.fixture
def minio_options(server: Server, bucket: str) -> dict[str, Any]:
    """OPTIONS of a storage on this server with one private bucket."""
    return options_of(
        server, MINIO_DEFAULT_BUCKET=bucket, MINIO_PRIVATE_BUCKETS=[bucket], MINIO_PUBLIC_BUCKETS=list[str]()
    )


@pytest.fixture
def storage(minio_options: dict[str, Any]) -> MinioBackend:
    from django_minio_backend.models import MinioBackend

    return MinioBackend(**minio_options)


@pytest.fixture
def site_buckets(server: Server, sdk: Minio) -> Iterator[None]:
    """Make the buckets that tests.settings names; they are removed with all that is in them."""
    from tests import settings

    names = (settings.PRIVATE_BUCKET, settings.PUBLIC_BUCKET, settings.STATIC_BUCKET)
    for name in names:
        sdk.make_bucket(bucket_name=name)
    if "stored-policies" in server.capabilities:
        allow_reading(sdk, settings.PUBLIC_BUCKET)
        allow_reading(sdk, settings.STATIC_BUCKET)
    yield
    for name in names:
        remove_bucket(sdk, name)


@pytest.fixture
def http(server: Server) -> Iterator[urllib3.PoolManager]:
    """A browser, as it were: no credentials."""
    with pool_for(server, retries=False, timeout=30) as pool:
        yield pool


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    if "sockets" not in server.capabilities:
        pytest.skip(f"{server.kind} has no sockets")
    with Proxy(server.endpoint) as proxy:
        yield proxy
