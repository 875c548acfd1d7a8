"""The pages of the documentation that errors lead to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

OPTIONS, TROUBLESHOOT = "reference/options", "how-to/troubleshoot"

# Words of errors, among them codes of S3, and the heading that explains them.
HEADINGS = {
    "(AccessDenied)": "accessdenied",
    "(AuthorizationHeaderMalformed)": "authorizationheadermalformed",
    "(InvalidAccessKeyId)": "invalidaccesskeyid",
    "(NoSuchBucket)": "nosuchbucket",
    "(RequestTimeTooSkewed)": "requesttimetooskewed",
    "(SignatureDoesNotMatch)": "signaturedoesnotmatch",
    "Connection refused": "max-retries-exceeded",
    "Failed to resolve": "max-retries-exceeded",
    "No storage in STORAGES": "configurationerror",
    "Run manage.py initialize_buckets, or correct": "nosuchbucket",
    "does not speak https": "does-not-speak-https",
    "is not trusted": "is-not-trusted",
    "rows refer to missing objects": "nosuchkey",
}

# The option that a problem begins with, after its alias, or the one that it says to write instead.
_OPTION = r"(?:write|did you mean) (MINIO_[A-Z_]+)|^(?:[^:]*: )?(?:\w+\.)*(MINIO_[A-Z_]+)\b(?! is not an option)"


def options_page(problems: Iterable[str]) -> str:
    """Return the page of the one option that the problems of settings are about, or of all options."""
    found = {match[1] or match[2] if (match := re.search(_OPTION, problem)) else "" for problem in problems}
    name = found.pop() if len(found) == 1 else ""
    return f"{OPTIONS}#{name.lower()}" if name else OPTIONS


def page_of(message: str) -> str:
    """Return the page that explains an error's message; empty if there is none."""
    headings = {heading for words, heading in HEADINGS.items() if words in message}
    if not headings:
        return ""
    return f"{TROUBLESHOOT}#{headings.pop()}" if len(headings) == 1 else TROUBLESHOOT


def with_page(message: str, page: str) -> str:
    """Return the message with the page as its last line, unless it leads to one already."""
    return f"{message}\ndocs: {page}" if page and "\ndocs: " not in message else message
