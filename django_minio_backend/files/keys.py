"""Names as Django knows them become keys of objects, and back."""

from __future__ import annotations

import mimetypes
import posixpath
import re

from django.core.exceptions import SuspiciousFileOperation

from ..limits import MAX_KEY_BYTES
from ..transport import headers

# What browsers have to be told right: they refuse modules, styles and WebAssembly of another type, and what mimetypes
# says depends on the machine's own tables. Source: https://www.iana.org/assignments/media-types/
WEB_TYPES = {
    ".avif": "image/avif",
    ".cjs": "text/javascript",
    ".css": "text/css",
    ".eot": "application/vnd.ms-fontobject",
    ".gif": "image/gif",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".mp4": "video/mp4",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "text/xml",
}

_COMPRESSED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}

# What browsers run, or show as a document that runs scripts; the unknown types are those in which they look for HTML.
# PDF is none of it: viewers keep its scripts to themselves. Source: https://mimesniff.spec.whatwg.org/, 4.6 and 7.
_KINDS_OF_ACTIVE_TYPES = {
    "text/html": "html",
    "application/xhtml+xml": "xhtml",
    "image/svg+xml": "svg",
    **dict.fromkeys(("application/xml", "text/xml", "text/xsl"), "xml"),
    **dict.fromkeys(("*/*", "application/unknown", "unknown/unknown"), "unknown"),
    **dict.fromkeys(
        (
            f"{group}/{kind}"
            for group in ("application", "text")
            for kind in ("ecmascript", "javascript", "x-ecmascript", "x-javascript")
        ),
        "javascript",
    ),
    **dict.fromkeys((f"text/javascript1.{digit}" for digit in range(6)), "javascript"),
    **dict.fromkeys(("text/jscript", "text/livescript"), "javascript"),
    "message/rfc822": "archive",  # web pages in one file, as multipart/related
}
_MEDIA_TYPE = re.compile(r"[\w!#$&^.*+-]+/[\w!#$&^.*+-]+\s*(?:;[^,]*)?", re.ASCII)  # RFC 9110, 8.3.1; a list is none


def clean(name: object) -> str:
    """Normalise a name as FileSystemStorage would: forward slashes, no ``.`` and no empty parts.

    Raises:
        SuspiciousFileOperation: for an absolute name, or one that leaves the storage by ``..``.
        ValueError: for a name that no object can have.
    """
    given = "" if name is None else str(name).replace("\\", "/")
    path = posixpath.normpath(given) if given else ""
    if path == ".." or path.startswith(("/", "../")):
        raise SuspiciousFileOperation(f"'{name}' is outside of the storage: names are relative and stay inside of it.")
    if "\0" in path:
        raise ValueError(f"{given!r} cannot be the name of an object: it has a null character.")
    return "" if path == "." else path


def is_folder(name: object) -> bool:
    """Whether a name ends in a slash, as those of folders do; ``clean`` drops it."""
    return str(name).replace("\\", "/").endswith("/")


def is_clean(name: str) -> bool:
    """Whether a file may have this very name: it is not empty, and cleaning leaves it as it is."""
    try:
        return name != "" and clean(name) == name
    except (SuspiciousFileOperation, ValueError):
        return False


def key_of(name: object, location: str) -> str:
    """The key of the object with this name.

    Raises:
        SuspiciousFileOperation: for an absolute name, or one that leaves the storage by ``..``.
        ValueError: for a name that no object can have.
    """
    path = clean(name)
    if not path:
        raise ValueError(f"{name!r} names no object.")
    key = f"{location}/{path}" if location else path
    try:
        length = len(key.encode())
    except UnicodeEncodeError as error:
        raise ValueError(f"{key!r} cannot be the name of an object: it is not valid Unicode.") from error
    if length > MAX_KEY_BYTES:
        raise ValueError(f"'{key[:80]}...' is too long for the key of an object: {length} of at most 1,024 bytes.")
    return key


def folder_prefix(path: object, location: str) -> str:
    """What the keys of everything below a folder start with; slashes at the ends and ``.`` do not matter."""
    folder = clean(str(path).replace("\\", "/").strip("/"))
    parts = [part for part in (location, folder) if part]
    return "".join(f"{part}/" for part in parts)


def content_type(name: str, content: object, *, trusted: bool = False) -> str:
    """Media type of an upload: what the content says of itself, else by its name, else application/octet-stream.

    Args:
        name: of the file.
        content: whose ``content_type`` counts. That of an upload is chosen by whoever sends it, so active content,
            which browsers run, counts only where the name's extension stands for the same.
        trusted: whether the content is believed anyway.
    """
    by_name = type_of_name(name)
    told = getattr(content, "content_type", None)
    if not isinstance(told, str) or not headers.is_value(told):
        return by_name
    told = told.strip()
    if not _MEDIA_TYPE.fullmatch(told):
        return by_name
    kind = _kind_of_active(told)
    return told if trusted or kind is None or kind == _kind_of_active(by_name) else by_name


def type_of_name(name: str) -> str:
    """Media type that the extension of a name stands for; application/octet-stream for any other."""
    extension = posixpath.splitext(name)[1]
    known = WEB_TYPES.get(extension.lower())
    if known is not None:
        return known
    if ":" in extension:  # mimetypes reads names as URLs, of which this would be the scheme
        return "application/octet-stream"
    guessed, encoding = mimetypes.guess_type(f"name{extension}")
    if encoding is not None:
        return _COMPRESSED.get(encoding, "application/octet-stream")
    return guessed or "application/octet-stream"


def _kind_of_active(media_type: str) -> str | None:
    """What a browser makes of active content; None for any other."""
    essence = media_type.partition(";")[0].strip().lower()
    kind = _KINDS_OF_ACTIVE_TYPES.get(essence)
    if kind is None and essence.endswith("+xml"):
        return "xml"
    return "archive" if kind is None and essence.startswith("multipart/") else kind
