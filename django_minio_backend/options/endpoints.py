"""Reads endpoints and URLs: each is checked and returned as browsers spell it."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

MAX_PORT = 65535
_NEVER_IN_A_URL = frozenset(" \"'<>\\^`{|}")


class WrongValueError(ValueError):
    """A value that an option cannot have; the message says what it must be.

    Attributes:
        shown: what errors show instead of a value that may hold secrets.
    """

    def __init__(self, expected: str, *, shown: str | None = None) -> None:
        super().__init__(expected)
        self.shown = shown


def endpoint(value: object) -> str:
    """``host`` or ``host:port``; the host in lower case, without a dot at its end."""
    expected = "host[:port], such as 'minio.example.com' or '127.0.0.1:9000'"
    if not isinstance(value, str) or not value:
        raise WrongValueError(expected)
    if "/" in value:
        bare = re.sub(r"^[^/]*//", "", value).rpartition("@")[2]  # a password can hold a slash
        raise WrongValueError(
            f"host[:port] without scheme and path: write '{re.split('[/?#]', bare)[0]}' and set "
            "MINIO_USE_HTTPS (for an external endpoint MINIO_EXTERNAL_ENDPOINT_USE_HTTPS)"
        )
    if value.lower() == "memory":
        raise WrongValueError(
            "the host[:port] of a server. Without one, tests use memory_minio() of django_minio_backend.testing, and "
            "development an alias with django.core.files.storage.FileSystemStorage as BACKEND"
        )
    host, colon, port = value.rpartition(":")
    if not colon or value.endswith("]"):  # the colon of an IPv6 address
        host, colon, port = value, "", ""
    if colon and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) <= MAX_PORT):
        raise WrongValueError(expected)
    if host.startswith("[") and host.endswith("]"):
        host = _ipv6(host, expected)
    else:
        host = host.lower().removesuffix(".")
        if not all(map(is_label, host.split("."))):
            raise WrongValueError(expected)
    return f"{host}:{int(port)}" if colon else host


def without_default_port(endpoint: str, *, https: bool) -> str:
    """An endpoint as URLs and the Host header of browsers name it: without the port that the scheme implies.

    Source: RFC 3986, 6.2.3, and https://url.spec.whatwg.org/#url-serializing
    """
    return endpoint.removesuffix(":443" if https else ":80")


def base_url(value: object) -> str:
    """A URL that names can be appended to, scheme and host in lower case, without a slash at its end.

    Names after a query or a fragment would not be part of the path, user info would be published with every URL, and
    the other characters end a URL where a page has it (RFC 3986, 2 and 3).
    """
    expected = "a URL such as 'https://cdn.example.com', or a mapping of bucket name to such a URL"
    if not isinstance(value, str):
        raise WrongValueError(expected)
    # Before it is split: urlsplit() drops some of these silently.
    if not value.isprintable() or not _NEVER_IN_A_URL.isdisjoint(value):
        raise WrongValueError(f"{expected}, without blanks, quotes, backslashes, angle brackets and control characters")
    if "?" in value or "#" in value:
        raise WrongValueError(f"{expected}, without a query or fragment")
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise WrongValueError(expected) from error
    if parts.scheme not in ("http", "https") or not has_host:
        raise WrongValueError(expected)
    if "@" in parts.netloc:
        raise WrongValueError(f"{expected}, without user name and password: every visitor would see them")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}".rstrip("/")


def is_label(label: str) -> bool:
    """Whether it is one part of a host name: ASCII letters and digits, with hyphens and underscores between them."""
    return label.isascii() and label.replace("-", "").replace("_", "").isalnum() and label.strip("-_") == label


def _ipv6(host: str, expected: str) -> str:
    """An IPv6 address in brackets as browsers spell it (RFC 5952, but an embedded IPv4 address in hexadecimal).

    Source: https://url.spec.whatwg.org/#concept-ipv6-serializer
    """
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError as error:
        raise WrongValueError(expected) from error
    if address.scope_id is not None:  # a zone is known to this machine only, and no URL can have one
        raise WrongValueError(f"{expected}; an IPv6 address has no zone here")
    mapped = address.ipv4_mapped
    if mapped is None:
        return f"[{address.compressed}]"
    return f"[::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xFFFF:x}]"
