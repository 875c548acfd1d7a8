"""A public bucket gives anybody the objects whose keys they know, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackend

if TYPE_CHECKING:
    import urllib3

pytestmark = pytest.mark.needs("signatures", "policies")

NAMES = {"known.txt": b"anyone may read this", "folder/another name.txt": b"this, too"}
HIDDEN = "secret-of-a-name"

# Queries that ask for more than the bytes, or for another version, of a bucket or an object.
BUCKET_QUERIES = [
    *("", "?list-type=2", "?list-type=2&prefix=folder/", "?delimiter=/", "?max-keys=1", "?versions", "?uploads"),
    *("?policy", "?policyStatus", "?acl", "?location", "?versioning", "?tagging", "?cors", "?lifecycle", "?encryption"),
    *("?logging", "?notification", "?replication", "?object-lock", "?website", "?ownershipControls", "?inventory"),
]
OBJECT_QUERIES = ["?acl", "?tagging", "?retention", "?legal-hold", "?attributes", "?uploadId=1"]
STATEMENT = '{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::*"}'
POLICY = f'{{"Version":"2012-10-17","Statement":[{STATEMENT}]}}'


@pytest.fixture
def public(minio_options: dict[str, Any], bucket: str) -> MinioBackend:
    """A storage whose bucket the library has made public."""
    buckets = {"MINIO_PUBLIC_BUCKETS": [bucket], "MINIO_PRIVATE_BUCKETS": []}
    storage = MinioBackend(**{**minio_options, **buckets})
    storage.set_bucket_to_public()
    for name, content in NAMES.items():
        storage.save(name, ContentFile(content))
    storage.save(f"{HIDDEN}.txt", ContentFile(b"nobody knows my name"))
    return storage


def bucket_url(storage: MinioBackend) -> str:
    return f"{storage.base_url}/{storage.bucket}"


def contents(storage: MinioBackend) -> dict[str, bytes]:
    """Everything that the bucket has, by an account that may know."""
    found = {}
    for entry in storage.client.list_objects(storage.bucket, recursive=True):
        with storage.open(str(entry.object_name)) as file:
            found[str(entry.object_name)] = bytes(file.read())
    return found


def test_anyone_reads_the_objects_whose_keys_they_know(public: MinioBackend, http: urllib3.PoolManager) -> None:
    for name, content in NAMES.items():
        response = http.request("GET", public.url(name))
        assert (response.status, response.data) == (200, content)
        response = http.request("HEAD", public.url(name))
        assert (response.status, response.headers["content-length"]) == (200, str(len(content)))


def test_nobody_learns_what_else_there_is(public: MinioBackend, http: urllib3.PoolManager) -> None:
    for query in BUCKET_QUERIES:
        for slash in ("", "/"):
            response = http.request("GET", f"{bucket_url(public)}{slash}{query}", redirect=False)
            assert response.status in (400, 403, 404, 405, 501), query
            assert HIDDEN.encode() not in response.data, query
        assert http.request("HEAD", f"{bucket_url(public)}{query}").status >= 400, query


def test_a_missing_key_reveals_nothing(public: MinioBackend, http: urllib3.PoolManager) -> None:
    for path in ("missing.txt", "folder", "folder/", "known", "known.txt/", "%2e%2e/", "*", "known.txt%00"):
        response = http.request("GET", f"{bucket_url(public)}/{path}", redirect=False)
        assert response.status >= 400 or response.data == b"", path  # SeaweedFS finds an empty folder
        assert HIDDEN.encode() not in response.data, path
        assert b"another name" not in response.data, path


def test_nobody_learns_more_of_an_object_than_its_bytes(public: MinioBackend, http: urllib3.PoolManager) -> None:
    for query in OBJECT_QUERIES:
        response = http.request("GET", public.url("known.txt") + query)
        assert response.status in (400, 403, 404, 405, 501), query


WRITES = {
    "replace": ("PUT", "/known.txt", b"changed", {}),
    "new": ("PUT", "/new.txt", b"new", {}),
    "new-with-acl": ("PUT", "/new.txt", b"new", {"x-amz-acl": "public-read-write"}),
    "copy": ("PUT", "/new.txt", b"", {"x-amz-copy-source": "/{bucket}/known.txt"}),
    "unsigned-chunks": ("PUT", "/new.txt", b"", {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}),
    "append": ("PUT", "/known.txt", b"more", {"x-amz-write-offset-bytes": "20"}),
    "begin-multipart": ("POST", "/new.txt?uploads", b"", {}),
    "upload-a-part": ("PUT", "/new.txt?partNumber=1&uploadId=1", b"new", {}),
    "tag": ("PUT", "/known.txt?tagging", b"<Tagging><TagSet/></Tagging>", {}),
    "acl": ("PUT", "/known.txt?acl", b"", {"x-amz-acl": "public-read-write"}),
    "select": ("POST", "/known.txt?select&select-type=2", b"<SelectObjectContentRequest/>", {}),
    "restore": ("POST", "/known.txt?restore", b"<RestoreRequest/>", {}),
    "delete": ("DELETE", "/known.txt", b"", {}),
    "delete-a-version": ("DELETE", "/known.txt?versionId=null", b"", {}),
    "delete-many": ("POST", "?delete", b"<Delete><Object><Key>known.txt</Key></Object></Delete>", {}),
    "delete-the-bucket": ("DELETE", "", b"", {}),
    "policy": ("PUT", "?policy", POLICY.encode(), {}),
    "no-policy": ("DELETE", "?policy", b"", {}),
    "bucket-acl": ("PUT", "?acl", b"", {"x-amz-acl": "public-read-write"}),
    "versioning": ("PUT", "?versioning", b"<VersioningConfiguration/>", {}),
    "another-method": ("PATCH", "/known.txt", b"changed", {}),
}


@pytest.mark.parametrize("write", WRITES)
def test_nobody_changes_anything(public: MinioBackend, http: urllib3.PoolManager, write: str) -> None:
    before = contents(public)
    method, path, body, headers = WRITES[write]
    sent = {name: value.format(bucket=public.bucket) for name, value in headers.items()}
    response = http.request(method, bucket_url(public) + path, body=body, headers=sent, redirect=False)
    assert 400 <= response.status <= 501
    assert contents(public) == before
    assert http.request("GET", bucket_url(public)).status == 403


@pytest.mark.parametrize(
    "extra", [{}, {"acl": "public-read-write"}, {"policy": "e30="}], ids=["plain", "acl", "policy"]
)
def test_nobody_uploads_by_a_form(public: MinioBackend, http: urllib3.PoolManager, extra: dict[str, str]) -> None:
    before = contents(public)
    fields: list[tuple[str, Any]] = [("key", "new.txt"), *extra.items(), ("file", ("new.txt", b"new", "text/plain"))]
    response = http.request("POST", bucket_url(public), fields=fields, redirect=False)
    assert 400 <= response.status <= 501
    assert contents(public) == before
