"""What the errors of the minio SDK and of the network mean: missing, not supported, timed out."""

from __future__ import annotations

import errno
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError, SSLError
from urllib3.exceptions import TimeoutError as NetworkTimeoutError

from ..certificate_errors import CertificateError, NotHttpsError
from ..errors import BadResponseError, CredentialsError, PoliciesNotSupportedError
from ..redaction.escaping import escape_control_characters

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

FAILURES = (MinioException, HTTPError, OSError, PoliciesNotSupportedError, CredentialsError)
"""What a request can fail of: errors of the SDK, of the network, of the server and of a provider of credentials.

RedirectError and BadResponseError are OSErrors.
"""

_CODES_OF_OTHER_STATUSES = ("NoSuchBucket", "NoSuchKey", "RetryHead")  # the SDK and this package act on them
CONDITION_REJECTED = ("BadRequest", "InvalidArgument", "InvalidRequest", "MethodNotAllowed", "NotImplemented")


class ObjectNotFound(S3Error, FileNotFoundError):  # noqa: N818 - named as the SDK and the S3 API name the condition
    """An object does not exist: both the SDK's S3Error (code NoSuchKey) and Python's FileNotFoundError (ENOENT)."""

    def __init__(self, bucket: str, key: str, response: BaseHTTPResponse | None = None) -> None:
        self._location = (bucket, key)  # before the SDK's constructor, which freezes the attributes
        super().__init__(
            code="NoSuchKey",
            message="Object does not exist",
            resource=f"/{bucket}/{key}",
            request_id=response.headers.get("x-amz-request-id") if response else None,
            host_id=response.headers.get("x-amz-id-2") if response else None,
            response=cast("BaseHTTPResponse", response),
            bucket_name=bucket,
            object_name=key,
        )
        OSError.__init__(self, errno.ENOENT, f"No such object in bucket '{bucket}'", key)

    def __reduce__(self) -> tuple[type[ObjectNotFound], tuple[str, str]]:
        """Leave the response behind: it may hold a connection, which cannot be pickled."""
        return type(self), self._location


def status_of(error: Exception) -> int | None:
    """Return the HTTP status, whatever exception the SDK made of the response; None if there was no response."""
    if isinstance(error, InvalidResponseError):
        return error._code  # noqa: SLF001 - the SDK has no public name for it
    if isinstance(error, S3Error):
        return error.response.status
    return error.status_code if isinstance(error, ServerError) else None


def was_retried(error: Exception) -> bool:
    """Whether the HTTP client may have sent the request more than once before it got this response."""
    if isinstance(error, S3Error):
        retries = error.response.retries
        return retries is None or bool(retries.history)
    return True


def may_have_worked(error: Exception) -> bool:
    """Whether the server may have done what was requested although no good response came."""
    is_lost = isinstance(error, (HTTPError, BadResponseError))
    return is_lost or getattr(error, "code", None) in ("NoSuchUpload", "InvalidPart")


def lost_parts(error: Exception) -> bool:
    """Whether the server has no longer the parts that it acknowledged, so that only a new upload can store the object.

    MinIO deletes the metadata of the parts before it makes the object of them. If the connection breaks in between, it
    stops there, and a retry of the completion is refused. A part that arrives twice can be lost in the same way.
    """
    code = getattr(error, "code", None)
    return code == "InvalidPart" or (code == "NoSuchUpload" and was_retried(error))


def rejects_condition(error: Exception) -> bool:
    """Whether the server does not support If-None-Match, and nothing else is wrong with the request."""
    if status_of(error) == HTTPStatus.NOT_IMPLEMENTED:
        return True
    return status_of(error) == HTTPStatus.BAD_REQUEST and getattr(error, "code", None) in CONDITION_REJECTED


def is_timeout(error: Exception) -> bool:
    """Whether the server sent nothing for too long."""
    reason = error.reason if isinstance(error, MaxRetryError) else error
    return isinstance(reason, NetworkTimeoutError)


def is_interruption(error: Exception) -> bool:
    """Whether a connection broke, so that the rest of an object may be requested again."""
    is_broken = isinstance(error, (ProtocolError, SSLError, NetworkTimeoutError))
    return is_broken and not isinstance(error, (CertificateError, NotHttpsError))


def is_missing_bucket(error: Exception) -> bool:
    """Whether the bucket does not exist; the response to a HEAD has no body, but MinIO sends the code in a header."""
    if not isinstance(error, S3Error):
        return False
    return error.code == "NoSuchBucket" or error.response.headers.get("x-minio-error-code") == "NoSuchBucket"


def is_missing_object(response: BaseHTTPResponse) -> bool:
    """Whether the response to a request about an object, without a body, says that it does not exist."""
    missing = response.status == HTTPStatus.NOT_FOUND
    return missing and response.headers.get("x-minio-error-code", "NoSuchKey") == "NoSuchKey"


def refused_head(error: S3Error) -> S3Error:
    """Return the error of a HEAD request with the reason that MinIO sends in headers, or with a way to find it.

    The response has no body; the SDK makes "Access denied" and "Bad request" of the status. Other statuses have one
    meaning.
    """
    if error.code not in ("AccessDenied", "BadRequest"):
        return error
    message, headers = error.message or "", error.response.headers
    code = headers.get("x-minio-error-code", "")
    if code.isalnum() and code.isascii() and code not in _CODES_OF_OTHER_STATUSES:
        reason = headers.get("x-minio-error-desc", "").removeprefix('"').removesuffix('"')
        return error.copy(code, escape_control_characters(reason) or message)
    if "use region" in message:  # the SDK's advice, from a header
        return error
    advice = (
        "Responses to HEAD give no reason; manage.py is_minio_available --deep checks keys, clock, region and rights"
    )
    return error.copy(error.code, f"{message}. {advice}")


def missing_bucket(error: S3Error, bucket: str, where: str) -> S3Error:
    """Return the same error with a message that says what to do."""
    return error.copy(
        "NoSuchBucket",
        f"Bucket '{bucket}' does not exist at {where}. Run manage.py initialize_buckets, or correct the bucket's name",
    )
