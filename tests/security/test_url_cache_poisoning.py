"""Whoever can write to Django's cache cannot have a site give out a URL that it did not sign itself."""

from __future__ import annotations

import pickle
import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import pytest
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.test.utils import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_minio_backend.models import MinioBackend
from tests.support.settings import made_up
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import urllib3

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
NAME = "folder/a b.txt"
ETAG = "0" * 32
TOKEN = "a/session+token="
START = time.time() // 3600 * 3600 + 0.5


@pytest.fixture(autouse=True)
def cache(request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty cache of this test's own."""
    with override_settings(CACHES={"default": {"BACKEND": LOCMEM, "LOCATION": request.node.name}}):
        yield caches["default"]
        caches["default"].clear()


def poisoned(url: str) -> None:
    """Put a value where the cache has the URL."""
    caches["default"].set(place_of("X-Amz-"), url)


def place_of(content: str) -> str:
    """The key of the one entry with this in it."""
    entries = cast("dict[str, bytes]", vars(caches["default"])["_cache"])
    (key,) = [key for key, entry in entries.items() if content in str(pickle.loads(entry))]  # noqa: S301 - our own
    return key.removeprefix(":1:")


def made(**options: Any) -> MinioBackend:
    storage = MinioBackend(**made_up(MINIO_URL_CACHING_ENABLED=True, MINIO_SESSION_TOKEN=TOKEN, **options))
    storage._urls.saved(storage.key(NAME), ETAG)
    return storage


def altered(pattern: str, replacement: str) -> Callable[[str], str]:
    def alter(url: str) -> str:
        changed, count = re.subn(pattern, replacement, url)
        assert count, pattern
        return changed

    return alter


def signed_by_another(url: str) -> str:
    del url
    return MinioBackend(**made_up(MINIO_SECRET_KEY="another", MINIO_SESSION_TOKEN=TOKEN)).url(NAME)


ALTERED: dict[str, Callable[[str], str]] = {
    "scheme": altered("^http:", "https:"),
    "host": altered("minio.test", "evil.test"),
    "user-in-front-of-another-host": altered("//minio.test:9000", "//minio.test:9000@evil.test"),
    "path": altered("a%20b", "other"),
    "path-below": altered(r"\?", "/x?"),
    "dots": altered("folder/", "folder/../"),
    "further-parameter": "{}&versionId=null".format,
    "further-parameter-first": altered(r"\?", "?response-content-type=text/html&"),
    "parameter-twice": "{}&X-Amz-Expires=604800".format,
    "fragment": "{}#:~:text=evil".format,
    "access-key": altered("=someone%2F", "=somebody%2F"),
    "day": altered(r"%2F\d{8}%2F", "%2F20200101%2F"),
    "region": altered("us-east-1", "eu-west-1"),
    "time": altered(r"Date=(\d{8})T\d{6}Z", r"Date=\1T000001Z"),
    "time-that-is-none": altered(r"Date=\d{8}", "Date=20261399"),
    "no-time": altered(r"&X-Amz-Date=[^&]*", ""),
    "expiry": altered("Expires=604800", "Expires=604799"),
    "signed-headers": altered("SignedHeaders=host", "SignedHeaders=host%3Bx-evil"),
    "algorithm": altered("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
    "session-token": altered("session%2Btoken", "session"),
    "etag": altered(ETAG, "1" * 32),
    "no-etag": altered(f"x-etag={ETAG}&", ""),
    "signature": altered(r"Signature=[0-9a-f]{8}", "Signature=00000000"),
    "capitals-in-the-signature": lambda url: url[:-64] + url[-64:].upper(),
    "no-signature": altered("&X-Amz-Signature=.*", ""),
    "signed-by-another": signed_by_another,
    "quote": '{}" onerror="alert(1)'.format,
    "tag": "{}<script>".format,
    "line-break": "{}\r\nSet-Cookie: a=b".format,
    "line-break-at-the-end": "{}\n".format,
    "blank": " {}".format,
    "null": "{}\0".format,
    "plus-for-a-blank": altered("%20", "+"),
    "small-hexadecimal": altered("%2F", "%2f"),
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_an_altered_url_is_not_given(alter: Callable[[str], str]) -> None:
    storage = made()
    url = storage.url(NAME)
    poison = alter(url)
    assert poison != url
    poisoned(poison)
    given_again = storage.url(NAME)
    poisoned(poison)
    given_together = storage.urls([NAME])[NAME]
    for found in (given_again, given_together):
        assert found != poison
        assert re.sub("Date=[^&]*|Signature=[^&]*", "", found) == re.sub("Date=[^&]*|Signature=[^&]*", "", url)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(part=st.text(min_size=1, max_size=20), at=st.integers(0, 1000), cut=st.integers(0, 3))
def test_nothing_can_be_put_into_a_url(part: str, at: int, cut: int) -> None:
    with mock.patch.object(time, "time", return_value=START):
        storage = made()
        url = storage.url(NAME)
        at %= len(url) + 1
        poisoned(url[:at] + part + url[at + cut :])
        assert storage.url(NAME) == url


@pytest.mark.parametrize(
    "options",
    [{}, {"MINIO_URL_STABLE_FOR": timedelta(hours=1)}, {"MINIO_LOCATION": "ü"}],
    ids=["plain", "stable", "location"],
)
def test_what_is_not_altered_is_given_again(options: dict[str, Any]) -> None:
    storage = made(**options)
    with mock.patch.object(time, "time", return_value=START):
        url = storage.url(NAME)
    with mock.patch.object(time, "time", return_value=START + 900):
        assert storage.url(NAME) == storage.urls([NAME])[NAME] == url


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"MINIO_URL_EXPIRY_HOURS": 1}, 2880),
        ({"MINIO_URL_EXPIRY_HOURS": 1, "MINIO_URL_CACHE_TIMEOUT": 600}, 600),
        ({"MINIO_URL_EXPIRY_HOURS": 1, "MINIO_URL_STABLE_FOR": timedelta(minutes=20)}, 1200),
    ],
    ids=["share", "timeout", "stable"],
)
def test_a_url_of_ours_that_somebody_has_kept_is_not_given_later(options: dict[str, Any], kept: int) -> None:
    with mock.patch.object(time, "time", return_value=START):
        url = made(**options).url(NAME)
    caches["default"].clear()
    with mock.patch.object(time, "time", return_value=START + kept + 1):
        storage = made(**options)
        later = storage.url(NAME)
        poisoned(url)
        assert storage.url(NAME) == later != url


