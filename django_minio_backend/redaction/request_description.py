"""Describes a request by its server and object, without anything that may be secret."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .escaping import escape_control_characters

_OBJECT = r"^<?[\w.]+\((?:host|'|\")[^)]*\)(?: at 0x[0-9a-f]+)?>?: |^<[\w.]+ object at 0x[0-9a-f]+>: "
_WANTS_HTTPS = (
    b"HTTP request to an HTTPS server",  # Go's: MinIO, Versity, SeaweedFS
    b"plain HTTP request was sent to HTTPS port",  # nginx
    b"speaking plain HTTP to an SSL-enabled server port",  # Apache
)


def origin(url: str) -> str:
    """Return ``scheme://host:port`` of a URL; user names, paths and queries may hold secrets."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "a URL that is not valid"
    host = f"[{host}]" if ":" in host else host
    return printable(f"{parts.scheme}://{host}" + (f":{port}" if port else ""))


def reason_of(error: BaseException) -> str:
    """Return the message of an error or of its reason, without the object that urllib3's messages begin with."""
    inner = getattr(error, "reason", None)
    if isinstance(inner, Exception):
        return reason_of(inner)
    return re.sub(_OBJECT, "", str(error))


def request_line(method: str, url: str) -> str:
    """Return method, endpoint and path, without the query, which may hold a signature or a token."""
    return f"{method} {origin(url)}{printable(urlsplit(url).path)}"


def printable(text: str) -> str:
    """Return at most 1,024 characters that a server sent, in one line and without control characters."""
    return escape_control_characters(text[:1024])


def https_is_wanted(status: int, body: bytes) -> bool:
    """Whether a response says that the port expects https, not http."""
    return status in (400, 497) and any(words in body for words in _WANTS_HTTPS)


def https_wanted(url: str) -> str:
    """Return the message for such a response."""
    return (
        f"{origin(url)} speaks https, not http. Set MINIO_USE_HTTPS to True (for an external endpoint "
        "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS), or name the server's http port in the endpoint."
    )
