"""Reads one option's value: each function returns it checked and typed, or raises WrongValueError."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from ..transport.limits import MAX_EXPIRY, MAX_PART_SIZE, MIN_PART_SIZE
from .endpoints import WrongValueError, base_url, is_label

if TYPE_CHECKING:
    from urllib3 import PoolManager

MAX_LABEL = 63  # characters
CHECKSUMS = ("CRC32", "SHA1", "SHA256")

_BUCKET_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-")
_DOTS_OF_IPV4 = 3
_ORIGIN = r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"  # RFC 6454, 6.2


def text(value: object) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise WrongValueError("a string that is not empty")
    return value


def secret_text(value: object) -> str:
    """A string that is not empty and that UTF-8 can encode: Python's error for any other one shows it."""
    secret = text(value)
    if any("\ud800" <= character <= "\udfff" for character in secret):
        raise WrongValueError("a string that is not empty, of characters that UTF-8 can encode")
    return secret


def session_token(value: object) -> str:
    """Printable ASCII: it is sent as a header, and the error of Python's HTTP client for any other value shows it."""
    if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
        raise WrongValueError("a string that is not empty, of printable ASCII characters")
    return value


def flag(value: object) -> bool:
    """True or False, and no string: "False" is true."""
    if not isinstance(value, bool):
        raise WrongValueError("True or False")
    return value


def region(value: object) -> str:
    """A region name such as ``us-east-1``."""
    if not isinstance(value, str) or not is_label(value) or len(value) > MAX_LABEL:
        raise WrongValueError("a region name such as 'us-east-1'")
    return value


def bucket(value: object) -> str:
    """A bucket name by S3's rules.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    """
    expected = "a bucket name: 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends"
    if not isinstance(value, str) or not 3 <= len(value) <= MAX_LABEL:  # noqa: PLR2004 - S3's shortest name
        raise WrongValueError(expected)
    if not _BUCKET_CHARACTERS.issuperset(value) or value.strip(".-") != value:
        raise WrongValueError(expected)
    is_like_an_address = value.count(".") == _DOTS_OF_IPV4 and value.replace(".", "").isdigit()
    if any(pair in value for pair in ("..", ".-", "-.")) or is_like_an_address:
        raise WrongValueError(f"{expected}, no dots in a row, no dot next to a hyphen, and not like an IP address")
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
    if any(character < " " or "\x7f" <= character <= "\x9f" or character in "\u2028\u2029" for character in value):
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
    expected = "a timedelta (or a number of hours) of at least 1 second and at most 7 days"
    if isinstance(value, bool) or not isinstance(value, (int, float, timedelta)):
        raise WrongValueError(expected)
    try:
        expiry = value if isinstance(value, timedelta) else timedelta(hours=value)
    except (OverflowError, ValueError) as error:
        raise WrongValueError(expected) from error
    if not timedelta(seconds=1) <= expiry <= MAX_EXPIRY:
        raise WrongValueError(expected)
    return expiry


def signing_window(value: object) -> timedelta:
    """A timedelta of whole seconds, from 1 second to half of 7 days (see ``MINIO_URL_STABLE_FOR``)."""
    if not isinstance(value, timedelta) or not timedelta(seconds=1) <= value <= MAX_EXPIRY / 2 or value.microseconds:
        raise WrongValueError("a timedelta of whole seconds, at least 1 second and at most half of the URL expiry")
    return value


def whole_number(least: int, most: float = math.inf, *, expected: str) -> Callable[[object], int]:
    """Return a validator for whole numbers from ``least`` to ``most``; True and False are none."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise WrongValueError(expected)
        return value

    return read


size = whole_number(1, MAX_PART_SIZE, expected="a number of bytes above 0 and at most 5 GiB")
part_size = whole_number(
    MIN_PART_SIZE, MAX_PART_SIZE, expected="a number of bytes from 5 MiB (5242880) to 5 GiB (5368709120)"
)
count = whole_number(1, expected="a whole number above 0")
limit = whole_number(0, expected="a number of at least 0 (no limit)")
_seconds = whole_number(1, expected="a number of seconds above 0, or a timedelta")


def seconds(value: object) -> int:
    """A whole number of seconds (or a timedelta) above 0."""
    return _seconds(int(value.total_seconds()) if isinstance(value, timedelta) else value)


def duration(value: object) -> float:
    """A number of seconds (or a timedelta) above 0."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < sys.float_info.max:
        raise WrongValueError("a number of seconds above 0, or a timedelta")
    return float(value)


