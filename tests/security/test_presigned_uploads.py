"""Whoever holds a presigned upload uploads that one file, and does nothing else with it."""

from __future__ import annotations

import io
import json
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from urllib3.filepost import encode_multipart_formdata

from django_minio_backend.direct_uploads import staging
from django_minio_backend.direct_uploads.grants import Grant
from django_minio_backend.direct_uploads.presigned import NO_COPY
from django_minio_backend.direct_uploads.transfer import StoredObject
from django_minio_backend.direct_uploads.uploaded_object import UploadedObject
from django_minio_backend.models import MinioBackend
from django_minio_backend.object_urls.signing import Presigner

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3
    from minio import Minio

    from django_minio_backend.direct_uploads.presigned import PresignedUpload
    from tools.servers import Server

pytestmark = pytest.mark.needs("signatures")

PRODUCTION = Path(__file__).resolve().parents[2] / "docs" / "start" / "production.md"
SECRET = b"nobody's business"


def put_url(storage: MinioBackend) -> PresignedUpload:
    return storage.presigned_upload("a.txt", max_size=7, size=7, method="PUT")


def put(
    http: urllib3.PoolManager,
    upload: PresignedUpload,
    further: dict[str, str] | None = None,
    body: bytes = b"content",
) -> urllib3.BaseHTTPResponse:
    """Send what the holder of the URL may send, with further headers; one of the same name replaces the signed one."""
    added = further or {}
    headers = {name: value for name, value in upload.headers.items() if name.lower() not in added}
    return http.request("PUT", upload.url, body=body, headers={**headers, **added})


def post(
    http: urllib3.PoolManager,
    upload: PresignedUpload,
    fields: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> urllib3.BaseHTTPResponse:
    """Send the form with further fields before its own, and further headers."""
    file = ("file", ("any name.bin", b"content", "application/x-other"))
    body, content_type = encode_multipart_formdata([*(fields or {}).items(), *upload.fields.items(), file])
    return http.request("POST", upload.url, body=body, headers={"Content-Type": content_type, **(headers or {})})


def content_of(sdk: Minio, bucket: str, key: str) -> bytes:
    response = sdk.get_object(bucket_name=bucket, object_name=key)
    try:
        return response.read()
    finally:
        response.close()
        response.release_conn()


@pytest.fixture
def elsewhere(sdk: Minio, bucket_name: Callable[[], str]) -> str:
    """The source of a copy that only the site may read: bucket and key."""
    bucket = bucket_name()
    sdk.make_bucket(bucket_name=bucket)
    sdk.put_object(bucket_name=bucket, object_name="secret.txt", data=io.BytesIO(SECRET), length=len(SECRET))
    return f"/{bucket}/secret.txt"


@pytest.mark.parametrize(
    "further",
    [
        pytest.param({}, id="plain"),
        pytest.param({"x-amz-metadata-directive": "REPLACE"}, id="replacing-metadata"),
        pytest.param({"x-amz-copy-source-if-match": "*"}, id="other-condition"),
        pytest.param({"x-amz-copy-source-if-none-match": "other"}, id="other-negative-condition"),
        pytest.param({"x-amz-copy-source-if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT"}, id="further-condition"),
    ],
)
def test_a_signed_put_never_becomes_a_copy(
    storage: MinioBackend, http: urllib3.PoolManager, elsewhere: str, further: dict[str, str]
) -> None:
    storage.client.put_object(bucket_name=storage.bucket, object_name="other.txt", data=io.BytesIO(SECRET), length=17)
    for source in (elsewhere, f"/{storage.bucket}/other.txt"):
        upload = put_url(storage)
        assert put(http, upload, {"x-amz-copy-source": source, **further}).status in (400, 403, 412)
        assert not storage.exists(upload.name)
        assert put(http, upload).status == 200


@pytest.mark.needs("conditional-writes")
def test_a_recorded_upload_is_replaced_by_no_copy_of_another(
    storage: MinioBackend, sdk: Minio, http: urllib3.PoolManager
) -> None:
    recorded, other = put_url(storage), put_url(storage)
    assert put(http, recorded).status == 200
    assert put(http, other, body=b"another").status == 200
    source = f"/{storage.bucket}/{other.name}"
    assert put(http, recorded, {"x-amz-copy-source": source}, b"another").status in (400, 403, 412)
    assert content_of(sdk, storage.bucket, recorded.name) == b"content"


def test_no_etag_of_the_holders_choice_makes_a_copy_possible(
    storage: MinioBackend, sdk: Minio, http: urllib3.PoolManager
) -> None:
    """MinIO takes the ETag of an upload from a header, which a form cannot sign: "never" is one that can be chosen."""
    form, recorded = storage.presigned_upload("b.txt", max_size=7), put_url(storage)
    assert post(http, form, headers={"x-minio-source-etag": "never"}).status == 204
    assert put(http, recorded, body=b"another").status == 200
    source = f"/{storage.bucket}/{form.name}"
    assert put(http, recorded, {"x-amz-copy-source": source}, b"another").status in (400, 403, 412)
    assert content_of(sdk, storage.bucket, recorded.name) == b"another"


def test_a_signed_part_never_becomes_a_copy(
    storage: MinioBackend, sdk: Minio, http: urllib3.PoolManager, elsewhere: str
) -> None:
    upload_id = storage.s3.create_upload(storage.bucket, "large.bin", {})
    presigner = Presigner(f"{storage.base_url}/{storage.bucket}", storage.options.region)
    url = presigner.url(
        "PUT",
        "large.bin",
        storage.s3.credentials(),
        second=int(time.time()),
        expires=60,
        query={"partNumber": "1", "uploadId": upload_id},
        headers={**NO_COPY, "Content-Length": "7"},
    )
    copied = http.request("PUT", url, body=b"content", headers={**NO_COPY, "x-amz-copy-source": elsewhere})
    assert copied.status in (403, 412)
    assert http.request("PUT", url, body=b"content", headers={"x-amz-copy-source": elsewhere}).status in (400, 403)
    part = http.request("PUT", url, body=b"content", headers=NO_COPY)
    assert part.status == 200
    parts = [{"PartNumber": "1", "ETag": part.headers["ETag"]}]
    storage.s3.complete_upload(storage.bucket, "large.bin", upload_id, parts, {})
    assert content_of(sdk, storage.bucket, "large.bin") == b"content"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-amz-tagging", "public=yes"),
        ("x-minio-source-etag", "chosen"),
        ("x-minio-source-mtime", "2100-01-01T00:00:00Z"),
        ("x-minio-source-mtime", "1970-01-01T00:00:00Z"),
        ("x-amz-meta-owner", "somebody else"),
        ("x-amz-meta-snowball-auto-extract", "true"),
        ("x-amz-write-offset-bytes", "0"),
        ("content-type", "text/html"),
        ("if-none-match", "other"),
    ],
)
def test_the_holder_of_a_signed_put_chooses_nothing_but_the_bytes(
    storage: MinioBackend, http: urllib3.PoolManager, name: str, value: str
) -> None:
    upload = put_url(storage)
    assert put(http, upload, {name: value}).status in (400, 403)
    assert not storage.exists(upload.name)
    assert put(http, upload).status == 200


