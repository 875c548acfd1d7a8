"""Permissions: responses of a real server to anonymous requests and to valid, invalid and expired signatures."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from minio.error import S3Error

from django_minio_backend.models import MinioBackend, MinioBackendStatic
from tests.storage.test_names import ODD_NAMES
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3
    from minio import Minio

    from tests.support.proxy import Proxy

pytestmark = pytest.mark.needs("signatures", "policies")


@pytest.fixture
def public(minio_options: dict[str, Any], public_bucket: str) -> MinioBackend:
    """A storage whose bucket the library itself has made public."""
    options = {
        **minio_options,
        "MINIO_DEFAULT_BUCKET": public_bucket,
        "MINIO_PRIVATE_BUCKETS": [],
        "MINIO_PUBLIC_BUCKETS": [public_bucket],
    }
    storage = MinioBackend(**options)
    storage.set_bucket_to_public()
    return storage


def bucket_url(storage: MinioBackend) -> str:
    return f"{storage.base_url}/{storage.bucket}"


@pytest.mark.parametrize("name", ODD_NAMES)
def test_anyone_gets_a_public_object_by_its_plain_url(
    public: MinioBackend, http: urllib3.PoolManager, name: str
) -> None:
    public.save(name, ContentFile(b"public"))
    url = public.url(name)
    assert url.startswith(bucket_url(public))
    assert "X-Amz" not in url
    response = http.request("GET", url)
    assert (response.status, response.data) == (200, b"public")


def test_a_public_bucket_cannot_be_listed_without_a_signature(public: MinioBackend, http: urllib3.PoolManager) -> None:
    public.save("a.txt", ContentFile(b"public"))
    for query in ("", "?list-type=2", "?list-type=2&prefix=a", "?versions", "?uploads", "?policy", "?location"):
        assert http.request("GET", bucket_url(public) + query).status == 403, query


def test_a_public_bucket_cannot_be_changed_without_a_signature(public: MinioBackend, http: urllib3.PoolManager) -> None:
    public.save("a.txt", ContentFile(b"public"))
    assert http.request("PUT", public.url("a.txt"), body=b"changed").status == 403
    assert http.request("PUT", public.url("b.txt"), body=b"new").status == 403
    assert http.request("DELETE", public.url("a.txt")).status == 403
    assert public.listdir("") == ([], ["a.txt"])
    assert public.size("a.txt") == len(b"public")


def test_a_missing_public_object_is_not_found(public: MinioBackend, http: urllib3.PoolManager) -> None:
    assert http.request("GET", public.url("missing.txt")).status in (403, 404)


@pytest.fixture
def private(storage: MinioBackend) -> MinioBackend:
    storage.save("a b.txt", ContentFile(b"private"))
    storage.save("other.txt", ContentFile(b"other"))
    return storage


def test_a_private_object_needs_a_signature(private: MinioBackend, http: urllib3.PoolManager) -> None:
    url = private.url("a b.txt")
    assert http.request("GET", url.partition("?")[0]).status == 403
    response = http.request("GET", url)
    assert (response.status, response.data) == (200, b"private")
    assert http.request("GET", bucket_url(private)).status == 403


def test_a_changed_presigned_url_opens_nothing(private: MinioBackend, http: urllib3.PoolManager) -> None:
    url = private.url("a b.txt")
    last = "0" if url[-1] != "0" else "1"
    changed = [
        url[:-1] + last,
        url.replace("/a%20b.txt?", "/other.txt?"),
        url.replace("X-Amz-Expires=", "X-Amz-Expires=1"),
        url + "&versionId=null",
        url.partition("&X-Amz-Signature")[0],
    ]
    assert url not in changed
    for changed_url in changed:
        assert http.request("GET", changed_url).status in (400, 403), changed_url
    for method in ("PUT", "DELETE"):
        assert http.request(method, url).status == 403
    assert private.size("a b.txt") == len(b"private")


def test_a_presigned_url_expires(minio_options: dict[str, Any], http: urllib3.PoolManager) -> None:
    storage = MinioBackend(**minio_options, MINIO_URL_EXPIRY_HOURS=timedelta(seconds=2))
    storage.save("a.txt", ContentFile(b"soon gone"))
    url = storage.url("a.txt")
    assert http.request("GET", url).status == 200
    time.sleep(3.5)
    assert http.request("GET", url).status == 403


def through(proxy: Proxy) -> dict[str, Any]:
    return {"MINIO_EXTERNAL_ENDPOINT": proxy.endpoint, "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": False}


def test_presigned_urls_name_the_external_endpoint_and_are_signed_for_it(
    minio_options: dict[str, Any], private: MinioBackend, proxy: Proxy, http: urllib3.PoolManager
) -> None:
    storage = MinioBackend(**minio_options, **through(proxy))
    with requests_made() as made:
        url = storage.url("a b.txt")
    assert made == []
    assert url.startswith(f"http://{proxy.endpoint}/{private.bucket}/")
    assert proxy.connections == 0
    assert http.request("GET", url).data == b"private"
    assert proxy.connections == 1
    assert not storage.same_endpoints
    assert storage.size("a b.txt") == 7
    assert proxy.connections == 1  # only browsers go there


def test_public_urls_name_the_external_endpoint(
    minio_options: dict[str, Any], public: MinioBackend, proxy: Proxy, http: urllib3.PoolManager
) -> None:
    public.save("a b.txt", ContentFile(b"public"))
    buckets = {"MINIO_PRIVATE_BUCKETS": [], "MINIO_PUBLIC_BUCKETS": [public.bucket]}
    storage = MinioBackend(**{**minio_options, **buckets, "bucket_name": public.bucket}, **through(proxy))
    url = storage.url("a b.txt")
    assert url == f"http://{proxy.endpoint}/{public.bucket}/a%20b.txt"
    assert http.request("GET", url).data == b"public"


@pytest.mark.parametrize("kind", ["string", "mapping"])
def test_public_urls_begin_with_the_public_base_url(
    minio_options: dict[str, Any], public: MinioBackend, proxy: Proxy, http: urllib3.PoolManager, kind: str
) -> None:
    public.save("folder/a b.txt", ContentFile(b"public"))
    base = f"http://{proxy.endpoint}/{public.bucket}"
    buckets = {"MINIO_PUBLIC_BUCKETS": [public.bucket], "bucket_name": public.bucket}
    given: Any = base + "/" if kind == "string" else {public.bucket: base}
    storage = MinioBackend(**{**minio_options, **buckets}, MINIO_PUBLIC_BASE_URL=given)
    url = storage.url("folder/a b.txt")
    assert url == f"{base}/folder/a%20b.txt"
    assert http.request("GET", url).data == b"public"


def test_the_public_base_url_is_for_public_buckets_alone(
    minio_options: dict[str, Any], private: MinioBackend, http: urllib3.PoolManager
) -> None:
    storage = MinioBackend(**minio_options, MINIO_PUBLIC_BASE_URL="https://cdn.example.com")
    url = storage.url("a b.txt")
    assert url.startswith(private.base_url)
    assert http.request("GET", url).data == b"private"


def save(storage: MinioBackend, name: str) -> None:
    storage.save(name, ContentFile(b"changed"))


@pytest.mark.parametrize("options", [{}, {"replace_existing": True}, {"MINIO_CONDITIONAL_WRITES": True}])
@pytest.mark.parametrize(
    "operation",
    [
        MinioBackend.exists,
        MinioBackend.open,
        MinioBackend.size,
        MinioBackend.stat,
        MinioBackend.get_modified_time,
        MinioBackend.listdir,
        MinioBackend.delete,
        save,
    ],
)
def test_a_wrong_secret_is_the_sdks_error(
    minio_options: dict[str, Any],
    private: MinioBackend,
    operation: Callable[[MinioBackend, str], object],
    options: dict[str, Any],
) -> None:
    storage = MinioBackend(**{**minio_options, **options, "MINIO_SECRET_KEY": "wrong-secret"})
    with pytest.raises(S3Error) as caught:
        operation(storage, "a b.txt")
    assert caught.value.code in ("SignatureDoesNotMatch", "AccessDenied")
    assert not isinstance(caught.value, FileNotFoundError)
    assert "wrong-secret" not in str(caught.value)
    assert private.size("a b.txt") == len(b"private")


def test_a_url_signed_with_a_wrong_secret_opens_nothing(
    minio_options: dict[str, Any], private: MinioBackend, http: urllib3.PoolManager
) -> None:
    storage = MinioBackend(**{**minio_options, "MINIO_SECRET_KEY": "wrong-secret"})
    assert storage.bucket == private.bucket
    assert http.request("GET", storage.url("a b.txt")).status == 403


def test_set_bucket_to_public_opens_a_bucket(private: MinioBackend, http: urllib3.PoolManager) -> None:
    plain = private.url("a b.txt").partition("?")[0]
    assert http.request("GET", plain).status == 403
    private.set_bucket_to_public()
    assert http.request("GET", plain).status == 200
    assert http.request("GET", bucket_url(private)).status == 403


def test_set_bucket_policy_sets_that_policy(private: MinioBackend, http: urllib3.PoolManager) -> None:
    private.save("open/a.txt", ContentFile(b"open"))
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{private.bucket}/open/*"],
    }
    private.set_bucket_policy(private.bucket, {"Version": "2012-10-17", "Statement": [statement]})
    assert http.request("GET", f"{bucket_url(private)}/open/a.txt").data == b"open"
    assert http.request("GET", f"{bucket_url(private)}/other.txt").status == 403


def test_static_files_are_public(minio_options: dict[str, Any], public_bucket: str, http: urllib3.PoolManager) -> None:
    given = {name: value for name, value in minio_options.items() if "BUCKET" not in name}
    storage = MinioBackendStatic(**given, MINIO_STATIC_FILES_BUCKET=public_bucket)
    for content in (b"body {}", b"p {}"):
        assert storage.save("css/a b.css", ContentFile(content)) == "css/a b.css"
        response = http.request("GET", storage.url("css/a b.css"))
        assert (response.status, response.data) == (200, content)
        assert response.headers["content-type"] == "text/css"


def test_check_bucket_existence_makes_the_bucket_of_the_storage(
    minio_options: dict[str, Any], bucket_name: Callable[[], str], sdk: Minio
) -> None:
    mine, other = bucket_name(), bucket_name()
    storage = MinioBackend(**{**minio_options, "MINIO_PRIVATE_BUCKETS": [mine, other], "bucket_name": mine})
    for _ in range(2):
        storage.check_bucket_existence()
        assert sdk.bucket_exists(bucket_name=mine)
        assert not sdk.bucket_exists(bucket_name=other)


@pytest.mark.parametrize("max_workers", [None, 1])
def test_check_bucket_existences_makes_all_buckets_of_the_storage(
    minio_options: dict[str, Any], bucket_name: Callable[[], str], sdk: Minio, max_workers: int | None
) -> None:
    private, public = [bucket_name() for _ in range(2)], [bucket_name() for _ in range(2)]
    buckets = {"MINIO_PRIVATE_BUCKETS": private, "MINIO_PUBLIC_BUCKETS": public}
    storage = MinioBackend(**{**minio_options, **buckets})
    for _ in range(2):
        storage.check_bucket_existences(max_workers)
        assert all(sdk.bucket_exists(bucket_name=name) for name in private + public)


@pytest.mark.parametrize("operation", [MinioBackend.exists, MinioBackend.size, MinioBackend.open, MinioBackend.listdir])
@pytest.mark.needs("minio-health")  # the mark of MinIO itself: its response to a HEAD names the reason in a header
def test_a_missing_bucket_is_not_a_missing_object(
    minio_options: dict[str, Any],
    bucket_name: Callable[[], str],
    operation: Callable[[MinioBackend, str], object],
) -> None:
    storage = MinioBackend(**{**minio_options, "bucket_name": bucket_name()})
    with pytest.raises(S3Error) as caught:
        operation(storage, "a.txt")
    assert caught.value.code == "NoSuchBucket"
    assert not isinstance(caught.value, FileNotFoundError)


@pytest.mark.needs("minio-health")
def test_a_live_server_is_available(storage: MinioBackend) -> None:
    with requests_made() as made:
        status = storage.is_minio_available()
    assert status
    assert made == ["GET"]
    assert storage.base_url in status.details
