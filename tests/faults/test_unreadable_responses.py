"""Responses that cannot be read are failures of the server; a programming error is never taken for one."""

from __future__ import annotations

import gc
import re
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from minio.credentials.providers import Provider
from minio.error import S3Error

from django_minio_backend.errors import BadResponseError, CredentialsError
from django_minio_backend.models import MinioBackend
from django_minio_backend.s3 import deletion
from django_minio_backend.s3.errors import FAILURES
from tests.support.hostile import hostile, response
from tests.support.rewriting_proxy import Response, rewriting_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.hostile import Received
    from tools.servers import Server

    Responding = Callable[[Response], MinioBackend]

NO_S3 = "Is this the endpoint of an S3 server"


@pytest.fixture
def responding(server: Server, minio_options: dict[str, Any]) -> Iterator[Responding]:
    """A storage whose server always sends this response."""
    with rewriting_proxy(server) as proxy:

        def storage_with(made_up: Response) -> MinioBackend:
            proxy.rule = lambda _: made_up
            return MinioBackend(**{**minio_options, "MINIO_ENDPOINT": proxy.endpoint})

        yield storage_with


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<Error><Code>AccessDenied</Co", "application/xml"),
        (b"<Error><Code>\xff\xfe</Code></Error>", "application/xml"),
        (b"<?xml version='1.0' encoding='latin-1'?><Error><Code>\xe9</Code></Error>", "application/xml"),
        (b"Verboten: \xfc\xff", "text/html"),
    ],
    ids=["truncated-xml", "not-utf-8", "latin-1", "html-in-another-encoding"],
)
def test_an_unreadable_error_document_is_a_failure(responding: Responding, body: bytes, content_type: str) -> None:
    storage = responding(Response(403, body, content_type))
    with pytest.raises(FAILURES, match=NO_S3) as caught:
        storage.listdir("")
    assert isinstance(caught.value, BadResponseError)


def test_a_policy_that_is_not_json_is_a_failure(responding: Responding) -> None:
    storage = responding(Response(200, b"{'Version': 1}", "application/json"))
    with pytest.raises(FAILURES, match="is not JSON"):
        storage.s3.bucket_exists_with_policy(storage.bucket)


@pytest.mark.parametrize("body", [b"", b"<VersioningConfiguration>", b"<html/>"], ids=["empty", "truncated", "html"])
def test_a_versioning_configuration_of_another_form_is_a_failure(responding: Responding, body: bytes) -> None:
    storage = responding(Response(200, body))
    with pytest.raises(FAILURES, match="VersioningConfiguration"):
        storage.s3.has_versions(storage.bucket)


@pytest.mark.parametrize("time", ["", "yesterday"], ids=["missing", "word"])
def test_a_head_without_a_time_is_a_failure(minio_options: dict[str, Any], time: str) -> None:
    headers = {"ETag": '"abc"', **({"Last-Modified": time} if time else {})}
    with hostile(lambda _: [response(200, b"", headers)]) as server:
        storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": server.endpoint, "MINIO_USE_HTTPS": False})
        with pytest.raises(FAILURES, match="no valid last-modified header"):
            storage.size("a.txt")


DEEP_CHECK = ".* is_minio_available --deep checks keys, clock, region and rights$"
ENCRYPTED = {"x-minio-error-code": "InvalidRequest", "x-minio-error-desc": '"It is "encrypted""'}


