"""Presigned uploads, which a browser sends directly to the bucket: a form (POST policy) or a PUT request."""

from __future__ import annotations

import base64
import json
import posixpath
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeGuard

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.utils import validate_file_name

from ..files import keys
from ..object_urls.signing import Presigner, SigningContext, effective_expiry
from ..object_urls.urls import bucket_url, seconds_of
from ..s3.registry import client_for
from ..signing.key import ALGORITHM
from ..transport import headers
from ..transport.limits import MAX_PART_SIZE

if TYPE_CHECKING:
    from minio.credentials.credentials import Credentials

    from ..files.upload import UploadTarget
    from ..options.fields import StorageOptions

RANDOM_BYTES = 16  # so that names are unique, and nobody can guess them
CONTENT_TYPE = "Content-Type"
FILE_NAME_VARIABLE = "${filename}"
"""Replaced by S3 servers in the key of a form, with the name that the browser gives the file."""

_RANDOM_PART = re.compile(r"_[0-9a-f]{32}\Z")

NO_COPY = {"x-amz-copy-source-if-match": "never", "x-amz-copy-source-if-none-match": "never"}
"""Headers with which every copy fails, and which have no effect on an upload: no ETag both is and is not "never".

MinIO obeys x-amz-* headers that are not signed, and x-amz-copy-source turns an upload into a copy (CopyObject, or
UploadPartCopy for a part) of any object that the signer may read. The first header would be enough, if MinIO did not
also let the uploader choose the ETag.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

NO_POWERS = {"x-minio-source-etag": "", "x-minio-source-mtime": ""}
"""Headers by which MinIO lets the uploader choose ETag and time; empty, they have no effect.

Caches depend on the ETag, and the cleaning of orphaned files on the time.
"""

NO_TAGS = {"x-amz-tagging": ""}
"""The same for tags, on which policies and lifecycle rules can depend."""

_REFUSES_EMPTY_TAGS = re.compile(
    r"//([^/]+\.)?(amazonaws\.com(\.cn)?|r2\.cloudflarestorage\.com|backblazeb2\.com)(:\d+)?(/|\Z)", re.IGNORECASE
)
"""Services that refuse even the empty header, or require a permission for it, and do not need it.

