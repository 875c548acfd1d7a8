"""Clients and connection pools, shared by all storages of a process and safe across threads and forks.

Imports the minio SDK: whoever needs a client imports this module inside a function.
"""

from __future__ import annotations

import copy
import os
import threading
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, quote
from xml.etree import ElementTree as ET

from django.core.signals import setting_changed
from minio import Minio
from minio.error import InvalidResponseError, S3Error
from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import MaxRetryError, ReadTimeoutError

from ..errors import BadResponseError, ConfigurationError
from ..redaction.echoed_secrets import Secrets
from ..redaction.frame_locals import LocalsForgotten
from ..redaction.secret_values import carries_customer_key
from ..signing.request import authorization
from ..sockets.connections import strict_pool
from ..transport.certificates import failure_of, trusted_authorities
from ..transport.pool import BoundedRetry, GuardedPool, guard_provider
from ..transport.request_log import RequestLog, note_retries
from .client import S3Client
from .connection import renew_all_connections
from .credentials import provider_for
from .errors import ObjectNotFound, is_missing_bucket, is_missing_object, missing_bucket, refused_head, status_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from minio.credentials.providers import Provider

    from ..options.fields import StorageOptions


SUCCESS = frozenset({200, 204, 206})  # what the SDK takes for success
_TARGET = ("bucket_name", "object_name", "query_params")  # the parts of a request that make its URL


