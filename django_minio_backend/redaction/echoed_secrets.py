"""Recognises the secrets of a request in what a server sends back: tokens, customers' keys, passwords in a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from .secret_values import SecretText, is_secret_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse

# The SDK's providers of credentials send these in the query. A continuation-token is none: listings repeat it.
_SECRET_PARAMETER = re.compile(r"(?i)(?:^|&)[a-z]*(?:password|token)=([^&]+)")
_RUN = re.compile(r"[0-9A-Za-z]+")
_SIGNATURE = "AWS4-"  # an Authorization header that only signs: honest servers repeat what they cannot verify
LONG = 16  # characters that no server sends by chance


class Secrets:
    """The secrets of one request; false if it has none.

    A long secret is recognised by its longest run of letters and digits, which no encoding of URLs or HTML changes.
    """

    def __init__(self, url: str, headers: Mapping[str, object] | None, *others: str | None) -> None:
        values = [*(_secret_values(headers) if headers else ()), *filter(None, others)]
        if "?" in url:
            parameters = _SECRET_PARAMETER.findall(urlsplit(url).query)
            values += [*parameters, *map(unquote_plus, parameters)]
        self._marks = {_mark(value) for value in values}

    def __bool__(self) -> bool:
        return bool(self._marks)

    def are_in_error(self, error: BaseException) -> bool:
        """Whether the message of an error, or of one of its causes, contains a secret."""
        from urllib3.exceptions import MaxRetryError  # here, as its import is slow

        return bool(self._marks) and any(
            self._are_in(str(cause)) for cause in causes_of(error) if not isinstance(cause, MaxRetryError)
        )

    def are_in_response(self, response: BaseHTTPResponse, body: bytes) -> bool:
        """Whether the headers or the body contain a secret; short ones can be there by chance."""
        long = [mark for mark in self._marks if len(mark) >= LONG]
        headers = "\n".join(response.headers.values()).lower()
        return any(mark.lower() in headers or mark.encode() in body for mark in long)

    def _are_in(self, text: str) -> bool:
        return any(mark[:LONG].lower() in text.lower() for mark in self._marks)  # messages cut long texts short


def _secret_values(headers: Mapping[str, object]) -> list[str]:
    return [
        str(value)
        for name, value in headers.items()
        if (is_secret_header(name) or isinstance(value, SecretText)) and value and not str(value).startswith(_SIGNATURE)
    ]


def _mark(value: str) -> str:
    longest = max(_RUN.findall(value), key=len, default="")
    return longest if len(longest) >= LONG else value


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an error and its causes; a MaxRetryError has its cause as an attribute."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        cause = pending.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            pending += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]
