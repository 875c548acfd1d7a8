"""An object becomes another one within the server: no byte passes through Django, and no object is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..files.upload import Upload, _Parts
from ..options.fields import MEBIBYTE
from ..options.validators import MIN_PART_SIZE
from ..redaction.escaping import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from minio.sse import SseCustomerKey

    from ..files.upload import Target
    from ..s3.client import S3Client

COPY_PART = 512 * MEBIBYTE  # S3 allows 5 GiB, but a server is silent while it copies, and READ_TIMEOUT is a minute
MAX_PARTS = 10_000

logger = get_logger(__name__)


@dataclass(frozen=True)
class StoredObject:
    """An object that is to be copied, and no other that takes its place.

    Attributes:
        client: of its server.
        size: in bytes.
        ssec: the customer's key that reading it needs.
    """

    client: S3Client
    bucket: str
    key: str
    etag: str
    size: int
    ssec: SseCustomerKey | None = None


def copy(source: StoredObject, target: Target) -> str:
    """Copy an object to another key of the same server and return its ETag.

    By a multipart upload whose parts are copies: its completion carries the condition, which MinIO and Versity ignore
    for CopyObject, and parts have no limit of 5 GiB for the whole. An empty object has no part that could be copied.

    Raises:
        ObjectExistsError: the target's condition does not hold.
        ObjectNotFound, ObjectChangedError: the source was removed or replaced.
    """
    from ..s3.errors import FAILURES, HTTP_BAD_REQUEST, status_of

    if not source.size:
        return _sent_again(source, target)
    try:
        with CopyUpload(source, target) as upload:
            for span in spans(source.size):
                upload.send_span(span)
            return upload.finish()
    except FAILURES as error:
        if source.size >= MIN_PART_SIZE or status_of(error) != HTTP_BAD_REQUEST:
            raise
        return _sent_again(source, target)


def _sent_again(source: StoredObject, target: Target) -> str:
    """Read a small object and store it anew: Garage copies no part of less than 5 MiB, and nobody an empty one."""
    from ..files.reader import ObjectReader

    pinned = (source.etag, source.size)
    with ObjectReader(source.client, source.bucket, source.key, source.ssec, pinned) as reader:
        content = reader.readall()
    with Upload(source.client, target) as upload:
        upload.send(content)
        return upload.finish()


def spans(size: int) -> Iterator[range]:
    """The bytes of each part, at most 10,000 of them."""
    part = max(COPY_PART, -(-size // MAX_PARTS))
    for start in range(0, size, part):
        yield range(start, min(start + part, size))


def remove(source: StoredObject) -> None:
    """Delete a copied object. A failure is logged: the copy is there, and what stays is cleaned later."""
    from ..s3.errors import FAILURES

    try:
        source.client.delete(source.bucket, source.key)
    except FAILURES as error:
        logger.warning("The staged object '%s' stays in bucket '%s': %s", source.key, source.bucket, error)


class CopyUpload(Upload):
    """An upload whose parts are copies of another object's bytes."""

    def __init__(self, source: StoredObject, target: Target) -> None:
        super().__init__(source.client, target, source.size)
        self._parts = _CopiedParts(source, target, self._headers(token=True))

    def send_span(self, span: range) -> None:
        """Copy these bytes as the next part."""
        self._send_part(span)  # type: ignore[arg-type]  # of a part only its length counts above


class _CopiedParts(_Parts):
    def __init__(self, source: StoredObject, target: Target, headers: Mapping[str, str]) -> None:
        super().__init__(source.client, target, headers)
        self._source = source

    def _put(self, number: int, block: Any) -> dict[str, str]:
        source, target = self._source, self._target
        etag = source.client.copy_part(
            target.bucket,
            (target.key, self._upload_id),
            number,
            (source.bucket, source.key, source.etag),
            None if len(block) == source.size else block,
            **self._secret_headers,
        )
        return {"PartNumber": str(number), "ETag": f'"{etag}"'}
