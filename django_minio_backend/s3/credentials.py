"""Credentials that no report shows, and the providers that give them to the SDK and to our own signatures."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, cast

import urllib3
from django.utils.module_loading import import_string
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider

from ..errors import ConfigurationError
from ..options.endpoints import WrongValueError
from ..options.validators import secret_text, session_token
from ..redaction.frame_locals import LocalsForgotten, forget_locals
from ..redaction.secret_values import HIDDEN, SecretText

if TYPE_CHECKING:
    from datetime import datetime

    from ..options.fields import StorageOptions

# Providers of the SDK's send these in the address of a request, which is in the errors of the network.
_SECRET_PARAMETER = re.compile(r"(?i)((?:password|token)=)[^&\s'\")]+")


def quiet(credentials: Credentials, where: str) -> Credentials:
    """The same credentials, hidden.

    Raises:
        ConfigurationError: they cannot be sent; the errors of Python's HTTP client would show them.
    """
    token = credentials.session_token
    try:
        return Credentials(
            access_key=credentials.access_key,
            secret_key=SecretText(secret_text(credentials.secret_key)),
            session_token=None if not token else SecretText(session_token(token)),
            expiration=_end_of(credentials),
        )
    except WrongValueError as wrong:
        problem = f"{where}: MINIO_CREDENTIALS gives a secret key or session token that is not {wrong}."
    raise ConfigurationError(problem)


def _end_of(credentials: Credentials) -> datetime | None:
    """When they expire; older SDKs name it otherwise."""
    return getattr(credentials, "expiration", None) or getattr(credentials, "_expiration", None)


class FixedKeys(Provider):
    """The two keys of the settings, and perhaps a session token.

    Attributes:
        current: the credentials.
    """

    def __init__(self, credentials: Credentials) -> None:
        self.current = credentials

    def retrieve(self) -> Credentials:
        """The same credentials, always."""
        return self.current


class QuietProvider(Provider):
    """Another provider, of whose credentials and errors no report shows a secret."""

    def __init__(self, provider: Provider, where: str) -> None:
        self._providers = (provider,)  # named as in the SDK's chain of providers: a fork renews the connections in it
        self._retrieve = provider.retrieve
        self._where = where
        self._last: tuple[Credentials, Credentials] | None = None  # replaced as one, by any thread

    def retrieve(self) -> Credentials:
        """The other provider's credentials of the moment.

        Raises:
            ConfigurationError: they cannot be sent.
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
        """The credentials that it gave last."""
        return self._last[1] if self._last else None

    def _current(self) -> Credentials:
        """Ask the other provider; this frame has what it gives in it."""
        given: Credentials | None = self._retrieve()
        last = self._last
        if last is not None and last[0] is given and type(given) is Credentials:  # others may change within
            return last[1]
        if given is None:  # as some say "anonymous", which the SDK understands
            return cast("Credentials", None)
        made = quiet(given, self._where)
        self._last = given, made
        return made


def _without_secrets(error: BaseException) -> BaseException:
    """The error, or one that says the same of an address without passwords and tokens in it."""
    if not isinstance(error, (urllib3.exceptions.MaxRetryError, ValueError)):
        return error
    told = _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", str(error))
    if told == str(error):
        return error
    if isinstance(error, urllib3.exceptions.MaxRetryError):
        url = _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", error.url or "")
        return urllib3.exceptions.MaxRetryError(error.pool, url, error.reason)
    return ValueError(told)


def provider_for(options: StorageOptions) -> Provider:
    """What gives a storage its credentials.

    Raises:
        ConfigurationError: there are none, or MINIO_CREDENTIALS leads to none.
    """
    given = options.credentials
    if given is not None:
        return QuietProvider(_provider(given, options.label), options.label)
    if options.access_key is None or options.secret_key is None:
        raise ConfigurationError(
            f"A storage for {options.endpoint} was made without MINIO_SECRET_KEY, as migrations write one that no "
            "alias in STORAGES stands for. Give the field a callable that returns its storage."
        )
    return FixedKeys(
        Credentials(access_key=options.access_key, secret_key=options.secret_key, session_token=options.session_token)
    )


def _provider(given: object, where: str) -> Provider:
    if isinstance(given, str):
        try:
            with LocalsForgotten():
                given = import_string(given)
        except ImportError as error:
            raise ConfigurationError(f"{where}: MINIO_CREDENTIALS: {error}.") from error
    if callable(given) and not isinstance(given, Provider):
        try:
            with LocalsForgotten():
                given = given()
        except Exception as error:  # it is the user's function: whatever it raises, the settings lead to it
            raise ConfigurationError(f"{where}: MINIO_CREDENTIALS failed: {type(error).__name__}: {error}.") from error
    if not isinstance(given, Provider):
        raise ConfigurationError(f"{where}: MINIO_CREDENTIALS leads to {type(given)}, not to a minio Provider.")
    return given
