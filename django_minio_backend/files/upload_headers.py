"""Headers of an upload: its media type, those of MINIO_OBJECT_HEADERS, and those of the other options."""

from __future__ import annotations

import mimetypes
import posixpath
import re
from functools import cache
from typing import TYPE_CHECKING, cast

from django.utils.module_loading import import_string

from ..errors import ConfigurationError
from ..s3.client import upload_headers as headers_of_options
from ..transport import headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..options.fields import StorageOptions

# Browsers refuse modules, styles and WebAssembly of another type, and the types of the module mimetypes depend on the
# machine's tables. Source: https://www.iana.org/assignments/media-types/
WEB_TYPES = {
    ".avif": "image/avif",
    **dict.fromkeys((".cjs", ".js", ".mjs"), "text/javascript"),
    ".css": "text/css",
    ".eot": "application/vnd.ms-fontobject",
    ".gif": "image/gif",
    **dict.fromkeys((".htm", ".html"), "text/html"),
    ".ico": "image/x-icon",
    **dict.fromkeys((".jpeg", ".jpg"), "image/jpeg"),
    **dict.fromkeys((".json", ".map"), "application/json"),
    ".md": "text/markdown",
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

UNKNOWN = "application/octet-stream"
_COMPRESSED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}

# Active content: browsers run it, or show it as a document that runs scripts. In unknown types they look for HTML.
# PDF is not active: viewers isolate its scripts. Source: https://mimesniff.spec.whatwg.org/, 4.6 and 7.
_ACTIVE_KINDS = {
    "text/html": "html",
    "application/xhtml+xml": "xhtml",
    "image/svg+xml": "svg",
    **dict.fromkeys(("application/xml", "text/xml", "text/xsl"), "xml"),
    **dict.fromkeys(("*/*", "application/unknown", "unknown/unknown"), "unknown"),
    "message/rfc822": "archive",  # web pages in one file, as multipart/related
}
_JAVASCRIPT = re.compile(r"(application|text)/(x-)?(ecma|java)script|text/(javascript1\.[0-5]|jscript|livescript)")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.*+-]+/[\w!#$&^.*+-]+\s*(?:;[^,]*)?", re.ASCII)  # RFC 9110, 8.3.1; no list


def upload_headers(options: StorageOptions, key: str, name: str, content: object) -> dict[str, str]:
    """Return the headers of an object from the options of its storage, its name and its content.

    Raises:
        ConfigurationError: the dotted path in MINIO_OBJECT_HEADERS cannot be imported.
        HeaderError: a header cannot be sent.
    """
    media_type = {"Content-Type": content_type(name, content, trusted=options.trust_content_type)}
    own = object_headers(options, name), options.headers, headers_of_options(options)
    return headers.checked_for(key, media_type, *own) if any(own) else media_type


def object_headers(options: StorageOptions, name: str) -> Mapping[str, str]:
    """Return the headers that MINIO_OBJECT_HEADERS gives to an object.

    Raises:
        ConfigurationError: its dotted path cannot be imported.
    """
    value = options.object_headers
    if isinstance(value, str):
        try:
            value = cast("Callable[[str], Mapping[str, str]]", import_string(value))
        except ImportError as error:
            raise ConfigurationError(f"{options.label}: MINIO_OBJECT_HEADERS: {error}.") from error
    return (value(name) if callable(value) else value) or {}


def content_type(name: str, content: object, *, trusted: bool = False) -> str:
    """Media type of an upload: the content's ``content_type``, else that of the name's extension.

    Args:
        name: of the file.
        content: its ``content_type`` is chosen by whoever sends an upload, so an active type, which browsers run, is
            used only if the name's extension has the same kind of type.
        trusted: whether the content's type is used anyway.
    """
    by_name = type_of_name(name)
    stated = getattr(content, "content_type", None)
    if not isinstance(stated, str) or not headers.is_value(stated):
        return by_name
    stated = stated.strip()
    if not is_media_type(stated):
        return by_name
    kind = active_kind(stated)
    return stated if trusted or kind is None or kind == active_kind(by_name) else by_name


def type_of_name(name: str) -> str:
    """Media type of a name's extension; ``UNKNOWN`` for an unknown one."""
    extension = posixpath.splitext(name)[1]
    known = WEB_TYPES.get(extension.lower())
    if known is not None:
        return known
    _read_tables()
    if extension not in mimetypes.encodings_map and extension.lower() not in mimetypes.suffix_map:
        return mimetypes.types_map.get(extension.lower(), UNKNOWN)  # as guess_type(), which parses a URL first
    guessed, encoding = mimetypes.guess_type(f"name{extension}")
    return guessed or UNKNOWN if encoding is None else _COMPRESSED.get(encoding, UNKNOWN)


@cache
def _read_tables() -> None:
    mimetypes.guess_type("")  # returns when all is read; mimetypes.inited is set before


def is_media_type(text: str) -> bool:
    """Whether this is one media type, perhaps with parameters (RFC 9110, 8.3.1)."""
    return _MEDIA_TYPE.fullmatch(text) is not None


def active_kind(media_type: str) -> str | None:
    """How a browser interprets active content; None for any other."""
    essence = media_type.partition(";")[0].strip().lower()
    kind = "javascript" if _JAVASCRIPT.fullmatch(essence) else _ACTIVE_KINDS.get(essence)
    if kind is None and essence.endswith("+xml"):
        return "xml"
    return "archive" if kind is None and essence.startswith("multipart/") else kind