class _Sdk(Minio):
    """The SDK's client: no secret leaves it in a frame, and no customer's key over http.

    It does not close the shared pool's connections when it is collected, as the SDK's own does.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.users: dict[str, StorageOptions] = {}  # options by alias of the storages that use it, for errors

    def _execute(self, *args: Any, **request: Any) -> BaseHTTPResponse:
        """Send a request; every operation of the SDK calls this.

        Raises:
            ObjectNotFound: the object does not exist.
            minio.error.S3Error: with code NoSuchBucket and a message that says what to do.
        """
        try:
            return super()._execute(*args, **request)
        except ObjectNotFound:
            raise
        except S3Error as error:
            # The SDK passes names of buckets and objects either way.
            bucket = request.get("bucket_name") or next(iter(args[1:2]), "")
            if not is_missing_bucket(error):
                key = request.get("object_name") or next(iter(args[2:3]), "")
                if error.code == "NoSuchKey" and key:
                    raise ObjectNotFound(bucket, key, error.response) from error
                raise
            aliases = [options.label for options in self.users.values() if bucket in options.buckets]
            used_by = f" ({', '.join(aliases)})" if aliases else ""
            scheme = "https" if self._base_url.is_https else "http"
            raise missing_bucket(error, bucket, f"{scheme}://{self._base_url.host}{used_by}") from error

    def __del__(self) -> None:
        pass

    def _url_open(self, method: str, *args: Any, **request: Any) -> BaseHTTPResponse:
        """Send one HTTP request; every request of the SDK is sent here.

        Raises:
            ConfigurationError: a customer's key (SSE-C) would be sent without encryption.
            BadResponseError: the response to a failed request is not an error document of S3.
        """
        if not self._base_url.is_https and carries_customer_key(request.get("headers")):
            raise ConfigurationError(
                f"A request to http://{self._base_url.host} would carry a customer's key (SSE-C) without encryption, "
                "so it was not sent. Set MINIO_USE_HTTPS to True."
            )
        failure: Exception
        try:
            with LocalsForgotten():
                return self._send(method, *args, **request)
        except ObjectNotFound:
            raise  # its message has nothing from the server
        except (InvalidResponseError, S3Error) as error:
            credentials = getattr(self._provider, "current", None)
            token = credentials and credentials.session_token
            failure = refused_head(error) if method == "HEAD" and isinstance(error, S3Error) else error
            if Secrets("", request.get("headers"), token).are_in_error(failure):
                message = "left out, as it repeats a secret of the request; is this the right server?"
                failure = InvalidResponseError(status_of(error) or 0, None, message)
            elif failure is error:
                raise
        except (ET.ParseError, UnicodeDecodeError) as error:
            failure = BadResponseError(
                f"An error response of {self._base_url.host} is not readable ({error}). Is this the endpoint of an S3 "
                "server?"
            )
        try:
            raise failure  # not within the block above: its error would be the context of this one
        finally:
            del failure  # or error and frame would keep each other, and the client, until the next collection

    def _send(
        self, method: str, region: str, *, headers: dict[str, str] | None = None, body: Any = None, **request: Any
    ) -> BaseHTTPResponse:
        """Sign and send a request as the SDK does, in less time; errors are the SDK's."""
        if self._trace_stream or not all(type(value) is str for value in (headers or {}).values()):
            return super()._url_open(method, region, headers=headers, body=body, **request)  # type: ignore[arg-type]
        credentials = self._provider.retrieve() if self._provider else None
        url = self._url(method, region, request)
        sent, _ = self._build_headers(url.netloc, dict(headers or {}), body, credentials)
        if credentials:
            sent["Authorization"] = authorization(method, url, region, cast("dict[str, str]", sent), credentials)
        response = self._http.urlopen(
            method, url.geturl(), body=body, headers=sent, preload_content=request.get("preload_content", True)
        )
        if response.status in SUCCESS:
            return response
        if method == "HEAD" and is_missing_object(response) and (key := request.get("object_name")):
            raise ObjectNotFound(request["bucket_name"], key, response)
        return Minio._url_open(self._with(response), method, region, **request)  # noqa: SLF001 - raises the SDK's error

    def _url(self, method: str, region: str, request: Mapping[str, Any]) -> SplitResult:
        """Return the URL of a request as the SDK builds it; that of an object in path style in less time."""
        base, bucket, key = self._base_url, request.get("bucket_name"), request.get("object_name")
        if bucket and key and not (request.get("query_params") or base.virtual_style_flag or base._aws_info):  # noqa: SLF001 - no public way
            own = base._url  # noqa: SLF001 - no public way
            return SplitResult(own.scheme, own.netloc, f"/{bucket}/{quote(key)}", "", "")
        target = {name: request[name] for name in _TARGET if name in request}
        return base.build(method=method, region=region, **target)

    def _with(self, response: BaseHTTPResponse) -> _Sdk:
        """Return a client that receives this response to any request, and so makes the SDK's error of it."""
        client = copy.copy(self)
        client._provider = None  # noqa: SLF001 - no public way
        client._http = cast("PoolManager", _Received(response))  # noqa: SLF001 - no public way
        return client


class _Received:
    """A pool with a response that has been received."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response

    def urlopen(self, *_: object, **__: object) -> BaseHTTPResponse:
        """Return the response."""
        return self._response


class _Retry(BoundedRetry):
    """Retries that end in bounded time: one after a read timeout, and no long Retry-After of a server."""

    def increment(self, *args: Any, **kwargs: Any) -> _Retry:
        """Refuse a second retry after a read timeout, and any where the connection cannot be encrypted."""
        error = kwargs.get("error")
        if error is not None and failure_of(error):
            raise error
        past_errors = [attempt.error for attempt in self.history]
        if isinstance(error, ReadTimeoutError) and any(isinstance(past, ReadTimeoutError) for past in past_errors):
            failure = MaxRetryError(error.pool, (error.url or "").partition("?")[0], error)
            note_retries(failure, self)
            raise failure from error
        return cast("_Retry", super().increment(*args, **kwargs))

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Return the seconds of the Retry-After header, at most 5."""
        seconds = super().get_retry_after(response)
        return None if seconds is None else min(seconds, 5.0)


