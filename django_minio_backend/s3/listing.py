"""Listings: objects (ListObjectsV2), unfinished uploads (ListMultipartUploads) and their parts (ListParts)."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

from urllib3.exceptions import ProtocolError

from ..transport.limits import KEYS_PER_PAGE
from ..transport.request_log import ContextThreads
from .responses import XmlResponse

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence
    from xml.etree import ElementTree as ET

    from urllib3 import BaseHTTPResponse

    from .client import S3Client

MAX_PAGES_WITHOUT_PROGRESS = 100  # in a row; S3 allows a page to be empty, and no server at hand gives many


class ListedObject(NamedTuple):
    """An object in a listing.

    Attributes:
        etag: without its quotes.
        modified: time of the upload.
        metadata: the object's headers by lower-case name; empty unless MinIO was asked for them.
    """

    key: str
    size: int
    modified: dt.datetime
    etag: str = ""
    metadata: Mapping[str, str] = {}


class UnfinishedUpload(NamedTuple):
    """A multipart upload that was neither completed nor aborted; its parts take space."""

    key: str
    upload_id: str
    initiated: dt.datetime


class UploadedPart(NamedTuple):
    """A part of an unfinished multipart upload; its ETag without quotes."""

    number: int
    size: int
    etag: str


class ListingPage:
    """One page of a listing of objects.

    Args:
        response: a ListBucketResult.
        prefix: what every key and folder has to start with.
        delimited: whether the request asked for keys to be grouped by the next slash after the prefix.

    Attributes:
        keys: keys of the objects.
        folders: the groups, called CommonPrefixes in S3; each ends with a slash.

    Raises:
        urllib3.exceptions.ProtocolError: the response is not a page of the requested listing.
    """

    def __init__(self, response: XmlResponse, bucket: str, prefix: str, *, delimited: bool) -> None:
        self.response = response
        keys, self._sizes, self._times = response.columns("Contents", "Key", "Size", "LastModified")
        self.keys = response.keys_of(keys)
        self.folders = response.keys_of([response.text("Prefix", each) for each in response.all("CommonPrefixes")])
        for key in (*self.folders, *self.keys) if prefix else ():
            if not key.startswith(prefix):
                raise ProtocolError(f"The server listed {key!r} for prefix {prefix!r} in bucket '{bucket}'.")
        if delimited:
            slashes = [key.find("/", len(prefix)) + 1 for key in self.keys]  # 0 where there is none
            ends = [folder.find("/", len(prefix)) + 1 - len(folder) for folder in self.folders]
            if any(slashes) or any(ends):
                raise ProtocolError(
                    f"The server did not group the keys with prefix {prefix!r} in bucket '{bucket}' by '/'."
                )

    def sizes(self) -> list[int]:
        """Return the objects' sizes in bytes, in the order of the keys."""
        return self.response.sizes_of(self._sizes)

    def times(self) -> list[dt.datetime]:
        """Return the times of the uploads, in the order of the keys."""
        return self.response.times_of(self._times)

    @property
    def objects(self) -> list[ListedObject]:
        """The objects, parsed at each access."""
        (quoted,) = self.response.columns("Contents", "ETag")
        etags = [etag.strip('"') for etag in quoted]
        metadata = [self._metadata(entry) for entry in self.response.all("Contents")] or [{}] * len(self.keys)
        return list(map(ListedObject, self.keys, self.sizes(), self.times(), etags, metadata))

    def _metadata(self, entry: ET.Element) -> dict[str, str]:
        namespace = self.response.namespace
        metadata = entry.find(f"{namespace}UserMetadata")
        return {
            child.tag[len(namespace) :].lower(): child.text or "" for child in (() if metadata is None else metadata)
        }


