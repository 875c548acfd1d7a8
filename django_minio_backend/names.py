"""Names as Django knows them become keys of objects, and back."""

from __future__ import annotations

import mimetypes
import posixpath
import re

from django.core.exceptions import SuspiciousFileOperation

MAX_KEY_BYTES = 1024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html

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

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


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


def legible(key: str) -> str:
    """A key in one line, without what steers a terminal: anyone who uploads may have chosen it."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), key)


def content_type(name: str, content: object) -> str:
    """Media type of an upload: what the content says of itself, else by its name, else application/octet-stream."""
    told = getattr(content, "content_type", None)
    if isinstance(told, str) and "/" in told and told.isascii() and told.isprintable():
        return told
    known = WEB_TYPES.get(posixpath.splitext(name)[1].lower())
    if known is not None:
        return known
    guessed, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return _COMPRESSED.get(encoding, "application/octet-stream")
    return guessed or "application/octet-stream"
