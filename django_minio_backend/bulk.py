"""What is asked of a bucket about many objects at once: listings, deletions by the thousand, unfinished uploads.

The answers are parsed here: the SDK's parser takes several times as long and passes the server's time over.
"""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from urllib3.exceptions import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from urllib3 import BaseHTTPResponse

    from .s3 import S3Client

BATCH = 1_000  # keys in one page of a listing and in one DeleteObjects request; S3 allows no more

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
    """List the objects whose keys start with ``prefix`` (ListObjectsV2), 1,000 a request.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html

    Raises:
        urllib3.exceptions.ProtocolError: an answer is no whole page of that listing.
    """
    query = {"list-type": "2", "encoding-type": "url", "max-keys": str(BATCH), "prefix": prefix}
    while True:
        response = client.request("GET", bucket, {name: value for name, value in query.items() if value})
        answer = _Answer(response, "ListBucketResult", bucket)
        objects = [
            Listed(answer.key_of(entry), answer.size_of(entry), answer.time_of(entry, "LastModified"))
            for entry in answer.all("Contents")
        ]
        if stray := next((found.key for found in objects if not found.key.startswith(prefix)), None):
            raise ProtocolError(f"Asked for '{prefix}' the server listed '{stray}' in bucket '{bucket}'.")
        yield Page(answer.served_at, objects)
        if not answer.is_truncated:
            return
        token = answer.text("NextContinuationToken")
        if token in ("", query.get("continuation-token")):
            raise ProtocolError(f"A listing of bucket '{bucket}' does not tell how it goes on.")
        query["continuation-token"] = token


def children(client: S3Client, bucket: str, prefix: str) -> list[str] | None:
    """Keys below ``prefix``, those in a folder taken together as the folder; None if they are more than one page has.

    Raises:
        urllib3.exceptions.ProtocolError: the answer is no page of that listing.
    """
    query = {"list-type": "2", "encoding-type": "url", "max-keys": str(BATCH), "prefix": prefix, "delimiter": "/"}
    response = client.request("GET", bucket, {name: value for name, value in query.items() if value})
    answer = _Answer(response, "ListBucketResult", bucket)
    if answer.is_truncated:
        return None
    folders = [answer.decoded(answer.text("Prefix", entry)) for entry in answer.all("CommonPrefixes")]
    return folders + [answer.key_of(entry) for entry in answer.all("Contents")]


def unfinished_uploads(client: S3Client, bucket: str) -> Iterator[UploadsPage]:
    """List the unfinished multipart uploads of a whole bucket (ListMultipartUploads).

    Of the whole, since MinIO answers a prefix only with the uploads of that very key.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html

    Raises:
        urllib3.exceptions.ProtocolError: an answer is no whole page of that listing.
    """
    markers: dict[str, str] = {}
    while True:
        response = client.request("GET", bucket, {"uploads": "", "encoding-type": "url", **markers})
        answer = _Answer(response, "ListMultipartUploadsResult", bucket)
        yield UploadsPage(
            answer.served_at,
            [
                Unfinished(answer.key_of(entry), answer.text("UploadId", entry), answer.time_of(entry, "Initiated"))
                for entry in answer.all("Upload")
            ],
        )
        if not answer.is_truncated:
            return
        following = {
            "key-marker": answer.decoded(answer.text("NextKeyMarker")),
            "upload-id-marker": answer.text("NextUploadIdMarker"),
        }
        if not following["key-marker"] or following == markers:
            raise ProtocolError(f"A listing of unfinished uploads in bucket '{bucket}' does not tell how it goes on.")
        markers = following


def abort(client: S3Client, bucket: str, upload: Unfinished) -> None:
    """Remove an unfinished upload and its parts (AbortMultipartUpload); one that has ended meanwhile is no error."""
    from .s3 import FAILURES, is_missing_upload

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
    result = Deletion(set(), {}, 0)
    plain = [key for key in keys if not _NOT_FOR_XML.search(key)]
    if plain:
        result = _delete_by_xml(client, bucket, plain)
    for key in keys:
        if _NOT_FOR_XML.search(key):
            client.delete(bucket, key)
            result.deleted.add(key)
    return result


