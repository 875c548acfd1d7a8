"""Listings of a bucket (ListObjectsV2): page by page, or as what lies below a prefix.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from urllib3.exceptions import ProtocolError

from .answers import XmlAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree import ElementTree as ET

    from .s3 import S3Client

PAGE = 1_000  # keys in one answer; S3 allows no more


@dataclass(frozen=True)
class Stored:
    """An object as a listing shows it.

    Attributes:
        etag: without its quotes.
        modified: time of the upload, as in ISO 8601.
        metadata: its headers, by names in lower case; only MinIO lists them, if asked.
    """

    key: str
    size: int
    etag: str
    modified: str
    metadata: Mapping[str, str] = field(default_factory=dict)


def page_below(client: S3Client, bucket: str, prefix: str, query: Mapping[str, str] | None = None) -> XmlAnswer:
    """One answer about keys that start with a prefix, with further parameters of ListObjectsV2.

    Raises:
        urllib3.exceptions.ProtocolError: the answer is no page of a listing.
    """
    asked = {"list-type": "2", "encoding-type": "url", "max-keys": str(PAGE), "prefix": prefix, **(query or {})}
    response = client.request("GET", bucket, {name: value for name, value in asked.items() if value})
    return XmlAnswer(response, "ListBucketResult", bucket)


def pages_below(
    client: S3Client, bucket: str, prefix: str, query: Mapping[str, str] | None = None
) -> Iterator[XmlAnswer]:
    """Every answer of a listing, 1,000 keys a request.

    Raises:
        urllib3.exceptions.ProtocolError: an answer is no whole page of that listing.
    """
    token = ""
    while True:
        answer = page_below(client, bucket, prefix, {**(query or {}), "continuation-token": token})
        yield answer
        if not answer.is_truncated:
            return
        last, token = token, answer.text("NextContinuationToken")
        if token in ("", last):
            raise ProtocolError(f"A listing of bucket '{bucket}' does not tell how it goes on.")


def everything_below(client: S3Client, bucket: str, prefix: str, *, metadata: bool) -> Iterator[Stored]:
    """All objects whose keys start with a prefix.

    ``metadata`` asks for that as well: MinIO gives it, in twice the time or more, and other servers do not.
    """
    for answer in pages_below(client, bucket, prefix, {"metadata": "true"} if metadata else None):
        for entry in answer.all("Contents"):
            yield _stored(answer, entry)


def directly_below(client: S3Client, bucket: str, prefix: str) -> Iterator[str]:
    """Keys that start with a prefix; those with a slash behind it are taken together as one folder, slash included."""
    for answer in pages_below(client, bucket, prefix, {"delimiter": "/"}):
        yield from keys_of(answer)


def keys_of(answer: XmlAnswer) -> Iterator[str]:
    """Folders and keys on a page of a listing by delimiter."""
    for entry in answer.all("CommonPrefixes"):
        yield answer.decoded(answer.text("Prefix", entry))
    for entry in answer.all("Contents"):
        yield answer.key_of(entry)


def anything_below(client: S3Client, bucket: str, prefix: str) -> bool:
    """Whether the key of any object starts with a prefix: one request, whose answer has one key at the most."""
    return any(True for _ in page_below(client, bucket, prefix, {"max-keys": "1"}).all("Contents"))


def _stored(answer: XmlAnswer, entry: ET.Element) -> Stored:
    described = entry.find(f"{answer.namespace}UserMetadata")
    return Stored(
        key=answer.key_of(entry),
        size=answer.size_of(entry),
        etag=answer.text("ETag", entry).strip('"'),
        modified=answer.text("LastModified", entry),
        metadata={}
        if described is None
        else {child.tag[len(answer.namespace) :].lower(): child.text or "" for child in described},
    )
