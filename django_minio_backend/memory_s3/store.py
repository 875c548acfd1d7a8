"""What the server keeps: buckets with their objects and unfinished uploads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import TYPE_CHECKING

from ..s3_requests.messages import RequestError
from ..s3_requests.policies import checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..s3_requests.policies import Statement

    Declared = Callable[[str], bytes | None]
    """Returns the policy, perhaps an empty one, of a bucket that is made when it is first needed; else None."""


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


class Store:
    """The buckets of a server.

    Args:
        declared: returns the policy of a bucket that is made when it is first needed.
        makes_buckets: whether an upload to a missing bucket makes it.

    Attributes:
        buckets: by name.
    """

    def __init__(self, declared: Declared = lambda _: None, *, makes_buckets: bool = False) -> None:
        self.buckets: dict[str, Bucket] = {}
        self._declared = declared
        self._makes_buckets = makes_buckets
        self._removed: set[str] = set()

    def copy(self) -> Store:
        """A store with the same buckets and objects, so that a change of one does not change the other."""
        twin = Store(self._declared, makes_buckets=self._makes_buckets)
        twin.buckets = {name: bucket.copy() for name, bucket in self.buckets.items()}
        twin._removed = set(self._removed)
        return twin

    def bucket(self, name: str) -> Bucket:
        """The bucket of that name.

        Raises:
            RequestError: it does not exist.
        """
        found = self.buckets.get(name)
        if found is None and name not in self._removed:
            policy = self._declared(name)
            if policy is not None:
                return self.add(name, policy)
        if found is None:
            raise RequestError("NoSuchBucket", "The specified bucket does not exist")
        return found

    def add(self, name: str, policy: bytes = b"") -> Bucket:
        """Make an empty bucket."""
        bucket = self.buckets[name] = Bucket(name, policy=policy, statements=checked(policy, name) if policy else [])
        return bucket

    def remove(self, name: str) -> None:
        """Remove a bucket, which is not made again unless a request asks for that."""
        del self.buckets[name]
        self._removed.add(name)

    def make_if_missing(self, name: str) -> None:
        """Make the bucket of an upload if it is missing, where that is wanted."""
        if self._makes_buckets and name not in self._removed:
            try:
                self.bucket(name)
            except RequestError:
                self.add(name)


def etag_of(content: bytes) -> str:
    """The ETag of content that one request has uploaded."""
    return md5(content, usedforsecurity=False).hexdigest()
