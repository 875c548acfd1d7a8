"""Names of operations, buckets and keys from URLs, in path style and virtual-host style."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlunsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from minio.helpers import BaseURL

from django_minio_backend.redaction.escaping import escape_control_characters
from django_minio_backend.redaction.operations import credentials_operation, s3_operation

ENDPOINT = "minio.test:9000"
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(
    lambda key: not key.startswith("/") and all(part not in (".", "..") for part in key.split("/"))  # the SDK's rules
)


def url_of(key: str, *, virtual: bool, host: str = ENDPOINT, query: Any = None) -> str:
    """The URL that the SDK makes."""
    base = BaseURL(f"http://{host}", region="us-east-1")
    base.virtual_style_flag = virtual
    url = base.build(
        method="GET", region="us-east-1", bucket_name="my.bucket-1", object_name=key or None, query_params=query
    )
    return urlunsplit(url)


@given(KEYS, st.booleans())
def test_bucket_and_key_are_those_that_the_sdk_was_given(key: str, virtual: bool) -> None:  # noqa: FBT001 - Hypothesis
    operation = s3_operation("GET", url_of(key, virtual=virtual), None, [ENDPOINT])
    assert operation == ("GetObject", "my.bucket-1", escape_control_characters(key))


@given(KEYS, st.sampled_from(["X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token", "prefix", "uploadId"]))
def test_nothing_of_a_query_is_shown(key: str, parameter: str) -> None:
    url = url_of(key, virtual=False, query={parameter: "SECRET-0123456789"})
    assert "SECRET" not in str(s3_operation("GET", url, {"Authorization": "SECRET"}, [ENDPOINT])).replace(key, "")


@given(st.text(st.characters(codec="utf-8")), st.text(), st.text())
@example("http://[", "GET", "")
def test_any_url_has_an_operation_in_one_line(url: str, method: str, host: str) -> None:
    operation = s3_operation(method, url, None, [host])
    assert [escape_control_characters(text) for text in operation] == list(operation)


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("my.bucket.s3.amazonaws.com", "my.bucket"),
        ("mine.s3.eu-west-1.amazonaws.com", "mine"),
        ("mine.s3.dualstack.eu-west-1.amazonaws.com", "mine"),
        ("mine.s3-accelerate.amazonaws.com", "mine"),
        ("mine.s3.cn-north-1.amazonaws.com.cn", "mine"),
        ("a.s3.b.s3.eu-west-1.amazonaws.com", "a.s3.b"),
        ("MINE.MINIO.TEST:9000", "mine"),
    ],
)
def test_a_bucket_in_the_host_is_known(host: str, bucket: str) -> None:
    assert s3_operation("PUT", f"https://{host}/folder/a.txt", {}, [ENDPOINT]) == ("PutObject", bucket, "folder/a.txt")


@pytest.mark.parametrize(
    "host", ["s3.amazonaws.com", "s3.eu-west-1.amazonaws.com", "s3.dualstack.us-east-1.amazonaws.com"]
)
def test_a_host_of_aws_without_bucket_has_it_in_the_path(host: str) -> None:
    assert s3_operation("HEAD", f"https://{host}/mine/a.txt", {}, [ENDPOINT]) == ("HeadObject", "mine", "a.txt")


@pytest.mark.parametrize(
    ("request_line", "name"),
    [
        ("GET /", "ListBuckets"),
        ("HEAD /b", "HeadBucket"),
        ("PUT /b/", "CreateBucket"),
        ("DELETE /b", "DeleteBucket"),
        ("GET /b?prefix=a", "ListObjects"),
        ("GET /b?list-type=2", "ListObjectsV2"),
        ("GET /b?versions", "ListObjectVersions"),
        ("GET /b?uploads", "ListMultipartUploads"),
        ("POST /b?delete", "DeleteObjects"),
        ("POST /b", "PostObject"),
        ("GET /b?location", "GetBucketLocation"),
        ("PUT /b?policy", "PutBucketPolicy"),
        ("DELETE /b?policy=", "DeleteBucketPolicy"),
        ("PUT /b?cors", "PutBucketCors"),
        ("PUT /b?acl", "PutBucketAcl"),
        ("DELETE /b?lifecycle", "DeleteBucketLifecycle"),
        ("GET /b/k?uploadId=1", "ListParts"),
        ("DELETE /b/k?uploadId=1", "AbortMultipartUpload"),
        ("POST /b/k?uploads", "CreateMultipartUpload"),
        ("POST /b/k?uploadId=1", "CompleteMultipartUpload"),
        ("PUT /b/k?partNumber=1&uploadId=1", "UploadPart"),
        ("PUT /b/k?tagging", "PutObjectTagging"),
        ("GET /b/k?attributes", "GetObjectAttributes"),
        ("DELETE /b/k?versionId=3", "DeleteObject"),
        ("POST /b/k", "POST"),
        ("OPTIONS /b/k", "Preflight"),
    ],
)
def test_requests_have_the_names_of_the_s3_api(request_line: str, name: str) -> None:
    method, path = request_line.split()
    assert s3_operation(method, f"http://{ENDPOINT}{path}", {}, [ENDPOINT]).name == name


@pytest.mark.parametrize(("query", "name"), [("", "CopyObject"), ("?partNumber=1&uploadId=1", "UploadPartCopy")])
def test_copies_are_known_by_their_header(query: str, name: str) -> None:
    url = f"http://{ENDPOINT}/b/k{query}"
    assert s3_operation("PUT", url, {"X-Amz-Copy-Source": "b/k"}, [ENDPOINT]).name == name


@pytest.mark.parametrize(
    ("url", "body", "name"),
    [
        ("http://sts.test/?Action=AssumeRoleWithWebIdentity&WebIdentityToken=x", None, "AssumeRoleWithWebIdentity"),
        ("http://sts.test/", "Action=AssumeRole&Version=2011-06-15", "AssumeRole"),
        ("http://sts.test/", b"Version=2011-06-15&Action=AssumeRole", "AssumeRole"),
        ("http://sts.test/?Action=AssumeRole%0AX", None, "GetCredentials"),
        ("http://169.254.169.254/latest/meta-data/iam/security-credentials/", None, "GetCredentials"),
    ],
)
def test_requests_for_credentials_show_their_action_alone(url: str, body: object, name: str) -> None:
    assert credentials_operation(url, body) == (name, "", "")
