"""Compares a file with an object by what a listing shows of the object.

The ETag of an upload in one request is the MD5 of its body; the ETag of a multipart upload is computed from the MD5s of
its parts. A large file may have been uploaded either way. Where the server encrypts, or another release of zlib
compressed the file, the ETag is neither. Then the MD5 of the uncompressed file decides, which every upload of
collectstatic carries as metadata.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...s3.listing import ListedObject

SOURCE_MD5_HEADER = "x-amz-meta-source-md5"  # "<encoding>:<hexadecimal MD5 of the file before it was encoded>"
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Fingerprint:
    """Describes a file as the object that it would be.

    Attributes:
        size: bytes, as they are sent.
        etag: ETag of the object, unless the server encrypts it.
        source_md5: value of SOURCE_MD5_HEADER.
    """

    size: int
    etag: str
    source_md5: str

    @property
    def is_compressed(self) -> bool:
        """Whether the bytes and the size depend on the release of zlib as well."""
        return not self.source_md5.startswith("identity:")


def fingerprint_of(blocks: Iterable[bytes | bytearray], uncompressed_md5: str | None) -> Fingerprint:
    """Return the fingerprint of content.

    Args:
        blocks: bodies of the requests that send the content: one, or one for each part.
        uncompressed_md5: MD5 of the content before it was compressed, if it was.
    """
    whole, size, parts = md5(usedforsecurity=False), 0, []
    for block in blocks:
        size += len(block)
        parts.append(md5(block, usedforsecurity=False))
        whole = parts[0].copy() if len(parts) == 1 else whole
        if len(parts) > 1:
            whole.update(block)
    etag = whole.hexdigest()
    source_md5 = f"gzip:{uncompressed_md5}" if uncompressed_md5 else f"identity:{etag}"
    if len(parts) > 1:
        of_parts = md5(b"".join(part.digest() for part in parts), usedforsecurity=False)
        etag = f"{of_parts.hexdigest()}-{len(parts)}"
    return Fingerprint(size, etag, source_md5)


def source_md5_in(metadata: Mapping[str, str]) -> str | None:
    """The value of SOURCE_MD5_HEADER in an object's metadata, whatever the case of its name."""
    return next((value for name, value in metadata.items() if name.lower() == SOURCE_MD5_HEADER), None)


def matches(stored: ListedObject, fingerprint: Fingerprint, *, encrypted: bool) -> bool | None:
    """Whether the object holds the file; None where the listing does not show it.

    Where the storage asks for encryption (``encrypted``), ETags are no MD5s.
    """
    if stored.etag == fingerprint.etag or fingerprint.source_md5 == f"identity:{stored.etag}":
        return True
    if not fingerprint.is_compressed and stored.size != fingerprint.size:
        return False
    source_md5 = stored.metadata.get(SOURCE_MD5_HEADER)
    if source_md5 is not None:
        return source_md5 == fingerprint.source_md5
    if not fingerprint.is_compressed and not encrypted and _MD5.fullmatch(stored.etag):
        return False
    return None
