"""Credentials and customers' keys that no report shows, and the providers of credentials."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, cast

import urllib3
from django.utils.module_loading import import_string
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider
from minio.sse import SseCustomerKey

from ..errors import ConfigurationError, CredentialsError
from ..options.endpoints import WrongValueError
from ..options.validators import secret_text, session_token
from ..redaction.frame_locals import LocalsForgotten, forget_locals
from ..redaction.secret_values import HIDDEN, SecretText, hidden_headers

if TYPE_CHECKING:
    from ..options.fields import StorageOptions

# Providers of the SDK send these in the URL of a request, which is in the errors of the network.
_SECRET_PARAMETER = re.compile(r"(?i)((?:password|token)=)[^&\s'\")]+")


def quiet(credentials: Credentials, where: str) -> Credentials:
    """Return the same credentials, hidden.

    Raises:
        ConfigurationError: they cannot be sent in headers; the errors of Python's HTTP client would show them.
    """
    token = credentials.session_token
    expiration = getattr(credentials, "expiration", None) or getattr(credentials, "_expiration", None)  # in older SDKs
    try:
        return Credentials(
            access_key=credentials.access_key,
            secret_key=SecretText(secret_text(credentials.secret_key)),
            session_token=None if not token else SecretText(session_token(token)),
            expiration=expiration,
        )
    except WrongValueError as wrong:
        problem = f"{where}: MINIO_CREDENTIALS gives a secret key or session token that is not {wrong}."
    raise ConfigurationError(problem)


class FixedKeys(Provider):
    """The two keys in the settings, and perhaps a session token.

    Attributes:
        current: the credentials.
    """

    def __init__(self, credentials: Credentials) -> None:
        self.current = credentials

    def retrieve(self) -> Credentials:
        """Return the credentials."""
        return self.current


class QuietProvider(Provider):
    """Wraps a provider, so that no report shows a secret of its credentials and errors."""

    def __init__(self, provider: Provider, where: str) -> None:
        self._providers = (provider,)  # named as in the SDK's ChainedProvider, so that pools_of() finds it
        self._retrieve = provider.retrieve
        self._where = where
        self._last: tuple[Credentials, Credentials] | None = None  # replaced at once, by any thread

    def retrieve(self) -> Credentials:
        """Return the wrapped provider's current credentials.

        Raises:
            ConfigurationError: they cannot be sent.
            CredentialsError: the provider raised a ValueError, as the SDK's do when a request fails.
        """
        outer = sys.exception()
        try:
            return self._current()
        except BaseException as error:
            forget_locals(error, outer)
            failure = _without_secrets(error)
            if failure is error:
                raise
        raise failure  # not within the block above: its error would be the context of this one

    @property
    def current(self) -> Credentials | None:
        """The credentials that were returned last."""
        return self._last[1] if self._last else None

    def _current(self) -> Credentials:
        """Call the wrapped provider in a frame whose locals are cleared after an error."""
        credentials: Credentials | None = self._retrieve()
        last = self._last
        if last is not None and last[0] is credentials and type(credentials) is Credentials:  # subclasses may change
            return last[1]
        if credentials is None:  # some providers mean "anonymous" by it, which the SDK understands
            return cast("Credentials", None)
        hidden_credentials = quiet(credentials, self._where)
        self._last = credentials, hidden_credentials
        return hidden_credentials


def _without_secrets(error: BaseException) -> BaseException:
    """Return an error with the same message without passwords and tokens; a CredentialsError for a ValueError."""
    if not isinstance(error, (urllib3.exceptions.MaxRetryError, ValueError)):
        return error
    message = _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", str(error))
    is_safe = message == str(error)
    if isinstance(error, ValueError):
        failure = CredentialsError(message)
        failure.__cause__ = error if is_safe else None
        return failure
    if is_safe:
        return error
    url = _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", error.url or "")
    return urllib3.exceptions.MaxRetryError(error.pool, url, error.reason)


def provider_for(options: StorageOptions) -> Provider:
    """Return the provider of a storage's credentials.

    Raises:
        ConfigurationError: there are no credentials, or MINIO_CREDENTIALS does not lead to a provider.
    """
    if options.credentials is not None:
        return QuietProvider(_provider(options.credentials, options.label), options.label)
    if options.access_key is None or options.secret_key is None:
        raise ConfigurationError(
            f"A storage for {options.endpoint} was made without MINIO_SECRET_KEY, as migrations write one that no "
            "alias in STORAGES stands for. Give the field a callable that returns its storage."
        )
    return FixedKeys(Credentials(options.access_key, options.secret_key, options.session_token))


def _provider(setting: object, where: str) -> Provider:
    if isinstance(setting, str):
        try:
            with LocalsForgotten():
                setting = import_string(setting)
        except ImportError as error:
            raise ConfigurationError(f"{where}: MINIO_CREDENTIALS: {error}.") from error
    if callable(setting) and not isinstance(setting, Provider):
        try:
            with LocalsForgotten():
                setting = setting()
        except Exception as error:  # it is the user's function: whatever it raises, the settings lead to it
            raise ConfigurationError(f"{where}: MINIO_CREDENTIALS failed: {type(error).__name__}: {error}.") from error
    if not isinstance(setting, Provider):
        raise ConfigurationError(f"{where}: MINIO_CREDENTIALS leads to {type(setting)}, not to a minio Provider.")
    return setting


class _QuietCustomerKey(SseCustomerKey):
    """A customer's key (SSE-C) whose headers hide it."""

    def __init__(self, key: SseCustomerKey) -> None:
        self._key = key

    def headers(self) -> dict[str, str]:
        """Return the headers for uploading or reading an object."""
        return hidden_headers(self._key.headers())

    def copy_headers(self) -> dict[str, str]:
        """Return the headers for copying an object."""
        return hidden_headers(self._key.copy_headers())


def customer_key(options: StorageOptions) -> SseCustomerKey | None:
    """Return the customer's key (SSE-C), which reading an object needs as well; None if there is none."""
    return _QuietCustomerKey(options.sse) if isinstance(options.sse, SseCustomerKey) else None
