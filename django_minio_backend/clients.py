"""Clients and connection pools, shared by all storages of a process and safe across threads and forks.

Imports the minio SDK: whoever needs a client imports this module inside a function.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import urllib3
from django.core.signals import setting_changed
from django.utils.module_loading import import_string
from minio import Minio
from minio.credentials.providers import Provider

from .certificates import failure_of, trusted_authorities
from .errors import ConfigurationError
from .guarded_pool import GuardedPool, drain, guard_provider
from .s3 import S3Client, renew_all_clients
from .whole_heads import require_whole_heads

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

    from .options import StorageOptions

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 60.0  # seconds without a byte
THREADS = 64  # connections kept for each server


class _Sdk(Minio):
    """The SDK's client, less its habit of closing the shared pool's connections when it is collected."""

    def __del__(self) -> None:
        pass


class _Retry(urllib3.Retry):
    """Retries that end in bounded time: one after a read time-out, and no long waits that a server asks for."""

    def increment(self, *args: Any, **kwargs: Any) -> _Retry:
        """Refuse a second repetition after a read time-out, and any where certificates are the matter.

        The response that is repeated is read to its end here, or closed: urllib3 would read on and on.
        """
        error = kwargs.get("error")
        if error is not None and failure_of(error):
            raise error
        if isinstance(error, urllib3.exceptions.ReadTimeoutError) and any(
            isinstance(past.error, urllib3.exceptions.ReadTimeoutError) for past in self.history
        ):
            raise urllib3.exceptions.MaxRetryError(error.pool, error.url, error) from error
        retries = super().increment(*args, **kwargs)
        if kwargs.get("response") is not None:
            drain(kwargs["response"])
        return retries

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Seconds to wait as the server asks, 5 at the most."""
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, 5.0)


def default_pool(*, secure: bool) -> PoolManager:
    """Make the connection pool that is used unless MINIO_HTTP_CLIENT is set.

    Certificates are checked against SSL_CERT_FILE, or certifi's list where that is not set.

    Raises:
        ConfigurationError: connections are to be secure, and SSL_CERT_FILE names no file of certificates.
    """
    manager = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT),
        maxsize=THREADS,
        cert_reqs="CERT_REQUIRED",
        ca_certs=trusted_authorities(needed=secure),
        retries=_Retry(
            total=5,
            connect=3,
            backoff_factor=0.2,
            status_forcelist=[500, 502, 503, 504],
            raise_on_status=False,
            # Each POST sent here may be repeated: it deletes, or begins or completes a multipart upload.
            allowed_methods=[*urllib3.Retry.DEFAULT_ALLOWED_METHODS, "POST"],
        ),
    )
    return require_whole_heads(manager)


def client_for(options: StorageOptions, *, external: bool = False) -> S3Client:
    """Return the process's client for a storage's endpoint (or its external one), made at the first call."""
    endpoint, secure = options.endpoint, options.use_https
    if external and options.external_endpoint is not None:
        endpoint, secure = options.external_endpoint, bool(options.external_use_https)
    key = (
        endpoint,
        secure,
        options.region,
        options.virtual_host_style,
        options.access_key,
        options.secret_key,
        options.session_token,
        options.credentials,
        options.http_client,
    )
    with _registry.lock:
        client = _registry.clients.get(key)
        if client is None:
            client = _registry.clients[key] = _connect(endpoint, options, secure=secure)
        return client


def hurried(client: S3Client, options: StorageOptions, *, seconds: float) -> S3Client:
    """Make a client for the same server and account that repeats nothing and waits so long, for questions of health.

    It uses the connections and the credentials of the client that it is made of.
    """
    http = GuardedPool(client.http, timeout=urllib3.Timeout(connect=seconds, read=seconds), retries=False)
    provider = client.sdk._provider  # noqa: SLF001 - no public way
    return S3Client(_sdk(options.endpoint, options, http, provider, secure=options.use_https), http)


class _Registry:
    """Clients by what makes them differ."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a function that makes credentials may use a storage itself
        self.clients: dict[tuple[object, ...], S3Client] = {}

    def after_fork(self) -> None:
        """Give a forked child a lock of its own, which no thread holds that it has not, and fresh connections."""
        self.lock = threading.RLock()
        renew_all_clients()

    def forget(self, *, setting: str, **_: object) -> None:
        """Drop all clients when a test changes settings."""
        if setting == "STORAGES" or setting.startswith("MINIO_"):
            self.clients.clear()


_registry = _Registry()
os.register_at_fork(after_in_child=_registry.after_fork)
setting_changed.connect(_registry.forget)


def _connect(endpoint: str, options: StorageOptions, *, secure: bool) -> S3Client:
    http = options.http_client or default_pool(secure=secure)
    provider = _provider(options)
    guard_provider(provider)
    try:
        return S3Client(_sdk(endpoint, options, GuardedPool(http), provider, secure=secure), http)
    except ValueError as error:  # of hosts that end with amazonaws.com the SDK takes only some
        where = f"STORAGES['{options.alias}']" if options.alias else "A storage made by a call"
        raise ConfigurationError(f"{where}: the SDK does not take the endpoint '{endpoint}': {error}.") from error


def _sdk(endpoint: str, options: StorageOptions, http: PoolManager, provider: Provider | None, *, secure: bool) -> _Sdk:
    sdk = _Sdk(
        endpoint,
        access_key=None if provider else options.access_key,
        secret_key=None if provider else options.secret_key,
        session_token=None if provider else options.session_token,
        secure=secure,
        region=options.region,
        http_client=http,
        credentials=provider,
    )
    if options.virtual_host_style:
        sdk.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    return sdk


def _provider(options: StorageOptions) -> Provider | None:
    made = options.credentials
    if made is None and options.secret_key is None:
        raise ConfigurationError(
            f"A storage for {options.endpoint} was made without MINIO_SECRET_KEY, as migrations write one that no "
            "alias in STORAGES stands for. Give the field a callable that returns its storage."
        )
    if isinstance(made, str):
        try:
            made = import_string(made)
        except ImportError as error:
            raise ConfigurationError(f"STORAGES['{options.alias}']: MINIO_CREDENTIALS: {error}.") from error
    if callable(made) and not isinstance(made, Provider):
        try:
            made = made()
        except Exception as error:  # it is the user's function: whatever it raises, the settings lead to it
            raise ConfigurationError(f"STORAGES['{options.alias}']: MINIO_CREDENTIALS failed: {error!r}.") from error
    if made is not None and not isinstance(made, Provider):
        raise ConfigurationError(
            f"STORAGES['{options.alias}']: MINIO_CREDENTIALS leads to {type(made)}, not to a minio Provider."
        )
    return made
