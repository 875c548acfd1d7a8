"""Every exception of this package."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, cast

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .certificate_errors import CertificateError as CertificateError  # noqa: PLC0414 - exported to type checkers
    from .certificate_errors import NotHttpsError as NotHttpsError  # noqa: PLC0414


def __getattr__(name: str) -> type[Exception]:
    """Import the subclasses of urllib3's errors on first use (PEP 562), since importing urllib3 is slow."""
    if name not in ("CertificateError", "NotHttpsError"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import certificate_errors

    return cast("type[Exception]", getattr(certificate_errors, name))


# The pages of the documentation that errors lead to.
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


class ConfigurationError(ImproperlyConfigured):
    """The settings are invalid.

    Attributes:
        problems: one sentence for each problem, with the storage alias and the option.
    """

    def __init__(self, *problems: str) -> None:
        self.problems: Sequence[str] = problems
        super().__init__(with_page("\n".join(problems), options_page(problems)))

    def __reduce__(self) -> tuple[type[ConfigurationError], tuple[str, ...]]:
        """Pickle the problems without the line that names the page."""
        return type(self), tuple(self.problems)


class PrivatePublicMixedError(ConfigurationError):
    """One bucket is declared both private and public."""


class ObjectExistsError(FileExistsError):
    """An object of this name exists and must not be replaced.

    Attributes:
        bucket, key: of the object.
        repeated: whether the HTTP client sent the request more than once, so that an earlier attempt may have
            stored the existing object.
    """

    def __init__(self, bucket: str, key: str, *, repeated: bool = False) -> None:
        super().__init__(errno.EEXIST, f"An object of this name already exists in bucket '{bucket}'", key)
        self.bucket, self.key, self.repeated = bucket, key, repeated

    def __reduce__(self) -> tuple[type[ObjectExistsError], tuple[str, str]]:
        """Pickle the constructor's arguments, which an OSError does not keep."""
        return type(self), (self.bucket, self.key)


class NoAvailableNameError(FileExistsError):
    """The server reports name after name as already in use.

    Attributes:
        bucket, key: of the first name.
        endpoint: the server's URL.
    """

    def __init__(self, bucket: str, key: str, endpoint: str, names: int) -> None:
        super().__init__(
            errno.EEXIST,
            f"No available name in bucket '{bucket}' at {endpoint}: {names} names were already in use. Check that the "
            "server responds with status 404 to a HEAD request for an object that does not exist, and, if the storage "
            "class has its own get_alternative_name(), that its names have a random part",
            key,
        )
        self.bucket, self.key, self.endpoint, self._names = bucket, key, endpoint, names

    def __reduce__(self) -> tuple[type[NoAvailableNameError], tuple[str, str, str, int]]:
        """Pickle the constructor's arguments, which an OSError does not keep."""
        return type(self), (self.bucket, self.key, self.endpoint, self._names)


class ConditionNotSupportedError(Exception):
    """The server rejects a request because it carries If-None-Match (raised and handled within this package)."""


class ObjectChangedError(OSError):
    """An object was replaced while it was being read; its two versions are never mixed."""

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(
            f"Object '{key}' in bucket '{bucket}' changed while it was being read. Open it again to read the new one."
        )
        self.bucket, self.key = bucket, key

    def __reduce__(self) -> tuple[type[ObjectChangedError], tuple[str, str]]:
        """Pickle the constructor's arguments, which an OSError does not keep."""
        return type(self), (self.bucket, self.key)


class CredentialsError(ValueError):
    """MINIO_CREDENTIALS gives no credentials at the moment: a request to the server of credentials failed, say."""


class PoliciesNotSupportedError(Exception):
    """The server has no bucket policies, so no bucket can be public and no hook can be applied."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"The server has no bucket policies, so bucket '{bucket}' cannot be made public or given a policy, and "
            "its objects have no public URLs. Declare it private, or publish it with the server's own tools and set "
            "MINIO_PUBLIC_BASE_URL."
        )


class BucketsNotReadyError(Exception):
    """Some buckets could not be checked or corrected; the message names each with the reason."""


class CleaningError(Exception):
    """Orphaned objects could not be found or deleted; the message says what was not deleted."""


class CollectingError(Exception):
    """Static files could not be compared, uploaded or deleted; the message says which, where and why."""


class RedirectError(OSError):
    """A server redirected a request; redirects are not followed, since they could send keys and content elsewhere.

    Attributes:
        status: the HTTP status.
        endpoint: that got the request, as ``scheme://host:port``.
        target: of the redirect, likewise; empty if it has none.
        region: of the bucket according to the server; empty if it names none.
    """

    def __init__(
        self, message: str, *, status: int = 0, endpoint: str = "", target: str = "", region: str = ""
    ) -> None:
        super().__init__(message)
        self.status, self.endpoint, self.target, self.region = status, endpoint, target, region


class BadResponseError(OSError):
    """A response is not one of S3: too large, compressed, of another range, or with the secrets of its request."""
