"""What the errors of the minio SDK and of the network mean: not there, taken, not supported, not in time."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, cast
from xml.etree import ElementTree as ET

import urllib3
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError

from ..errors import BadResponseError, PoliciesNotSupportedError, RedirectError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from urllib3 import BaseHTTPResponse

FAILURES = (
    MinioException,
    urllib3.exceptions.HTTPError,
    ET.ParseError,
    OSError,
    ValueError,
    PoliciesNotSupportedError,
    RedirectError,
    BadResponseError,
)
"""What a request can fail of: the SDK's errors, the network's, broken answers, and names that the SDK refuses."""

CONDITION_REJECTED = frozenset(
    {"BadRequest", "InvalidArgument", "InvalidRequest", "MethodNotAllowed", "NotImplemented"}
)

HTTP_BAD_REQUEST, HTTP_CONFLICT, HTTP_PRECONDITION_FAILED, HTTP_NOT_IMPLEMENTED = 400, 409, 412, 501
HTTP_METHOD_NOT_ALLOWED = 405


class ObjectNotFound(S3Error, FileNotFoundError):  # noqa: N818 - named as the SDK and the S3 API name the condition
    """An object is not there: both the SDK's S3Error (code NoSuchKey) and Python's FileNotFoundError (errno ENOENT)."""

    def __init__(self, bucket: str, key: str, response: BaseHTTPResponse | None = None) -> None:
        self._address = (bucket, key)  # before the SDK's constructor, which freezes the attributes
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
        return type(self), self._address


def status_of(error: Exception) -> int | None:
    """HTTP status of the answer, whatever exception the SDK made of it; None if there was no answer."""
    if isinstance(error, InvalidResponseError):
        return error._code  # noqa: SLF001 - the SDK has no public name for it
    if isinstance(error, S3Error):
        return error.response.status
    return error.status_code if isinstance(error, ServerError) else None


def was_repeated(error: Exception) -> bool:
    """Whether the HTTP client may have sent the request more than once before it got this answer."""
    if isinstance(error, S3Error):
        retries = error.response.retries
        return retries is None or bool(retries.history)
    return True


def may_have_worked(error: Exception) -> bool:
    """Whether the request may have been carried out although no good answer came."""
    is_lost = isinstance(error, (urllib3.exceptions.HTTPError, BadResponseError))
    return is_lost or getattr(error, "code", None) == "NoSuchUpload"


def rejects_condition(error: Exception) -> bool:
    """Whether a server says that it cannot do If-None-Match, and not that something else is wrong with a request."""
    if status_of(error) == HTTP_NOT_IMPLEMENTED:
        return True
    return status_of(error) == HTTP_BAD_REQUEST and getattr(error, "code", None) in CONDITION_REJECTED


def is_time_out(error: Exception) -> bool:
    """Whether the server was silent for too long."""
    reason = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) else error
    return isinstance(reason, urllib3.exceptions.TimeoutError)


def is_missing_bucket(error: Exception) -> bool:
    """Whether the server says that the bucket is not there: MinIO does so in a header where a HEAD has no body."""
    if not isinstance(error, S3Error):
        return False
    return error.code == "NoSuchBucket" or error.response.headers.get("x-minio-error-code") == "NoSuchBucket"


def missing_bucket(error: S3Error, bucket: str, where: str) -> S3Error:
    """The same error, in words that tell what to do."""
    return error.copy(
        "NoSuchBucket",
        f"Bucket '{bucket}' does not exist at {where}. Run manage.py initialize_buckets, or correct the bucket's name",
    )


class Translated:
    """A block whose errors are told as what they mean: ``translate`` gives the error to raise instead, or None.

    Not one of contextlib's: those set an error's traceback, which the S3Error of minio 7.2.18 does not let them.
    """

    def __init__(self, translate: Callable[[BaseException], BaseException | None]) -> None:
        self._translate = translate

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        meant = None if error is None else self._translate(error)
        if meant is not None:
            raise meant from error


def not_found_as_such(bucket: str, key: str) -> Translated:
    """Tell a missing object, which is a missing file in Python's terms as well."""

    def translate(error: BaseException) -> BaseException | None:
        if isinstance(error, S3Error) and error.code == "NoSuchKey":
            return ObjectNotFound(bucket, key, error.response)
        return None

    return Translated(translate)


def policies_of(bucket: str) -> Translated:
    """Tell a server without bucket policies from one that refuses this one."""

    def translate(error: BaseException) -> BaseException | None:
        if isinstance(error, Exception) and status_of(error) == HTTP_NOT_IMPLEMENTED:
            return PoliciesNotSupportedError(bucket)
        return None

    return Translated(translate)