def test_a_signed_put_needs_each_of_its_headers_and_all_of_its_query(
    storage: MinioBackend, http: urllib3.PoolManager
) -> None:
    upload = put_url(storage)
    for left_out in upload.headers:
        headers = {name: value for name, value in upload.headers.items() if name != left_out}
        assert http.request("PUT", upload.url, body=b"content", headers=headers).status in (400, 403), left_out
        # MinIO looks for a signed header in the query, too.
        url = f"{upload.url}&{left_out.lower()}={upload.headers[left_out]}"
        assert http.request("PUT", url, body=b"content", headers=headers).status in (400, 403), left_out
    assert not storage.exists(upload.name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-amz-copy-source", "/bucket/secret.txt"),
        ("x-amz-tagging", "public=yes"),
        ("x-amz-meta-owner", "somebody else"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-server-side-encryption", "AES256"),
        ("x-amz-object-lock-legal-hold", "ON"),
        ("x-amz-acl", "public-read"),
    ],
)
def test_the_holder_of_a_form_adds_no_field_to_it(
    storage: MinioBackend, http: urllib3.PoolManager, name: str, value: str
) -> None:
    upload = storage.presigned_upload("a.txt", max_size=10)
    assert post(http, upload, {name: value}).status in (400, 403)
    assert storage.listdir("") == ([], [])
    assert post(http, upload).status == 204


