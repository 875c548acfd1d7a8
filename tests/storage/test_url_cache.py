"""Presigned URLs in Django's cache."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from unittest import mock
from urllib.parse import quote

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.files.base import ContentFile
from django.test.utils import override_settings

from django_minio_backend.models import MinioBackend
from django_minio_backend.object_urls import cache as url_cache
from tests.support.scripts import WITH_STORAGE
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import urllib3

    from tests.support.proxy import Proxy

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"


@pytest.fixture(autouse=True)
def cache(bucket: str) -> Iterator[Any]:
    """An empty cache of this test's own."""
    with override_settings(CACHES={"default": {"BACKEND": LOCMEM, "LOCATION": bucket}}):
        yield caches["default"]
        caches["default"].clear()


@pytest.fixture
def options(minio_options: dict[str, Any]) -> dict[str, Any]:
    return {**minio_options, "MINIO_URL_CACHING_ENABLED": True}


@pytest.fixture
def cached(options: dict[str, Any]) -> MinioBackend:
    return MinioBackend(**options, replace_existing=True)


def contents(cache: LocMemCache) -> dict[str, bytes]:
    return cast("dict[str, bytes]", vars(cache)["_cache"])


def entries(cache: LocMemCache) -> list[str]:
    return sorted(contents(cache))


def opened(http: urllib3.PoolManager, url: str) -> bytes:
    response = http.request("GET", url)
    assert response.status == 200
    return response.data


def test_it_is_off_by_default(minio_options: dict[str, Any], cache: LocMemCache) -> None:
    storage = MinioBackend(**minio_options)
    storage.save("a.txt", ContentFile(b"a"))
    storage.url("a.txt")
    storage.delete("a.txt")
    assert entries(cache) == []


def test_public_buckets_are_skipped(options: dict[str, Any], cache: LocMemCache, bucket: str) -> None:
    storage = MinioBackend(**{**options, "MINIO_PRIVATE_BUCKETS": [], "MINIO_PUBLIC_BUCKETS": [bucket]})
    storage.save("a.txt", ContentFile(b"a"))
    with requests_made() as made:
        storage.url("a.txt")
        storage.url("a.txt", expires=60)
        storage.urls(["a.txt"])
    assert made == []
    assert entries(cache) == []


def test_after_a_save_no_request_is_made(cached: MinioBackend, http: urllib3.PoolManager) -> None:
    cached.save("a b.txt", ContentFile(b"first"))
    with requests_made() as made:
        first = cached.url("a b.txt")
        assert cached.url("a b.txt") == first
    assert made == []
    assert opened(http, first) == b"first"


def test_an_object_of_others_costs_one_head(
    minio_options: dict[str, Any], cached: MinioBackend, http: urllib3.PoolManager
) -> None:
    MinioBackend(**minio_options).save("a.txt", ContentFile(b"theirs"))
    with requests_made() as made:
        first = cached.url("a.txt")
    assert made == ["HEAD"]
    with requests_made() as made:
        assert cached.url("a.txt") == first
    assert made == []
    assert opened(http, first) == b"theirs"


def write(storage: MinioBackend, content: bytes) -> None:
    with storage.open("a.txt", "wb") as file:
        file.write(content)


def write_text(storage: MinioBackend, content: bytes) -> None:
    with storage.open("a.txt", "w") as file:
        file.write(content.decode())


def write_parts(storage: MinioBackend, content: bytes) -> None:
    with (
        mock.patch("django_minio_backend.files.content.PART", 5 * 1024**2),
        storage.open("a.txt", "wb") as file,
    ):
        file.write(content + b"." * 6 * 1024**2)


def save(storage: MinioBackend, content: bytes) -> None:
    storage.save("a.txt", ContentFile(content))


def delete_and_save(storage: MinioBackend, content: bytes) -> None:
    storage.delete("a.txt")
    storage.save("a.txt", ContentFile(content))


