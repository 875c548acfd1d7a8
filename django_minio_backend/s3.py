"""The S3 operations that this package needs, in terms of the minio SDK, and what their failures mean.

With ``clients`` the only module that imports the SDK. Whoever needs it imports it inside a function, so that
importing the package stays cheap.
"""

from __future__ import annotations

import errno
import json
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

import urllib3
from minio.deleteobjects import DeleteObject
from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from minio.helpers import genheaders, md5sum_hash
from minio.sse import SseCustomerKey

from .errors import (
    ConditionNotSupportedError,
    ObjectChangedError,
    ObjectExistsError,
    PoliciesNotSupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from minio import Minio
    from minio.datatypes import Object
    from minio.deleteobjects import DeleteError
    from urllib3 import BaseHTTPResponse, PoolManager

    from .options import StorageOptions

    Body = bytes | bytearray

logger = logging.getLogger(__name__)

FAILURES = (
    MinioException,
    urllib3.exceptions.HTTPError,
    ET.ParseError,
    OSError,
    ValueError,
    PoliciesNotSupportedError,
)
"""What a request can fail of: the SDK's errors, the network's, broken answers, and names that the SDK refuses."""

_HTTP_BAD_REQUEST, _HTTP_NOT_FOUND, _HTTP_CONFLICT, _HTTP_PRECONDITION_FAILED, _HTTP_NOT_IMPLEMENTED = (
    400,
    404,
    409,
    412,
    501,
)


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
    return isinstance(error, urllib3.exceptions.HTTPError) or getattr(error, "code", None) == "NoSuchUpload"


def is_missing_bucket(error: Exception) -> bool:
    """Whether the server says that the bucket is not there."""
    return isinstance(error, S3Error) and error.code == "NoSuchBucket"


class S3Client:
    """The S3 operations that this package needs, with "not there", "taken" and "changed" told from other failures.

    Every other error of the SDK and of the network passes unchanged.

    Attributes:
        sdk: the SDK's client for the same endpoint and credentials.
        http: the connection pool under it.
        rejects_conditions: whether the server has answered If-None-Match with an error.
    """

    def __init__(self, sdk: Minio, http: PoolManager) -> None:
        self.sdk = sdk
        self.http = http
        self.rejects_conditions = False

    def head(self, bucket: str, key: str, ssec: SseCustomerKey | None = None) -> Object:
        """Ask for an object's size, ETag, time and metadata (HeadObject)."""
        with _not_found_as_such(bucket, key):
            found = self.sdk.stat_object(bucket, key, ssec=ssec)
        if not found.etag:
            raise _cut_short(bucket, key)
        return found

    def get(
        self, bucket: str, key: str, headers: Mapping[str, str], ssec: SseCustomerKey | None = None
    ) -> BaseHTTPResponse | None:
        """Open an object's bytes (GetObject); None where the requested range starts at or behind its end.

        Raises:
            ObjectChangedError: if an If-Match header does not match any more.
        """
        try:
            with _not_found_as_such(bucket, key):
                response = self.sdk.get_object(bucket, key, request_headers=dict(headers), ssec=ssec)
        except (S3Error, InvalidResponseError) as error:
            if status_of(error) == 416:  # noqa: PLR2004 - Range Not Satisfiable
                return None
            if status_of(error) == _HTTP_PRECONDITION_FAILED:
                raise ObjectChangedError(bucket, key) from error
            raise
        if not _etag(response) or "content-length" not in response.headers:
            response.close()
            raise _cut_short(bucket, key)
        return response

    def put(
        self, bucket: str, key: str, body: Body, headers: Mapping[str, str], *, only_if_absent: bool = False
    ) -> str:
        """Store ``body`` in one request (PutObject) and return its ETag.

        Raises:
            ObjectExistsError: ``only_if_absent`` and the key is taken.
            ConditionNotSupportedError: ``only_if_absent`` and the server rejects that header.
        """
        response = self._write("PUT", bucket, key, body, headers, only_if_absent=only_if_absent)
        return _etag(response)

    def create_upload(self, bucket: str, key: str, headers: Mapping[str, str]) -> str:
        """Begin a multipart upload (CreateMultipartUpload) and return its id."""
        response = self._execute("POST", bucket, key, headers=dict(headers), query_params={"uploads": ""})
        return _text_of(response, "UploadId", bucket, key)

    def put_part(
        self, bucket: str, key: str, upload_id: str, number: int, body: Body, headers: Mapping[str, str]
    ) -> str:
        """Store one part (UploadPart) and return its ETag."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        for _ in range(2):  # a part may be sent again
            response = self._execute("PUT", bucket, key, body=body, headers=dict(headers), query_params=query)
            if etag := _etag(response):
                return etag
        raise _cut_short(bucket, key)

    def complete_upload(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        parts: Sequence[Mapping[str, str]],
        headers: Mapping[str, str],
        *,
        only_if_absent: bool = False,
    ) -> str:
        """Make an object of the parts (CompleteMultipartUpload) and return its ETag.

        ``parts`` has for each part its XML elements by name: PartNumber, ETag, perhaps a checksum.

        Raises:
            ObjectExistsError: as ``put``.
            ConditionNotSupportedError: as ``put``.
        """
        root = ET.Element("CompleteMultipartUpload")
        for part in parts:
            element = ET.SubElement(root, "Part")
            for name, value in part.items():
                ET.SubElement(element, name).text = value
        body = ET.tostring(root)
        headers = {**headers, "Content-Type": "application/xml", "Content-MD5": str(md5sum_hash(body))}
        query = {"uploadId": upload_id}
        response = self._write("POST", bucket, key, body, headers, query=query, only_if_absent=only_if_absent)
        if b"<Error" in response.data[:512]:  # S3 may find an error after it has sent status 200
            raise S3Error.fromxml(response)
        return _text_of(response, "ETag", bucket, key).strip('"')

    def abort_upload(self, bucket: str, key: str, upload_id: str) -> None:
        """Remove a multipart upload and its parts (AbortMultipartUpload).

        Runs while another error is on its way, which matters more: a failure is logged, not raised.
        """
        try:
            self._execute("DELETE", bucket, key, query_params={"uploadId": upload_id})
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            logger.warning("An unfinished multipart upload of '%s' stays in bucket '%s': %s", key, bucket, error)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object (DeleteObject); one that is not there is no error."""
        self.sdk.remove_object(bucket, key)

    def delete_many(self, bucket: str, keys: Iterable[str]) -> Iterator[DeleteError]:
        """Delete objects by the thousand (DeleteObjects) and return those that could not be deleted."""
        return iter(self.sdk.remove_objects(bucket, [DeleteObject(key) for key in keys]))

    def list(self, bucket: str, prefix: str = "", *, recursive: bool = False) -> Iterator[Object]:
        """List objects (ListObjectsV2), 1,000 a request; without ``recursive`` a folder is one entry."""
        return iter(self.sdk.list_objects(bucket, prefix=prefix or None, recursive=recursive))

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket (CreateBucket); one that another process of the same owner has just made is no error."""
        try:
            self.sdk.make_bucket(bucket)
        except S3Error as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def bucket_policy(self, bucket: str) -> dict[str, Any] | None:
        """The bucket's policy (GetBucketPolicy), None where it has none.

        Raises:
            PoliciesNotSupportedError: the server has no policies.
        """
        try:
            with _policies_of(bucket):
                return cast("dict[str, Any]", json.loads(self.sdk.get_bucket_policy(bucket)))
        except S3Error as error:
            if error.code == "NoSuchBucketPolicy":
                return None
            raise

    def set_bucket_policy(self, bucket: str, policy: dict[str, Any] | None) -> None:
        """Replace the bucket's policy (PutBucketPolicy), or take it away (DeleteBucketPolicy).

        Raises:
            PoliciesNotSupportedError: the server has no policies.
        """
        with _policies_of(bucket):
            if policy is None:
                self.sdk.delete_bucket_policy(bucket)
            else:
                self.sdk.set_bucket_policy(bucket, json.dumps(policy))

    def _write(
        self,
        method: str,
        bucket: str,
        key: str,
        body: Body,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        only_if_absent: bool,
    ) -> BaseHTTPResponse:
        """Send what makes an object appear, on the condition that there is none where that is asked for.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        request = {"body": body, "query_params": dict(query or {})}
        if not only_if_absent:
            return self._execute(method, bucket, key, headers=dict(headers), **request)
        for attempts_left in (2, 1, 0):
            try:
                return self._execute(method, bucket, key, headers={**headers, "If-None-Match": "*"}, **request)
            except (S3Error, InvalidResponseError, ServerError) as error:
                status = status_of(error)
                if status == _HTTP_PRECONDITION_FAILED:
                    raise ObjectExistsError(bucket, key, repeated=was_repeated(error)) from error
                if status in (_HTTP_BAD_REQUEST, _HTTP_NOT_IMPLEMENTED):
                    raise ConditionNotSupportedError from error
                conflict = status == _HTTP_CONFLICT and getattr(error, "code", None) == "ConditionalRequestConflict"
                if not (conflict and attempts_left):
                    raise
        raise AssertionError  # pragma: no cover - the loop above returns or raises

    def _execute(self, method: str, bucket: str, key: str, **request: Any) -> BaseHTTPResponse:
        return self.sdk._execute(method, bucket_name=bucket, object_name=key, **request)  # noqa: SLF001 - no public way


def upload_headers(options: StorageOptions) -> dict[str, str]:
    """Headers that a storage's metadata, tags, encryption, retention and legal hold make of themselves."""
    headers = genheaders(
        dict(options.metadata) if options.metadata else None,
        options.sse,
        options.tags,
        options.retention,
        options.legal_hold,
    )
    return {name: value if isinstance(value, str) else ",".join(map(str, value)) for name, value in headers.items()}


def customer_key(options: StorageOptions) -> SseCustomerKey | None:
    """The key that reading needs as well, where objects are encrypted with one of the customer's (SSE-C)."""
    return options.sse if isinstance(options.sse, SseCustomerKey) else None


@contextmanager
def _not_found_as_such(bucket: str, key: str) -> Iterator[None]:
    """Tell a missing object from a missing bucket, which the answer to a HEAD cannot say in a body."""
    try:
        yield
    except S3Error as error:
        if error.code != "NoSuchKey":
            raise
        if error.response.headers.get("x-minio-error-code") == "NoSuchBucket":
            raise error.copy("NoSuchBucket", "Bucket does not exist") from error
        raise ObjectNotFound(bucket, key, error.response) from error


@contextmanager
def _policies_of(bucket: str) -> Iterator[None]:
    try:
        yield
    except (S3Error, InvalidResponseError, ServerError) as error:
        if status_of(error) == _HTTP_NOT_IMPLEMENTED:
            raise PoliciesNotSupportedError(bucket) from error
        raise


def _etag(response: BaseHTTPResponse) -> str:
    return response.headers.get("etag", "").strip('"')


def _text_of(response: BaseHTTPResponse, name: str, bucket: str, key: str) -> str:
    """Text of the first element of that name, whatever namespace the server puts it in."""
    if not response.data:
        raise _cut_short(bucket, key)
    for element in ET.fromstring(response.data).iter():  # noqa: S314 - the server's own answer, parsed as the SDK does
        if element.tag.rpartition("}")[2] == name:
            return element.text or ""
    raise InvalidResponseError(response.status, response.headers.get("content-type"), f"no {name} in the answer")


def _cut_short(bucket: str, key: str) -> urllib3.exceptions.ProtocolError:
    """The error for an answer whose connection broke within its head: Python takes what came for all of it."""
    return urllib3.exceptions.ProtocolError(f"The answer about '{key}' in bucket '{bucket}' broke off.")
