"""What a server's refusal means, and what to do about it."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3
from minio.credentials.providers import StaticProvider
from minio.error import S3Error

from django_minio_backend.health.explanations import Cause, cause_of, explain
from tests.support.settings import read


def refusal(code: str, message: str = "", body: bytes = b"", status: int = 403) -> S3Error:
    response = urllib3.HTTPResponse(body=body, status=status, preload_content=True)
    return S3Error(
        code=code, message=message, resource="/papers", request_id="1", host_id="2", response=response, bucket_name=None
    )


# Measured on MinIO, Versity S3 Gateway, SeaweedFS and Garage.
REFUSALS: list[tuple[S3Error, Cause, str]] = [
    (refusal("SignatureDoesNotMatch"), Cause.SECRET_KEY, "MINIO_SECRET_KEY does not match"),
    (refusal("AccessDenied", "Forbidden: Invalid signature"), Cause.SECRET_KEY, "MINIO_SECRET_KEY does not match"),
    (refusal("InvalidAccessKeyId"), Cause.ACCESS_KEY, "correct MINIO_ACCESS_KEY"),
    (refusal("XAdminUserNotFound", status=404), Cause.ACCESS_KEY, "correct MINIO_ACCESS_KEY"),
    (refusal("AccessDenied", "Forbidden: No such key: GK1"), Cause.ACCESS_KEY, "correct MINIO_ACCESS_KEY"),
    *(
        (refusal("AuthorizationHeaderMalformed", message, status=400), Cause.ACCESS_KEY, "correct MINIO_ACCESS_KEY")
        for message in (  # of a key with a slash
            'The authorization header is malformed; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/…".',
            "Authorization header malformed, unexpected scope: 'cd/20261125/us-east-1/s3/aws4_request', expected: '…'",
        )
    ),
    *(
        (refusal("AuthorizationHeaderMalformed", message, status=400), Cause.REGION, "set MINIO_REGION")
        for message in (
            'The authorization header is malformed; the region "eu-x" is wrong; expecting "us-east-1"',
            "Authorization header malformed, unexpected scope: '20261125/eu-x/s3/aws4_request', expected: '…'",
        )
    ),
    (refusal("ExpiredToken"), Cause.TOKEN, "renew MINIO_SESSION_TOKEN"),
    (refusal("AccessDenied", "Access Denied."), Cause.FORBIDDEN, "allow its user what is missing"),
    (refusal("NoSuchBucket", status=404), Cause.MISSING_BUCKET, "run manage.py initialize_buckets"),
    (refusal("RequestTimeTooSkewed"), Cause.CLOCK, "clocks"),
    (refusal("AuthorizationHeaderMalformed", status=400), Cause.REGION, "set MINIO_REGION to the server's region"),
    (
        refusal("AuthorizationHeaderMalformed", body=b"<Error><Region>eu-west-1</Region></Error>", status=400),
        Cause.REGION,
        "signed for region 'us-east-1', which is not the server's; set MINIO_REGION to 'eu-west-1'",
    ),
    (refusal("SlowDown", "Please reduce your request rate.", status=503), Cause.OTHER, "SlowDown"),
]


@pytest.mark.parametrize(("error", "cause", "told"), REFUSALS)
def test_a_refusal_is_reported_with_its_code_and_what_to_do(error: S3Error, cause: Cause, told: str) -> None:
    assert cause_of(error) is cause
    words = explain(error, read())
    assert told in words
    assert str(error.code) in words
    assert "\n" not in words


def test_the_permission_that_is_needed_is_reported() -> None:
    words = explain(refusal("AccessDenied"), read(), needed="s3:GetBucketPolicy")
    assert words == "the access key is not allowed to do this; allow its user s3:GetBucketPolicy (AccessDenied)"


@pytest.mark.parametrize("error", [TimeoutError("no response"), ValueError("a strange name"), OSError("gone")])
def test_any_other_error_speaks_for_itself(error: Exception) -> None:
    assert cause_of(error) is Cause.OTHER
    assert explain(error, read()) == str(error)


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken"])
def test_credentials_of_a_provider_are_named_as_that(code: str) -> None:
    options: dict[str, Any] = {"MINIO_ACCESS_KEY": None, "MINIO_SECRET_KEY": None}
    words = explain(refusal(code), read(**options, MINIO_CREDENTIALS=StaticProvider("someone", "hush")))
    assert "MINIO_CREDENTIALS" in words
    assert "_KEY" not in words


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="no body"),
        pytest.param(b"<Region></Region>", id="empty"),
        pytest.param(b"<Region>eu<b>west</b></Region>", id="markup"),
        pytest.param(b"\xff<Region>", id="cut"),
    ],
)
def test_only_a_valid_region_is_suggested(body: bytes) -> None:
    assert "set MINIO_REGION to the server's region" in explain(
        refusal("AuthorizationHeaderMalformed", body=body), read()
    )
