"""Headers that keep a served file from acting as a page of the site: its type, disposition, sniffing, a sandbox."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

UNKNOWN = "application/octet-stream"
MAX_LENGTH = 200  # characters of a file name in a header; nginx takes 4 KiB of headers from Django by default
_MAX_EXTENSION = 20

# Characters that no header can have, and those that change the direction of text: they make "exe.fdp" of "pdf.exe".
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class Presentation:
    """How a browser is to take a file.

    Attributes:
        filename: under which it is saved.
        as_attachment: whether it is saved and never shown.
        inline_active_content: whether types that run in browsers, such as HTML and SVG, may be shown.
    """

    filename: str
    as_attachment: bool = False
    inline_active_content: bool = False

    def disposition(self, media_type: str) -> str:
        """The Content-Disposition of a file of this type."""
        from ..object_urls.response_headers import content_disposition

        inline = not self.as_attachment and (self.inline_active_content or not is_active(media_type))
        return content_disposition(self.filename, inline=inline)

    def headers(self, media_type: str) -> dict[str, str]:
        """All headers of a response from the site's own origin."""
        from ..files.upload_headers import is_media_type

        return {
            "Content-Type": media_type if is_media_type(media_type) else UNKNOWN,
            "Content-Disposition": self.disposition(media_type),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox",
            # The permission is checked each time; a browser may keep the file, and asks whether it has changed.
            "Cache-Control": "private, no-cache",
        }


def is_active(media_type: str) -> bool:
    """Whether a browser may run content of this type, or would have to guess its type."""
    from ..files.upload_headers import active_kind, is_media_type

    return not is_media_type(media_type) or media_type == UNKNOWN or active_kind(media_type) is not None


def safe_filename(*names: object) -> str:
    """Return the first name that is not empty, without a path and as a header can have it."""
    name = next((text for text in map(_clean, names) if text), "file")
    if len(name) <= MAX_LENGTH:
        return name
    root, extension = posixpath.splitext(name)
    extension = extension[:_MAX_EXTENSION]
    return root[: MAX_LENGTH - len(extension)] + extension


def _clean(name: object) -> str:
    return _UNSAFE.sub("_", str(name or "").strip())