class AscendingKeys:
    """Checks that keys ascend within each page of a listing and from page to page, so that the listing ends.

    S3, MinIO, Versity and Garage list keys in the order of their UTF-8 bytes, which is the order of Python's strings.
    SeaweedFS lists folder by folder, "a/b" before "a-b", as if the slash were the lowest of all characters. Once the
    order of bytes does not hold, the order of folders has to hold for the rest of the listing: with a free choice
    between the two for each pair of keys, a listing could go in circles.

    Versity writes U+FFFD for characters that XML cannot carry, so the order of such keys is not checked.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._by_folders = False
        self._last: list[str] = []
        self._pages_without_progress = 0

    def check(self, *groups: Sequence[str]) -> None:
        """Check the next page: its objects and its folders, each of which ascend on their own.

        Raises:
            urllib3.exceptions.ProtocolError: the keys do not ascend, or too many pages had no key.
        """
        ordered = [group for group in map(_with_known_keys, groups) if group]
        if not self._ascends(ordered):
            self._by_folders = True
            if not self._ascends(ordered):
                raise ProtocolError(
                    f"The keys in a listing of bucket '{self._bucket}' do not ascend, so the listing may never end."
                )
        self._pages_without_progress = 0 if ordered else self._pages_without_progress + 1
        if self._pages_without_progress == MAX_PAGES_WITHOUT_PROGRESS:
            raise ProtocolError(
                f"{MAX_PAGES_WITHOUT_PROGRESS} pages in a row of a listing of bucket '{self._bucket}' had no new key."
            )
        if ordered:
            self._last = [group[-1] for group in ordered]

    def _ascends(self, groups: Sequence[Sequence[str]]) -> bool:
        last = max(self._comparable(self._last), default="")  # no key is empty
        for group in groups:
            keys = [last, *self._comparable(group)]
            if not all(map(operator.lt, keys, keys[1:])):
                return False
        return True

    def _comparable(self, keys: Sequence[str]) -> Sequence[str]:
        return [key.replace("/", "\0") for key in keys] if self._by_folders else keys


def _with_known_keys(keys: Sequence[str]) -> Sequence[str]:
    return [key for key in keys if "\ufffd" not in key] if "\ufffd" in "".join(keys) else keys


def list_page(client: S3Client, bucket: str, prefix: str, query: Mapping[str, str] | None = None) -> ListingPage:
    """Return one page of the objects whose keys start with ``prefix``; ``query`` adds parameters of ListObjectsV2.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html

    Raises:
        urllib3.exceptions.ProtocolError: the response is not a page of that listing.
    """
    return _page(_request_page(client, bucket, prefix, query or {}), bucket, prefix, query or {})


def _request_page(client: S3Client, bucket: str, prefix: str, query: Mapping[str, str]) -> BaseHTTPResponse:
    wanted = {"list-type": "2", "encoding-type": "url", "max-keys": str(KEYS_PER_PAGE), "prefix": prefix}
    parameters = {**wanted, **query}
    return client.request("GET", bucket, {name: value for name, value in parameters.items() if value})


def _page(response: BaseHTTPResponse, bucket: str, prefix: str, query: Mapping[str, str]) -> ListingPage:
    xml = XmlResponse(response, "ListBucketResult", bucket, rows="Contents")
    return ListingPage(xml, bucket, prefix, delimited="delimiter" in query)


def list_pages(
    client: S3Client, bucket: str, prefix: str = "", query: Mapping[str, str] | None = None
) -> Iterator[ListingPage]:
    """Iterate over all pages of the objects whose keys start with ``prefix``, 1,000 keys a request.

    While the caller uses a page, a thread requests the next one.

    Raises:
        urllib3.exceptions.ProtocolError: a response is not a whole page of that listing, or names no next page.
    """
    query, token, order = query or {}, "", AscendingKeys(bucket)
    response = _request_page(client, bucket, prefix, query)
    with ContextThreads(1, thread_name_prefix="listing") as ahead:
        while True:
            page = _page(response, bucket, prefix, query)
            order.check(page.keys, page.folders)
            if not page.response.is_truncated:
                yield page
                return
            last, token = token, page.response.text("NextContinuationToken")
            if token in ("", last):
                raise ProtocolError(f"A truncated listing of bucket '{bucket}' has no new NextContinuationToken.")
            next_response = ahead.submit(_request_page, client, bucket, prefix, {**query, "continuation-token": token})
            yield page
            response = next_response.result()


def list_objects(client: S3Client, bucket: str, prefix: str, *, metadata: bool) -> Iterator[ListedObject]:
    """Iterate over the objects whose keys start with ``prefix``.

    ``metadata`` asks for the objects' headers, too: MinIO lists them, in at least twice the time; others ignore it.
    """
    for page in list_pages(client, bucket, prefix, {"metadata": "true"} if metadata else None):
        yield from page.objects


def list_directory(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    """Iterate over the folders (with their slash) and the keys directly below ``prefix``."""
    for page in list_pages(client, bucket, prefix, {"delimiter": "/"}):
        yield from (*page.folders, *page.keys)


def prefix_exists(client: S3Client, bucket: str, prefix: str) -> bool:
    """Whether the key of any object starts with ``prefix``: one request for one key."""
    return bool(list_page(client, bucket, prefix, {"max-keys": "1"}).keys)


def list_unfinished_uploads(client: S3Client, bucket: str) -> Iterator[tuple[dt.datetime, list[UnfinishedUpload]]]:
    """Iterate over all pages of a bucket's unfinished multipart uploads (ListMultipartUploads).

    With each comes the time of the response, by the server's clock.

    No prefix is sent, since MinIO lists only the uploads of the key that equals it. No encoding-type is sent, since
    SeaweedFS confirms it for this listing and does not encode.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html

    Raises:
        urllib3.exceptions.ProtocolError: a response is not a whole page of that listing, or names no next page.
    """
    markers: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()  # instead of the order of keys: MinIO and SeaweedFS do not sort uploads by key
    while True:
        response = client.request("GET", bucket, {"uploads": "", **markers})
        xml = XmlResponse(response, "ListMultipartUploadsResult", bucket)
        entries = list(xml.all("Upload"))
        keys, upload_ids, times = (
            [xml.text(name, each) for each in entries] for name in ("Key", "UploadId", "Initiated")
        )
        uploads = list(map(UnfinishedUpload, xml.keys_of(keys), upload_ids, xml.times_of(times)))
        ids = {(upload.key, upload.upload_id) for upload in uploads}
        if not all(upload.upload_id for upload in uploads):  # aborting that one might delete the object
            raise ProtocolError(f"A listing of unfinished uploads in bucket '{bucket}' has an upload without an id.")
        if len(ids) < len(uploads) or seen & ids:
            raise ProtocolError(f"A listing of unfinished uploads in bucket '{bucket}' lists one of them twice.")
        seen |= ids
        is_truncated = xml.is_truncated
        yield xml.served_at, uploads
        if not is_truncated:
            return
        next_markers = {
            "key-marker": xml.decoded(xml.text("NextKeyMarker")),
            "upload-id-marker": xml.text("NextUploadIdMarker"),  # SeaweedFS uses only this one
        }
        if not ids or not any(next_markers.values()) or next_markers == markers:
            raise ProtocolError(f"A truncated listing of unfinished uploads in bucket '{bucket}' has no new marker.")
        markers = next_markers


def list_parts(client: S3Client, bucket: str, key: str, upload_id: str) -> Iterator[UploadedPart]:
    """Iterate over the parts of an unfinished multipart upload, by number (ListParts).

    Raises:
        urllib3.exceptions.ProtocolError: a response is not a whole page of that listing, or names no next page.
    """
    last = 0
    while True:
        query = {"uploadId": upload_id, **({"part-number-marker": str(last)} if last else {})}
        response = client.request("GET", bucket, query, key=key)
        xml = XmlResponse(response, "ListPartsResult", bucket, also="ListPartsResponse")
        entries = list(xml.all("Part"))
        for entry, size in zip(entries, xml.sizes_of([xml.text("Size", each) for each in entries]), strict=True):
            number = xml.text("PartNumber", entry)
            if not number.isdecimal() or int(number) <= last:
                raise ProtocolError(f"A listing of the parts of '{key}' in bucket '{bucket}' does not ascend.")
            last = int(number)
            yield UploadedPart(last, size, xml.text("ETag", entry).strip('"'))
        if not xml.is_truncated:
            return
        if str(last) != xml.text("NextPartNumberMarker"):
            raise ProtocolError(f"A listing of the parts of '{key}' in bucket '{bucket}' has no next page.")
