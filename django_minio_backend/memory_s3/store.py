"""What the server keeps: buckets with their objects and unfinished uploads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import TYPE_CHECKING

from ..s3_requests.messages import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..s3_requests.policies import Statement


@dataclass(frozen=True)
class StoredObject:
    """One object; it never changes, but is replaced.

    Attributes:
        key: in the bucket.
        content: its bytes.
        etag: without quotes.
        modified: seconds since 1970.
        headers: that its responses have: Content-Type, x-amz-meta-* and others, in lower case.
        tags: by key.
        checksums: by algorithm, as their headers have them.
        customer_key: MD5 of the customer's key (SSE-C); empty if there is none.
    """

    key: str
    content: bytes = field(repr=False)
    etag: str
    modified: float
    headers: Mapping[str, str]
    tags: Mapping[str, str]
    checksums: Mapping[str, str]
    customer_key: str = ""


@dataclass
class Part:
    """An uploaded part."""

    content: bytes = field(repr=False)
    etag: str
    modified: float
    checksums: Mapping[str, str]


@dataclass
class Upload:
    """An unfinished multipart upload.

    Attributes:
        template: the future object, without content.
        algorithm: of the checksum that was announced; empty for none.
        is_full: whether the checksum is that of the whole object, and not one of the parts' checksums.
        parts: by number.
    """

    upload_id: str
    template: StoredObject
    algorithm: str = ""
    is_full: bool = False
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass
class Bucket:
    """A bucket.

    Attributes:
        created: seconds since 1970.
        objects: by key.
        uploads: unfinished ones by id.
        policy: as it was sent; empty if there is none.
        statements: of the policy.
    """

    name: str
    created: float = field(default_factory=time.time)
    objects: dict[str, StoredObject] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    policy: bytes = b""
    statements: list[Statement] = field(default_factory=list)

    def copy(self) -> Bucket:
        """The same bucket, so that a change of one does not change the other."""
        uploads = {name: replace(upload, parts=dict(upload.parts)) for name, upload in self.uploads.items()}
        return replace(self, objects=dict(self.objects), uploads=uploads)

    def object(self, key: str) -> StoredObject:
        """The object of that key.

        Raises:
            RequestError: there is none.
        """
        try:
            return self.objects[key]
        except KeyError:
            raise RequestError("NoSuchKey", "The specified key does not exist.") from None


def etag_of(content: bytes) -> str:
    """The ETag of content that one request has uploaded."""
    return md5(content, usedforsecurity=False).hexdigest()
