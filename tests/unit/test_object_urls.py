"""URLs without a server: those of buckets, their expiry, and how long they stay the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.errors import ConfigurationError
from django_minio_backend.models import MinioBackend
from django_minio_backend.object_urls.urls import bucket_url, public_url, seconds_of, window_start
from django_minio_backend.staticfiles.manifest import MinioManifestStaticStorage
from django_minio_backend.staticfiles.storage import MinioBackendStatic
from tests.support.processes import run_python
from tests.support.settings import made_up, read

WEEK = 7 * 24 * 3600


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "http://minio.test:9000/bucket"),
        ({"MINIO_USE_HTTPS": True}, "https://minio.test:9000/bucket"),
        ({"MINIO_VIRTUAL_HOST_STYLE": True}, "http://bucket.minio.test:9000"),
        ({"MINIO_ENDPOINT": "minio.test:80"}, "http://minio.test/bucket"),
        ({"MINIO_ENDPOINT": "minio.test:443"}, "http://minio.test:443/bucket"),
        ({"MINIO_ENDPOINT": "minio.test:443", "MINIO_USE_HTTPS": True}, "https://minio.test/bucket"),
        ({"MINIO_ENDPOINT": "[::1]:9000"}, "http://[::1]:9000/bucket"),
        (
            {"MINIO_EXTERNAL_ENDPOINT": "files.test", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": True},
            "https://files.test/bucket",
        ),
    ],
)
def test_a_bucket_has_one_url(options: dict[str, Any], url: str) -> None:
    assert bucket_url(read(**options), "bucket") == url
    assert public_url(read(**options, MINIO_PUBLIC_BUCKETS=["bucket"]), "bucket") == url


def test_a_bucket_with_dots_is_no_host_name_under_https() -> None:
    options = read(MINIO_VIRTUAL_HOST_STYLE=True, MINIO_USE_HTTPS=True)
    assert bucket_url(options, "a.b") == "https://minio.test:9000/a.b"


EXTERNAL = {"MINIO_EXTERNAL_ENDPOINT": "files.test", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": True}


@pytest.mark.parametrize("kind", [MinioBackendStatic, MinioManifestStaticStorage])
@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "http://minio.test:9000/assets/"),
        ({"MINIO_LOCATION": "v 2/é"}, "http://minio.test:9000/assets/v%202/%C3%A9/"),
        (EXTERNAL, "https://files.test/assets/"),
        ({"MINIO_VIRTUAL_HOST_STYLE": True}, "http://assets.minio.test:9000/"),
        ({"MINIO_PUBLIC_BASE_URL": "https://cdn.test/site/"}, "https://cdn.test/site/"),
        ({"MINIO_PUBLIC_BASE_URL": "https://cdn.test", "MINIO_LOCATION": "v2"}, "https://cdn.test/v2/"),
    ],
    ids=["plain", "location", "external endpoint", "virtual host", "public base URL", "public base URL and location"],
)
def test_urls_of_static_files_are_the_base_url_and_the_name(
    kind: type[MinioBackendStatic], options: dict[str, Any], url: str
) -> None:
    """As those of Django's own storages are: django-compressor takes it off URLs to get names."""
    storage = kind(**made_up(MINIO_STATIC_FILES_BUCKET="assets", **options))
    assert storage.base_url == url
    assert MinioBackendStatic.url(storage, "css/site.css") == f"{url}css/site.css"
    assert storage.url("css/") == f"{url}css/"


def test_the_urls_of_servers_name_no_bucket() -> None:
    """The URL of the bucket is that of the static storage alone, and says nothing of endpoints."""
    media = MinioBackend(**made_up(**EXTERNAL))
    static = MinioBackendStatic(**made_up(**EXTERNAL, MINIO_STATIC_FILES_BUCKET="assets"))
    assert media.base_url == media.server_url == static.server_url == "http://minio.test:9000"
    assert media.base_url_external == static.base_url_external == "https://files.test"
    assert not media.same_endpoints
    assert not static.same_endpoints
    assert MinioBackendStatic(**made_up(MINIO_STATIC_FILES_BUCKET="assets")).same_endpoints
    assert "at http://minio.test:9000>" in repr(static)


