"""Headers that a signed URL asks the server to answer with, such as a file name for the download."""

from __future__ import annotations

from collections.abc import Mapping

from ..transport.headers import HeaderError, checked_value, content_disposition

__all__ = ["RESPONSE_HEADERS", "checked", "content_disposition"]

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
    if not value:
        raise HeaderError(f"{name} must be a string that is not empty.")
    try:
        return checked_value(str(name), value)
    except HeaderError as error:
        raise HeaderError(f"{error}.") from None
