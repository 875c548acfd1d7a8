"""Strings and bytes that no report shows: their repr hides what they are, and in all else they are what they were.

Debug pages, error mails, error trackers and tracebacks with locals show the repr of what a frame holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self, SupportsIndex

HIDDEN = "***"
_SECRET_HEADER = re.compile(
    r"(?i)(?:proxy-)?authorization|x-amz-security-token|x-aws-ec2-metadata-token|x-amz-(.+-)?customer-key\Z"
)
_CUSTOMER_KEYS = tuple(f"x-amz-{source}server-side-encryption-customer-key" for source in ("", "copy-source-"))
_PASSWORD_IN_URL = re.compile(r"//.*@", re.DOTALL)


class _SameWhenCopied:
    """Copies of immutable values are the values themselves; the default would be their unhidden pickles."""

    __slots__ = ()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class SecretText(_SameWhenCopied, str):
    """A string whose repr hides it. str(), format() and what is sent have its characters."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{HIDDEN}'"

    def __getitem__(self, index: SupportsIndex | slice) -> SecretText:
        """A part of it, as hidden: reports cut long strings short before they show them."""
        return SecretText(super().__getitem__(index))

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Pickle it as the string that it was in the user's settings; what holds it says what is pickled."""
        return str, (str(self),)


class SecretBytes(_SameWhenCopied, bytes):
    """Bytes whose repr hides them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b'{HIDDEN}'"

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        """A part of them, as hidden."""
        part = super().__getitem__(index)
        return SecretBytes(part) if isinstance(part, bytes) else part

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        """Pickle them as the bytes that they were in the user's settings."""
        return bytes, (bytes(self),)


@lru_cache(256)  # requests have the same few headers again and again
def is_secret_header(name: str) -> bool:
    """Whether the values of the header of this name are keys or tokens."""
    return _SECRET_HEADER.match(name) is not None


def hidden(value: Any) -> Any:
    """The same value with every string and bytes in it hidden; equal to what it was."""
    if isinstance(value, (SecretText, SecretBytes)):
        return value
    if isinstance(value, str):
        return SecretText(value)
    if isinstance(value, bytes):
        return SecretBytes(value)
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(hidden, value))
    if type(value) is dict:
        return {name: hidden(one) for name, one in value.items()}
    return value


def hidden_passwords(value: Any) -> Any:
    """The same value with URLs that hold a password hidden, and headers whose values are keys or tokens."""
    if type(value) is str:
        return SecretText(value) if _PASSWORD_IN_URL.search(value) else value
    if type(value) is dict:
        return {
            name: hidden(one) if is_secret_header(str(name)) else hidden_passwords(one) for name, one in value.items()
        }
    return value


def hidden_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The same headers, with keys and tokens among their values hidden."""
    return {name: hidden(value) if is_secret_header(name) else value for name, value in headers.items()}


def has_secret(value: object) -> bool:
    """Whether something hidden is in the value."""
    if isinstance(value, Mapping):
        return any(map(has_secret, value.values()))
    return isinstance(value, (SecretText, SecretBytes))


def carries_customer_key(headers: object) -> bool:
    """Whether one of these headers is a customer's key (SSE-C)."""
    return isinstance(headers, Mapping) and any(str(name).lower() in _CUSTOMER_KEYS for name in headers)


def shown(value: object) -> str:
    """The repr that a value would have if nothing were hidden, for messages that cut secrets out themselves."""
    return str.__repr__(value) if isinstance(value, SecretText) else repr(value)