@pytest.mark.parametrize(
    ("status", "headers", "code", "message"),
    [
        (403, {}, "AccessDenied", r"^Access denied\." + DEEP_CHECK),
        (400, {}, "BadRequest", r"^Bad request\." + DEEP_CHECK),
        (403, {"x-minio-error-code": "RequestTimeTooSkewed"}, "RequestTimeTooSkewed", "^Access denied$"),
        (400, ENCRYPTED, "InvalidRequest", '^It is "encrypted"$'),
        (403, {"x-minio-error-code": "Denied", "x-minio-error-desc": '""'}, "Denied", "^Access denied$"),
        (403, {"x-minio-error-code": "Denied", "x-minio-error-desc": "\x1b[2J"}, "Denied", r"^\\x1b\[2J$"),
        (403, {"x-minio-error-code": "no code"}, "AccessDenied", r"^Access denied\." + DEEP_CHECK),
        (403, {"x-minio-error-code": "NoSuchKey"}, "AccessDenied", r"^Access denied\." + DEEP_CHECK),
        (403, {"x-minio-error-code": "RetryHead"}, "AccessDenied", r"^Access denied\." + DEEP_CHECK),
        (400, {"x-amz-bucket-region": "eu-west-1"}, "BadRequest", "^Bad request; use region eu-west-1$"),
    ],
    ids=[
        *("403", "400", "code", "code-and-reason", "empty-reason", "control-character"),
        *("words", "missing-object", "code-of-the-sdk", "region"),
    ],
)
def test_a_refused_head_request_says_why_or_how_to_find_out(
    minio_options: dict[str, Any], status: int, headers: dict[str, str], code: str, message: str
) -> None:
    with hostile(lambda _: [response(status, b"", headers)]) as server:
        storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": server.endpoint, "MINIO_USE_HTTPS": False})
        with pytest.raises(S3Error) as caught:
            storage.exists("a.txt")
        assert len(server.received) == 1
    assert not isinstance(caught.value, FileNotFoundError)
    assert caught.value.code == code
    assert "a.txt" in str(caught.value)
    assert re.search(message, caught.value.message or "")


def test_the_error_of_a_refused_head_request_does_not_keep_the_storage(minio_options: dict[str, Any]) -> None:
    """Without a collection: a client that is kept would still be known to a server in memory."""
    with hostile(lambda _: [response(403, b"")]) as server:
        storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": server.endpoint, "MINIO_USE_HTTPS": False})
        kept = weakref.ref(storage)
        gc.disable()
        try:
            with suppress(S3Error):
                storage.exists("a.txt")
            del storage
            assert kept() is None
        finally:
            gc.enable()


@pytest.mark.parametrize("value", ["Sun, 01 Nov 99999 12:00:00 GMT", "9" * 5_000], ids=["year-99999", "5000-digits"])
def test_an_invalid_retry_after_does_not_end_the_retries(minio_options: dict[str, Any], value: str) -> None:
    """urllib3 raises a ValueError for it."""
    left = [response(503, b"", {"Retry-After": value}), response(404, b"")]

    def reply(_: Received) -> list[bytes]:
        return [left.pop(0)]

    with hostile(reply) as server:
        storage = MinioBackend(**{**minio_options, "MINIO_ENDPOINT": server.endpoint, "MINIO_USE_HTTPS": False})
        assert not storage.exists("a.txt")


class BrokenProvider(Provider):
    """Fails as the SDK's providers do when the server of credentials refuses."""

    def retrieve(self) -> Any:
        """Raise the SDK's error."""
        raise ValueError("AssumeRole request failed with HTTP status 403; password=hunter2")


def test_credentials_that_cannot_be_fetched_are_a_failure(minio_options: dict[str, Any]) -> None:
    options = {name: value for name, value in minio_options.items() if not name.endswith("_KEY")}
    storage = MinioBackend(**options, MINIO_CREDENTIALS=BrokenProvider())
    with pytest.raises(FAILURES, match="failed with HTTP status 403") as caught:
        storage.listdir("")
    assert isinstance(caught.value, CredentialsError)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("error", [ValueError, TypeError, KeyError, UnicodeDecodeError], ids=lambda kind: kind.__name__)
def test_a_programming_error_is_no_failure_of_the_server(error: type[Exception]) -> None:
    assert not issubclass(error, FAILURES)


def test_a_key_that_the_sdk_refuses_does_not_end_a_deletion(storage: MinioBackend) -> None:
    result = deletion.delete_objects(storage.s3, storage.bucket, ["../\x01", "\t", "ok\x01"])
    assert result.failed.keys() == {"../\x01", "\t"}
    assert result.deleted == {"ok\x01"}
