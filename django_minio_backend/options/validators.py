"""Reads one option's value: each function returns it checked and typed, or raises WrongValueError."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

from ..transport import headers

if TYPE_CHECKING:
    from urllib3 import PoolManager

MIN_PART_SIZE = (
    5 * 1024**2
)  # S3: every part but the last, https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
MAX_PART_SIZE = 5 * 1024**3
MAX_EXPIRY = timedelta(days=7)  # signature V4, X-Amz-Expires
CHECKSUMS = ("CRC32", "SHA1", "SHA256")

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_PORT = re.compile(r":([0-9]{0,5})\Z")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NEVER_IN_A_URL = frozenset(" \"'<>\\^`{|}")


_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
"""RFC 6454, 6.2; browsers send it in lower case."""


class WrongValueError(ValueError):
    """A value that an option cannot take; the message tells what it must be.

    Attributes:
        shown: what errors show instead of the value, where that is nobody's business.
    """

    def __init__(self, wanted: str, *, shown: str | None = None) -> None:
        super().__init__(wanted)
        self.shown = shown


def text(value: object) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise WrongValueError("a string that is not empty")
    return value


def secret_text(value: object) -> str:
    """A string that is not empty, and that UTF-8 can write: Python's error for any other one holds it."""
    wanted = "a string that is not empty"
    if not isinstance(value, str) or not value:
        raise WrongValueError(wanted)
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise WrongValueError(f"{wanted}, of characters that UTF-8 can write")
    return value


def session_token(value: object) -> str:
    """Printable ASCII: it is sent as a header, and the error of Python's HTTP client for any other value shows it."""
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise WrongValueError("a string that is not empty, of printable ASCII characters")
    return value


def flag(value: object) -> bool:
    """True or False, and nothing that only looks like it ("False" is a true string)."""
    if not isinstance(value, bool):
        raise WrongValueError("True or False")
    return value


def endpoint(value: object) -> str:
    """``host`` or ``host:port``, as browsers spell it: host in lower case, no dot at its end."""
    wanted = "host[:port], such as 'minio.example.com' or '127.0.0.1:9000'"
    if not isinstance(value, str) or not value:
        raise WrongValueError(wanted)
    if "/" in value:
        bare = re.sub(r"^[^/]*//", "", value).rpartition("@")[2]  # a password can hold a slash
        raise WrongValueError(
            f"host[:port] without scheme and path: write '{re.split('[/?#]', bare)[0]}' and set "
            "MINIO_USE_HTTPS (for an external endpoint MINIO_EXTERNAL_ENDPOINT_USE_HTTPS)"
        )
    found = _PORT.search(value)
    host = value[: found.start()] if found else value
    if found and not (found[1] and 0 < int(found[1]) < 65536):  # noqa: PLR2004 - the range of ports
        raise WrongValueError(wanted)
    port = f":{int(found[1])}" if found else ""
    if host.startswith("[") and host.endswith("]"):
        return f"{_ipv6(host, wanted)}{port}"
    if not _HOST.fullmatch(host):
        raise WrongValueError(wanted)
    return f"{host.lower().removesuffix('.')}{port}"


def without_default_port(endpoint: str, *, https: bool) -> str:
    """An endpoint as URLs and the Host header of browsers name it: without the port that the scheme implies.

    Source: RFC 3986, 6.2.3, and https://url.spec.whatwg.org/#url-serializing
    """
    return endpoint.removesuffix(":443" if https else ":80")


def _ipv6(host: str, wanted: str) -> str:
    """An address in brackets as browsers spell it (RFC 5952, but an embedded IPv4 address in hexadecimal).

    Source: https://url.spec.whatwg.org/#concept-ipv6-serializer
    """
    try:
        address = ipaddress.IPv6Address(host[1:-1])
    except ValueError as error:
        raise WrongValueError(wanted) from error
    if address.scope_id is not None:  # of this machine's own; no URL can have one
        raise WrongValueError(f"{wanted}; an IPv6 address has no zone here")
    mapped = address.ipv4_mapped
    if mapped is None:
        return f"[{address.compressed}]"
    return f"[::ffff:{int(mapped) >> 16:x}:{int(mapped) & 0xFFFF:x}]"


def region(value: object) -> str:
    """A region name such as ``us-east-1``."""
    if not isinstance(value, str) or not _REGION.fullmatch(value):
        raise WrongValueError("a region name such as 'us-east-1'")
    return value


