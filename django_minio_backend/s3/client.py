"""The S3 operations that this package needs, in terms of the minio SDK.

With ``failures`` and ``clients`` the only module that imports the SDK. Whoever needs it imports it inside a function,
so that importing the package stays cheap.
"""

from __future__ import annotations

import json
import os
import weakref
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

from minio.commonconfig import CopySource
from minio.datatypes import Object
from minio.error import InvalidResponseError, S3Error, ServerError
from minio.helpers import genheaders, md5sum_hash
from minio.sse import SseCustomerKey
from urllib3._collections import RecentlyUsedContainer

from ..errors import ConditionNotSupportedError, ObjectChangedError, ObjectExistsError
from ..redaction.secret_values import hidden_headers
from ..transport.pool import pools_of
from .errors import (
    HTTP_CONFLICT,
    HTTP_NOT_IMPLEMENTED,
    HTTP_PRECONDITION_FAILED,
    not_found_as_such,
    policies_of,
    rejects_condition,
    status_of,
    was_repeated,
)
from .responses import TruncatedResponse, XmlResponse, etag_of, size_of, time_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from minio import Minio
    from minio.credentials.credentials import Credentials
    from minio.credentials.providers import Provider
    from urllib3 import BaseHTTPResponse, PoolManager

    from ..options.fields import StorageOptions

    Body = bytes | bytearray

_all_clients: weakref.WeakSet[S3Client] = weakref.WeakSet()
_parents_pools: list[object] = []


def renew_all_clients() -> None:
    """Give every client of this process fresh connections if it is a forked child."""
    for client in list(_all_clients):
        client.renew_after_fork()


