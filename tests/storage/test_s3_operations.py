"""What servers do with requests that users send by the SDK or by urllib3; the server in memory has to do the same.

Where servers differ, MinIO is the model.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from django.core.files.base import ContentFile
from minio.commonconfig import REPLACE, CopySource, Tags
from minio.credentials.credentials import Credentials
from minio.error import S3Error
from minio.signer import sign_v4_s3

from tests.support.buckets import allow_reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    import urllib3
    from minio import Minio

    from django_minio_backend.models import MinioBackend
    from tools.servers import Server

pytestmark = pytest.mark.needs("conditional-multipart")  # MinIO, Versity and the server in memory
as_minio = pytest.mark.needs("minio-health")  # Versity differs
PART = 5 * 1024**2


def put(sdk: Minio, bucket: str, key: str, content: bytes = b"content", **more: Any) -> str:
    return str(sdk.put_object(bucket, key, io.BytesIO(content), len(content), **more).etag)


def send(
    sdk: Minio,
    method: str,
    bucket: str,
    key: str | None = None,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    **query: str,
) -> urllib3.BaseHTTPResponse:
    """Send a signed request."""
    named: dict[str, Any] = {
        name.replace("_", "-") if name != "uploadId" else name: value for name, value in query.items()
    }
    return sdk._execute(method, bucket, key, body=body, headers=dict(headers or {}), query_params=named)


def code_of(*args: Any, **kwargs: Any) -> str:
    """The error of a signed request; its status where it has no body."""
    with pytest.raises(S3Error) as raised:
        send(*args, **kwargs)
    return str(raised.value.code)


def texts(document: bytes, name: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(document).iter() if node.tag.rpartition("}")[2] == name]  # noqa: S314 - our own server's


# Reading


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-2", b"con"),
        ("bytes=3-", b"tent"),
        ("bytes=-2", b"nt"),
        ("bytes=-99", b"content"),
        ("bytes=5-99", b"nt"),
    ],
)
def test_a_range_is_read(sdk: Minio, bucket: str, header: str, expected: bytes) -> None:
    put(sdk, bucket, "a.txt")
    response = send(sdk, "GET", bucket, "a.txt", headers={"Range": header})
    start = 7 - len(expected) if header != "bytes=0-2" else 0
    assert (response.status, response.data) == (206, expected)
    assert response.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/7"
    assert response.headers["content-length"] == str(len(expected))


def test_a_range_behind_the_end_is_refused(sdk: Minio, bucket: str) -> None:
    put(sdk, bucket, "a.txt")
    assert code_of(sdk, "GET", bucket, "a.txt", headers={"Range": "bytes=7-"}) == "InvalidRange"


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("If-None-Match", "{etag}", 304),
        ("If-None-Match", '"other"', 200),
        ("If-Match", "{etag}", 200),
        ("If-Match", '"other"', 412),
        pytest.param("If-Modified-Since", "{time}", 304, marks=as_minio),
        ("If-Modified-Since", "Sun, 01 Nov 2020 12:00:00 GMT", 200),
        pytest.param("If-Unmodified-Since", "{time}", 200, marks=as_minio),
        ("If-Unmodified-Since", "Sun, 01 Nov 2020 12:00:00 GMT", 412),
    ],
)
def test_a_condition_of_a_read(
    sdk: Minio, bucket: str, http: urllib3.PoolManager, header: str, value: str, status: int
) -> None:
    put(sdk, bucket, "a.txt")
    url = sdk.presigned_get_object(bucket, "a.txt")
    whole = http.request("GET", url)
    given = value.format(etag=whole.headers["etag"], time=whole.headers["last-modified"])
    response = http.request("GET", url, headers={header: given})
    assert response.status == status
    assert response.headers.get("etag", whole.headers["etag"]) == whole.headers["etag"]
    if status == 304:
        assert response.data == b""


def test_the_headers_of_a_response_can_be_asked_for(sdk: Minio, bucket: str, http: urllib3.PoolManager) -> None:
    put(sdk, bucket, "a.txt")
    asked: dict[str, Any] = {"response-content-type": "text/x-other", "response-cache-control": "no-store"}
    response = http.request("GET", sdk.presigned_get_object(bucket, "a.txt", response_headers=asked))
    assert response.headers["content-type"] == "text/x-other"
    assert response.headers["cache-control"] == "no-store"


# Writing


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}, "BadDigest"),  # noqa: S324 - S3's
        ({"x-amz-checksum-crc32": base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()}, None),
        ({"If-None-Match": "*"}, "PreconditionFailed"),
        ({"If-Match": '"other"'}, "PreconditionFailed"),
    ],
    ids=["MD5", "CRC32", "If-None-Match", "If-Match"],
)
def test_a_put_that_is_not_what_it_says_is_refused(
    sdk: Minio, bucket: str, headers: dict[str, str], expected: str | None
) -> None:
    put(sdk, bucket, "a.txt", b"old")
    code = code_of(sdk, "PUT", bucket, "a.txt", body=b"content", headers=headers)
    assert code == expected or (expected is None and ("Checksum" in code or "Digest" in code))
    assert send(sdk, "GET", bucket, "a.txt").data == b"old"


@pytest.mark.parametrize("key", ["a//b.txt", f"{'n' * 300}.txt", "k" * 1025])
def test_a_key_that_no_file_can_have_is_refused(sdk: Minio, server: Server, bucket: str, key: str) -> None:
    if key == "a//b.txt" and server.kind == "versity":
        pytest.skip("Versity makes it a/b.txt")
    with pytest.raises(S3Error) as raised:
        put(sdk, bucket, key)
    assert raised.value.response.status == 400


# Copying


def test_a_copy_keeps_content_and_metadata_or_replaces_them(sdk: Minio, bucket: str) -> None:
    put(sdk, bucket, "a b.txt", content_type="text/x-a", metadata={"Colour": "red"})
    sdk.copy_object(bucket, "kept.txt", CopySource(bucket, "a b.txt"))
    kept = sdk.stat_object(bucket, "kept.txt")
    assert (kept.content_type, kept.metadata["x-amz-meta-colour"]) == ("text/x-a", "red")  # type: ignore[index]  # it has some
    metadata: dict[str, Any] = {"Colour": "blue", "Content-Type": "text/x-b"}
    sdk.copy_object(bucket, "new.txt", CopySource(bucket, "a b.txt"), metadata=metadata, metadata_directive=REPLACE)
    new = sdk.stat_object(bucket, "new.txt")
    assert (new.content_type, new.metadata["x-amz-meta-colour"]) == ("text/x-b", "blue")  # type: ignore[index]  # it has some
    assert send(sdk, "GET", bucket, "new.txt").data == b"content"


@as_minio
def test_a_copy_has_conditions_and_is_not_made_onto_itself(sdk: Minio, bucket: str) -> None:
    etag = put(sdk, bucket, "a.txt")
    source = {"x-amz-copy-source": f"/{bucket}/a.txt"}
    for condition, code in {
        "x-amz-copy-source-if-match": '"other"',
        "x-amz-copy-source-if-none-match": f'"{etag}"',
    }.items():
        assert code_of(sdk, "PUT", bucket, "b.txt", headers={**source, condition: code}) == "PreconditionFailed"
    assert code_of(sdk, "PUT", bucket, "a.txt", headers=source) == "InvalidRequest"
    missing = {"x-amz-copy-source": f"/{bucket}/missing.txt"}
    assert code_of(sdk, "PUT", bucket, "b.txt", headers=missing) == "NoSuchKey"


# Tags


def test_tags_are_read_replaced_copied_and_deleted(sdk: Minio, bucket: str) -> None:
    tags = Tags.new_object_tags()
    tags["a b"] = "1+1"
    put(sdk, bucket, "a.txt", tags=tags)
    assert send(sdk, "GET", bucket, "a.txt").headers["x-amz-tagging-count"] == "1"
    sdk.copy_object(bucket, "b.txt", CopySource(bucket, "a.txt"))
    assert sdk.get_object_tags(bucket, "b.txt") == tags
    tags["c"] = ""
    sdk.set_object_tags(bucket, "a.txt", tags)
    assert sdk.get_object_tags(bucket, "a.txt") == tags
    sdk.delete_object_tags(bucket, "a.txt")
    assert not sdk.get_object_tags(bucket, "a.txt")


# Listings

KEYS = ["a.txt", "b/1.txt", "b/2.txt", "b/c/3.txt", "d e+f.txt", "ü/1.txt", "ü/2.txt"]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(
    ("place", "keys", "prefixes"),
    [
        (("", ""), KEYS, []),
        (("", "/"), ["a.txt", "d e+f.txt"], ["b/", "ü/"]),
        (("b/", "/"), ["b/1.txt", "b/2.txt"], ["b/c/"]),
        (("b", ""), ["b/1.txt", "b/2.txt", "b/c/3.txt"], []),
        (("x", "/"), [], []),
    ],
)
def test_pages_of_a_listing_have_each_entry_once_in_order(
    *,
    sdk: Minio,
    bucket: str,
    version: str,
    size: int,
    place: tuple[str, str],
    keys: list[str],
    prefixes: list[str],
) -> None:
    for key in KEYS:
        put(sdk, bucket, key, b"")
    found: list[str] = []
    groups: list[str] = []
    prefix, delimiter = place
    query: dict[str, Any] = {"prefix": prefix, "delimiter": delimiter, "max_keys": str(size)}
    if version == "2":
        query["list_type"] = "2"
    while True:
        page = send(sdk, "GET", bucket, **query).data
        listed = texts(page, "Key")
        groups += [text for text in texts(page, "Prefix") if text != prefix]
        found += listed
        assert len(texts(page, "Contents")) + len(texts(page, "CommonPrefixes")) <= size
        if texts(page, "IsTruncated") == ["false"]:
            break
        if version == "2":
            query["continuation_token"] = texts(page, "NextContinuationToken")[0]
        else:
            query["marker"] = (texts(page, "NextMarker") or listed[-1:])[0]
    assert (found, groups) == (keys, prefixes)


@as_minio
def test_names_in_a_listing_are_encoded_on_request(sdk: Minio, bucket: str) -> None:
    put(sdk, bucket, "ä+ b/c.txt", b"")
    plain = send(sdk, "GET", bucket, list_type="2")
    encoded = send(sdk, "GET", bucket, list_type="2", encoding_type="url")
    assert texts(plain.data, "Key") == ["ä+ b/c.txt"]
    assert texts(encoded.data, "EncodingType") == ["url"]
    (key,) = texts(encoded.data, "Key")
    assert key.replace("%20", "+") == quote("ä+ b/c.txt").replace("%20", "+")


def test_a_listing_can_start_after_a_key(sdk: Minio, bucket: str) -> None:
    for key in KEYS[:3]:
        put(sdk, bucket, key, b"")
    assert texts(send(sdk, "GET", bucket, list_type="2", start_after="a.txt").data, "Key") == KEYS[1:3]


# Multipart uploads


def upload_id(sdk: Minio, bucket: str, key: str) -> str:
    return texts(send(sdk, "POST", bucket, key, uploads="").data, "UploadId")[0]


def completion(*parts: tuple[int, str]) -> bytes:
    listed = "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
    return f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()


def put_part(sdk: Minio, bucket: str, upload: str, number: int, content: bytes) -> str:
    return send(sdk, "PUT", bucket, "a.bin", body=content, partNumber=str(number), uploadId=upload).headers["etag"]


def test_an_upload_in_parts_is_listed_and_completed(sdk: Minio, bucket: str) -> None:
    upload = upload_id(sdk, bucket, "a.bin")
    first, second = put_part(sdk, bucket, upload, 2, b"1" * PART), put_part(sdk, bucket, upload, 7, b"2")
    parts = send(sdk, "GET", bucket, "a.bin", uploadId=upload).data
    assert (texts(parts, "PartNumber"), texts(parts, "Size")) == (["2", "7"], [str(PART), "1"])
    assert upload in texts(send(sdk, "GET", bucket, uploads="", prefix="a.bin").data, "UploadId")
    done = send(sdk, "POST", bucket, "a.bin", body=completion((2, first), (7, second)), uploadId=upload).data
    digests = hashlib.md5(b"1" * PART).digest() + hashlib.md5(b"2").digest()  # noqa: S324 - S3's
    assert texts(done, "ETag") == [f'"{hashlib.md5(digests).hexdigest()}-2"']  # noqa: S324 - S3's
    assert sdk.stat_object(bucket, "a.bin").size == PART + 1
    assert code_of(sdk, "GET", bucket, "a.bin", uploadId=upload) == "NoSuchUpload"


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ([(1, ""), (2, ""), (3, "")], "EntityTooSmall"),
        ([(2, ""), (1, "")], "InvalidPartOrder"),
        ([(1, '"' + "0" * 32 + '"')], "InvalidPart"),
        ([(9, '"' + "0" * 32 + '"')], "InvalidPart"),
    ],
    ids=["too small", "out of order", "another ETag", "missing"],
)
def test_a_wrong_completion_is_refused(sdk: Minio, bucket: str, chosen: list[tuple[int, str]], code: str) -> None:
    upload = upload_id(sdk, bucket, "a.bin")
    sizes = {1: PART, 2: 1, 3: 1} if code == "EntityTooSmall" else {1: PART, 2: PART}
    etags = {number: put_part(sdk, bucket, upload, number, b"x" * size) for number, size in sizes.items()}
    body = completion(*((number, etag or etags[number]) for number, etag in chosen))
    assert code_of(sdk, "POST", bucket, "a.bin", body=body, uploadId=upload) == code
    send(sdk, "DELETE", bucket, "a.bin", uploadId=upload)


def test_a_completion_is_conditional(sdk: Minio, bucket: str) -> None:
    put(sdk, bucket, "a.bin", b"old")
    upload = upload_id(sdk, bucket, "a.bin")
    body = completion((1, put_part(sdk, bucket, upload, 1, b"new")))
    code = code_of(sdk, "POST", bucket, "a.bin", body=body, headers={"If-None-Match": "*"}, uploadId=upload)
    assert code == "PreconditionFailed"
    send(sdk, "DELETE", bucket, "a.bin", uploadId=upload)
    assert send(sdk, "GET", bucket, "a.bin").data == b"old"


def test_a_part_can_be_a_copy(sdk: Minio, bucket: str) -> None:
    put(sdk, bucket, "source.bin", b"1" * PART + b"23")
    upload = upload_id(sdk, bucket, "a.bin")
    headers = {"x-amz-copy-source": f"/{bucket}/source.bin", "x-amz-copy-source-range": f"bytes=1-{PART}"}
    copied = send(sdk, "PUT", bucket, "a.bin", headers=headers, partNumber="1", uploadId=upload).data
    body = completion((1, texts(copied, "ETag")[0]))
    send(sdk, "POST", bucket, "a.bin", body=body, uploadId=upload)
    assert send(sdk, "GET", bucket, "a.bin").data == b"1" * (PART - 1) + b"2"


# Buckets


def test_buckets_are_made_listed_and_deleted(sdk: Minio, bucket: str) -> None:
    assert sdk.bucket_exists(bucket)
    assert bucket in [found.name for found in sdk.list_buckets()]
    with pytest.raises(S3Error, match="BucketAlreadyOwnedByYou"):
        sdk.make_bucket(bucket)
    put(sdk, bucket, "a.txt")
    with pytest.raises(S3Error, match="BucketNotEmpty"):
        sdk.remove_bucket(bucket)
    sdk.remove_object(bucket, "a.txt")
    sdk.remove_bucket(bucket)
    assert not sdk.bucket_exists(bucket)
    with pytest.raises(S3Error, match="NoSuchBucket"):
        put(sdk, bucket, "a.txt")


def test_a_policy_lets_everyone_read_and_do_nothing_else(sdk: Minio, bucket: str, http: urllib3.PoolManager) -> None:
    with pytest.raises(S3Error, match="NoSuchBucketPolicy"):
        sdk.get_bucket_policy(bucket)
    put(sdk, bucket, "a.txt")
    url = sdk.presigned_get_object(bucket, "a.txt").partition("?")[0]
    assert http.request("GET", url).status == 403
    allow_reading(sdk, bucket)
    assert json.loads(sdk.get_bucket_policy(bucket))["Statement"][0]["Effect"] == "Allow"
    assert http.request("GET", url).data == b"content"
    assert http.request("HEAD", url).headers["content-length"] == "7"
    assert http.request("GET", f"{url}x").status == 404
    for method, target in (("PUT", url), ("DELETE", url), ("GET", url.removesuffix("/a.txt"))):
        assert http.request(method, target).status == 403, method
    sdk.delete_bucket_policy(bucket)
    assert http.request("GET", url).status == 403


def test_a_policy_for_another_bucket_is_refused(sdk: Minio, bucket: str) -> None:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::other/*"}
    with pytest.raises(S3Error, match="MalformedPolicy"):
        sdk.set_bucket_policy(bucket, json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


# Chunked bodies, as current AWS SDKs send them


@as_minio
def test_an_unsigned_chunked_body_with_a_trailer_is_stored_without_its_chunks(
    sdk: Minio, server: Server, bucket: str, http: urllib3.PoolManager
) -> None:
    right, wrong = (base64.b64encode(zlib.crc32(text).to_bytes(4, "big")) for text in (b"content", b"other"))
    url = sdk.presigned_get_object(bucket, "a.txt").partition("?")[0]
    signed = sign_v4_s3(
        method="PUT",
        url=urlsplit(url),
        region=server.region,
        headers={
            "Host": urlsplit(url).netloc,
            "x-amz-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "x-amz-decoded-content-length": "7",
            "x-amz-trailer": "x-amz-checksum-crc32",
        },
        credentials=Credentials(server.access_key, server.secret_key),
        content_sha256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        date=datetime.now(UTC),
    )
    statuses = []
    for checksum in (right, wrong):
        body = b"3\r\ncon\r\n4\r\ntent\r\n0\r\nx-amz-checksum-crc32:" + checksum + b"\r\n\r\n"
        headers: dict[str, Any] = {**signed, "Content-Encoding": "aws-chunked"}
        statuses.append(http.request("PUT", url, body=body, headers=headers).status)
    assert statuses == [200, 400]
    assert send(sdk, "GET", bucket, "a.txt").data == b"content"


def test_parameters_are_signed_in_the_order_of_their_names(storage: MinioBackend) -> None:
    name = storage.save("a.txt", ContentFile(b"content"))
    further: Any = {"x": "3", "x-y": "1", "x.y": "2", "x0": "4"}
    response = storage.client.get_object(storage.bucket, storage.key(name), extra_query_params=further)
    assert response.read() == b"content"
    response.close()
