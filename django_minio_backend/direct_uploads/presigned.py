"""Uploads that go from a browser straight to the bucket: a form (POST policy), or the URL of one PUT."""

from __future__ import annotations

import base64
import json
import posixpath
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.utils import validate_file_name

from ..files import keys
from ..limits import MAX_PART_SIZE
from ..object_urls.signing import ALGORITHM, Moment, Presigner, life_of
from ..transport import headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..object_urls.signing import Credentials

RANDOM_BYTES = 16  # nobody guesses the name, and none comes twice
CONTENT_TYPE = "Content-Type"
FILE_NAME_VARIABLE = "${filename}"
"""What S3 servers replace in the key of a form by the name that the browser gives the file."""

_RANDOM_PART = re.compile(r"_[0-9a-f]{32}\Z")

NO_COPY = {"x-amz-copy-source-if-match": "never", "x-amz-copy-source-if-none-match": "never"}
"""Headers with which every copy fails, and which mean nothing to an upload: no ETag is "never" and is not.

MinIO takes x-amz-* headers into account that nobody has signed, and x-amz-copy-source makes a copy of an upload
(CopyObject, and UploadPartCopy for a part): of any object that the signer may read. The first of the two would do, if
MinIO did not let whoever uploads choose the ETag as well.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
"""

NO_POWERS = {"x-minio-source-etag": "", "x-minio-source-mtime": ""}
"""Headers by which MinIO lets whoever uploads choose more than the bytes; empty, they mean nothing.

An ETag decides about caches, and a time about what is cleaned.
"""

NO_TAGS = {"x-amz-tagging": ""}
"""The same for tags, which can switch policies and lifecycle rules."""

_KNOWS_NO_EMPTY_TAGS = re.compile(
    r"//([^/]+\.)?(amazonaws\.com(\.cn)?|r2\.cloudflarestorage\.com|backblazeb2\.com)(:\d+)?(/|\Z)", re.IGNORECASE
)
"""Services that refuse the header even where it is empty, or want a permission for it, and have no need of it.

The first takes it only where it is signed, the others have no tags.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (Permissions)
"""


