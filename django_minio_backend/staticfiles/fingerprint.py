"""Whether an object holds a file's content already, as far as a listing can tell.

The ETag of a plain upload is the MD5 of its body, and that of an upload in parts follows from its parts. Where it is
neither, since the server encrypts or another release of zlib compressed, a checksum of the content before counts, which
goes with every upload of collectstatic as metadata.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..s3.listing import ListedObject

RECORD = "x-amz-meta-source-md5"  # "<encoding>:<hexadecimal MD5 of the content before it was encoded>"
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Content:
    """What a file would be as an object.

    Attributes:
        size: bytes, as they are sent.
        etag: what the server gives it, unless it encrypts.
        record: value of the metadata entry that goes with it.
    """

    size: int
    etag: str
    record: str

    @property
    def is_encoded(self) -> bool:
        """Whether bytes and size depend on more than the file."""
        return not self.record.startswith("identity:")


def content_of(blocks: Iterable[bytes | bytearray], encoded_from: str | None) -> Content:
    """Describe content by its bytes, cut as they will be sent.

    Args:
        blocks: one for a single request, else one for each part.
        encoded_from: MD5 of the content before it was compressed, if it was.
    """
    whole, size, parts = md5(usedforsecurity=False), 0, []
    for block in blocks:
        size += len(block)
        parts.append(md5(block, usedforsecurity=False))
        whole = parts[0].copy() if len(parts) == 1 else whole
        if len(parts) > 1:
            whole.update(block)
    etag = whole.hexdigest()
    record = f"gzip:{encoded_from}" if encoded_from else f"identity:{etag}"
    if len(parts) > 1:
        of_parts = md5(b"".join(part.digest() for part in parts), usedforsecurity=False)
        etag = f"{of_parts.hexdigest()}-{len(parts)}"
    return Content(size, etag, record)


def recorded_in(metadata: Mapping[str, str]) -> str | None:
    """The metadata entry of an upload by collectstatic, whatever the case of its name."""
    return next((value for name, value in metadata.items() if name.lower() == RECORD), None)


def is_same(stored: ListedObject, content: Content, *, encrypted: bool) -> bool | None:
    """Whether the object holds this content; None where the listing does not tell.

    An ETag is of another kind where the storage asks for encryption (``encrypted``).
    """
    if stored.etag == content.etag:
        return True
    if not content.is_encoded and stored.size != content.size:
        return False
    record = stored.metadata.get(RECORD)
    if record is not None:
        return record == content.record
    if not content.is_encoded and not encrypted and _MD5.fullmatch(stored.etag):
        return False
    return None
