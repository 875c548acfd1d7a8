"""Uploads from a browser straight to the bucket: what the server takes, and what it refuses."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import json
import re
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from minio.sse import SseCustomerKey

from django_minio_backend.models import MinioBackend
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from pathlib import Path

    import urllib3

    from django_minio_backend.direct_uploads.presigned import PresignedUpload
    from tests.support.proxy import Proxy

signed = pytest.mark.needs("signatures")
RANDOM = "_[0-9a-f]{32}"


def post(
    http: urllib3.PoolManager, upload: PresignedUpload, content: bytes, **changed: str
) -> urllib3.BaseHTTPResponse:
    """Send a form as a browser does."""
    fields: list[tuple[str, Any]] = [*({**upload.fields, **changed}).items()]
    return http.request(
        "POST", upload.url, fields=[*fields, ("file", ("any name.bin", content, "application/x-other"))]
    )


def put(http: urllib3.PoolManager, upload: PresignedUpload, content: bytes, **changed: str) -> urllib3.BaseHTTPResponse:
    headers = {**upload.headers, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return http.request("PUT", upload.url, body=content, headers=headers)


def content_of(storage: MinioBackend, name: str) -> bytes:
    with storage.open(name) as file:
        return bytes(file.read())


# What is made, without a server


def test_an_upload_costs_no_request(storage: MinioBackend) -> None:
    with requests_made() as made:
        storage.presigned_upload("a.txt", max_size=10)
        storage.presigned_upload("a.txt", max_size=10, size=5, method="PUT")
    assert made == []


def test_an_upload_needs_only_the_endpoint_of_urls(
    minio_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    internal = {"MINIO_ENDPOINT": "minio.internal:9000", "MINIO_USE_HTTPS": True}
    external = {"MINIO_EXTERNAL_ENDPOINT": "files.example.com", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": False}
    upload = MinioBackend(**{**minio_options, **internal, **external}).presigned_upload("a.txt", max_size=10)
    assert upload.url.startswith("http://files.example.com/")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("report.pdf", f"report{RANDOM}\\.pdf"),
        ("folder/./a b//report.tar.gz", f"folder/a b/report\\.tar{RANDOM}\\.gz"),
        ("folder\\report", f"folder/report{RANDOM}"),
        (".hidden", f"\\.hidden{RANDOM}"),
    ],
)
def test_a_name_is_normalised_and_gets_a_random_part(storage: MinioBackend, given: str, expected: str) -> None:
    names = {storage.presigned_upload(given, max_size=1).name for _ in range(20)}
    assert len(names) == 20
    assert all(re.fullmatch(expected, name) for name in names)


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "/a", "a/", "a/..", "a/../../b"])
def test_a_name_is_refused_as_save_refuses_it(storage: MinioBackend, name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b""))
    with pytest.raises(SuspiciousFileOperation):
        storage.presigned_upload(name, max_size=1)


def test_a_name_fits_into_the_models_field(storage: MinioBackend) -> None:
    upload = storage.presigned_upload(f"folder/{'n' * 90}.txt", max_size=1, max_length=100)
    assert len(upload.name) == 100
    assert re.fullmatch(f"folder/n+{RANDOM}\\.txt", upload.name)
    with pytest.raises(SuspiciousFileOperation):
        storage.presigned_upload("folder/n.txt", max_size=1, max_length=40)


def test_a_key_that_is_too_long_is_refused(storage: MinioBackend) -> None:
    with pytest.raises(ValueError, match="1,024"):
        storage.presigned_upload("/".join(["n" * 200] * 5) + ".txt", max_size=1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"max_size": 0},
        {"max_size": -1},
        {"max_size": True},
        {"max_size": 1.5},
        {"max_size": None},
        {"max_size": 5 * 1024**3 + 1},
        {"max_size": 10, "size": 11},
        {"max_size": 10, "size": -1},
        {"max_size": 10, "method": "PUT"},
        {"max_size": 10, "method": "GET"},
        {"max_size": 10, "expires": 0},
        {"max_size": 10, "expires": timedelta(days=8)},
        {"max_size": 10, "content_type": ""},
        {"max_size": 10, "content_type": "text/plain\r\nX-Evil: 1"},
        {"max_size": 10, "content_type": "text/plän"},
    ],
)
def test_wrong_arguments_are_refused(storage: MinioBackend, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|is missing"):
        storage.presigned_upload("a.txt", **arguments)


def test_the_size_is_never_forgotten(storage: MinioBackend) -> None:
    with pytest.raises(TypeError, match="max_size"):
        storage.presigned_upload("a.txt")  # type: ignore[call-arg]  # it is the point


@pytest.mark.parametrize("given", [{"tags": {"a": "b"}}, {"legal_hold": True}, {"checksum": "SHA256"}])
def test_what_a_browser_cannot_send_is_refused(minio_options: dict[str, Any], given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="direct upload"):
        MinioBackend(**minio_options, **given).presigned_upload("a.txt", max_size=1)


def test_a_customers_key_never_goes_to_a_browser(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**{**minio_options, "MINIO_USE_HTTPS": True}, sse=SseCustomerKey(b"k" * 32))
    with pytest.raises(ValueError, match="customer's key"):
        storage.presigned_upload("a.txt", max_size=1)


def test_what_opens_the_bucket_is_in_no_repr(storage: MinioBackend) -> None:
    for upload in (
        storage.presigned_upload("a.txt", max_size=10),
        storage.presigned_upload("a.txt", max_size=10, size=5, method="PUT"),
    ):
        assert "ignature" not in repr(upload)
        assert storage.bucket not in repr(upload)
        json.dumps({**dataclasses.asdict(upload), "expires_at": upload.expires_at.isoformat()})


def test_it_ends_when_it_says(storage: MinioBackend) -> None:
    before = dt.datetime.now(dt.UTC).replace(microsecond=0)
    upload = storage.presigned_upload("a.txt", max_size=10)
    assert timedelta(minutes=15) <= upload.expires_at - before <= timedelta(minutes=15, seconds=5)
    policy = json.loads(base64.b64decode(upload.fields["policy"]))
    assert dt.datetime.fromisoformat(policy["expiration"]) == upload.expires_at
    other = storage.presigned_upload("a.txt", max_size=10, size=1, method="PUT", expires=timedelta(minutes=1))
    assert "X-Amz-Expires=60&" in other.url


def test_a_form_covers_each_of_its_fields(storage: MinioBackend) -> None:
    upload = storage.presigned_upload("a.txt", max_size=10)
    conditions = json.loads(base64.b64decode(upload.fields["policy"]))["conditions"]
    covered = {one[1].removeprefix("$"): one[2] for one in conditions if isinstance(one, list) and one[0] == "eq"}
    assert covered == {
        name: value for name, value in upload.fields.items() if name not in ("policy", "x-amz-signature")
    }
    assert ["content-length-range", 0, 10] in conditions
    assert {"bucket": storage.bucket} in conditions


# What the server takes


@pytest.mark.parametrize("name", ["a.txt", "Grüße/größe 世界 🌍.txt", "a+b&c%20d#e?f.txt"])
def test_a_form_uploads_one_file(storage: MinioBackend, http: urllib3.PoolManager, name: str) -> None:
    upload = storage.presigned_upload(name, max_size=100)
    assert post(http, upload, b"content").status == 204
    assert content_of(storage, upload.name) == b"content"
    assert storage.stat(upload.name).content_type == upload.content_type == "text/plain"


@signed
@pytest.mark.parametrize("name", ["a.txt", "Grüße/größe 世界 🌍.txt", "a+b&c%20d#e?f.txt"])
def test_a_put_uploads_one_file(storage: MinioBackend, http: urllib3.PoolManager, name: str) -> None:
    upload = storage.presigned_upload(name, max_size=100, size=7, method="PUT")
    assert put(http, upload, b"content").status == 200
    assert content_of(storage, upload.name) == b"content"
    assert storage.stat(upload.name).content_type == upload.content_type == "text/plain"


@signed
def test_the_storages_own_headers_go_along(minio_options: dict[str, Any], http: urllib3.PoolManager) -> None:
    storage = MinioBackend(
        **minio_options,
        MINIO_LOCATION="inner",
        MINIO_OBJECT_HEADERS={"Cache-Control": "max-age=60", "content-type": "text/x-other"},
        metadata={"origin": "browser"},
    )
    form = storage.presigned_upload("a.txt", max_size=100, content_type="text/csv")
    request = storage.presigned_upload("a.txt", max_size=100, content_type="text/csv", size=7, method="PUT")
    assert post(http, form, b"content").status == 204
    assert put(http, request, b"content").status == 200
    for upload in (form, request):
        found = storage.stat(upload.name)
        assert found.content_type == "text/csv"
        assert found.metadata is not None
        assert found.metadata["x-amz-meta-origin"] == "browser"
    assert storage.stat(form.name).metadata["Cache-Control"] == "max-age=60"  # type: ignore[index]  # asserted above


@signed
def test_browsers_go_to_the_external_endpoint(
    minio_options: dict[str, Any], proxy: Proxy, http: urllib3.PoolManager
) -> None:
    storage = MinioBackend(
        **minio_options, MINIO_EXTERNAL_ENDPOINT=proxy.endpoint, MINIO_EXTERNAL_ENDPOINT_USE_HTTPS=False
    )
    form = storage.presigned_upload("a.txt", max_size=100)
    request = storage.presigned_upload("a.txt", max_size=100, size=7, method="PUT")
    assert form.url == f"http://{proxy.endpoint}/{storage.bucket}"
    assert request.url.startswith(f"http://{proxy.endpoint}/{storage.bucket}/a_")
    assert post(http, form, b"content").status == 204
    assert put(http, request, b"content").status == 200
    assert proxy.connections >= 1
    assert storage.exists(form.name)
    assert storage.exists(request.name)


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("minio.test:9000", True),
        ("backblazeb2.com.minio.test", True),
        ("notbackblazeb2.com", True),
        ("s3.us-west-004.backblazeb2.com", False),
        ("account.r2.cloudflarestorage.com", False),
        ("s3.eu-central-1.amazonaws.com", False),
    ],
)
def test_only_services_without_need_of_it_are_sent_no_empty_tags(
    minio_options: dict[str, Any], endpoint: str, *, expected: bool
) -> None:
    storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": endpoint})
    upload = storage.presigned_upload("a.txt", max_size=1, size=1, method="PUT")
    assert ("x-amz-tagging" in upload.headers) is expected
    assert ("x-amz-tagging" in upload.url) is expected
    assert "x-amz-copy-source-if-match" in upload.headers


@signed
def test_tags_of_the_storages_own_are_kept(minio_options: dict[str, Any], http: urllib3.PoolManager) -> None:
    storage = MinioBackend(**minio_options, headers={"X-Amz-Tagging": "a=b"})
    upload = storage.presigned_upload("a.txt", max_size=7, size=7, method="PUT")
    assert [upload.headers[name] for name in upload.headers if name.lower() == "x-amz-tagging"] == ["a=b"]
    assert put(http, upload, b"content").status == 200


def test_a_form_with_the_bucket_in_the_host_is_sent_to_its_root(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": "minio.test"}, MINIO_VIRTUAL_HOST_STYLE=True)
    assert storage.presigned_upload("a.txt", max_size=1).url == f"http://{storage.bucket}.minio.test/"


# What the server refuses


@signed
def test_a_form_refuses_another_size_type_key_and_signature(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    upload = storage.presigned_upload("a.txt", max_size=10)
    refused = {
        "too large": post(http, upload, b"x" * 11),
        "another type": post(http, upload, b"x", **{"Content-Type": "text/html"}),
        "another key": post(http, upload, b"x", key="other.txt"),
        "another signature": post(http, upload, b"x", **{"x-amz-signature": "0" * 64}),
        "another field": post(http, upload, b"x", **{"x-amz-meta-more": "1"}),
    }
    assert storage.listdir("") == ([], []), {
        what: response.status for what, response in refused.items() if response.status < 400
    }
    for what, response in refused.items():
        assert response.status in (400, 403), what
        assert b"<Code>" in response.data, what
    assert post(http, upload, b"x" * 10).status == 204


@signed
def test_a_form_for_a_known_size_takes_no_other(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    upload = storage.presigned_upload("a.txt", max_size=100, size=7)
    assert post(http, upload, b"123456").status == 400
    assert post(http, upload, b"12345678").status == 400
    assert post(http, upload, b"1234567").status == 204


@signed
def test_a_put_refuses_another_size_type_and_condition(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    upload = storage.presigned_upload("a.txt", max_size=10, size=7, method="PUT")
    unconditional = {name: value for name, value in upload.headers.items() if name != "If-None-Match"}
    responses = [
        put(http, upload, b"12345678"),
        put(http, upload, b"123456"),
        put(http, upload, b"1234567", Content_Type="text/html"),
        put(http, upload, b"1234567", If_None_Match="other"),
        http.request("PUT", upload.url, body=b"1234567", headers=unconditional),
    ]
    assert {response.status for response in responses} <= {400, 403}
    assert storage.listdir("") == ([], [])
    assert put(http, upload, b"1234567").status == 200


@signed
def test_an_upload_that_has_expired_is_refused(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    form = storage.presigned_upload("a.txt", max_size=10, expires=1)
    request = storage.presigned_upload("a.txt", max_size=10, size=1, method="PUT", expires=1)
    waited = threading.Event()
    waited.wait(2.5)
    assert post(http, form, b"x").status in (400, 403)
    assert put(http, request, b"x").status in (400, 403)
    assert storage.listdir("") == ([], [])


# Once


@pytest.mark.needs("signatures", "conditional-writes")
def test_a_put_that_was_used_cannot_replace_what_it_made(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    upload = storage.presigned_upload("a.txt", max_size=10, size=7, method="PUT")
    assert put(http, upload, b"content").status == 200
    assert put(http, upload, b"another").status == 412
    assert content_of(storage, upload.name) == b"content"


def test_a_form_that_was_used_cannot_replace_what_was_accepted(
    storage: MinioBackend, http: urllib3.PoolManager
) -> None:
    upload = storage.presigned_upload("folder/ä b.txt", max_size=10)
    assert post(http, upload, b"content").status == 204
    name = storage.accept_upload(upload.name)
    assert re.fullmatch(f"folder/ä b{RANDOM}\\.txt", name)
    assert name != upload.name
    assert not storage.exists(upload.name)
    assert storage.stat(name).content_type == "text/plain"
    post(http, upload, b"another")
    assert content_of(storage, name) == b"content"


def test_a_name_with_a_slash_at_its_end_is_accepted_as_the_file(storage: MinioBackend) -> None:
    """And not as the folder, whose deletion would leave the upload where its form can replace it."""
    storage.save("a.txt", ContentFile(b"content"))
    accepted = storage.accept_upload("a.txt/")
    assert storage.open(accepted).read() == b"content"
    assert not storage.exists("a.txt")


def test_what_was_never_uploaded_cannot_be_accepted(storage: MinioBackend) -> None:
    upload = storage.presigned_upload("a.txt", max_size=10)
    with pytest.raises(FileNotFoundError):
        storage.accept_upload(upload.name)
    assert storage.listdir("") == ([], [])


def test_no_upload_touches_what_is_there(storage: MinioBackend, http: urllib3.PoolManager) -> None:
    storage.save("a.txt", ContentFile(b"old"))
    assert post(http, storage.presigned_upload("a.txt", max_size=10), b"new").status == 204
    assert content_of(storage, "a.txt") == b"old"
