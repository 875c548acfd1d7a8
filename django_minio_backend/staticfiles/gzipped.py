"""Compresses text as gzip, always to the same bytes: without time, file name and operating system."""

from __future__ import annotations

import gzip
import io
from functools import cached_property
from hashlib import md5
from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile

from ..files.content import ContentReader, PartSizes
from ..options.fields import MEBIBYTE

if TYPE_CHECKING:
    from io import BufferedReader

MAGIC = b"\x1f\x8b"
MIN_SIZE = 128  # bytes; shorter content hardly shrinks
MAX_SIZE = 32 * MEBIBYTE  # compressed in memory
_TEXT = ("application/javascript", "application/json", "application/xml", "application/xhtml+xml")


class Compressed(ContentFile):  # type: ignore[type-arg]  # of bytes; the class takes no argument at run time
    """Compressed content.

    Attributes:
        uncompressed_md5: MD5 of the uncompressed content, in hexadecimal digits; releases of zlib do not change it.
    """

    def __init__(self, body: bytes, name: str | None, uncompressed_md5: str) -> None:
        super().__init__(body, name)
        self.uncompressed_md5 = uncompressed_md5


class Decompressed(gzip.GzipFile):
    """The uncompressed content of an object."""

    def __init__(self, reader: BufferedReader) -> None:
        super().__init__(fileobj=reader, mode="rb")
        self._reader = reader

    @cached_property
    def size(self) -> int:
        """Bytes of the uncompressed content, for which it is read to its end: no server knows them."""
        position = self.tell()
        size = self.seek(0, io.SEEK_END)
        self.seek(position)
        return size

    def close(self) -> None:
        """Close the reader as well."""
        super().close()
        self._reader.close()


def is_gzip(content_encoding: str) -> bool:
    """Whether a Content-Encoding header is gzip; the ``aws-chunked`` that AWS clients leave there is ignored."""
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    return [coding for coding in codings if coding and coding != "aws-chunked"] in (["gzip"], ["x-gzip"])


def is_text(content_type: str) -> bool:
    """Whether a media type is one of text, which compresses well."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT or kind.endswith(("+json", "+xml"))


def compress(content: Any) -> Any:
    """Return the content compressed, or unchanged if that makes it no smaller or it is larger than 32 MiB."""
    source = ContentReader(content, replayable=True)
    try:
        if source.length is not None and not MIN_SIZE <= source.length <= MAX_SIZE:
            return content
        body = b"".join(source.blocks(PartSizes(first=MAX_SIZE, part=MAX_SIZE, grows=False)))
    finally:
        source.close()
    squeezed = squeeze(body)
    if len(squeezed) >= len(body):
        return ContentFile(body, getattr(content, "name", None))
    return Compressed(squeezed, getattr(content, "name", None), md5(body, usedforsecurity=False).hexdigest())


def squeeze(body: bytes) -> bytes:
    """Bytes as a gzip file, the same on every system and Python release: GzipFile writes OS byte 255 ("unknown").

    ``gzip.compress(body, mtime=0)`` does so from Python 3.13 on; before, it leaves that byte to zlib.
    """
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write(body)
    return buffer.getvalue()
