"""Presigned URLs on a real server: what they open, for whom, and for how long."""

from __future__ import annotations

import calendar
import datetime as dt
import json
import re
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.test.utils import override_settings
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider, StaticProvider
from minio.error import S3Error

from django_minio_backend.models import MinioBackend, MinioBackendStatic, MinioManifestStaticStorage
from django_minio_backend.object_urls.response_headers import content_disposition
from tests.storage.test_names import ODD_NAMES
from tests.support.wire import requests_made

if TYPE_CHECKING:
    import urllib3
    from minio import Minio

    from tools.servers import Server

MANIFEST = {"paths": {"css/x.css": "css/x.0123456789ab.css"}, "version": "1.1", "hash": "0123456789ab"}
signed = pytest.mark.needs("signatures")
LONG_SEGMENT = "n" * 304
TAKES_LONG_SEGMENTS = {"garage", "moto"}  # the others keep objects as files, or as if they were


@pytest.fixture
def public(minio_options: dict[str, Any], bucket: str) -> MinioBackend:
    """A storage whose bucket is declared public, whatever the server knows of that."""
    return MinioBackend(
        **{**minio_options, "MINIO_PRIVATE_BUCKETS": [], "MINIO_PUBLIC_BUCKETS": [bucket]},
        bucket_name=bucket,
    )


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def assert_opens(http: urllib3.PoolManager, url: str, content: bytes) -> None:
    response = http.request("GET", url)
    assert (response.status, response.data) == (200, content)


# Names: test_names.py opens the signed URL of each odd name, tests/minio/test_access.py the public one.


@signed
@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_open_by_a_signed_and_cached_url(
    minio_options: dict[str, Any], http: urllib3.PoolManager, name: str
) -> None:
    storage = MinioBackend(
        **minio_options, MINIO_URL_CACHING_ENABLED=True, MINIO_URL_CACHE_PREFIX=minio_options["MINIO_DEFAULT_BUCKET"]
    )
    storage.save(name, ContentFile(name.encode()))
    for _ in range(2):
        assert_opens(http, storage.url(name), name.encode())


def test_a_segment_longer_than_a_file_systems_is_stored_and_opened_or_refused(
    storage: MinioBackend, server: Server, http: urllib3.PoolManager
) -> None:
    if server.kind in TAKES_LONG_SEGMENTS:
        storage.save(LONG_SEGMENT, ContentFile(b"long"))
        assert_opens(http, storage.url(LONG_SEGMENT), b"long")
        return
    with pytest.raises(S3Error) as refused:
        storage.save(LONG_SEGMENT, ContentFile(b"long"))
    assert refused.value.code in ("BadRequest", "XMinioInvalidObjectName", "KeyTooLongError")


