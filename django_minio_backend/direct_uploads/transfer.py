"""Copies objects within the server, in parts (UploadPartCopy): no byte passes through Django, nothing is replaced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..errors import ObjectChangedError
from ..files.upload import Upload
from ..options.fields import MEBIBYTE
from ..reading.reader import ObjectReader
from ..redaction.escaping import get_logger
from ..s3.errors import FAILURES, ObjectNotFound, lost_parts, status_of
from ..s3.responses import XmlResponse
from ..transport.headers import merged
from ..transport.limits import MAX_PARTS, MIN_PART_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from minio.datatypes import Object
    from minio.sse import SseCustomerKey

    from ..files.upload import UploadTarget
    from ..s3.client import S3Client

COPY_PART = 512 * MEBIBYTE  # S3 allows 5 GiB, but a server is silent while it copies, and READ_TIMEOUT is a minute

logger = get_logger(__name__)


@dataclass(frozen=True)
class StoredObject:
    """One version of an object, to be read or copied.

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


def copy(source: StoredObject, target: UploadTarget) -> str:
    """Copy an object to another key of the same server and return its ETag.

    The copy is a multipart upload, since its completion carries the target's condition, which MinIO and Versity ignore
    for CopyObject, and since CopyObject is limited to 5 GiB.

    Raises:
        ObjectExistsError: the target's condition does not hold.
        ObjectNotFound, ObjectChangedError: the source was removed or replaced.
    """
    target = replace(target, checksum=None)  # of bytes that this process does not see
    if not source.size:
        return _sent_again(source, target)
    try:
        with Upload(source.client, target, source.size, partial(copy_part, source, target)) as upload:
            for span in spans(source.size):
                upload.send(span)
            return upload.finish()
    except FAILURES as error:
        if lost_parts(error) and not target.is_repeated:
            return copy(source, target.again())
        if source.size >= MIN_PART_SIZE or status_of(error) != HTTPStatus.BAD_REQUEST:
            raise
        return _sent_again(source, target)


def accept(client: S3Client, uploaded: Object, target: UploadTarget) -> str:
    """Copy an upload that a form or PUT has made, with the type that was agreed, and return the copy's ETag."""
    bucket, key = str(uploaded.bucket_name), str(uploaded.object_name)
    source = StoredObject(client, bucket, key, str(uploaded.etag), int(uploaded.size or 0), target.ssec)
    agreed = {"Content-Type": uploaded.content_type} if uploaded.content_type else {}
    return copy(source, replace(target, headers=merged(target.headers, agreed)))


def _sent_again(source: StoredObject, target: UploadTarget) -> str:
    """Read a small object and upload it again: Garage copies no part below 5 MiB, and no server an empty one."""
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
    """Delete a copied object. A failure is logged only: the copy exists, and the object is cleaned later."""
    try:
        source.client.delete(source.bucket, source.key)
    except FAILURES as error:
        logger.warning("The staged object '%s' stays in bucket '%s': %s", source.key, source.bucket, error)


def copy_part(
    source: StoredObject, target: UploadTarget, upload_id: str, number: int, span: range, secret: Mapping[str, str]
) -> str:
    """Copy a span of the source as a part of an upload (UploadPartCopy) and return its ETag.

    Raises:
        ObjectNotFound: the source does not exist.
        ObjectChangedError: it has another ETag.
    """
    headers = {
        **secret,
        "x-amz-copy-source": quote(f"/{source.bucket}/{source.key}"),
        "x-amz-copy-source-if-match": f'"{source.etag}"',
    }
    if len(span) < source.size:  # S3 copies ranges only of objects of more than 5 MiB
        headers["x-amz-copy-source-range"] = f"bytes={span.start}-{span.stop - 1}"
    query = {"partNumber": str(number), "uploadId": upload_id}
    try:
        response = source.client.request("PUT", target.bucket, query, key=target.key, headers=headers)
    except ObjectNotFound as error:  # named after the target
        raise ObjectNotFound(source.bucket, source.key, error.response) from error
    except FAILURES as error:
        if status_of(error) == HTTPStatus.PRECONDITION_FAILED:
            raise ObjectChangedError(source.bucket, source.key) from error
        raise
    # S3 may fail after it has sent status 200, with an <Error>.
    return XmlResponse(response, "CopyPartResult", target.bucket).required("ETag").strip('"')