@pytest.mark.parametrize("change", [save, write, write_text, write_parts, delete_and_save])
def test_after_a_change_the_next_url_is_another_at_once(
    cached: MinioBackend, http: urllib3.PoolManager, change: Callable[[MinioBackend, bytes], None]
) -> None:
    cached.save("a.txt", ContentFile(b"first"))
    first = cached.url("a.txt")
    change(cached, b"second")
    with requests_made() as made:
        second = cached.url("a.txt")
    assert made == []
    assert second != first
    assert opened(http, second).startswith(b"second")
    assert opened(http, first).startswith(b"second")  # an old URL still opens


def test_a_deleted_object_is_not_asked_for(cached: MinioBackend, http: urllib3.PoolManager) -> None:
    cached.save("a.txt", ContentFile(b"a"))
    cached.url("a.txt")
    cached.delete("a.txt")
    with requests_made() as made:
        url = cached.url("a.txt")
    assert made == []
    assert http.request("GET", url).status == 404


def test_a_slow_head_does_not_undo_a_newer_save(minio_options: dict[str, Any], cached: MinioBackend) -> None:
    MinioBackend(**minio_options).save("a.txt", ContentFile(b"old"))
    head = cached.s3.head

    def slow(*args: Any) -> Any:
        response = head(*args)
        with mock.patch.object(cached.s3, "head", head):
            cached.save("a.txt", ContentFile(b"new"))  # by another thread, before the response arrives
        return response

    with mock.patch.object(cached.s3, "head", slow):
        first = cached.url("a.txt")
    assert str(cached.stat("a.txt").etag) in first
    with requests_made() as made:
        assert cached.url("a.txt") == first
    assert made == []


def test_a_missing_object_has_a_url_that_is_not_cached(cached: MinioBackend, cache: LocMemCache) -> None:
    with requests_made() as made:
        assert "X-Amz-Signature" in cached.url("missing.txt")
        cached.url("missing.txt")
    assert made == ["HEAD", "HEAD"]
    assert entries(cache) == []


def test_a_server_that_refuses_to_tell_the_etag_is_left_alone(
    options: dict[str, Any], cached: MinioBackend, cache: LocMemCache, caplog: pytest.LogCaptureFixture
) -> None:
    storage = MinioBackend(
        **{**options, "MINIO_SECRET_KEY": "wrong-secret", "MINIO_DEFAULT_BUCKET": f"{cached.bucket}-no"}
    )
    with requests_made() as made, caplog.at_level(logging.WARNING, "django_minio_backend"):
        urls = [storage.url(f"{number}.txt") for number in range(20)]
    assert all("X-Amz-Signature" in url for url in urls)
    assert entries(cache) == []
    if caplog.records:  # a server that checks signatures: one question, one warning
        assert made == ["HEAD"]
        assert len(caplog.records) == 1
        assert "X-Amz" not in caplog.text
        assert "wrong-secret" not in caplog.text


def test_a_dead_server_does_not_break_urls(options: dict[str, Any], proxy: Proxy, cache: LocMemCache) -> None:
    import urllib3

    storage = MinioBackend(
        **{**options, "MINIO_ENDPOINT": proxy.endpoint},
        MINIO_HTTP_CLIENT=urllib3.PoolManager(retries=False, timeout=2),
    )
    proxy.stop()
    begun = time.monotonic()
    urls = storage.urls([f"{number}.txt" for number in range(500)])
    assert len(urls) == 500
    assert time.monotonic() - begun < 10
    assert entries(cache) == []


# Keys