class S3Client:
    """The S3 operations that this package needs, with "not there", "taken" and "changed" told from other failures.

    Every other error of the SDK and of the network passes unchanged.

    Attributes:
        rejects_conditions: whether the server has answered If-None-Match with an error.
    """

    def __init__(self, sdk: Minio, http: PoolManager) -> None:
        self._sdk = sdk
        self._http = http
        self._process = os.getpid()
        self.rejects_conditions = False
        _all_clients.add(self)

    @property
    def sdk(self) -> Minio:
        """The SDK's client for the same endpoint and credentials."""
        self.renew_after_fork()
        return self._sdk

    @property
    def http(self) -> PoolManager:
        """The connection pool under it."""
        self.renew_after_fork()
        return self._http

    def renew_after_fork(self) -> None:
        """Give a forked child connections of its own; also where the fork did not tell Python, as uWSGI's.

        The parent's stay open and are never used or closed here: both processes would read from one socket.
        """
        if self._process == os.getpid():
            return
        for http in (self._http, *pools_of(self._sdk._provider)):  # noqa: SLF001 - no public way
            _parents_pools.append(http.pools)
            http.pools = RecentlyUsedContainer(http.pools._maxsize)  # noqa: SLF001 - no public way
        self._process = os.getpid()  # last: no other thread takes the client for renewed before it is

    def credentials(self) -> Credentials:
        """The credentials of the moment; temporary ones are renewed where they have to be, by a request."""
        self.renew_after_fork()
        return cast("Provider", self._sdk._provider).retrieve()  # noqa: SLF001 - no public way

    def address(self, bucket: str) -> str:
        """``scheme://host`` and path of a bucket, as the SDK addresses it."""
        base = self._sdk._base_url  # noqa: SLF001 - no public way
        return base.build(method="GET", region=str(base.region), bucket_name=bucket).geturl().rstrip("/")

    def head(self, bucket: str, key: str, ssec: SseCustomerKey | None = None) -> Object:
        """Ask for an object's size, ETag, time and metadata (HeadObject)."""
        headers = dict(ssec.headers()) if ssec else {}
        with not_found_as_such(bucket, key):
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
        self, bucket: str, key: str, headers: Mapping[str, str], ssec: SseCustomerKey | None = None
    ) -> BaseHTTPResponse | None:
        """Open an object's bytes (GetObject); None where the requested range starts at or behind its end.

        Raises:
            ObjectChangedError: if an If-Match header does not match any more.
        """
        try:
            with not_found_as_such(bucket, key):
                response = self.sdk.get_object(bucket, key, request_headers=dict(headers), ssec=ssec)
        except (S3Error, InvalidResponseError) as error:
            if status_of(error) == 416:  # noqa: PLR2004 - Range Not Satisfiable
                return None
            if status_of(error) == HTTP_PRECONDITION_FAILED:
                raise ObjectChangedError(bucket, key) from error
            raise
        if not etag_of(response):
            response.close()
            raise TruncatedResponse(f"The response about '{key}' in bucket '{bucket}' has no ETag.")
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
        return etag_of(response)

    def create_upload(self, bucket: str, key: str, headers: Mapping[str, str]) -> str:
        """Begin a multipart upload (CreateMultipartUpload) and return its id."""
        response = self._execute("POST", bucket, key, headers=dict(headers), query_params={"uploads": ""})
        return XmlResponse(response, "InitiateMultipartUploadResult", bucket).required("UploadId")

    def put_part(
        self, bucket: str, key: str, upload_id: str, number: int, body: Body, headers: Mapping[str, str]
    ) -> str:
        """Store one part (UploadPart) and return its ETag."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        for _ in range(2):  # a part may be sent again
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
        return XmlResponse(response, "CompleteMultipartUploadResult", bucket).required("ETag").strip('"')

    def abort_upload(self, bucket: str, key: str, upload_id: str) -> None:
        """Remove an unfinished multipart upload (AbortMultipartUpload); one that has ended is no error."""
        try:
            self._execute("DELETE", bucket, key, query_params={"uploadId": upload_id})
        except S3Error as error:
            if error.code != "NoSuchUpload":
                raise

    def copy(self, bucket: str, key: str, to: str) -> str:
        """Copy an object of at most 5 GiB with its headers, within the server (CopyObject); return the copy's ETag."""
        with not_found_as_such(bucket, key):
            return self.sdk.copy_object(bucket, to, CopySource(bucket, key)).etag or ""

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object (DeleteObject); one that is not there is no error."""
        self.sdk.remove_object(bucket, key)

    def request(
        self, method: str, bucket: str, query: Mapping[str, str], *, key: str | None = None, body: bytes | None = None
    ) -> BaseHTTPResponse:
        """Send any request about a bucket and return its answer, read to the end; for what has no method here."""
        headers: dict[str, Any] = {}
        if body:
            headers = {"Content-Type": "application/xml", "Content-MD5": md5sum_hash(body)}
        return self._execute(method, bucket, key, body=body, headers=headers, query_params=dict(query))

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket (CreateBucket); one that another process of the same owner has just made is no error."""
        try:
            self.sdk.make_bucket(bucket)
        except S3Error as error:
            if error.code != "BucketAlreadyOwnedByYou":
                raise

    def bucket_exists_with_policy(self, bucket: str) -> tuple[bool, dict[str, Any] | None]:
        """Whether the bucket is there, and its policy (GetBucketPolicy); None where it has none.

        A HEAD would tell as much of the first, but nothing of why the server refuses.

        Raises:
            PoliciesNotSupportedError: the server has no policies, and may not have said whether the bucket is there.
        """
        try:
            with policies_of(bucket):
                return True, cast("dict[str, Any]", json.loads(self.sdk.get_bucket_policy(bucket)))
        except S3Error as error:
            if error.code == "NoSuchBucketPolicy":
                return True, None
            if error.code == "NoSuchBucket":
                return False, None
            raise

    def set_bucket_policy(self, bucket: str, policy: dict[str, Any] | None) -> None:
        """Replace the bucket's policy (PutBucketPolicy), or take it away (DeleteBucketPolicy).

        Raises:
            PoliciesNotSupportedError: the server has no policies.
        """
        with policies_of(bucket):
            if policy is None:
                self.sdk.delete_bucket_policy(bucket)
            else:
                self.sdk.set_bucket_policy(bucket, json.dumps(policy))

    def set_private_acl(self, bucket: str) -> None:
        """Take back every grant of the bucket's ACL but the owner's (PutBucketAcl)."""
        self._execute("PUT", bucket, None, headers={"x-amz-acl": "private"}, query_params={"acl": ""})

    def has_versions(self, bucket: str) -> bool:
        """Whether the bucket keeps old versions of its objects, or has kept some (GetBucketVersioning)."""
        try:
            return self.sdk.get_bucket_versioning(bucket).status in {"Enabled", "Suspended"}
        except (S3Error, InvalidResponseError, ServerError) as error:
            if status_of(error) == HTTP_NOT_IMPLEMENTED:
                return False
            raise

    def identify(self) -> BaseHTTPResponse:
        """Ask which buckets the account has (ListBuckets): needs the right keys, region and clock, and no bucket."""
        return self.sdk._execute("GET")  # noqa: SLF001 - the answer's head is needed, too

    def list_one(self, bucket: str, prefix: str) -> None:
        """Ask for one name in the bucket (ListObjectsV2), to see whether that is allowed."""
        query: dict[str, Any] = {"list-type": "2", "max-keys": "1", "prefix": prefix}
        self.sdk._execute("GET", bucket_name=bucket, query_params=query)  # noqa: SLF001 - no public way

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
        repeated = False
        for attempts_left in (2, 1, 0):
            try:
                return self._execute(method, bucket, key, headers={**headers, "If-None-Match": "*"}, **request)
            except (S3Error, InvalidResponseError, ServerError) as error:
                status = status_of(error)
                repeated = repeated or was_repeated(error)
                if status == HTTP_PRECONDITION_FAILED:
                    raise ObjectExistsError(bucket, key, repeated=repeated) from error
                if rejects_condition(error):
                    raise ConditionNotSupportedError from error
                conflict = status == HTTP_CONFLICT and getattr(error, "code", None) == "ConditionalRequestConflict"
                if not (conflict and attempts_left):
                    raise
        raise AssertionError  # pragma: no cover - the loop above returns or raises

    def _execute(self, method: str, bucket: str, key: str | None, **request: Any) -> BaseHTTPResponse:
        return self.sdk._execute(method, bucket_name=bucket, object_name=key, **request)  # noqa: SLF001 - no public way


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


class _QuietCustomerKey(SseCustomerKey):
    """A customer's key whose headers do not show it."""

    def __init__(self, key: SseCustomerKey) -> None:
        self._key = key

    def headers(self) -> dict[str, str]:
        """The headers of a request that stores or reads an object."""
        return hidden_headers(self._key.headers())

    def copy_headers(self) -> dict[str, str]:
        """The headers of a request that copies an object."""
        return hidden_headers(self._key.copy_headers())


def customer_key(options: StorageOptions) -> SseCustomerKey | None:
    """The key that reading needs as well, where objects are encrypted with one of the customer's (SSE-C)."""
    return _QuietCustomerKey(options.sse) if isinstance(options.sse, SseCustomerKey) else None