def bucket(value: object) -> str:
    """A bucket name by S3's rules.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    wanted = "a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends"
    if not isinstance(value, str) or not _BUCKET.fullmatch(value):
        raise WrongValueError(wanted)
    if any(pair in value for pair in ("..", ".-", "-.")) or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", value):
        raise WrongValueError(f"{wanted}, no dots in a row, no dot beside a hyphen, and not like an IP address")
    return value


def bucket_or_empty(value: object) -> str:
    """A bucket name, or an empty string for the default bucket."""
    return "" if value == "" else bucket(value)


def buckets(value: object) -> tuple[str, ...]:
    """A list or tuple of bucket names, each once."""
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise WrongValueError("a list of bucket names")
    return tuple(dict.fromkeys(bucket(name) for name in value))


def location(value: object) -> str:
    """A key prefix without slashes at its ends."""
    if not isinstance(value, str):
        raise WrongValueError("a key prefix such as 'media'")
    if _CONTROL.search(value):
        raise WrongValueError("a key prefix without control characters, such as 'media'")
    prefix = value.strip("/")
    if prefix and any(part in ("", ".", "..") for part in prefix.split("/")):
        raise WrongValueError("a key prefix without empty, '.' or '..' parts, such as 'media/2026'")
    return prefix


def uploads_prefix(value: object) -> str:
    """A key prefix that is not empty, with a slash at its end."""
    prefix = location(value)
    if not prefix:
        raise WrongValueError("a key prefix such as '.direct-uploads/', and not empty")
    return f"{prefix}/"


def url_expiry(value: object) -> timedelta:
    """A timedelta, or a number of hours, of more than 0 and at most 7 days."""
    wanted = "a timedelta (or a number of hours) of at least 1 second and at most 7 days"
    if isinstance(value, bool) or not isinstance(value, (int, float, timedelta)):
        raise WrongValueError(wanted)
    try:
        expiry = value if isinstance(value, timedelta) else timedelta(hours=value)
    except (OverflowError, ValueError) as error:
        raise WrongValueError(wanted) from error
    if not timedelta(seconds=1) <= expiry <= MAX_EXPIRY:
        raise WrongValueError(wanted)
    return expiry


def stable_span(value: object) -> timedelta:
    """A timedelta of whole seconds, from 1 second to half of 7 days."""
    if not isinstance(value, timedelta) or not timedelta(seconds=1) <= value <= MAX_EXPIRY / 2 or value.microseconds:
        raise WrongValueError("a timedelta of whole seconds, at least 1 second and at most half of the URL expiry")
    return value


def seconds(value: object) -> int:
    """A whole number of seconds (or a timedelta) above 0."""
    if isinstance(value, timedelta):
        value = int(value.total_seconds())
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise WrongValueError("a number of seconds above 0, or a timedelta")
    return value


def size(value: object) -> int:
    """A number of bytes above 0 that one PUT can carry."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_PART_SIZE:
        raise WrongValueError("a number of bytes above 0 and at most 5 GiB")
    return value


def part_size(value: object) -> int:
    """A number of bytes that one part can have."""
    if isinstance(value, bool) or not isinstance(value, int) or not MIN_PART_SIZE <= value <= MAX_PART_SIZE:
        raise WrongValueError("a number of bytes from 5 MiB (5242880) to 5 GiB (5368709120)")
    return value


def count(value: object) -> int:
    """A whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise WrongValueError("a whole number above 0")
    return value


def limit(value: object) -> int:
    """A number of at least 0, which stands for no limit."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise WrongValueError("a number of at least 0, which stands for no limit")
    return value


def origins(value: object) -> tuple[str, ...]:
    """Origins of web pages, as browsers send them: scheme, host, and port where it is not the scheme's own."""
    wanted = "a list of origins such as ['https://www.example.com']"
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        raise WrongValueError(wanted)
    for origin in value:
        if not isinstance(origin, str) or not _ORIGIN.fullmatch(origin):
            raise WrongValueError(f"{wanted}, each of scheme and host alone, in lower case and without a slash behind")
    return tuple(dict.fromkeys(value))


def policy_hooks(value: object) -> tuple[tuple[str, dict[str, Any]], ...]:
    """A list of (bucket, policy)."""
    wanted = "a list of (bucket name, policy dictionary)"
    if not isinstance(value, (list, tuple)):
        raise WrongValueError(wanted)
    hooks = []
    for hook in value:
        if not (isinstance(hook, (list, tuple)) and len(hook) == 2 and isinstance(hook[1], dict)):  # noqa: PLR2004 - a pair
            raise WrongValueError(wanted)
        hooks.append((bucket(hook[0]), hook[1]))
    return tuple(hooks)


def conditional_writes(value: object) -> bool | Literal["auto"]:
    """True, False or "auto"."""
    if isinstance(value, bool):
        return value
    if value == "auto":
        return "auto"
    raise WrongValueError('"auto", True or False')


