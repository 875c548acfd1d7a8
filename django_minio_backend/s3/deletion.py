"""What is asked of a bucket about many objects at once: listings, deletions by the thousand, unfinished uploads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

from urllib3.exceptions import ProtocolError

from . import listing
from .responses import XmlAnswer

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from .client import S3Client

BATCH = 1_000  # keys in one DeleteObjects request; S3 allows no more

# Control characters: XML 1.0 has no way to write most of them, and servers lose some of the others.
_NOT_FOR_XML = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Listed(NamedTuple):
    """An object in a listing."""

    key: str
    size: int
    modified: dt.datetime


class Page(NamedTuple):
    """One answer of a listing, and when the server gave it, by the server's own clock."""

    served_at: dt.datetime
    objects: list[Listed]


class Unfinished(NamedTuple):
    """A multipart upload that was begun and neither completed nor aborted; its parts take space."""

    key: str
    upload_id: str
    begun: dt.datetime


class UploadsPage(NamedTuple):
    """One answer of a listing of unfinished uploads, and when the server gave it."""

    served_at: dt.datetime
    uploads: list[Unfinished]


class Deletion(NamedTuple):
    """What became of one DeleteObjects request.

    Attributes:
        deleted: keys that are gone.
        failed: the server's reason for each key that is not.
        markers: how many of the deleted live on as older versions, below a delete marker.
    """

    deleted: set[str]
    failed: dict[str, str]
    markers: int


def pages(client: S3Client, bucket: str, prefix: str = "") -> Iterator[Page]:
    """List the objects whose keys start with ``prefix``, 1,000 a request.

    Raises:
        urllib3.exceptions.ProtocolError: an answer is no whole page of that listing.
    """
    for page in listing.pages_below(client, bucket, prefix):
        answer = page.answer
        objects = [
            Listed(key, answer.size_of(entry), answer.time_of(entry, "LastModified")) for key, entry in page.contents
        ]
        yield Page(answer.served_at, objects)


def unfinished_uploads(client: S3Client, bucket: str) -> Iterator[UploadsPage]:
    """List the unfinished multipart uploads of a whole bucket (ListMultipartUploads).

    Of the whole, since MinIO answers a prefix only with the uploads of that very key. And with keys as they are, since
    SeaweedFS says of this listing that it encodes them, and does not.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html

    Raises:
        urllib3.exceptions.ProtocolError: an answer is no whole page of that listing, or the listing does not go on.
    """
    markers: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()  # not the order of keys: MinIO and SeaweedFS list uploads in others
    while True:
        response = client.request("GET", bucket, {"uploads": "", **markers})
        answer = XmlAnswer(response, "ListMultipartUploadsResult", bucket)
        uploads = [
            Unfinished(answer.key_of(entry), answer.text("UploadId", entry), answer.time_of(entry, "Initiated"))
            for entry in answer.all("Upload")
        ]
        found = {(upload.key, upload.upload_id) for upload in uploads}
        if not all(upload.upload_id for upload in uploads):  # aborting that one might delete the object
            raise ProtocolError(f"A listing of unfinished uploads in bucket '{bucket}' has one without an id.")
        if len(found) < len(uploads) or seen & found:
            raise ProtocolError(f"A listing of unfinished uploads in bucket '{bucket}' lists one of them again.")
        seen |= found
        is_truncated = answer.is_truncated
        yield UploadsPage(answer.served_at, uploads)
        if not is_truncated:
            return
        following = {
            "key-marker": answer.decoded(answer.text("NextKeyMarker")),
            "upload-id-marker": answer.text("NextUploadIdMarker"),  # SeaweedFS goes on by this one alone
        }
        if not found or not any(following.values()) or following == markers:
            raise ProtocolError(f"A listing of unfinished uploads in bucket '{bucket}' does not tell how it goes on.")
        markers = following


def abort(client: S3Client, bucket: str, upload: Unfinished) -> None:
    """Remove an unfinished upload and its parts (AbortMultipartUpload); one that has ended meanwhile is no error."""
    from .errors import FAILURES, is_missing_upload

    try:
        client.request("DELETE", bucket, {"uploadId": upload.upload_id}, key=upload.key)
    except FAILURES as error:
        if not is_missing_upload(error):
            raise


def delete(client: S3Client, bucket: str, keys: Sequence[str]) -> Deletion:
    """Delete at most 1,000 objects in one request (DeleteObjects); keys that XML cannot carry take one each.

    A key that the answer does not mention counts as failed.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html

    Raises:
        urllib3.exceptions.ProtocolError: the answer is not whole; nobody knows what was deleted.
    """
    from .errors import FAILURES, status_of

    result = Deletion(set(), {}, 0)
    plain = [key for key in keys if not _NOT_FOR_XML.search(key)]
    if plain:
        result = _delete_by_xml(client, bucket, plain)
    others = [key for key in keys if _NOT_FOR_XML.search(key)]
    for number, key in enumerate(others):
        try:
            client.delete(bucket, key)
        except FAILURES as error:  # not raised: then nobody would hear of what is deleted already
            is_answer = status_of(error) is not None
            result.failed.update(dict.fromkeys([key] if is_answer else others[number:], str(error)))
            if not is_answer:
                break
        else:
            result.deleted.add(key)
    return result


def _delete_by_xml(client: S3Client, bucket: str, keys: Sequence[str]) -> Deletion:
    objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    body = f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{objects}</Delete>'.encode()
    answer = XmlAnswer(client.request("POST", bucket, {"delete": ""}, body=body), "DeleteResult", bucket)
    deleted = [entry for entry in answer.all("Deleted") if answer.text("Key", entry)]
    gone = {answer.text("Key", entry) for entry in deleted}.intersection(keys)
    reasons = {
        answer.text("Key", entry): f"{answer.text('Code', entry)} {answer.text('Message', entry)}".strip()
        for entry in answer.all("Error")
    }
    failed = {key: reasons.get(key, "the server does not say that it is deleted") for key in keys if key not in gone}
    marked = {answer.text("Key", entry) for entry in deleted if answer.text("DeleteMarker", entry) == "true"}
    failed |= {key: reasons[key] for key in gone & reasons.keys()}
    gone -= reasons.keys()
    return Deletion(gone, failed, len(marked & gone))
