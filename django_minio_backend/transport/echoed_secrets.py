"""Finds the secrets of a request in what a server sends back: tokens, customers' keys, passwords in a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlsplit

from urllib3.exceptions import MaxRetryError

from ..redaction.secret_values import SECRET_HEADER, SecretText

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse

# Providers of credentials of the SDK send these in the query. A continuation-token is none: listings repeat it.
_SECRET_PARAMETER = re.compile(r"(?i)(?:^|&)[a-z]*(?:password|token)=([^&]+)")
_RUN = re.compile(r"[0-9A-Za-z]+")
_SIGNATURE = "AWS4-"  # an Authorization header that only signs: honest servers repeat what they cannot verify
LONG = 16  # characters that no server sends by chance


class Secrets:
    """The secrets of one request; false if it has none.

    A long one is recognised by its longest run of letters and digits, which no encoding of URLs or HTML changes.
    """

    def __init__(self, url: str, headers: Mapping[str, object] | None, *others: str | None) -> None:
        query = _SECRET_PARAMETER.findall(urlsplit(url).query)
        values = [*query, *map(unquote_plus, query), *_hidden(headers), *filter(None, others)]
        self._marks = {_mark(value) for value in values}

    def __bool__(self) -> bool:
        return bool(self._marks)

    def are_in_error(self, error: BaseException) -> bool:
        """Whether one is in the message of an error, or of what led to it."""
        return any(self._are_in(str(one)) for one in _chain(error) if not isinstance(one, MaxRetryError))

    def are_in_response(self, response: BaseHTTPResponse, body: bytes) -> bool:
        """Whether one is in the headers or in the body; short ones can be there by chance."""
        long = [mark for mark in self._marks if len(mark) >= LONG]
        told = "\n".join(response.headers.values()).lower()
        return any(mark.lower() in told or mark.encode() in body for mark in long)

    def _are_in(self, text: str) -> bool:
        return any(mark[:LONG].lower() in text.lower() for mark in self._marks)  # messages cut long texts short


def _hidden(headers: Mapping[str, object] | None) -> Iterator[str]:
    for name, value in (headers or {}).items():
        is_secret = isinstance(value, SecretText) or SECRET_HEADER.match(name)
        if value and is_secret and not str(value).startswith(_SIGNATURE):
            yield str(value)


def _mark(value: str) -> str:
    longest = max(_RUN.findall(value), key=len, default="")
    return longest if len(longest) >= LONG else value


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it; that of urllib3's ends of retries, whose own message has the URL."""
    pending: list[object] = [error]
    seen: set[int] = set()
    while pending:
        one = pending.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            pending += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
