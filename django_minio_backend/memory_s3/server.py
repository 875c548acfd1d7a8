"""The server: finds the operation of a request, checks whether it is allowed, and runs it.

MinIO is the model. What the server does not know, it refuses with status 501 and the name of the operation.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from ..s3_requests.messages import RequestError, Response, error_response, http_date, not_supported
from ..s3_requests.policies import allows_everyone
from ..s3_requests.signatures import verify
from . import buckets, listings, objects, uploads
from .call import Call
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..s3_requests.messages import Request
    from ..s3_requests.signatures import Accounts

    Operation = Callable[[Call], Response]

_AWS = re.compile(r"(.+)\.s3[.-][a-z0-9.-]*amazonaws\.com(?:\.cn)?(?::[0-9]+)?")
LIVENESS_PATHS = ("/minio/health/live", "/minio/health/ready", "/minio/health/cluster")


class Row(NamedTuple):
    """An operation: its name in S3, what runs it, and the action that a policy can allow."""

    name: str
    run: Operation
    action: str = ""


_LIST = Row("ListObjects", listings.list_objects, "s3:ListBucket")
_GET = Row("GetObject", objects.get_object, "s3:GetObject")
OF_BUCKETS = {
    ("PUT", ""): Row("CreateBucket", buckets.create),
    ("HEAD", ""): Row("HeadBucket", buckets.head, "s3:ListBucket"),
    ("DELETE", ""): Row("DeleteBucket", buckets.delete),
    ("GET", ""): _LIST,
    ("GET", "list-type"): _LIST,
    ("GET", "uploads"): Row("ListMultipartUploads", listings.list_uploads, "s3:ListBucketMultipartUploads"),
    ("GET", "location"): Row("GetBucketLocation", buckets.get_location, "s3:GetBucketLocation"),
    ("GET", "versioning"): Row("GetBucketVersioning", buckets.get_versioning),
    ("GET", "acl"): Row("GetBucketAcl", buckets.get_acl),
    ("PUT", "acl"): Row("PutBucketAcl", buckets.put_acl),
    ("GET", "policy"): Row("GetBucketPolicy", buckets.get_policy),
    ("PUT", "policy"): Row("PutBucketPolicy", buckets.put_policy),
    ("DELETE", "policy"): Row("DeleteBucketPolicy", buckets.delete_policy),
    ("POST", "delete"): Row("DeleteObjects", buckets.delete_objects, "s3:DeleteObject"),
    ("POST", ""): Row("PostObject", buckets.post_form),
}
OF_OBJECTS = {
    ("PUT", ""): Row("PutObject", objects.put_object, "s3:PutObject"),
    ("PUT", "copy"): Row("CopyObject", objects.copy_object),
    ("GET", ""): _GET,
    ("GET", "partNumber"): _GET,
    ("GET", "versionId"): _GET,
    ("HEAD", ""): _GET,
    ("HEAD", "partNumber"): _GET,
    ("HEAD", "versionId"): _GET,
    ("DELETE", ""): Row("DeleteObject", objects.delete_object, "s3:DeleteObject"),
    ("GET", "tagging"): Row("GetObjectTagging", objects.get_tags, "s3:GetObjectTagging"),
    ("PUT", "tagging"): Row("PutObjectTagging", objects.put_tags, "s3:PutObjectTagging"),
    ("DELETE", "tagging"): Row("DeleteObjectTagging", objects.delete_tags, "s3:DeleteObjectTagging"),
    ("POST", "uploads"): Row("CreateMultipartUpload", uploads.create, "s3:PutObject"),
    ("PUT", "uploadId"): Row("UploadPart", uploads.put_part, "s3:PutObject"),
    ("PUT", "uploadId copy"): Row("UploadPartCopy", uploads.copy_part),
    ("POST", "uploadId"): Row("CompleteMultipartUpload", uploads.complete, "s3:PutObject"),
    ("DELETE", "uploadId"): Row("AbortMultipartUpload", uploads.abort, "s3:AbortMultipartUpload"),
    ("GET", "uploadId"): Row("ListParts", uploads.list_parts, "s3:ListMultipartUploadParts"),
}
SUBRESOURCES = (
    *("uploadId", "uploads", "list-type", "location", "policy", "delete", "tagging", "acl", "versioning", "versions"),
    *("cors", "lifecycle", "encryption", "object-lock", "retention", "legal-hold", "attributes", "select", "restore"),
    *("notification", "replication", "website", "logging", "torrent", "policyStatus", "publicAccessBlock"),
    *("ownershipControls", "accelerate", "requestPayment", "inventory", "metrics", "analytics", "intelligent-tiering"),
    *("renameObject", "append", "events", "versionId", "partNumber"),
)
"""Parameters that make a request another operation; the first one in this order counts."""


class MemoryServer:
    """Runs requests on a store, one after the other.

    Args:
        accounts: returns the secret of an access key.
        store: buckets and objects; a new one if there is none.
        virtual_hosts: returns the endpoints that requests name behind the bucket (virtual-host style).

    Attributes:
        store: buckets and objects.
    """

    def __init__(
        self, accounts: Accounts, store: Store | None = None, virtual_hosts: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self.store = Store() if store is None else store
        self._accounts = accounts
        self._virtual_hosts = virtual_hosts
        self._buckets_of_hosts: dict[str, str] = {}
        self._lock, self._process = threading.RLock(), os.getpid()

    def copy(self) -> MemoryServer:
        """A server with the same buckets and objects, so that a change of one does not change the other."""
        with self.lock:
            return MemoryServer(self._accounts, self.store.copy(), self._virtual_hosts)

    @property
    def lock(self) -> threading.RLock:
        """Held by one request at a time; a forked process has its own, whoever held it in its parent."""
        if self._process != os.getpid():
            self._lock, self._process = threading.RLock(), os.getpid()
        return self._lock

    def respond(self, request: Request) -> Response:
        """Run a request's operation and return its response, without a body for HEAD."""
        request_id = secrets.token_hex(8).upper()
        try:
            with self.lock:
                response = self._run(request)
        except RequestError as error:
            response = error_response(error, request.path, request_id)
        response.headers = {
            "date": http_date(time.time()),
            "server": "MinIO",
            "x-amz-request-id": request_id,
            "content-length": str(len(response.body)),
            **response.headers,
        }
        if response.status in (204, 304):
            del response.headers["content-length"]
        if request.method == "HEAD" or response.status == objects.HTTP_NOT_MODIFIED:
            response.body = b""
        return response

    def _run(self, request: Request) -> Response:
        if request.path in LIVENESS_PATHS:
            return Response()
        if request.method == "OPTIONS":
            return _preflight(request)
        name, key = self._place_of(request)
        row = _row_of(request, name, key)
        call = Call(self.store, self._accounts, request, name, key, verify(request, self._accounts))
        if call.signed is None and row.name != "PostObject" and not _is_public(call, row.action):
            raise RequestError("AccessDenied", "Access Denied.")
        if row.name in ("PutObject", "CreateMultipartUpload", "CopyObject", "PostObject"):
            self.store.make_if_missing(name)
        if name and row.name != "CreateBucket":
            self.store.bucket(name)
        return row.run(call)

    def _place_of(self, request: Request) -> tuple[str, str]:
        """Bucket and key: both in the path, or the bucket in the name of the host."""
        host, path = request.header("host").lower(), request.path.removeprefix("/")
        named = self._buckets_of_hosts.get(host)
        if named is None:
            named = self._buckets_of_hosts[host] = self._bucket_of_host(host)
        if named:
            return named, path
        bucket, _, key = path.partition("/")
        return bucket, key.lstrip("/")

    def _bucket_of_host(self, host: str) -> str:
        """The bucket in the name of a host; empty if there is none."""
        of_aws = _AWS.fullmatch(host)
        if of_aws:
            return of_aws[1]
        endings = (f".{parent}" for parent in self._virtual_hosts())
        return next((host.removesuffix(ending) for ending in endings if host.endswith(ending)), "")