def origins(value: object) -> tuple[str, ...]:
    """Origins of web pages, as browsers send them: scheme, host, and port where it is not the scheme's own."""
    expected = "a list of origins such as ['https://www.example.com']"
    if not isinstance(value, (list, tuple)):
        raise WrongValueError(expected)
    for origin in value:
        if not isinstance(origin, str) or not re.fullmatch(_ORIGIN, origin):
            raise WrongValueError(f"{expected}: scheme, host and port in lower case, without a trailing slash")
    return tuple(dict.fromkeys(value))


def policy_hooks(value: object) -> tuple[tuple[str, dict[str, Any]], ...]:
    """A list of (bucket, policy)."""
    expected = "a list of (bucket name, policy dictionary)"
    if not isinstance(value, (list, tuple)):
        raise WrongValueError(expected)
    hooks = []
    for hook in value:
        if not (isinstance(hook, (list, tuple)) and len(hook) == 2 and isinstance(hook[1], dict)):  # noqa: PLR2004 - a pair
            raise WrongValueError(expected)
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
        return {bucket(name): base_url(url) for name, url in value.items()}
    return base_url(value)


def credentials(value: object) -> Any:
    """A credentials provider, a function that returns one, or a dotted path to either."""
    if callable(getattr(value, "retrieve", None)) or callable(value) or (isinstance(value, str) and "." in value):
        return value
    raise WrongValueError("a minio.credentials Provider, or a dotted path to one or to a function that returns it")


def http_client(value: object) -> PoolManager:
    """A ``urllib3.PoolManager``.

    urllib3 is not imported for this check, since its import would slow Django's start: as long as nobody has imported
    it, no such object exists.
    """
    urllib3 = sys.modules.get("urllib3")
    if urllib3 is None or not isinstance(value, urllib3.PoolManager):
        raise WrongValueError("a urllib3.PoolManager")
    return cast("PoolManager", value)


def header_mapping(value: object) -> Mapping[str, str]:
    """A mapping of header names to strings that headers can have."""
    from ..transport import headers  # here and below, as few settings have headers

    try:
        return headers.checked(value)
    except headers.HeaderError as error:
        raise WrongValueError("a mapping of header names to printable ASCII text", shown=f"invalid ({error})") from None


def metadata(value: object) -> Mapping[str, str | list[str]]:
    """User metadata, whose names and values headers can have."""
    from ..transport import headers

    try:
        return headers.checked_metadata(value)
    except headers.HeaderError as error:
        raise WrongValueError(
            "a mapping of names that headers can have to printable ASCII text", shown=f"invalid ({error})"
        ) from None


def with_methods(*names: str, expected: str) -> Callable[[Any], Any]:
    """Return a validator for an object of the SDK, by its attributes: the SDK is not imported to check settings."""

    def read(value: Any) -> Any:
        if isinstance(value, (str, type)) or not all(hasattr(value, name) for name in names):
            raise WrongValueError(expected)
        return value

    return read


sse = with_methods("headers", "tls_required", expected="one of the classes of minio.sse, made with its key")
progress = with_methods(
    "set_meta", "update", expected="an object with set_meta(object_name, total_length) and update(n)"
)
retention = with_methods("mode", "retain_until_date", expected="a minio.retention.Retention")


_storage = with_methods(
    *("open", "save", "exists", "delete"),
    expected="a storage such as FileSystemStorage(location=...), or an alias in STORAGES",
)


def storage(value: object) -> Any:
    """A storage of files, or the alias of one."""
    return value if isinstance(value, str) and value else _storage(value)


def checksum(value: object) -> str:
    """The name of a checksum algorithm of S3, as a string or as an enum member of that name."""
    name = str(getattr(value, "name", value)).upper()
    if name not in CHECKSUMS:
        raise WrongValueError(f"one of {', '.join(CHECKSUMS)}")
    return name
