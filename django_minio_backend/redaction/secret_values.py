"""Strings and bytes whose repr hides them; in all else they behave as before.

Debug pages, error mails, error trackers and tracebacks with locals show the repr of what a frame holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self, SupportsIndex

HIDDEN = "***"
_HIDDEN_NAME = r"(?i)(?:proxy-)?authorization|x-amz-security-token|x-aws-ec2-metadata-token|x-amz-(.+-)?customer-key\Z"
_CUSTOMER_KEYS = frozenset(
    {
        "x-amz-server-side-encryption-customer-key",
        "x-amz-copy-source-server-side-encryption-customer-key",
    }
)
_PASSWORD_IN_URL = re.compile(r"//.*@", re.DOTALL)


class SecretText(str):
    """A string whose repr hides it. str(), format() and what is sent have its characters."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"'{HIDDEN}'"

    def __getitem__(self, index: SupportsIndex | slice) -> SecretText:
        """Return a hidden part: reports shorten strings before they show them."""
        return SecretText(super().__getitem__(index))

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Pickle it as a plain string, as it was in the settings."""
        return str, (str(self),)


class SecretBytes(bytes):
    """Bytes whose repr hides them."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b'{HIDDEN}'"

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        """Return a hidden part, or a number."""
        part = super().__getitem__(index)
        return SecretBytes(part) if isinstance(part, bytes) else part

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        """Pickle them as plain bytes, as they were in the settings."""
        return bytes, (bytes(self),)


@lru_cache(256)  # requests have the same few headers again and again
def is_secret_header(name: str) -> bool:
    """Whether the values of the header of this name are keys or tokens."""
    return re.match(_HIDDEN_NAME, name) is not None


def hidden(value: Any) -> Any:
    """Return an equal value with every string and bytes in it hidden."""
    if isinstance(value, (SecretText, SecretBytes)):
        return value
    if isinstance(value, str):
        return SecretText(value)
    if isinstance(value, bytes):
        return SecretBytes(value)
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(hidden, value))
    if type(value) is dict:
        return {name: hidden(item) for name, item in value.items()}
    return value


def hidden_passwords(value: Any) -> Any:
    """Return an equal value with URLs that contain a password hidden, and with hidden headers."""
    if type(value) is str:
        return SecretText(value) if _PASSWORD_IN_URL.search(value) else value
    if type(value) is dict:
        return {
            name: hidden(one) if is_secret_header(str(name)) else hidden_passwords(one) for name, one in value.items()
        }
    return value


def hidden_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the same headers with keys and tokens hidden."""
    return {name: hidden(value) if is_secret_header(name) else value for name, value in headers.items()}


def has_secret(value: object) -> bool:
    """Whether the value contains something hidden."""
    if isinstance(value, Mapping):
        return any(map(has_secret, value.values()))
    return isinstance(value, (SecretText, SecretBytes))


def carries_customer_key(headers: object) -> bool:
    """Whether one of the headers is a customer's key (SSE-C)."""
    return isinstance(headers, Mapping) and not _CUSTOMER_KEYS.isdisjoint(str(name).lower() for name in headers)


def shown(value: object) -> str:
    """Return the repr without hiding, for messages that remove secrets themselves."""
    return str.__repr__(value) if isinstance(value, SecretText) else repr(value)
