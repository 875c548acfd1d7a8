"""Checks whether the headers of uploads, forms and signatures can be sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

# Strings, which re compiles and caches when they are first used: Django's start imports this module.
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
"""A token: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2"""

_DISPOSITIONS = frozenset({"content-disposition", "response-content-disposition"})

_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_SURROGATE = r"[\ud800-\udfff]"  # half a character, which cannot be encoded
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_ESCAPED = r"\\(.)"


class HeaderError(ValueError):
    """A header that cannot be sent. The message names it and never shows its value."""


def merged(*mappings: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of all mappings; later ones win, whatever the case of their names (RFC 9110, 5.1)."""
    by_name = {name.lower(): (name, value) for mapping in mappings for name, value in mapping.items()}
    return dict(by_name.values())


def checked(headers: object) -> dict[str, str]:
    """Return the headers as they are sent: file names in a Content-Disposition are encoded (RFC 6266).

    Args:
        headers: a mapping of names to strings.

    Raises:
        HeaderError: it is not a mapping, a name is not valid, a value has control characters, or a value other than
            Content-Disposition is not ASCII.
    """
    if not isinstance(headers, Mapping):
        raise HeaderError(f"the headers are no mapping but a {type(headers).__name__}")
    return {_checked_name(name): checked_value(name, value) for name, value in headers.items()}


def checked_for(key: str, *mappings: object) -> dict[str, str]:
    """Return the headers of all mappings as they are sent with an upload; later ones win.

    Raises:
        HeaderError: as ``checked``; the message names the object as well.
    """
    try:
        return merged(*map(checked, filter(None, mappings)))
    except HeaderError as error:
        raise HeaderError(f"Object {key!r} cannot be uploaded: {error}.") from None


def checked_metadata(metadata: object) -> dict[str, str | list[str]]:
    """Return user metadata as strings and lists of strings; other values are converted by str().

    Raises:
        HeaderError: as ``checked``.
    """
    if not isinstance(metadata, Mapping):
        raise HeaderError(f"the metadata is no mapping but a {type(metadata).__name__}")
    return {
        _checked_name(name): [checked_value(name, str(item)) for item in value]
        if isinstance(value, (list, tuple))
        else checked_value(name, str(value))
        for name, value in metadata.items()
    }


def is_value(value: object) -> bool:
    """Whether a value is printable ASCII text, which can be sent as it is."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


def checked_value(name: str, value: object) -> str:
    """Return the value of the header of this name, as it is sent.

    Raises:
        HeaderError: as ``checked``.
    """
    if not isinstance(value, str):
        raise HeaderError(f"{name!r} is no string but a {type(value).__name__}")
    if name.lower() in _DISPOSITIONS:
        return encoded_disposition(name, value)
    return _plain(name, value)


def encoded_disposition(name: str, value: str) -> str:
    """Return a Content-Disposition, encoded by ``content_disposition`` if it has a file name and nothing else.

    Raises:
        HeaderError: as ``checked``.
    """
    if re.search(_CONTROL, value):
        raise _control_characters(name)
    parsed = _file_name(value)
    if parsed is None or re.search(_SURROGATE, value):
        return _plain(name, value)
    kind, filename = parsed
    if value.isascii() and filename == _without_path(filename):
        return value
    return content_disposition(filename, inline=kind == "inline")


def content_disposition(filename: str, *, inline: bool = False) -> str:
    r"""Return the Content-Disposition header with which a browser saves, or with ``inline`` shows, a file of this name.

    A name that is not ASCII is written in both forms of RFC 6266: encoded (RFC 8187), and with ``_`` for each other
    letter, for programs that do not know the encoding. Parts of a path (``/``, ``\`` and ``..``) become ``_``.

    Raises:
        ValueError: the name is empty or has control characters.
    """
    if not filename or re.search(_CONTROL, filename) or re.search(_SURROGATE, filename):
        raise HeaderError("The name of a download is empty, or has control characters or half characters.")
    filename = _without_path(filename)
    plain = unicodedata.normalize("NFKD", filename)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = _without_path(plain.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_"))
    escaped = plain.replace('"', r"\"")
    header = f'{"inline" if inline else "attachment"}; filename="{escaped}"'
    return header if plain == filename else f"{header}; filename*=UTF-8''{quote(filename, safe='')}"


def _without_path(filename: str) -> str:
    return filename.replace("/", "_").replace("\\", "_").replace("..", "_")


def _file_name(value: str) -> tuple[str, str] | None:
    """Return kind and file name of ``attachment; filename="a.txt"``; None if the value has another form.

    Each step is linear in the length of the value, which may be a visitor's.
    """
    kind, _, parameter = value.partition(";")
    name, _, filename = parameter.partition("=")
    kind, name, filename = kind.strip().lower(), name.strip().lower(), filename.strip()
    if kind not in {"attachment", "inline"} or name != "filename":
        return None
    if quoted := re.fullmatch(_QUOTED, filename):
        filename = re.sub(_ESCAPED, r"\1", quoted[1])
    elif '"' in filename or ";" in filename:
        return None
    return (kind, filename) if filename else None


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):
        raise HeaderError(f"{name!r} cannot be the name of a header")
    return name


def _plain(name: str, value: str) -> str:
    if is_value(value):
        return value
    if re.search(_CONTROL, value):
        raise _control_characters(name)
    if not value.isascii():
        raise HeaderError(f"{name!r} has letters that are not ASCII's, which no header can have as they are")
    return value


def _control_characters(name: str) -> HeaderError:
    return HeaderError(f"{name!r} has control characters, which no header can have")