def default_pool(*, secure: bool) -> PoolManager:
    """Return a new connection pool, which is used unless MINIO_HTTP_CLIENT is set.

    Certificates are checked against SSL_CERT_FILE, or certifi's list where that is not set.

    Raises:
        ConfigurationError: ``secure``, and SSL_CERT_FILE does not name a file of certificates.
    """
    return strict_pool(
        timeout=Timeout(connect=5.0, read=60.0),  # seconds; for a read, those without a byte
        maxsize=64,  # connections that are kept for each server
        cert_reqs="CERT_REQUIRED",
        ca_certs=trusted_authorities(needed=secure),
        retries=_Retry(
            total=5,
            connect=3,
            backoff_factor=0.2,
            status_forcelist=[500, 502, 503, 504],
            raise_on_status=False,
            # Each POST sent here may be retried: it deletes, or starts or completes a multipart upload.
            allowed_methods=[*Retry.DEFAULT_ALLOWED_METHODS, "POST"],
        ),
    )


def client_for(options: StorageOptions, *, external: bool = False) -> S3Client:
    """Return the process's client for a storage's endpoint or external endpoint; the first call creates it."""
    endpoint, secure = options.endpoint, options.use_https
    if external and options.external_endpoint is not None:
        endpoint, secure = options.external_endpoint, bool(options.external_use_https)
    style = options.region, options.virtual_host_style
    server = endpoint, secure, *style, options.http_client, options.slow_request_seconds
    account = options.access_key, options.secret_key, options.session_token, options.credentials
    with _registry.lock:
        client = _registry.clients.get((server, account))
        if client is None:
            client = _registry.clients[server, account] = _connect(endpoint, options, secure=secure)
        if options.alias:
            cast("_Sdk", client.sdk).users[options.alias] = options
        return client


def without_retries(client: S3Client, options: StorageOptions, *, seconds: float) -> S3Client:
    """Return a client for health checks: with the same connections and credentials, a timeout, and no retries."""
    http = GuardedPool(client.http, _log(options), timeout=Timeout(connect=seconds, read=seconds), retries=False)
    provider = client.sdk._provider  # noqa: SLF001 - no public way
    return S3Client(_sdk(options.endpoint, options, http, provider, secure=options.use_https), http)


class _Registry:
    """The clients of this process, by the options that make them differ."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # a callable in MINIO_CREDENTIALS may use a storage itself
        self.clients: dict[tuple[object, ...], S3Client] = {}

    def after_fork(self) -> None:
        """Give a forked child fresh connections, and a new lock in case a thread of the parent held the old one."""
        self.lock = threading.RLock()
        renew_all_connections()

    def forget(self, *, setting: str, **_: object) -> None:
        """Forget all clients when a test changes settings."""
        if setting == "STORAGES" or setting.startswith("MINIO_"):
            self.clients.clear()


_registry = _Registry()
os.register_at_fork(after_in_child=_registry.after_fork)
setting_changed.connect(_registry.forget)


def _connect(endpoint: str, options: StorageOptions, *, secure: bool) -> S3Client:
    http = options.http_client or default_pool(secure=secure)
    provider = provider_for(options)
    guard_provider(provider, options.slow_request_seconds)
    try:
        return S3Client(_sdk(endpoint, options, GuardedPool(http, _log(options)), provider, secure=secure), http)
    except ValueError as error:  # of hosts that end with amazonaws.com the SDK takes only some
        raise ConfigurationError(
            f"{options.label}: the SDK does not take the endpoint '{endpoint}': {error}."
        ) from error


def _log(options: StorageOptions) -> RequestLog:
    hosts = options.endpoint, options.external_endpoint or options.endpoint
    return RequestLog(hosts, slow_seconds=options.slow_request_seconds)


def _sdk(endpoint: str, options: StorageOptions, http: PoolManager, provider: Provider | None, *, secure: bool) -> _Sdk:
    sdk = _Sdk(endpoint, secure=secure, region=options.region, http_client=http, credentials=provider)
    if options.virtual_host_style:
        sdk.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    return sdk