def mapping(value: object) -> Mapping[str, Any]:
    """A mapping with string keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise WrongValueError("a mapping with string keys", shown=f"a {type(value).__name__}")
    return value


def object_headers(value: object) -> Mapping[str, str] | Callable[[str], Mapping[str, str]] | str:
    """A mapping of headers, a function name -> mapping, or a dotted path to one."""
    if isinstance(value, Mapping):
        return header_mapping(value)
    if callable(value) or (isinstance(value, str) and "." in value):
        return value
    raise WrongValueError(
        "a mapping of headers, a function name -> mapping, or a dotted path to such a function",
        shown=None if isinstance(value, str) else f"a {type(value).__name__}",
    )


def public_base_url(value: object) -> str | dict[str, str]:
    """A URL, or a mapping of bucket name to URL; without a slash at the end."""
    if isinstance(value, Mapping):
        return {bucket(name): _base_url(url) for name, url in value.items()}
    return _base_url(value)


def _base_url(value: object) -> str:
    """A URL that names can be appended to, scheme and host in lower case.

    Names behind a query or a fragment would not be part of the path, user info would be published with every URL, and
    the other characters end a URL where a page has it (RFC 3986, 2 and 3).
    """
    wanted = "a URL such as 'https://cdn.example.com', or a mapping of bucket name to such a URL"
    if not isinstance(value, str):
        raise WrongValueError(wanted)
    # Before it is taken apart: urlsplit() drops some of these without a word.
    if not value.isprintable() or not _NEVER_IN_A_URL.isdisjoint(value):
        raise WrongValueError(f"{wanted}, without blanks, quotes, backslashes, angle brackets and control characters")
    if "?" in value or "#" in value:
        raise WrongValueError(f"{wanted}, without a query or fragment")
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise WrongValueError(wanted) from error
    if parts.scheme not in ("http", "https") or not has_host:
        raise WrongValueError(wanted)
    if "@" in parts.netloc:
        raise WrongValueError(f"{wanted}, without user name and password: every visitor would learn them")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path}".rstrip("/")


def credentials(value: object) -> Any:
    """A credentials provider, a function that makes one, or a dotted path to either."""
    if callable(getattr(value, "retrieve", None)) or callable(value) or (isinstance(value, str) and "." in value):
        return value
    raise WrongValueError("a minio.credentials Provider, or a dotted path to one or to a function that makes it")


def http_client(value: object) -> PoolManager:
    """A ``urllib3.PoolManager``.

    urllib3 is not imported for this question, as that would be most of the time that Django's start takes longer: where
    nobody has imported it, there is no such object.
    """
    urllib3 = sys.modules.get("urllib3")
    if urllib3 is None or not isinstance(value, urllib3.PoolManager):
        raise WrongValueError("a urllib3.PoolManager")
    return cast("PoolManager", value)


def header_mapping(value: object) -> Mapping[str, str]:
    """A mapping of header names to strings that headers can have."""
    try:
        return headers.checked(value)
    except headers.HeaderError as error:
        raise WrongValueError("a mapping of header names to printable ASCII text", shown=f"wrong ({error})") from None


def metadata(value: object) -> Mapping[str, str | list[str]]:
    """User metadata, whose names and values headers can have."""
    try:
        return headers.checked_metadata(value)
    except headers.HeaderError as error:
        raise WrongValueError(
            "a mapping of names that headers can have to printable ASCII text", shown=f"wrong ({error})"
        ) from None


def with_methods(*names: str, wanted: str) -> Callable[[Any], Any]:
    """A reader for an object of the SDK's, known by its attributes: the SDK is not imported to check settings."""

    def read(value: Any) -> Any:
        if isinstance(value, (str, type)) or not all(hasattr(value, name) for name in names):
            raise WrongValueError(wanted)
        return value

    return read


sse = with_methods("headers", "tls_required", wanted="one of the classes of minio.sse, made with its key")
progress = with_methods("set_meta", "update", wanted="an object with set_meta(object_name, total_length) and update(n)")
retention = with_methods("mode", "retain_until_date", wanted="a minio.retention.Retention")


def storage(value: object) -> Any:
    """A storage of files, or the alias of one."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, type) or not all(hasattr(value, name) for name in ("open", "save", "exists", "delete")):
        raise WrongValueError("a storage such as FileSystemStorage(location=...), or an alias in STORAGES")
    return value


def checksum(value: object) -> str:
    """The name of a checksum algorithm of S3, as a string or as an enum member of that name."""
    name = str(getattr(value, "name", value)).upper()
    if name not in CHECKSUMS:
        raise WrongValueError(f"one of {', '.join(CHECKSUMS)}")
    return name