def _delete_by_xml(client: S3Client, bucket: str, keys: Sequence[str]) -> Deletion:
    objects = "".join(f"<Object><Key>{escape(key)}</Key></Object>" for key in keys)
    body = f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{objects}</Delete>'.encode()
    answer = _Answer(client.request("POST", bucket, {"delete": ""}, body=body), "DeleteResult", bucket)
    deleted = [entry for entry in answer.all("Deleted") if answer.text("Key", entry)]
    gone = {answer.text("Key", entry) for entry in deleted}.intersection(keys)
    reasons = {
        answer.text("Key", entry): f"{answer.text('Code', entry)} {answer.text('Message', entry)}".strip()
        for entry in answer.all("Error")
    }
    failed = {key: reasons.get(key, "the server does not say that it is deleted") for key in keys if key not in gone}
    markers = sum(answer.text("DeleteMarker", entry) == "true" for entry in deleted)
    return Deletion(gone - reasons.keys(), failed | {key: reasons[key] for key in gone & reasons.keys()}, markers)


class _Answer:
    """An XML answer whose elements are found by name, whatever namespace the server puts them in."""

    def __init__(self, response: BaseHTTPResponse, root: str, bucket: str) -> None:
        self._bucket = bucket
        self._headers: Mapping[str, str] = response.headers
        try:
            self._root = ET.fromstring(response.data)  # noqa: S314 - the server's own answer, parsed as the SDK does
        except ET.ParseError as error:
            raise ProtocolError(f"An answer about bucket '{bucket}' broke off.") from error
        self._namespace, _, name = self._root.tag.rpartition("}")
        self._namespace += "}" if self._namespace else ""
        if name != root:
            told = f"{self.text('Code')} {self.text('Message')}".strip()
            raise ProtocolError(f"An answer about bucket '{bucket}' is <{name}> instead of <{root}>: {told}")
        self._is_encoded = self.text("EncodingType") == "url"

    @property
    def served_at(self) -> dt.datetime:
        """When the server gave the answer, by its own clock, in whole seconds (RFC 9110, 6.6.1)."""
        try:
            return parsedate_to_datetime(self._headers.get("date", ""))
        except ValueError as error:
            raise ProtocolError(
                f"An answer about bucket '{self._bucket}' tells no time (header Date), so nobody knows how old the "
                "objects are."
            ) from error

    @property
    def is_truncated(self) -> bool:
        """Whether there are more pages."""
        told = self.text("IsTruncated")
        if told not in ("true", "false"):
            raise ProtocolError(f"A listing of bucket '{self._bucket}' does not tell whether it is complete.")
        return told == "true"

    def all(self, name: str) -> Iterator[ET.Element]:
        """Every child of that name."""
        return self._root.iterfind(self._namespace + name)

    def text(self, name: str, parent: ET.Element | None = None) -> str:
        """Text of the first child of that name, empty where there is none."""
        return (self._root if parent is None else parent).findtext(self._namespace + name, "")

    def decoded(self, text: str) -> str:
        """A key as it is: percent-encoded by servers that say so, a space being a plus or ``%20``."""
        return unquote_plus(text) if self._is_encoded else text

    def key_of(self, entry: ET.Element) -> str:
        """Key of a listed entry."""
        key = self.decoded(self.text("Key", entry))
        if not key:
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has an entry without a key.")
        return key

    def size_of(self, entry: ET.Element) -> int:
        """Bytes of a listed object."""
        told = self.text("Size", entry)
        if not told.isdecimal():
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has an object without a size.")
        return int(told)

    def time_of(self, entry: ET.Element, name: str) -> dt.datetime:
        """A time of a listed entry."""
        try:
            time = dt.datetime.fromisoformat(self.text(name, entry))
        except ValueError as error:
            raise ProtocolError(f"A listing of bucket '{self._bucket}' has an entry without a time.") from error
        return time if time.tzinfo else time.replace(tzinfo=dt.UTC)
