"""Response headers that a presigned URL sets, such as the file name of a download."""

from __future__ import annotations

from collections.abc import Mapping

from ..transport.headers import HeaderError, checked_value, content_disposition

__all__ = ["RESPONSE_HEADERS", "checked", "content_disposition"]

_NAMES = "cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"
RESPONSE_HEADERS = frozenset(f"response-{name}" for name in _NAMES)
"""All parameters of S3: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""


def checked(parameters: Mapping[str, str] | None) -> dict[str, str]:
    """Return the parameters of a presigned URL for these response headers.

    A ``response-content-disposition`` whose file name is not ASCII is encoded as by ``content_disposition``.

    Raises:
        ValueError: S3 has no such parameter, or a value cannot be that of a header.
    """
    if parameters is None:
        return {}
    if not isinstance(parameters, Mapping):
        raise ValueError(f"response_headers is {type(parameters).__name__}, but must be a mapping of names to strings.")  # noqa: TRY004 - one kind of error for wrong arguments, as the docstring says
    return {name: _checked_value(name, value) for name, value in parameters.items()}


def _checked_value(name: object, value: object) -> str:
    if name not in RESPONSE_HEADERS:
        raise ValueError(f"{name!r} is not a response header of S3; there are {', '.join(sorted(RESPONSE_HEADERS))}.")
    if not value:
        raise HeaderError(f"{name} must be a string that is not empty.")
    try:
        return checked_value(str(name), value)
    except HeaderError as error:
        raise HeaderError(f"{error}.") from None
