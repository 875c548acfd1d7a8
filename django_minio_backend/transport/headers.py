"""Checks the headers of uploads, forms and signatures: whoever sets one, this decides whether it can be sent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2"""

_DISPOSITIONS = frozenset({"content-disposition", "response-content-disposition"})

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NO_TEXT = re.compile(r"[\ud800-\udfff]")  # half a character, which no encoding has
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


class HeaderError(ValueError):
    """A header that cannot be sent. The message names it and never shows its value."""


def merged(*mappings: Mapping[str, str]) -> dict[str, str]:
    """Headers of all mappings; a later one wins, whatever the case of its name (RFC 9110, 5.1)."""
    by_name = {name.lower(): (name, value) for mapping in mappings for name, value in mapping.items()}
    return dict(by_name.values())


def checked(headers: object) -> dict[str, str]:
    """The headers as they are sent: file names in a Content-Disposition are encoded (RFC 6266).

    Args:
        headers: names to strings.

    Raises:
        HeaderError: it is no mapping, a name is no header's, a value has control characters, or one other than
            Content-Disposition is not ASCII.
    """
    if not isinstance(headers, Mapping):
        raise HeaderError(f"the headers are no mapping but a {type(headers).__name__}")
    return {_checked_name(name): checked_value(name, value) for name, value in headers.items()}


def checked_for(key: str, *mappings: object) -> dict[str, str]:
    """The headers of all mappings as they are sent with an upload; a later one wins.

    Raises:
        HeaderError: as ``checked``; the message names the object as well.
    """
    try:
        return merged(*map(checked, filter(None, mappings)))
    except HeaderError as error:
        raise HeaderError(f"Object {key!r} cannot be uploaded: {error}.") from None


def checked_metadata(metadata: object) -> dict[str, str | list[str]]:
    """User metadata: a value is text, or anything that str() makes text of, or a list of such.

    Raises:
        HeaderError: as ``checked``.
    """
    if not isinstance(metadata, Mapping):
        raise HeaderError(f"the metadata is no mapping but a {type(metadata).__name__}")
    return {
        _checked_name(name): [checked_value(name, str(one)) for one in value]
        if isinstance(value, (list, tuple))
        else checked_value(name, str(value))
        for name, value in metadata.items()
    }


def is_value(value: object) -> bool:
    """Whether a header can have this value as it is: printable ASCII text."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


def checked_value(name: str, value: object) -> str:
    """The value of the header of this name, as it is sent.

    Raises:
        HeaderError: as ``checked``.
    """
    if not isinstance(value, str):
        raise HeaderError(f"{name!r} is no string but a {type(value).__name__}")
    if name.lower() in _DISPOSITIONS:
        return encoded_disposition(name, value)
    return _plain(name, value)


def encoded_disposition(name: str, value: str) -> str:
    """A Content-Disposition whose file name, if that is all it says, is written as ``content_disposition`` does.

    Raises:
        HeaderError: as ``checked``.
    """
    parts = None if _CONTROL.search(value) or _NO_TEXT.search(value) else _file_name(value)
    if parts is None:
        return _plain(name, value)
    kind, filename = parts
    if value.isascii() and filename == _without_path(filename):
        return value
    return content_disposition(filename, inline=kind == "inline")


def content_disposition(filename: str, *, inline: bool = False) -> str:
    r"""A Content-Disposition header under which a browser saves, or with ``inline`` shows, a file of this name.

    A name with other letters than ASCII's is written in both ways of RFC 6266: as RFC 8187 encodes it, and with
    ``_`` for each such letter, for programs that do not know that encoding. What leads to another folder (``/``,
    ``\`` and ``..``) becomes ``_``.

    Raises:
        ValueError: the name is empty or has control characters.
    """
    if not filename or _CONTROL.search(filename) or _NO_TEXT.search(filename):
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
    """Kind and file name of ``attachment; filename="a.txt"``; None where there is more or less than that.

    Each step is linear in the length of the value, which a visitor may have chosen.
    """
    kind, _, parameter = value.partition(";")
    name, _, filename = parameter.partition("=")
    kind, name, filename = kind.strip().lower(), name.strip().lower(), filename.strip()
    if kind not in {"attachment", "inline"} or name != "filename":
        return None
    if quoted := _QUOTED.fullmatch(filename):
        filename = _ESCAPED.sub(r"\1", quoted[1])
    elif '"' in filename or ";" in filename:
        return None
    return (kind, filename) if filename else None


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise HeaderError(f"{name!r} cannot be the name of a header")
    return name


def _plain(name: str, value: str) -> str:
    if is_value(value):
        return value
    if _CONTROL.search(value):
        raise HeaderError(f"{name!r} has control characters, which no header can have")
    if not value.isascii():
        raise HeaderError(f"{name!r} has letters that are not ASCII's, which no header can have as they are")
    return value
