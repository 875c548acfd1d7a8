"""What lies below a prefix of a bucket: every object with its ETag, size, time and metadata, or only whether any does.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree import ElementTree as ET

    from .s3 import S3Client


@dataclass(frozen=True)
class Listed:
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


def everything_below(client: S3Client, bucket: str, prefix: str, *, metadata: bool) -> Iterator[Listed]:
    """List all objects whose keys start with a prefix, 1,000 a request.

    ``metadata`` asks for that as well: MinIO gives it, in twice the time or more, and other servers do not.
    """
    query = {"prefix": prefix, **({"metadata": "true"} if metadata else {})}
    while True:
        page = client.list_page(bucket, query)
        space = page.tag.partition("}")[0] + "}" if page.tag.startswith("{") else ""
        encoded = page.findtext(f"{space}EncodingType") == "url"
        for entry in page.iterfind(f"{space}Contents"):
            yield _listed(entry, len(space), encoded=encoded)
        token = page.findtext(f"{space}NextContinuationToken")
        if page.findtext(f"{space}IsTruncated") != "true" or not token:
            return
        query["continuation-token"] = token


def anything_below(client: S3Client, bucket: str, prefix: str) -> bool:
    """Whether the key of any object starts with a prefix: one request, whose answer has one key at the most."""
    page = client.list_page(bucket, {"prefix": prefix, "max-keys": "1"})
    return any(child.tag.rpartition("}")[2] == "Contents" for child in page)


def _listed(entry: ET.Element, space: int, *, encoded: bool) -> Listed:
    found = {child.tag[space:]: child for child in entry}
    texts = {name: child.text or "" for name, child in found.items()}
    described = found.get("UserMetadata")
    return Listed(
        key=unquote_plus(texts["Key"]) if encoded else texts["Key"],
        size=int(texts.get("Size") or 0),
        etag=texts.get("ETag", "").strip('"'),
        modified=texts.get("LastModified", ""),
        metadata={child.tag[space:].lower(): child.text or "" for child in described} if described is not None else {},
    )
