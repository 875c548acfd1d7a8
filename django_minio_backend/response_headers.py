"""Headers that a signed URL asks the server to answer with, such as a file name for the download."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

RESPONSE_HEADERS = frozenset(
    {
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
    }
)
"""All that S3 knows: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WITH_FILE_NAME = re.compile(r"\s*(attachment|inline)\s*;\s*filename\s*=\s*(?:\"(?P<quoted>.*)\"|(?P<bare>[^;\"]*))\s*")


def content_disposition(filename: str, *, inline: bool = False) -> str:
    """A Content-Disposition header under which a browser saves, or with ``inline`` shows, a file of this name.

    A name with other letters than ASCII's is written in both ways of RFC 6266: as RFC 8187 encodes it, and with
    ``_`` for each such letter, for programs that do not know that encoding.

    Raises:
        ValueError: the name is empty or has control characters.
    """
    if not filename or _CONTROL.search(filename):
        raise ValueError(f"{filename!r} cannot be the name of a download: it is empty or has control characters.")
    plain = unicodedata.normalize("NFKD", filename)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = plain.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    escaped = plain.replace("\\", r"\\").replace('"', r"\"")
    header = f'{"inline" if inline else "attachment"}; filename="{escaped}"'
    return header if plain == filename else f"{header}; filename*=UTF-8''{quote(filename, safe='')}"


def checked(given: Mapping[str, str] | None) -> dict[str, str]:
    """The parameters of a signed URL that ask for these response headers.

    A ``response-content-disposition`` whose file name is not ASCII is written as ``content_disposition`` does.

    Raises:
        ValueError: S3 has no such parameter, or the value cannot be that of a header.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError(f"response_headers is {type(given).__name__}, but must be a mapping of names to strings.")  # noqa: TRY004 - one kind of error for wrong arguments, as the docstring says
    return {name: _checked_value(name, value) for name, value in given.items()}


def _checked_value(name: object, value: object) -> str:
    if name not in RESPONSE_HEADERS:
        raise ValueError(f"{name!r} is not a response header of S3; there are {', '.join(sorted(RESPONSE_HEADERS))}.")
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a string that is not empty.")
    if _CONTROL.search(value):
        raise ValueError(f"{name} has control characters, which no header can have.")
    if value.isascii():
        return value
    found = _WITH_FILE_NAME.fullmatch(value) if name == "response-content-disposition" else None
    if found is None:
        raise ValueError(f"{name} has letters that are not ASCII's, which no header can have as they are.")
    filename = found["bare"].strip() if found["quoted"] is None else re.sub(r"\\(.)", r"\1", found["quoted"])
    return content_disposition(filename, inline=found[1] == "inline")