VARIANTS: list[dict[str, Any]] = [
    {},
    {"MINIO_ACCESS_KEY": "another"},
    {"MINIO_REGION": "eu-west-1"},
    {"MINIO_LOCATION": "inner"},
    {"MINIO_URL_EXPIRY_HOURS": 2},
    {"MINIO_EXTERNAL_ENDPOINT": "files.test", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": False},
    {"MINIO_EXTERNAL_ENDPOINT": "files.test", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": True},
    {"MINIO_VIRTUAL_HOST_STYLE": True},
    {"MINIO_DEFAULT_BUCKET": "another-bucket"},
    {"MINIO_ENDPOINT": "another.test:9000"},
]


def test_whatever_makes_another_signature_makes_another_entry(options: dict[str, Any], cache: LocMemCache) -> None:
    storages = [MinioBackend(**{**options, **variant}) for variant in VARIANTS]
    seen = set()
    for storage in storages:
        key = storage.key("a.txt")
        storage._urls.saved(key, "0" * 32)
        asked: list[dict[str, Any]] = [
            {},
            {"response_headers": {"response-expires": "0"}},
            {"response_headers": {"response-expires": "1"}},
            {"http_method": "HEAD"},
        ]
        for arguments in asked:
            before = set(entries(cache))
            url = storage.url("a.txt", **arguments)
            assert len(set(entries(cache)) - before) == 1, (storage, arguments)
            assert storage.url("a.txt", **arguments) == url
            seen.add(url)
    assert len(seen) == 4 * len(VARIANTS)


def test_two_aliases_never_share_an_entry(options: dict[str, Any], cache: LocMemCache) -> None:
    """Not even two that differ in nothing but a secret: each signs by itself."""
    from tests.support.settings import entry, storages_set

    changed = {**options, "MINIO_SECRET_KEY": "another-secret"}
    with storages_set(default=entry(options), other=entry(changed)):
        from django.core.files.storage import storages

        one, other = storages["default"], storages["other"]
        assert isinstance(one, MinioBackend)
        assert isinstance(other, MinioBackend)
        assert [one.options.alias, other.options.alias] == ["default", "other"]
        one._urls.saved("a.txt", "0" * 32)
        first = one.url("a.txt")
        before = entries(cache)
        second = other.url("a.txt")
        assert len(entries(cache)) == len(before) + 1
    assert first.partition("X-Amz-Signature=")[2] != second.partition("X-Amz-Signature=")[2]


def test_keys_start_with_the_prefix_and_tell_nothing(options: dict[str, Any], cache: LocMemCache) -> None:
    storage = MinioBackend(**options, MINIO_URL_CACHE_PREFIX="mine_")
    storage.save("secret name.txt", ContentFile(b"a"))
    storage.url("secret name.txt")
    assert len(entries(cache)) == 2
    for key in entries(cache):
        assert key.removeprefix(":1:").startswith("mine_")
        assert len(key.removeprefix(":1:mine_")) == 64
        assert "secret" not in key


# Entries that are not ours


@pytest.mark.parametrize(
    "poison",
    [
        "https://evil.test/bucket/a.txt?X-Amz-Signature=1",
        "javascript:alert(1)",
        "",
        None,
        b"bytes",
        ["list"],
        "{url}",
        "{url}/",
        "{url}.evil.test/a.txt?",
        "{url}/other.txt?X-Amz-Signature=1",
        "{url}/a.txt.exe?X-Amz-Signature=1",
    ],
)
def test_a_poisoned_entry_is_ignored_and_replaced(cached: MinioBackend, cache: LocMemCache, poison: Any) -> None:
    cached.save("a.txt", ContentFile(b"a"))
    before = set(entries(cache))
    cached.url("a.txt")
    (key,) = set(entries(cache)) - before
    if isinstance(poison, str):
        poison = poison.replace("{url}", f"{cached.base_url}/{cached.bucket}")
    cache.set(key.removeprefix(":1:"), poison)
    url = cached.url("a.txt")
    assert url != poison
    assert url.startswith(f"{cached.base_url}/{cached.bucket}/a.txt?")
    assert cache.get(key.removeprefix(":1:")) == url


@pytest.mark.parametrize("poison", [None, 7, b"bytes", ["list"], {"a": "b"}])
def test_a_poisoned_etag_is_asked_for_again(cached: MinioBackend, cache: LocMemCache, poison: Any) -> None:
    cached.save("a.txt", ContentFile(b"a"))
    (key,) = entries(cache)
    cache.set(key.removeprefix(":1:"), poison)
    assert "X-Amz-Signature" in cached.url("a.txt")


def test_an_entry_that_cannot_be_read_is_no_error(cached: MinioBackend, cache: LocMemCache) -> None:
    cached.save("a.txt", ContentFile(b"a"))
    for key in entries(cache):
        contents(cache)[key] = b"this was never pickled"
    assert "X-Amz-Signature" in cached.url("a.txt")


# A cache that fails


class FailingError(Exception):
    """As the clients of cache servers have them: of no family."""


class Failing(LocMemCache):
    """A cache whose server is gone."""

    def fail(self, *_: object, **__: object) -> None:
        raise FailingError("http://server/?X-Amz-Signature=secret")

    get = get_many = set = set_many = add = delete = fail  # type: ignore[assignment]


@pytest.fixture
def failing(options: dict[str, Any]) -> Iterator[MinioBackend]:
    with override_settings(CACHES={"default": {"BACKEND": f"{__name__}.Failing"}}):
        yield MinioBackend(**options, replace_existing=True)


def test_an_unreachable_cache_breaks_nothing(
    failing: MinioBackend, http: urllib3.PoolManager, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "django_minio_backend"):
        assert failing.save("a.txt", ContentFile(b"a")) == "a.txt"
        assert opened(http, failing.url("a.txt")) == b"a"
        assert opened(http, failing.urls(["a.txt"])["a.txt"]) == b"a"
        with failing.open("a.txt", "wb") as file:
            file.write(b"b")
        failing.delete("a.txt")
    assert "FailingError" in caplog.text
    assert "X-Amz" not in caplog.text


def test_an_unreachable_cache_is_not_asked_for_each_url(failing: MinioBackend) -> None:
    with mock.patch.object(Failing, "get_many", side_effect=FailingError) as get_many, requests_made() as made:
        for number in range(50):
            failing.url(f"{number}.txt")
    assert get_many.call_count == 1
    assert made == []  # nor is the server


def test_a_cache_that_comes_back_is_used_again(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MinioBackend(**options)
    storage.save("a.txt", ContentFile(b"a"))
    monkeypatch.setattr(url_cache, "COOLDOWN", 0.0)
    with mock.patch.object(LocMemCache, "get", side_effect=FailingError):
        storage.url("a.txt")
    first = storage.url("a.txt")
    with requests_made() as made:
        assert storage.url("a.txt") == first
    assert made == []


def test_a_cache_that_is_configured_wrongly_is_an_error(options: dict[str, Any]) -> None:
    from django.core.cache import InvalidCacheBackendError

    storage = MinioBackend(**options)
    with (
        override_settings(CACHES={"default": {"BACKEND": "no.such.Backend"}}),
        pytest.raises(InvalidCacheBackendError),
    ):
        storage.url("a.txt")


# Validity


@pytest.mark.parametrize(
    ("given", "expires", "kept"),
    [
        (None, timedelta(hours=1), 2880),
        (600, timedelta(hours=1), 600),
        (3600, timedelta(hours=1), 2880),
        (7200, timedelta(hours=1), 2880),
        (600, 100, 80),
    ],
)
def test_a_cached_url_has_life_left(
    options: dict[str, Any], given: int | None, expires: timedelta | int, kept: int
) -> None:
    storage = MinioBackend(**{**options, "MINIO_URL_EXPIRY_HOURS": 1, "MINIO_URL_CACHE_TIMEOUT": given})
    storage._urls.saved("a.txt", "0" * 32)
    with mock.patch.object(LocMemCache, "set_many", autospec=True, side_effect=LocMemCache.set_many) as set_many:
        storage.url("a.txt", expires=expires)
    assert kept - 2 <= set_many.call_args.kwargs["timeout"] <= kept


def test_a_cached_url_ends_with_temporary_credentials(options: dict[str, Any]) -> None:
    import datetime as dt

    from minio.credentials.credentials import Credentials
    from minio.credentials.providers import Provider

    made = Credentials("a", "b", "c", dt.datetime.now(dt.UTC) + timedelta(minutes=10))

    class Temporary(Provider):
        def retrieve(self) -> Credentials:
            return made

    keyless = {name: value for name, value in options.items() if name not in ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY")}
    storage = MinioBackend(**keyless, MINIO_CREDENTIALS=Temporary())
    storage._urls.saved("a.txt", "0" * 32)
    with mock.patch.object(LocMemCache, "set_many", autospec=True, side_effect=LocMemCache.set_many) as set_many:
        storage.url("a.txt")
    assert 470 <= set_many.call_args.kwargs["timeout"] <= 480


def test_a_stable_url_is_cached_to_the_end_of_its_span(options: dict[str, Any], http: urllib3.PoolManager) -> None:
    storage = MinioBackend(**options, MINIO_URL_STABLE_FOR=timedelta(hours=1), replace_existing=True)
    storage.save("a.txt", ContentFile(b"first"))
    with mock.patch.object(LocMemCache, "set_many", autospec=True, side_effect=LocMemCache.set_many) as set_many:
        first = storage.url("a.txt")
    assert set_many.call_args.kwargs["timeout"] <= 3600 - time.time() % 3600 + 2
    storage.save("a.txt", ContentFile(b"second"))
    assert storage.url("a.txt") != first  # although the moment of the signature is the same
    assert opened(http, storage.url("a.txt")) == b"second"


# Many


def test_many_cached_urls_are_few_round_trips(cached: MinioBackend) -> None:
    names = [f"folder/{number} ü.txt" for number in range(50)]
    for name in names:
        cached._urls.saved(name, "0" * 32)
    calls: list[str] = []

    def counted(method: str) -> Any:
        original = getattr(LocMemCache, method)

        def call(self: LocMemCache, *args: Any, **kwargs: Any) -> Any:
            calls.append(method)
            return original(self, *args, **kwargs)

        return mock.patch.object(LocMemCache, method, call)

    with requests_made() as made, counted("get_many"), counted("set_many"):
        first = cached.urls(names)
        assert calls == ["get_many", "get_many", "set_many"]
        calls.clear()
        assert cached.urls(names) == first
        assert calls == ["get_many", "get_many"]
        assert cached.url(names[0]) == first[names[0]]
    assert made == []
    assert all(url.startswith(f"{cached.base_url}/{cached.bucket}/{quote(name)}?") for name, url in first.items())


def test_many_unknown_objects_are_asked_for_once_each(minio_options: dict[str, Any], cached: MinioBackend) -> None:
    others = MinioBackend(**minio_options)
    names = [others.save(f"{number}.txt", ContentFile(b"a")) for number in range(20)]
    with requests_made() as made:
        first = cached.urls([*names, "missing.txt"])
    assert made == ["HEAD"] * 21
    with requests_made() as made:
        assert cached.urls(names) == {name: first[name] for name in names}
    assert made == []


# Processes


OTHER_PROCESS = (
    WITH_STORAGE.replace(
        "settings.configure(USE_TZ=True)",
        "settings.configure(USE_TZ=True, MINIO_URL_CACHING_ENABLED=True, CACHES={'default': "
        "{'BACKEND': 'django.core.cache.backends.filebased.FileBasedCache', 'LOCATION': os.environ['CACHE']}})",
    )
    + """
print(storage.url("a.txt"))
"""
)


def url_in_another_process(cache_folder: Path, bucket: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS],
        env={**os.environ, "BUCKET": bucket, "CACHE": str(cache_folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.needs("sockets")
def test_after_a_replacement_another_process_gives_another_url(
    options: dict[str, Any], tmp_path: Path, http: urllib3.PoolManager
) -> None:
    shared = {"default": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": tmp_path}}
    with override_settings(CACHES=shared):
        storage = MinioBackend(**options, replace_existing=True)
        storage.save("a.txt", ContentFile(b"first"))
        first = storage.url("a.txt")
        assert url_in_another_process(tmp_path, storage.bucket) == first  # seconds later: it is the cached one
        storage.save("a.txt", ContentFile(b"second"))
        second = url_in_another_process(tmp_path, storage.bucket)
        assert second != first
        assert storage.url("a.txt") == second
        assert opened(http, second) == b"second"
