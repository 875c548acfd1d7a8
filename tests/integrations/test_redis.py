"""URLs in a real Redis: how many round trips a page of them costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import caches
from django.test import override_settings

from django_minio_backend.models import MinioBackend
from tests.integrations.project import required
from tests.support.redis import redis, redis_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

required("redis")

BACKEND = "django.core.cache.backends.redis.RedisCache"
NAMES = [f"folder/{number} ü.txt" for number in range(1_000)]


@pytest.fixture
def cached(minio_options: dict[str, Any], tmp_path: Path) -> Iterator[MinioBackend]:
    """A storage that caches its URLs in Redis, with the ETags of its objects there."""
    with (
        redis(redis_program(), tmp_path) as url,
        override_settings(CACHES={"default": {"BACKEND": BACKEND, "LOCATION": url}}),
    ):
        storage = MinioBackend(**{**minio_options, "MINIO_URL_CACHING_ENABLED": True})
        for name in NAMES:
            storage._urls.saved(storage.key(name), "0" * 32)
        yield storage
        caches["default"].close()


def calls() -> dict[str, int]:
    """How often each command has been called: every call is a round trip, or part of a pipeline of one."""
    client = caches["default"]._cache.get_client()  # type: ignore[attr-defined]  # Django's client has no public name
    statistics: dict[str, dict[str, int]] = client.info("commandstats")
    return {
        name.removeprefix("cmdstat_"): command["calls"]
        for name, command in statistics.items()
        if not name.startswith(("cmdstat_info", "cmdstat_hello", "cmdstat_client"))  # of this function, or connecting
    }


def test_the_urls_of_a_thousand_objects_are_two_round_trips_to_a_warm_redis(cached: MinioBackend) -> None:
    first = cached.urls(NAMES)
    before = calls()
    assert cached.urls(NAMES) == first
    after = calls()
    assert {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)} == {
        "mget": 2
    }


def test_the_urls_of_a_thousand_objects_are_one_pipeline_more_where_redis_has_none(cached: MinioBackend) -> None:
    before = calls()
    cached.urls(NAMES)
    after = calls()
    assert after["mget"] - before.get("mget", 0) == 2
    assert after["exec"] - before.get("exec", 0) == 1