@dataclass(frozen=True, kw_only=True)
class PresignedUpload:
    """What a browser needs to upload one file straight to the bucket. Whoever has it can do so: it is a secret.

    Attributes:
        name: that the object will have, relative to the storage, for the model's field. It ends in a random part.
        method: POST or PUT.
        url: where the request goes.
        fields: POST: the form's fields, all of them before the file, which comes last as ``file``.
        headers: PUT: what the request has to carry. Browsers set Content-Length by themselves.
        content_type: that the file has to have.
        max_size: bytes that it may have.
        expires_at: when the server stops taking it.
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
    """What the server is to accept.

    Attributes:
        name: of the object, with its random part.
        key: of the object.
        headers: of the object, its Content-Type among them.
        max_size: bytes that the file may have.
        size: bytes that it has, where that is known.
        expires: seconds that the upload may begin in.
    """

    name: str
    key: str
    headers: Mapping[str, str]
    max_size: int
    size: int | None
    expires: int

    @property
    def content_type(self) -> str:
        """The media type that the object will have."""
        return self.headers[CONTENT_TYPE]


def random_name(name: str, max_length: int | None) -> str:
    """The name with a random part behind its stem: ``reports/plan.pdf`` becomes ``reports/plan_<32 digits>.pdf``.

    Raises:
        SuspiciousFileOperation: the name is absolute, leaves the storage, names no file, or ``max_length`` leaves no
            room for it.
    """
    validate_file_name(name, allow_relative_path=True)
    folder, base = posixpath.split(keys.clean(name))
    stem, extension = posixpath.splitext(base)
    random = secrets.token_hex(RANDOM_BYTES)
    if max_length is not None:
        room = max_length - len(posixpath.join(folder, f"_{random}{extension}"))
        if room < 1:
            raise SuspiciousFileOperation(
                f"'{name}' cannot get a random part: only {max_length} characters are allowed."
            )
        stem = stem[:room]
    return posixpath.join(folder, f"{stem}_{random}{extension}")


def another_random_name(name: str) -> str:
    """The same name with another random part."""
    root, extension = posixpath.splitext(name)
    return f"{_RANDOM_PART.sub('', root)}_{secrets.token_hex(RANDOM_BYTES)}{extension}"


def check_sizes(max_size: object, size: object, method: str) -> None:
    """Check the limits of an upload.

    Raises:
        ValueError: they are not as ``presigned_upload`` wants them.
    """
    if isinstance(max_size, bool) or not isinstance(max_size, int) or not 0 < max_size <= MAX_PART_SIZE:
        raise ValueError(
            "max_size must be a number of bytes above 0 and at most 5 GiB, which is all one request carries."
        )
    if size is None:
        if method == "PUT":
            raise ValueError(
                "size is missing: a PUT is signed for the exact number of bytes that the browser will send."
            )
    elif isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= max_size:
        raise ValueError(f"size must be a number of bytes from 0 to max_size ({max_size}).")


def checked_type(content_type: object) -> str:
    """The media type as it is.

    Raises:
        ValueError: it cannot be one.
    """
    if not headers.is_value(content_type) or "/" not in str(content_type):
        raise ValueError("content_type must be a media type such as 'text/plain', in printable ASCII text.")
    return str(content_type)


def form(address: str, bucket: str, region: str, credentials: Credentials, rules: UploadRules) -> PresignedUpload:
    """A form that uploads to exactly one key.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html

    Raises:
        ValueError: a browser could choose a part of the key.
    """
    if FILE_NAME_VARIABLE in rules.key:
        raise ValueError(f"{rules.key!r} has {FILE_NAME_VARIABLE}, which S3 servers replace in a form.")
    now = int(time.time())
    moment = Moment.of(credentials, now, region)
    end = datetime.fromtimestamp(now + life_of(credentials, now, rules.expires), tz=UTC)
    fields = {
        "key": rules.key,
        **rules.headers,
        "x-amz-algorithm": ALGORITHM,
        "x-amz-credential": moment.credential,
        "x-amz-date": moment.amz_date,
        **({"x-amz-security-token": credentials.session_token} if credentials.session_token else {}),
    }
    smallest, largest = (0, rules.max_size) if rules.size is None else (rules.size, rules.size)
    conditions = [
        {"bucket": bucket},
        *(["eq", f"${name}", value] for name, value in fields.items()),
        ["content-length-range", smallest, largest],
    ]
    policy = {"expiration": end.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "conditions": conditions}
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    return PresignedUpload(
        name=rules.name,
        method="POST",
        url=address if address.count("/") > 2 else f"{address}/",  # noqa: PLR2004 - the two of "://"
        fields={**fields, "policy": encoded, "x-amz-signature": moment.sign(encoded)},
        headers={},
        content_type=rules.content_type,
        max_size=largest,
        expires_at=end,
    )


def put(address: str, region: str, credentials: Credentials, rules: UploadRules) -> PresignedUpload:
    """The URL of one PUT, which the server refuses where the key is taken."""
    now = int(time.time())
    life = life_of(credentials, now, rules.expires)
    no_tags = {} if _KNOWS_NO_EMPTY_TAGS.search(address) else NO_TAGS
    sent = headers.merged(no_tags, NO_POWERS, rules.headers, NO_COPY, {"If-None-Match": "*"})
    url = Presigner(address, region).url(
        "PUT",
        rules.key,
        credentials,
        second=now,
        expires=life,
        headers={**sent, "Content-Length": str(rules.size)},
    )
    return PresignedUpload(
        name=rules.name,
        method="PUT",
        url=url,
        fields={},
        headers=sent,
        content_type=rules.content_type,
        max_size=rules.max_size,
        expires_at=datetime.fromtimestamp(now + life, tz=UTC),
    )