def test_public_urls_of_a_bucket_at_amazon_name_its_region() -> None:
    options = made_up(MINIO_ENDPOINT="s3.amazonaws.com", MINIO_USE_HTTPS=True, MINIO_REGION="eu-west-1")
    storage = MinioBackend(**options, MINIO_PUBLIC_BUCKETS=["bucket"], bucket_name="bucket")
    assert storage.url("a b.txt") == "https://bucket.s3.eu-west-1.amazonaws.com/a%20b.txt"


@pytest.mark.parametrize("expires", [1, WEEK, 1.5, timedelta(seconds=1), timedelta(days=7)])
def test_an_expiry_is_a_timedelta_or_seconds(expires: float | timedelta) -> None:
    given = expires.total_seconds() if isinstance(expires, timedelta) else expires
    assert seconds_of(expires) == int(given)


@pytest.mark.parametrize(
    "expires",
    [
        0,
        -1,
        0.5,
        WEEK + 1,
        timedelta(0),
        timedelta(days=7, seconds=1),
        timedelta(days=-1),
        True,
        "60",
        None,
        float("nan"),
        float("inf"),
    ],
)
def test_any_other_expiry_is_refused(expires: Any) -> None:
    with pytest.raises(ValueError, match="1 second to 7 days"):
        seconds_of(expires)


@pytest.mark.parametrize("method", ["DELETE", "POST", "get", "", None])
def test_other_methods_than_get_and_head_are_refused(method: Any) -> None:
    with pytest.raises(ValueError, match="GET or HEAD"):
        MinioBackend(**made_up()).url("a.txt", http_method=method)


def test_the_error_for_an_upload_names_the_right_method() -> None:
    with pytest.raises(ValueError, match=r"presigned_upload\(\)"):
        MinioBackend(**made_up()).url("a.txt", http_method="PUT")


@given(second=st.integers(0, 2**33), window=st.integers(1, WEEK // 2), expires=st.integers(1, WEEK))
def test_a_stable_url_is_valid_for_half_of_its_expiry(second: int, window: int, expires: int) -> None:
    start = window_start(second, window, expires)
    assert start <= second
    assert start + expires - second >= expires / 2
    assert window_start(start, window, expires) == start


@given(start=st.integers(0, 2**20), window=st.integers(1, 3600), seconds=st.integers(0, 3599))
def test_a_url_is_the_same_for_the_whole_window(start: int, window: int, seconds: int) -> None:
    assert window_start(start * window + seconds % window, window, WEEK) == start * window


def test_without_a_window_the_time_is_not_rounded() -> None:
    assert window_start(1234567, 0, 3600) == 1234567


def test_the_window_is_at_most_half_the_expiry() -> None:
    assert read(MINIO_URL_STABLE_FOR=timedelta(hours=1), MINIO_URL_EXPIRY_HOURS=2).signing_window == timedelta(hours=1)
    with pytest.raises(ConfigurationError, match=r"MINIO_URL_STABLE_FOR is 1:00:01, more than half"):
        read(MINIO_URL_STABLE_FOR=timedelta(hours=1, seconds=1), MINIO_URL_EXPIRY_HOURS=2)


@pytest.mark.parametrize(
    "value", [3600, "1h", timedelta(0), timedelta(seconds=-1), timedelta(milliseconds=1500), timedelta(days=4)]
)
def test_the_window_is_a_timedelta_of_seconds(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="MINIO_URL_STABLE_FOR"):
        read(MINIO_URL_STABLE_FOR=value)


WITHOUT_THE_SDK = """
import sys
from django.conf import settings
settings.configure()
import django
django.setup()
from django_minio_backend import MinioBackend, MinioBackendStatic
options = {"MINIO_ENDPOINT": "minio.test", "MINIO_ACCESS_KEY": "a", "MINIO_SECRET_KEY": "b", "MINIO_USE_HTTPS": True}
print(MinioBackend(**options, MINIO_PUBLIC_BUCKETS=["public"], bucket_name="public").url("a b.txt"))
print(MinioBackendStatic(**options, MINIO_STATIC_FILES_BUCKET="static").url("css/a.css"))
assert "minio" not in sys.modules
"""


def test_plain_urls_do_not_import_the_sdk() -> None:
    done = run_python("-c", WITHOUT_THE_SDK)
    assert done.stdout.split() == ["https://minio.test/public/a%20b.txt", "https://minio.test/static/css/a.css"]