@pytest.mark.parametrize("twice_first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("name", "value"), [("key", "other.txt"), ("Content-Type", "text/html")])
def test_a_field_that_comes_twice_changes_nothing(
    storage: MinioBackend, http: urllib3.PoolManager, name: str, value: str, *, twice_first: bool
) -> None:
    upload = storage.presigned_upload("a.txt", max_size=10)
    fields: list[tuple[str, Any]] = [(name, value), *upload.fields.items()]
    fields = fields if twice_first else [*fields[1:], fields[0]]
    file = ("file", ("any name.bin", b"content", "application/x-other"))
    if http.request("POST", upload.url, fields=[*fields, file]).status in (400, 403):
        assert storage.listdir("") == ([], [])
    else:
        assert storage.listdir("") == ([], [upload.name])
        assert storage.stat(upload.name).content_type == "text/plain"


@pytest.mark.parametrize("folder", ["", "${filename}/"])
def test_no_form_lets_the_browser_name_the_file(storage: MinioBackend, folder: str) -> None:
    with pytest.raises(ValueError, match=r"\$\{filename\}"):
        storage.presigned_upload(f"{folder}${{filename}}.txt", max_size=10)
    assert "filename" in storage.presigned_upload("${filename}", max_size=7, size=7, method="PUT").name


@pytest.mark.needs("object-lock")
class TestAccountOfTheReadme:
    """The policy that the documentation recommends, with a bucket whose objects can be locked."""

    @pytest.fixture
    def bucket(self, sdk: Minio, bucket_name: Callable[[], str]) -> str:
        name = bucket_name()
        sdk.make_bucket(bucket_name=name, object_lock=True)
        return name

    @pytest.fixture
    def storage(self, server: Server, minio_options: dict[str, Any]) -> MinioBackend:
        """A storage of an account that has this policy."""
        if server.kind != "minio":
            pytest.skip(f"{server.kind} has no users to make by MinIO's administration")
        bucket = minio_options["MINIO_DEFAULT_BUCKET"]
        section = PRODUCTION.read_text(encoding="utf-8").partition("## An account for the site")[2]
        text = section.partition("```json\n")[2].partition("```")[0]
        user, password = uuid.uuid4().hex[:16], uuid.uuid4().hex
        keys = StaticProvider(server.access_key, server.secret_key)
        admin = MinioAdmin(endpoint=server.endpoint, credentials=keys, secure=server.secure)
        admin.user_add(user, password)
        admin.policy_add(user, policy=json.loads(text.replace("my-media-files", bucket)))
        admin.policy_set(user, user=user)
        return MinioBackend(**{**minio_options, "MINIO_ACCESS_KEY": user, "MINIO_SECRET_KEY": password})

    def test_it_does_what_a_storage_does(self, storage: MinioBackend, http: urllib3.PoolManager) -> None:
        with storage.open("large.bin", "wb") as file:
            file.write(bytes(30 * 1024**2))
        assert storage.size("large.bin") == 30 * 1024**2
        form, request = storage.presigned_upload("a.txt", max_size=7), put_url(storage)
        assert post(http, form).status == 204
        assert put(http, request).status == 200
        assert http.request("GET", storage.url(storage.accept_upload(form.name))).data == b"content"
        assert len(storage.listdir("")[1]) == 3
        storage.delete("large.bin")
        assert not storage.exists("large.bin")

    @pytest.mark.parametrize("size", [7, 20 * 1024**2], ids=["single-put", "in-parts"])
    def test_it_does_what_uploads_from_forms_do(
        self, storage: MinioBackend, http: urllib3.PoolManager, size: int
    ) -> None:
        options: dict[str, Any] = {
            "alias": "",
            "bucket": storage.bucket,
            "location": "",
            "multiple": False,
            "accept": (),
        }
        grant = Grant(max_size=size, requester="somebody", **options)
        file = staging.File("a.bin", "application/octet-stream", size)
        token, begun = staging.begin(storage, grant, "somebody", file)
        numbers = list(range(1, begun.get("parts", 0) + 1))
        for target in staging.sign(storage, token, numbers) if numbers else [{**begun, "size": size}]:
            body = bytes(target["size"])
            assert http.request("PUT", target["url"], body=body, headers=target["headers"]).status == 200
        receipt = staging.complete(storage, grant, token)
        stored = StoredObject(storage.s3, storage.bucket, receipt.key, receipt.etag, receipt.size)
        storage.save("a.bin", UploadedObject("receipt", stored, name="a.bin", content_type=""))
        assert storage.size("a.bin") == size
        assert storage.listdir(".direct-uploads") == ([], [])
        staging.abort(storage, staging.begin(storage, grant, "somebody", file)[0])

    def test_its_forms_write_no_other_key(self, storage: MinioBackend, sdk: Minio, http: urllib3.PoolManager) -> None:
        sdk.put_object(bucket_name=storage.bucket, object_name="other.txt", data=io.BytesIO(b"old"), length=3)
        form = storage.presigned_upload("a.txt", max_size=7)
        assert post(http, form, {"x-minio-fanout-list": json.dumps({"key": "other.txt"})}).status == 403
        assert content_of(sdk, storage.bucket, "other.txt") == b"old"

    @pytest.mark.parametrize(
        "further",
        [
            pytest.param({"x-amz-replication-status": "REPLICA"}, id="replica"),
            pytest.param(
                {"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": "2100-01-01T00:00:00Z"},
                id="retention",
            ),
            pytest.param({"x-amz-object-lock-legal-hold": "ON"}, id="legal-hold"),
        ],
    )
    def test_its_uploads_are_locked_and_replicated_by_no_holder(
        self, storage: MinioBackend, http: urllib3.PoolManager, further: dict[str, str]
    ) -> None:
        upload = put_url(storage)
        assert put(http, upload, further).status in (400, 403)
        assert not storage.exists(upload.name)
