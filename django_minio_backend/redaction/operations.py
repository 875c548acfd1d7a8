"""Names a request by its S3 operation, bucket and key; nothing else of its URL and headers is shown.

Source of the names: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from .escaping import escape_control_characters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete", "HEAD": "Head"}
# Parameters of the query that name what a request to a bucket or an object is about; "{}" stands for the verb.
_OF_BUCKETS = {
    "accelerate": "{}BucketAccelerateConfiguration",
    "acl": "{}BucketAcl",
    "cors": "{}BucketCors",
    "encryption": "{}BucketEncryption",
    "lifecycle": "{}BucketLifecycleConfiguration",
    "location": "{}BucketLocation",
    "logging": "{}BucketLogging",
    "notification": "{}BucketNotificationConfiguration",
    "object-lock": "{}ObjectLockConfiguration",
    "ownershipControls": "{}BucketOwnershipControls",
    "policy": "{}BucketPolicy",
    "policyStatus": "{}BucketPolicyStatus",
    "publicAccessBlock": "{}PublicAccessBlock",
    "replication": "{}BucketReplication",
    "requestPayment": "{}BucketRequestPayment",
    "tagging": "{}BucketTagging",
    "versioning": "{}BucketVersioning",
    "website": "{}BucketWebsite",
}
_OF_OBJECTS = {
    "acl": "{}ObjectAcl",
    "attributes": "{}ObjectAttributes",
    "legal-hold": "{}ObjectLegalHold",
    "retention": "{}ObjectRetention",
    "tagging": "{}ObjectTagging",
    "torrent": "{}ObjectTorrent",
}
# The others, by method and parameter; the first one that the query has counts, and "" where it has none.
_BUCKET_OPERATIONS = (
    ("DELETE", "lifecycle", "DeleteBucketLifecycle"),
    ("GET", "events", "ListenBucketNotification"),  # MinIO's
    ("GET", "uploads", "ListMultipartUploads"),
    ("GET", "versions", "ListObjectVersions"),
    ("GET", "list-type", "ListObjectsV2"),
    ("POST", "delete", "DeleteObjects"),
)
_OBJECT_OPERATIONS = (
    ("GET", "uploadId", "ListParts"),
    ("DELETE", "uploadId", "AbortMultipartUpload"),
    ("POST", "uploads", "CreateMultipartUpload"),
    ("POST", "uploadId", "CompleteMultipartUpload"),
    ("POST", "select", "SelectObjectContent"),
    ("POST", "restore", "RestoreObject"),
)
_WITHOUT_PARAMETER = {
    "server": {"GET": "ListBuckets"},
    "bucket": {"PUT": "CreateBucket", "GET": "ListObjects", "POST": "PostObject"},
    "object": {},
}
# The SDK adds the region to the endpoint: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
_AWS_HOST = r"(.+)\.s3(?:[.-][a-z0-9.-]+)?\.amazonaws\.com(?:\.cn)?(?::[0-9]+)?"
_ACTION = r"(?:^|[?&])Action=(AssumeRole[A-Za-z]{0,64})(?:&|$)"


class Operation(NamedTuple):
    """What a request does.

    Attributes:
        name: of the operation, such as ``PutObject``; the method where it is none that S3 documents.
        bucket: empty where the request is about none.
        key: of the object, with control characters escaped; empty where the request is about none.
    """

    name: str
    bucket: str = ""
    key: str = ""


def s3_operation(method: str, url: str, headers: Mapping[str, object] | None, hosts: Collection[str]) -> Operation:
    """Return the operation of a request to an S3 server.

    Args:
        method: of the request.
        url: in path style or virtual-host style.
        headers: of the request; those of a copy are looked at.
        hosts: of the server, with their ports as in URLs; what comes before one of them is a bucket.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # whoever sends the request reports it
        return Operation(escape_control_characters(method))
    path = unquote(parts.path[1:])
    bucket = _bucket_in_host(parts.netloc.lower(), hosts)
    key = path if bucket else ""
    if not bucket:
        bucket, _, key = path.partition("/")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    name = _name_for_object(method, query, headers) if key else _name_for_bucket(method, query, bucket)
    return Operation(name, escape_control_characters(bucket), escape_control_characters(key))


def credentials_operation(url: str, body: object) -> Operation:
    """Return the operation of a request for credentials, such as ``AssumeRole``; its bucket and key are empty.

    Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html
    """
    text = body.decode("latin1") if isinstance(body, bytes) else str(body or "")
    action = re.search(_ACTION, url) or re.search(_ACTION, text)
    return Operation(action[1] if action else "GetCredentials")


def _bucket_in_host(host: str, hosts: Collection[str]) -> str:
    for server in hosts:
        if host == server.lower():
            return ""
        if host.endswith(f".{server.lower()}"):
            return host[: -len(server) - 1]
    match = re.fullmatch(_AWS_HOST, host)
    return match[1] if match else ""


def _name_for_bucket(method: str, query: Mapping[str, str], bucket: str) -> str:
    name = _listed(_BUCKET_OPERATIONS, method, query) or _of_parameter(_OF_BUCKETS, method, query)
    return name or _plain(method, "bucket" if bucket else "server")


def _name_for_object(method: str, query: Mapping[str, str], headers: Mapping[str, object] | None) -> str:
    if method == "PUT":
        is_copy = any(str(name).lower() == "x-amz-copy-source" for name in headers or ())
        if "uploadId" in query:
            return "UploadPartCopy" if is_copy else "UploadPart"
        if is_copy:
            return "CopyObject"
    name = _listed(_OBJECT_OPERATIONS, method, query) or _of_parameter(_OF_OBJECTS, method, query)
    return name or _plain(method, "object")


def _listed(operations: Collection[tuple[str, str, str]], method: str, query: Mapping[str, str]) -> str:
    return next((name for verb, parameter, name in operations if verb == method and parameter in query), "")


def _of_parameter(names: Mapping[str, str], method: str, query: Mapping[str, str]) -> str:
    verb = _VERBS.get(method)
    pattern = next((name for parameter, name in names.items() if parameter in query), "")
    return pattern.format(verb) if verb else ""


def _plain(method: str, subject: str) -> str:
    if method == "OPTIONS":
        return "Preflight"
    name = _WITHOUT_PARAMETER[subject].get(method)
    verb = _VERBS.get(method)
    if name or not verb or subject == "server":
        return name or escape_control_characters(method)
    return f"{verb}{subject.title()}"
