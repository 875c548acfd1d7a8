"""The S3 operations that this package needs.

Other rooms import this module inside functions, so that importing the package does not import the SDK.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, cast
from xml.etree import ElementTree as ET

from minio.datatypes import Object
from minio.error import InvalidResponseError, S3Error, ServerError
from minio.helpers import genheaders, md5sum_hash

from ..errors import (
    BadResponseError,
    ConditionNotSupportedError,
    ObjectChangedError,
    ObjectExistsError,
    PoliciesNotSupportedError,
)
from ..redaction.secret_values import hidden_headers
from .connection import S3Connection
from .credentials import customer_key
from .errors import rejects_condition, status_of, was_retried
from .responses import TruncatedResponse, XmlResponse, etag_of, size_of, time_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minio import Minio
    from minio.sse import SseCustomerKey
    from urllib3 import BaseHTTPResponse, PoolManager

    from ..options.fields import StorageOptions

    Body = bytes | bytearray
    WriteOperation = Literal["PutObject", "CompleteMultipartUpload"]
    Headers = Mapping[str, str]


class S3Client(S3Connection):
    """S3 operations on objects and buckets, with errors of their own for missing, existing and changed objects.

    All other errors of the SDK and of the network are raised unchanged: see ``errors.FAILURES``.

    Attributes:
        unconditional: operations for which the server has rejected If-None-Match. Some servers support it for PutObject
            but not for CompleteMultipartUpload.
    """

    def __init__(self, sdk: Minio, http: PoolManager) -> None:
        super().__init__(sdk, http)
        self.unconditional: set[WriteOperation] = set()

    def head(self, bucket: str, key: str, ssec: SseCustomerKey | None = None) -> Object:
        """Return an object's size, ETag, time and metadata (HeadObject)."""
        headers = dict(ssec.headers()) if ssec else {}
        response = self._execute("HEAD", bucket, key, headers=headers)
        return Object(
            bucket_name=bucket,
            object_name=key,
            last_modified=time_of(response.headers, "last-modified"),
            etag=etag_of(response),
            size=size_of(response),
            content_type=response.headers.get("content-type"),
            metadata=response.headers,
            version_id=response.headers.get("x-amz-version-id"),
        )

    def get(
        self, bucket: str, key: str, headers: Headers, ssec: SseCustomerKey | None = None
    ) -> BaseHTTPResponse | None:
        """Return the response with an object's bytes (GetObject); None if the requested range starts after the end.

        Raises:
            ObjectChangedError: the ETag is not the one in the If-Match header.
        """
        try:
            response = self.sdk.get_object(bucket, key, request_headers=dict(headers), ssec=ssec)
        except (S3Error, InvalidResponseError) as error:
            if status_of(error) == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return None
            if status_of(error) == HTTPStatus.PRECONDITION_FAILED:
                raise ObjectChangedError(bucket, key) from error
            raise
        if not etag_of(response):
            response.close()
            raise TruncatedResponse(f"The response about '{key}' in bucket '{bucket}' has no ETag.")
        return response

    def put(self, bucket: str, key: str, body: Body, headers: Headers, *, only_if_absent: bool = False) -> str:
        """Upload ``body`` in one request (PutObject) and return its ETag.

        Raises:
            ObjectExistsError: ``only_if_absent``, and the object exists.
            ConditionNotSupportedError: ``only_if_absent``, and the server does not support If-None-Match.
        """
        return etag_of(self._write("PUT", bucket, key, body, headers, only_if_absent=only_if_absent))

    def create_upload(self, bucket: str, key: str, headers: Headers) -> str:
        """Start a multipart upload (CreateMultipartUpload) and return its id."""
        response = self._execute("POST", bucket, key, headers=dict(headers), query_params={"uploads": ""})
        return XmlResponse(response, "InitiateMultipartUploadResult", bucket).required("UploadId")

    def put_part(self, bucket: str, key: str, upload_id: str, number: int, body: Body, headers: Headers) -> str:
        """Upload one part (UploadPart) and return its ETag."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        for _ in range(2):  # uploading a part twice does no harm
            response = self._execute("PUT", bucket, key, body=body, headers=dict(headers), query_params=query)
            if etag := etag_of(response):
                return etag
        raise TruncatedResponse(f"The response about a part of '{key}' in bucket '{bucket}' has no ETag.")

    def complete_upload(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        parts: Sequence[Mapping[str, str]],
        headers: Headers,
        *,
        only_if_absent: bool = False,
    ) -> str:
        """Complete a multipart upload (CompleteMultipartUpload) and return the object's ETag.

        ``parts`` maps, for each part, the names of XML elements to their text: PartNumber, ETag, perhaps a checksum.

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
        if b"<Error" in response.data[:512]:  # S3 may fail after it has sent status 200
            raise XmlResponse(response, "Error", bucket).error(key)
        return XmlResponse(response, "CompleteMultipartUploadResult", bucket).required("ETag").strip('"')

    def abort_upload(self, bucket: str, key: str, upload_id: str) -> None:
        """Remove an unfinished multipart upload (AbortMultipartUpload); one that has ended is no error."""
        try:
            self._execute("DELETE", bucket, key, query_params={"uploadId": upload_id})
        except S3Error as error:
            if error.code != "NoSuchUpload":
                raise

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object (DeleteObject); a missing one is no error."""
        self.sdk.remove_object(bucket, key)

    def make_bucket(self, bucket: str) -> None:
        """Create a bucket (CreateBucket); one that already belongs to the same owner is no error."""
        try:
            self.sdk.make_bucket(bucket)
        except S3Error as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def bucket_exists_with_policy(self, bucket: str) -> tuple[bool, dict[str, Any] | None]:
        """Return whether the bucket exists, and its policy (GetBucketPolicy); None if it has no policy.

        The response to a HEAD would not say why the server refuses.

        Raises:
            PoliciesNotSupportedError: the server has no policies, and perhaps no such bucket.
            BadResponseError: the policy is not JSON.
        """
        try:
            policy = self._policy_request("GET", bucket).data
        except S3Error as error:
            if error.code == "NoSuchBucketPolicy":
                return True, None
            if error.code == "NoSuchBucket":
                return False, None
            raise
        try:
            return True, cast("dict[str, Any]", json.loads(policy))
        except ValueError as error:
            raise BadResponseError(f"The policy of {self.bucket_url(bucket)} is not JSON: {error}.") from error

    def set_bucket_policy(self, bucket: str, policy: dict[str, Any] | None) -> None:
        """Replace the bucket's policy (PutBucketPolicy), or delete it (DeleteBucketPolicy).

        Raises:
            PoliciesNotSupportedError: the server has no policies.
        """
        if policy is None:
            self._policy_request("DELETE", bucket)
        else:
            self._policy_request("PUT", bucket, json.dumps(policy).encode())

    def set_private_acl(self, bucket: str) -> None:
        """Remove every grant from the bucket's ACL but the owner's (PutBucketAcl)."""
        self._execute("PUT", bucket, None, headers={"x-amz-acl": "private"}, query_params={"acl": ""})

    def has_versions(self, bucket: str) -> bool:
        """Whether the bucket keeps old versions of its objects, or may still have some (GetBucketVersioning)."""
        try:
            response = self.request("GET", bucket, {"versioning": ""})
        except (S3Error, InvalidResponseError, ServerError) as error:
            if status_of(error) == HTTPStatus.NOT_IMPLEMENTED:
                return False
            raise
        xml = XmlResponse(response, "VersioningConfiguration", bucket, also="GetBucketVersioningResponse")
        return xml.text("Status") in {"Enabled", "Suspended"}

    def identify(self) -> BaseHTTPResponse:
        """List the account's buckets (ListBuckets), which needs the right keys, region and clock, and no bucket."""
        return self.sdk._execute("GET")  # noqa: SLF001 - the response headers are needed, too

    def list_one(self, bucket: str, prefix: str) -> None:
        """List one object of the bucket (ListObjectsV2), to see whether that is allowed."""
        self.request("GET", bucket, {"list-type": "2", "max-keys": "1", "prefix": prefix})

    def _policy_request(self, method: str, bucket: str, body: bytes | None = None) -> BaseHTTPResponse:
        headers: dict[str, Any] = {"Content-MD5": md5sum_hash(body)} if body else {}
        try:
            return self._execute(method, bucket, body=body, headers=headers, query_params={"policy": ""})
        except (S3Error, InvalidResponseError, ServerError) as error:
            if status_of(error) == HTTPStatus.NOT_IMPLEMENTED:
                raise PoliciesNotSupportedError(bucket) from error
            raise

    def _write(
        self,
        method: str,
        bucket: str,
        key: str,
        body: Body,
        headers: Headers,
        *,
        query: Mapping[str, str] | None = None,
        only_if_absent: bool,
    ) -> BaseHTTPResponse:
        """Send the request that creates an object, with If-None-Match if ``only_if_absent``.

        Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        request = {"body": body, "query_params": dict(query or {})}
        if not only_if_absent:
            return self._execute(method, bucket, key, headers=dict(headers), **request)
        retried = False
        for attempts_left in (2, 1, 0):
            try:
                return self._execute(method, bucket, key, headers={**headers, "If-None-Match": "*"}, **request)
            except (S3Error, InvalidResponseError, ServerError) as error:
                status = status_of(error)
                retried = retried or was_retried(error)
                if status == HTTPStatus.PRECONDITION_FAILED:
                    raise ObjectExistsError(bucket, key, repeated=retried) from error
                if rejects_condition(error):
                    raise ConditionNotSupportedError from error
                retry = status == HTTPStatus.CONFLICT and getattr(error, "code", None) == "ConditionalRequestConflict"
                if not (retry and attempts_left):
                    raise
        raise AssertionError  # pragma: no cover - the loop above returns or raises


def upload_headers(options: StorageOptions) -> dict[str, str]:
    """Return the headers for a storage's metadata, tags, encryption, retention and legal hold."""
    if not (options.metadata or options.sse or options.tags or options.retention or options.legal_hold):
        return {}
    headers = genheaders(
        dict(options.metadata) if options.metadata else None,
        customer_key(options) or options.sse,
        options.tags,
        options.retention,
        options.legal_hold,
    )
    return hidden_headers(
        {name: value if isinstance(value, str) else ",".join(map(str, value)) for name, value in headers.items()}
    )