@pytest.mark.parametrize(
    "poison",
    ["\ud800", "a" * 10_000, "a\r\nb", "ü", "\0"],
    ids=["surrogate", "long", "line-break", "not-ascii", "null"],
)
def test_what_is_no_etag_is_asked_for_and_replaced(minio_options: dict[str, Any], poison: str) -> None:
    storage = MinioBackend(**minio_options, MINIO_URL_CACHING_ENABLED=True)
    etag = str(storage.stat(storage.save(NAME, ContentFile(b"a"))).etag)
    caches["default"].set(place_of(etag), poison)
    with requests_made() as made:
        assert f"?x-etag={etag}&" in storage.url(NAME)
        assert f"?x-etag={etag}&" in storage.url(NAME)
    assert made == ["HEAD"]


@pytest.mark.needs("signatures")
def test_what_is_given_from_the_cache_opens_the_file(minio_options: dict[str, Any], http: urllib3.PoolManager) -> None:
    storage = MinioBackend(**minio_options, MINIO_URL_CACHING_ENABLED=True)
    name = storage.save(NAME, ContentFile(b"private"))
    url = storage.url(name)
    poisoned(url.replace("Signature=", "Signature=0"))
    for found in (storage.url(name), storage.url(name)):
        assert http.request("GET", found).data == b"private"