def _is_public(call: Call, action: str) -> bool:
    try:
        statements = call.bucket.statements
    except RequestError:
        return False
    return bool(action) and allows_everyone(statements, action, call.bucket_name, call.key)


def _row_of(request: Request, bucket: str, key: str) -> Row:
    """The operation of a request.

    Raises:
        RequestError: the server does not know it.
    """
    parameters, method = request.parameters, request.method
    subresource = next((name for name in SUBRESOURCES if name in parameters), "")
    if not bucket:
        rows = {("GET", ""): Row("ListBuckets", buckets.list_buckets)}
    elif not key:
        rows = OF_BUCKETS
    else:
        rows = OF_OBJECTS
        if "x-amz-copy-source" in request.headers and method == "PUT":
            subresource = f"{subresource} copy".strip()
    row = rows.get((method, subresource))
    if row is None:
        place = "an object" if key else "a bucket" if bucket else "the server"
        what = f"{method} {place}{f' with ?{subresource}' if subresource else ''}"
        raise not_supported(what)
    return row


def _preflight(request: Request) -> Response:
    """A CORS preflight: as MinIO by default, pages of every origin may send requests."""
    return Response(
        204,
        {
            "access-control-allow-origin": request.header("origin") or "*",
            "access-control-allow-methods": request.header("access-control-request-method") or "GET",
            "access-control-allow-headers": request.header("access-control-request-headers") or "*",
            "access-control-allow-credentials": "true",
        },
    )