def test_a_url_is_the_sdks(storage: MinioBackend, sdk: Minio) -> None:
    url = storage.url("folder/a b ü.txt")
    signed_at = time.strptime(query_of(url)["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    when = dt.datetime.fromtimestamp(calendar.timegm(signed_at), dt.UTC)
    assert url == sdk.presigned_get_object(storage.bucket, "folder/a b ü.txt", request_date=when)


# Arguments


@pytest.mark.parametrize("expires", [60, timedelta(minutes=1), 60.9])
def test_an_expiry_of_ones_own(storage: MinioBackend, expires: float | timedelta) -> None:
    assert query_of(storage.url("a.txt", expires=expires))["X-Amz-Expires"] == "60"
    assert query_of(storage.url("a.txt"))["X-Amz-Expires"] == "604800"


@signed
def test_a_url_expires_at_the_requested_time(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    storage.save("a.txt", ContentFile(b"soon gone"))
    url = storage.url("a.txt", expires=2)
    assert_opens(http, url, b"soon gone")
    deadline = time.monotonic() + 10
    while http.request("GET", url).status == 200:
        assert time.monotonic() < deadline, "it is still open"
        time.sleep(0.2)


@pytest.mark.parametrize(
    "arguments",
    [
        {"expires": 0},
        {"expires": timedelta(days=8)},
        {"response_headers": {"content-type": "a/b"}},
        {"response_headers": {"response-content-type": "a/b\r\nX: y"}},
        {"http_method": "DELETE"},
        {"http_method": "PUT"},
    ],
)
def test_wrong_arguments_are_refused_for_every_bucket(
    storage: MinioBackend, public: MinioBackend, arguments: dict[str, Any]
) -> None:
    for one in (storage, public):
        with pytest.raises(ValueError, match=r"must be|response header|control"):
            one.url("a.txt", **arguments)


def test_the_server_responds_with_the_requested_headers(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    storage.save("a.bin", ContentFile(b"content"))
    asked = {
        "response-cache-control": "private, max-age=60",
        "response-content-disposition": content_disposition('Grüße & Co; 100% "so".pdf'),
        "response-content-language": "de-CH",
        "response-content-type": "application/pdf; charset=utf-8",
        "response-expires": "Thu, 01 Jan 2026 00:00:00 GMT",
    }
    response = http.request("GET", storage.url("a.bin", response_headers=asked))
    assert (response.status, response.data) == (200, b"content")
    for name, value in asked.items():
        assert response.headers[name.removeprefix("response-")] == value


def test_a_download_can_have_a_name_in_any_script(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    storage.save("a.bin", ContentFile(b"content"))
    url = storage.url("a.bin", response_headers={"response-content-disposition": 'attachment; filename="報告 ü.pdf"'})
    response = http.request("GET", url)
    assert response.headers["content-disposition"].endswith("filename*=UTF-8''%E5%A0%B1%E5%91%8A%20%C3%BC.pdf")


@signed
def test_response_headers_cannot_be_changed(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    storage.save("a.bin", ContentFile(b"content"))
    url = storage.url("a.bin", response_headers={"response-content-type": "text/plain"})
    assert http.request("GET", url.replace("text%2Fplain", "text%2Fhtml")).status in (400, 403)


@signed
def test_a_url_is_for_one_method(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    storage.save("a.txt", ContentFile(b"old"))
    get, head = storage.url("a.txt"), storage.url("a.txt", http_method="HEAD")
    assert http.request("HEAD", head).status == 200
    assert http.request("GET", head).status == 403
    for url in (get, head):
        assert http.request("PUT", url, body=b"new").status == 403
        assert http.request("DELETE", url).status == 403
    with storage.open("a.txt") as file:
        assert file.read() == b"old"


@signed
@pytest.mark.parametrize(
    "arguments",
    [{"expires": 60}, {"response_headers": {"response-content-type": "text/x-test"}}],
)
def test_what_only_a_signature_gives_signs_urls_of_public_objects_too(
    public: MinioBackend, arguments: dict[str, Any]
) -> None:
    assert "X-Amz-Signature=" in public.url("a.txt", **arguments)
    assert "?" not in public.url("a.txt")
    assert "?" not in public.url("a.txt", http_method="HEAD")


def test_many_urls_are_those_of_each(storage: MinioBackend, public: MinioBackend) -> None:
    names = ["a.txt", "folder/b c.txt", "a.txt"]
    for one in (storage, public):
        many = one.urls(iter(names))
        assert list(many) == ["a.txt", "folder/b c.txt"]
        assert all(url.startswith(f"{one.base_url}/{one.bucket}/") for url in many.values())
    assert public.urls(names) == {name: public.url(name) for name in names}
    url = storage.urls(names, expires=60, response_headers={"response-expires": "0"})["a.txt"]
    assert query_of(url)["X-Amz-Expires"] == "60"
    assert query_of(url)["response-expires"] == "0"


def test_many_urls_cost_no_request(storage: MinioBackend) -> None:
    with requests_made() as made:
        storage.urls([f"{number}.txt" for number in range(1000)])
        storage.url("a.txt", expires=60, response_headers={"response-expires": "0"})
    assert made == []


# Credentials


class Rotating(Provider):
    """Gives other credentials each time."""

    def __init__(self, *credentials: Credentials) -> None:
        self.left = list(credentials)

    def retrieve(self) -> Credentials:
        return self.left.pop(0)


def test_rotated_credentials_sign_at_once(minio_options: dict[str, Any], server: Server) -> None:
    options = {
        name: value for name, value in minio_options.items() if name not in ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY")
    }
    right = StaticProvider(server.access_key, server.secret_key).retrieve()
    provider = Rotating(right, Credentials("old", "keys", "token"), right)
    storage = MinioBackend(**options, MINIO_CREDENTIALS=provider)
    first, second, third = (storage.url("a.txt") for _ in range(3))
    assert query_of(first)["X-Amz-Credential"].startswith(f"{server.access_key}/")
    assert query_of(second)["X-Amz-Credential"].startswith("old/")
    assert query_of(second)["X-Amz-Security-Token"] == "token"
    assert query_of(third)["X-Amz-Credential"].startswith(f"{server.access_key}/")


def test_a_url_does_not_outlive_temporary_credentials(minio_options: dict[str, Any]) -> None:
    options = {
        name: value for name, value in minio_options.items() if name not in ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY")
    }
    end = dt.datetime.now(dt.UTC) + timedelta(minutes=10)
    storage = MinioBackend(**options, MINIO_CREDENTIALS=Rotating(*[Credentials("a", "b", "c", end)] * 3))
    assert 590 <= int(query_of(storage.url("a.txt"))["X-Amz-Expires"]) <= 600
    assert 590 <= int(query_of(storage.url("a.txt", expires=3600))["X-Amz-Expires"]) <= 600
    assert query_of(storage.url("a.txt", expires=60))["X-Amz-Expires"] == "60"


# Stable URLs


@signed
def test_a_stable_url_stays_the_same_and_opens(minio_options: dict[str, Any], http: urllib3.PoolManager) -> None:
    span = timedelta(minutes=30)
    options = {**minio_options, "MINIO_URL_STABLE_FOR": span, "MINIO_URL_EXPIRY_HOURS": timedelta(hours=1)}
    first, second = MinioBackend(**options), MinioBackend(**options, replace_existing=True)
    first.save("a.txt", ContentFile(b"stable"))
    until = time.time() // 1800 * 1800 + 1800
    urls = [first.url("a.txt")]
    time.sleep(1.1)  # a URL that is not stable is another one by now
    urls += [second.url("a.txt"), first.urls(["a.txt"])["a.txt"]]
    if time.time() < until:
        assert len(set(urls)) == 1
    assert re.search(r"X-Amz-Date=\d{8}T\d\d[03]000Z&", urls[0])
    assert_opens(http, urls[-1], b"stable")


def test_a_stable_url_with_a_short_life_has_half_of_it_left(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, MINIO_URL_STABLE_FOR=timedelta(hours=1))
    query = query_of(storage.url("a.txt", expires=10))
    begin = calendar.timegm(time.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
    assert begin % 5 == 0
    assert begin + 10 - time.time() >= 4


@pytest.mark.parametrize("name", ["/css/x.css", "//css/x.css", "\\css\\x.css", "/\\/css//./x.css"])
@pytest.mark.parametrize("location", ["", "inner"])
def test_slashes_at_the_start_of_a_name_are_dropped(
    minio_options: dict[str, Any], http: urllib3.PoolManager, public: MinioBackend, name: str, location: str
) -> None:
    """As Django's storages do: for ``{% static '/css/x.css' %}``, and for rows that another storage has written."""
    storage = MinioBackend(**minio_options, MINIO_LOCATION=location)
    storage.save("css/x.css", ContentFile(b"p {}"))
    assert_opens(http, storage.url(name), b"p {}")
    assert_opens(http, storage.urls([name])[name], b"p {}")
    assert public.url(name) == public.urls([name])[name] == public.url("css/x.css")
    with pytest.raises(SuspiciousFileOperation):
        storage.open(name)


@pytest.mark.parametrize("name", ["/css/x.css", "\\css/x.css"])
@pytest.mark.parametrize("debug", [True, False])
def test_static_files_have_urls_by_names_with_a_slash_at_the_start(
    minio_options: dict[str, Any], bucket: str, name: str, debug: Any
) -> None:
    options = {**minio_options, "MINIO_STATIC_FILES_BUCKET": bucket}
    plain, hashed = MinioBackendStatic(**options), MinioManifestStaticStorage(**options)
    hashed.save(hashed.manifest_name, ContentFile(json.dumps(MANIFEST).encode()))
    with override_settings(DEBUG=debug):
        assert plain.url(name) == plain.url("css/x.css")
        assert hashed.url(name) == hashed.urls([name])[name] == hashed.url("css/x.css")
        assert hashed.url(name, force=True).endswith("/css/x.0123456789ab.css")
        assert "X-Amz-Signature" in hashed.url(name, expires=60)


def test_none_does_not_exist(storage: MinioBackend, minio_options: dict[str, Any], bucket: str) -> None:
    static = MinioBackendStatic(**minio_options, MINIO_STATIC_FILES_BUCKET=bucket)
    with requests_made() as requests:
        assert not storage.exists(None)
        assert not static.exists(None)
    assert requests == []
    assert storage.exists("")
