"""The client sends requests in its own, shorter way; whoever uses it by ``storage.client`` sees the SDK's behaviour."""

from __future__ import annotations

import io
from typing import Any

import pytest
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st
from minio import Minio
from minio.error import S3Error

from django_minio_backend.models import MinioBackend

OPTIONS: dict[str, Any] = {
    "MINIO_ENDPOINT": "minio:9000",
    "MINIO_ACCESS_KEY": "someone",
    "MINIO_SECRET_KEY": "something",
    "MINIO_USE_HTTPS": False,
    "MINIO_DEFAULT_BUCKET": "papers",
}
ERROR = (
    b"<Error><Code>%s</Code><Message>No</Message><BucketName>papers</BucketName><Resource>/papers</Resource></Error>"
)
BODIES = {
    "none": b"",
    "HTML": b"<html/>",
    **{code: ERROR % code.encode() for code in ("AccessDenied", "NoSuchKey", "SlowDown")},
}


class Canned(urllib3.PoolManager):
    """A pool that has one response to every request, and remembers the last one."""

    def __init__(self, status: int, body: bytes = b"", kind: str = "application/xml") -> None:
        super().__init__()
        self.last: tuple[str, str, dict[str, Any]] = ("", "", {})
        self._response = status, body, {"Content-Type": kind, "Content-Length": str(len(body)), "ETag": '"1"'}

    def urlopen(self, method: str, url: str, **request: Any) -> urllib3.HTTPResponse:  # type: ignore[override]
        self.last = method, url, dict(request["headers"])
        status, body, headers = self._response
        if method == "HEAD" or status in (204, 304):
            body, headers = b"", {**headers, "Content-Length": "0"}
        return urllib3.HTTPResponse(
            io.BytesIO(body),
            headers=headers,
            status=status,
            preload_content=request.get("preload_content", True),
            request_method=method,
        )


def clients(*response: Any) -> tuple[Minio, Minio, Canned, Canned]:
    """Our client and the SDK's, and the pool of each."""
    ours, theirs = Canned(*response), Canned(*response)
    storage = MinioBackend(**OPTIONS, MINIO_HTTP_CLIENT=ours)
    sdk = Minio("minio:9000", "someone", "something", secure=False, region="us-east-1", http_client=theirs)
    return storage.client, sdk, ours, theirs


def outcome(client: Minio, method: str, key: str | None) -> tuple[str, object]:
    try:
        client._execute(method, bucket_name="papers", object_name=key)
    except S3Error as error:
        return "S3Error", str(error.code)
    except Exception as error:  # noqa: BLE001 - whatever the SDK raises
        return type(error).__name__, str(error)
    return "none", None


@given(
    status=st.sampled_from([200, 204, 206, 304, 400, 403, 404, 405, 409, 412, 416, 500, 501, 503]),
    body=st.sampled_from(sorted(BODIES)),
    kind=st.sampled_from(["application/xml", "text/html"]),
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]),
    key=st.sampled_from([None, "a.txt"]),
)
def test_errors_are_the_sdks(status: int, body: str, kind: str, method: str, key: str | None) -> None:
    ours, theirs, _, _ = clients(status, BODIES[body], kind)
    assert outcome(ours, method, key) == outcome(theirs, method, key)


@pytest.mark.parametrize(
    "metadata", [{"a": "one"}, {"a": ["one", "two"]}, {"a": " spaces  within "}], ids=["one", "several", "spaces"]
)
def test_requests_are_the_sdks(metadata: dict[str, Any]) -> None:
    ours, theirs, sent, expected = clients(200)
    for client in (ours, theirs):
        client.put_object("papers", "a ü+b.txt", io.BytesIO(b"content"), 7, metadata=metadata)
    (method, url, headers), (_, _, wanted) = sent.last, expected.last
    assert (method, url) == expected.last[:2]
    assert headers.keys() == wanted.keys()
    timed = {"authorization", "x-amz-date"}
    assert {name: headers[name] for name in headers if name.lower() not in timed} == {
        name: wanted[name] for name in wanted if name.lower() not in timed
    }


@given(
    endpoint=st.sampled_from(["minio:9000", "[::1]:9000", "s3.amazonaws.com", "oss-cn-beijing.aliyuncs.com"]),
    secure=st.booleans(),
    virtual=st.booleans(),
    method=st.sampled_from(["GET", "HEAD", "PUT", "DELETE"]),
    bucket=st.sampled_from(["papers", "some.papers"]),
    key=st.none() | st.text(st.sampled_from("ab/. ~%+?#&=é\u20ac\\:"), max_size=8),
    query=st.none() | st.dictionaries(st.sampled_from(["versionId", "uploads", "a b"]), st.sampled_from(["", "1 2"])),
)
@example(endpoint="minio:9000", secure=False, virtual=False, method="PUT", bucket="papers", key="/a~é/", query=None)
def test_urls_are_the_sdks(
    *,
    endpoint: str,
    secure: bool,
    virtual: bool,
    method: str,
    bucket: str,
    key: str | None,
    query: dict[str, Any] | None,
) -> None:
    ours, theirs = Canned(200), Canned(200)
    options = {**OPTIONS, "MINIO_ENDPOINT": endpoint, "MINIO_USE_HTTPS": secure, "MINIO_VIRTUAL_HOST_STYLE": virtual}
    sdk = Minio(endpoint, "someone", "something", secure=secure, region="us-east-1", http_client=theirs)
    for client in (MinioBackend(**options, MINIO_HTTP_CLIENT=ours).client, sdk):
        if virtual:
            client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
        else:
            client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
        client._execute(method, bucket_name=bucket, object_name=key, query_params=query)
    assert ours.last[:2] == theirs.last[:2]


def test_requests_can_be_traced() -> None:
    ours, _, _, _ = clients(200)
    trace = io.StringIO()
    ours.trace_on(trace)
    ours.remove_object("papers", "a.txt")
    ours.trace_off()  # type: ignore[no-untyped-call]
    assert "DELETE /papers/a.txt" in trace.getvalue()


def test_headers_of_a_caller_stay_as_they_are() -> None:
    ours, _, _, _ = clients(200)
    given_headers: dict[str, Any] = {"Content-Type": "text/plain"}
    ours._execute("PUT", bucket_name="papers", object_name="a.txt", body=b"x", headers=given_headers)
    assert given_headers == {"Content-Type": "text/plain"}
