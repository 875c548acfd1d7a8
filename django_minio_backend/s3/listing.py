"""Listings of a bucket (ListObjectsV2): page by page, or as what lies below a prefix.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from urllib3.exceptions import ProtocolError

from .responses import XmlAnswer

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence
    from xml.etree import ElementTree as ET

    from .client import S3Client

PAGE = 1_000  # keys in one answer; S3 allows no more
MAX_PAGES_WITHOUT_PROGRESS = 100  # in a row; S3 allows a page to be empty, and no server at hand gives many


@dataclass(frozen=True)
class Stored:
    """An object as a listing shows it.

    Attributes:
        etag: without its quotes.
        modified: time of the upload.
        metadata: its headers, by names in lower case; only MinIO lists them, if asked.
    """

    key: str
    size: int
    etag: str
    modified: dt.datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class ListingPage:
    """One response of a listing, whose keys are those that were asked for.

    Args:
        prefix: that every key and folder has to start with.
        delimited: whether keys that have a slash after the prefix have to be taken together as folders.

    Attributes:
        contents: keys of objects, each with its element.
        folders: what keys that have a slash after the prefix are taken together as; each ends with a slash.

    Raises:
        urllib3.exceptions.ProtocolError: the server lists what nobody has asked for.
    """

    def __init__(self, answer: XmlAnswer, bucket: str, prefix: str, *, delimited: bool) -> None:
        self.answer = answer
        self.contents = [(answer.key_of(entry), entry) for entry in answer.all("Contents")]
        self.folders = [answer.key_of(entry, "Prefix") for entry in answer.all("CommonPrefixes")]
        for key in self.keys:
            if not key.startswith(prefix):
                raise ProtocolError(f"Asked for {prefix!r} the server listed {key!r} in bucket '{bucket}'.")
        if delimited:
            slashes = [key.find("/", len(prefix)) + 1 for key, _ in self.contents]  # 0 where there is none
            ends = [folder.find("/", len(prefix)) + 1 - len(folder) for folder in self.folders]
            if any(slashes) or any(ends):
                raise ProtocolError(f"The server did not group the keys below {prefix!r} in bucket '{bucket}' by '/'.")

    @property
    def keys(self) -> list[str]:
        """Folders, then keys of objects."""
        return [*self.folders, *(key for key, _ in self.contents)]


class RisingKeys:
    """Checks that keys rise from one page of a listing to the next, and within each: then the listing ends.

    S3 lists keys in the order of their UTF-8 bytes, which is that of Python's strings; MinIO, Versity and Garage do so
    too. SeaweedFS lists folder by folder, "a/b" before "a-b", as if the slash were the lowest of all characters. Where
    the order of bytes does not hold, that of folders has to hold from there on: with a free choice between the two for
    each pair of keys a listing could go in circles.

    Versity writes U+FFFD for what XML cannot carry, wherever the character belongs, so such keys have no order.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket
        self._by_folders = False
        self._last: list[str] = []
        self._without_progress = 0

    def check(self, *groups: Sequence[str]) -> None:
        """Take in the next page: objects and folders, each of which rise on their own.

        Raises:
            urllib3.exceptions.ProtocolError: the keys do not rise, or have not for very many pages.
        """
        rising = [[key for key in group if "\ufffd" not in key] for group in groups]
        rising = [group for group in rising if group]
        if not self._rises(rising):
            self._by_folders = True
            if not self._rises(rising):
                raise ProtocolError(
                    f"The keys of a listing of bucket '{self._bucket}' do not rise, so it may never end."
                )
        self._without_progress = 0 if rising else self._without_progress + 1
        if self._without_progress == MAX_PAGES_WITHOUT_PROGRESS:
            raise ProtocolError(
                f"A listing of bucket '{self._bucket}' goes on, but {MAX_PAGES_WITHOUT_PROGRESS} pages had no new key."
            )
        if rising:
            self._last = [group[-1] for group in rising]

    def _rises(self, groups: Sequence[Sequence[str]]) -> bool:
        last = max(self._in_order(self._last), default="")  # no key is empty
        for group in groups:
            ordered = [last, *self._in_order(group)]
            if not all(map(operator.lt, ordered, ordered[1:])):
                return False
        return True

    def _in_order(self, keys: Sequence[str]) -> Sequence[str]:
        return [key.replace("/", "\0") for key in keys] if self._by_folders else keys


def page_below(client: S3Client, bucket: str, prefix: str, query: Mapping[str, str] | None = None) -> ListingPage:
    """One answer about keys that start with a prefix, with further parameters of ListObjectsV2.

    Raises:
        urllib3.exceptions.ProtocolError: the answer is no page of that listing.
    """
    asked = {"list-type": "2", "encoding-type": "url", "max-keys": str(PAGE), "prefix": prefix, **(query or {})}
    response = client.request("GET", bucket, {name: value for name, value in asked.items() if value})
    answer = XmlAnswer(response, "ListBucketResult", bucket)
    return ListingPage(answer, bucket, prefix, delimited="delimiter" in asked)


def pages_below(
    client: S3Client, bucket: str, prefix: str, query: Mapping[str, str] | None = None
) -> Iterator[ListingPage]:
    """Every answer of a listing, 1,000 keys a request.

    Raises:
        urllib3.exceptions.ProtocolError: an answer is no whole page of that listing, or the listing does not go on.
    """
    token, rising = "", RisingKeys(bucket)
    while True:
        page = page_below(client, bucket, prefix, {**(query or {}), "continuation-token": token})
        rising.check([key for key, _ in page.contents], page.folders)
        is_truncated = page.answer.is_truncated
        yield page
        if not is_truncated:
            return
        last, token = token, page.answer.text("NextContinuationToken")
        if token in ("", last):
            raise ProtocolError(f"A listing of bucket '{bucket}' does not tell how it goes on.")


def everything_below(client: S3Client, bucket: str, prefix: str, *, metadata: bool) -> Iterator[Stored]:
    """All objects whose keys start with a prefix.

    ``metadata`` asks for that as well: MinIO gives it, in twice the time or more, and other servers do not.
    """
    for page in pages_below(client, bucket, prefix, {"metadata": "true"} if metadata else None):
        for key, entry in page.contents:
            yield _stored(page.answer, key, entry)


def directly_below(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    """Keys that start with a prefix; those with a slash behind it are taken together as one folder, slash included."""
    for page in pages_below(client, bucket, prefix, {"delimiter": "/"}):
        yield from page.keys


def anything_below(client: S3Client, bucket: str, prefix: str) -> bool:
    """Whether the key of any object starts with a prefix: one request, whose answer has one key at the most."""
    return bool(page_below(client, bucket, prefix, {"max-keys": "1"}).contents)


def _stored(answer: XmlAnswer, key: str, entry: ET.Element) -> Stored:
    described = entry.find(f"{answer.namespace}UserMetadata")
    return Stored(
        key=key,
        size=answer.size_of(entry),
        etag=answer.text("ETag", entry).strip('"'),
        modified=answer.time_of(entry, "LastModified"),
        metadata={}
        if described is None
        else {child.tag[len(answer.namespace) :].lower(): child.text or "" for child in described},
    )