The first obeys only signed headers; the others have no tags.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (Permissions)
"""


@dataclass(frozen=True, kw_only=True)
class PresignedUpload:
    """What a browser needs to upload one file directly to the bucket. It is a secret: whoever has it can upload.

    Attributes:
        name: of the future object, relative to the storage, for the model's field. It ends in a random part.
        method: POST or PUT.
        url: of the request.
        fields: of the form (POST); all of them come before the file, which is the last field, ``file``.
        headers: that the request (PUT) must have. Browsers set Content-Length themselves.
        content_type: required of the file.
        max_size: limit in bytes.
        expires_at: time after which the server refuses the upload.
    """

    name: str
    method: Literal["POST", "PUT"]
    url: str = field(repr=False)
    fields: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    content_type: str
    max_size: int
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class UploadRules:
    """What the server accepts; see ``MinioBackend.presigned_upload``.

    Attributes:
        method: POST or PUT.
        max_size: limit in bytes.
        size: exact size in bytes, if known.
        expires: seconds within which the upload must begin.
        content_type: required of the file, instead of that of its name.
    """

    method: Literal["POST", "PUT"]
    max_size: int
    size: int | None
    expires: int
    content_type: str | None

    @classmethod
    def checked(
        cls,
        method: Literal["POST", "PUT"],
        max_size: object,
        size: object,
        expires: object,
        content_type: object,
    ) -> UploadRules:
        """Return the rules.

        Raises:
            ValueError: an argument is invalid.
        """
        if method not in ("POST", "PUT"):
            raise ValueError(f"method is {method!r}, but must be POST or PUT.")
        if not _is_integer(max_size) or not 0 < max_size <= MAX_PART_SIZE:
            raise ValueError("max_size must be a number of bytes above 0 and at most 5 GiB, the limit of one request.")
        if size is None and method == "PUT":
            raise ValueError("size is missing: a PUT is signed for the exact number of bytes that the browser sends.")
        if size is not None and (not _is_integer(size) or not 0 <= size <= max_size):
            raise ValueError(f"size must be a number of bytes from 0 to max_size ({max_size}).")
        if content_type is not None and (not headers.is_value(content_type) or "/" not in str(content_type)):
            raise ValueError("content_type must be a media type such as 'text/plain', in printable ASCII text.")
        media_type = None if content_type is None else str(content_type)
        return cls(method=method, max_size=max_size, size=size, expires=seconds_of(expires), content_type=media_type)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def presign(options: StorageOptions, target: UploadTarget, name: str, rules: UploadRules) -> PresignedUpload:
    """Return what a browser needs to upload the object of this name.

    Raises:
        ValueError: the storage's options or headers are impossible in a direct upload.
    """
    target = replace(target, headers=_object_headers(options, target, rules))
    credentials = client_for(options, external=True).credentials()
    return (put if rules.method == "PUT" else _form)(options, credentials, target, name, rules)


def _object_headers(options: StorageOptions, target: UploadTarget, rules: UploadRules) -> dict[str, str]:
    """Headers of the object, which the browser receives and sends.

    Raises:
        ValueError: one of them would reveal a secret, or cannot be part of a direct upload.
    """
    if target.ssec is not None:
        raise ValueError(
            f"{options.label}: sse has a customer's key, which a direct upload would reveal to the browser. Upload "
            "through Django, or encrypt with a key of the server's."
        )
    if options.tags or options.retention or options.legal_hold or options.checksum:
        raise ValueError(
            f"{options.label}: tags, retention, legal_hold and checksum are impossible in a direct upload. Use a "
            "storage without them."
        )
    return headers.merged(target.headers, {CONTENT_TYPE: rules.content_type} if rules.content_type else {})


def random_name(name: str, max_length: int | None) -> str:
    """The name with a random part after its stem: ``reports/plan.pdf`` becomes ``reports/plan_<32 digits>.pdf``.

    Raises:
        SuspiciousFileOperation: the name is absolute, leaves the storage, names no file, or is longer than
            ``max_length`` with a random part.
    """
    validate_file_name(name, allow_relative_path=True)
    folder, base = posixpath.split(keys.clean(name))
    stem, extension = posixpath.splitext(base)
    random = secrets.token_hex(RANDOM_BYTES)
    if max_length is not None:
        room = max_length - len(posixpath.join(folder, f"_{random}{extension}"))
        if room < 1:
            raise SuspiciousFileOperation(
                f"'{name}' cannot get a random part: only {max_length} characters are allowed. Allow a longer name."
            )
        stem = stem[:room]
    return posixpath.join(folder, f"{stem}_{random}{extension}")


def another_random_name(name: str) -> str:
    """The same name with another random part."""
    root, extension = posixpath.splitext(name)
    return f"{_RANDOM_PART.sub('', root)}_{secrets.token_hex(RANDOM_BYTES)}{extension}"


def _form(
    options: StorageOptions, credentials: Credentials, target: UploadTarget, name: str, rules: UploadRules
) -> PresignedUpload:
    """Return a form that uploads to exactly one key.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
    """
    if FILE_NAME_VARIABLE in target.key:
        raise ValueError(f"'{target.key}' has {FILE_NAME_VARIABLE}, which servers replace in a form. Use another name.")
    url = bucket_url(options, target.bucket)
    now = int(time.time())
    context = SigningContext.of(credentials, now, options.region)
    end = datetime.fromtimestamp(now + effective_expiry(credentials, now, rules.expires), tz=UTC)
    fields = {
        "key": target.key,
        **target.headers,
        "x-amz-algorithm": ALGORITHM,
        "x-amz-credential": context.credential,
        "x-amz-date": context.amz_date,
        **({"x-amz-security-token": credentials.session_token} if credentials.session_token else {}),
    }
    smallest, largest = (0, rules.max_size) if rules.size is None else (rules.size, rules.size)
    conditions = [
        {"bucket": target.bucket},
        *(["eq", f"${field}", value] for field, value in fields.items()),
        ["content-length-range", smallest, largest],
    ]
    policy = {"expiration": end.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "conditions": conditions}
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    return PresignedUpload(
        name=name,
        method="POST",
        url=url if url.count("/") > 2 else f"{url}/",  # noqa: PLR2004 - the two of "://"
        fields={**fields, "policy": encoded, "x-amz-signature": context.sign(encoded)},
        headers={},
        content_type=target.headers[CONTENT_TYPE],
        max_size=largest,
        expires_at=end,
    )


def put(
    options: StorageOptions, credentials: Credentials, target: UploadTarget, name: str, rules: UploadRules
) -> PresignedUpload:
    """Return a PUT request, which the server refuses once the object exists."""
    url = bucket_url(options, target.bucket)
    now = int(time.time())
    expires = effective_expiry(credentials, now, rules.expires)
    no_tags = {} if _REFUSES_EMPTY_TAGS.search(url) else NO_TAGS
    sent = headers.merged(no_tags, NO_POWERS, target.headers, NO_COPY, {"If-None-Match": "*"})
    return PresignedUpload(
        name=name,
        method="PUT",
        url=Presigner(url, options.region).url(
            "PUT",
            target.key,
            credentials,
            second=now,
            expires=expires,
            headers={**sent, "Content-Length": str(rules.size)},
        ),
        fields={},
        headers=sent,
        content_type=target.headers[CONTENT_TYPE],
        max_size=rules.max_size,
        expires_at=datetime.fromtimestamp(now + expires, tz=UTC),
    )
