"""URLs of objects: plain ones in public buckets; presigned ones, from Django's cache where enabled, in private ones."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ..files import keys
from ..redaction.escaping import get_logger
from ..transport.limits import MAX_EXPIRY
from ..transport.request_log import ContextThreads
from . import response_headers as response_headers_of_s3
from .cache import DELETED, Cooldown, UrlCache
from .quoting import quoted_path
from .signing import Presigner, effective_expiry, signed_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from minio.credentials.credentials import Credentials

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client

    Expiry = timedelta | float | None  # a number counts seconds
    Headers = Mapping[str, str] | None

logger = get_logger(__name__)

METHODS = ("GET", "HEAD")
HEADS_AT_ONCE = 16
CACHED_SHARE = 0.8  # of a URL's validity, during which it is reused unless MINIO_URL_CACHE_TIMEOUT is shorter

# The SDK has its own rules for these hosts: the region is in the name, and buckets always are.
_CLOUD_HOST = re.compile(r"(amazonaws\.com(\.cn)?|aliyuncs\.com)(:\d+)?\Z", re.IGNORECASE)


def bucket_url(options: StorageOptions, bucket: str) -> str:
    """``scheme://host/bucket``, or ``scheme://bucket.host``, at the (external) endpoint, as the SDK builds it."""
    scheme, _, host = options.base_url(external=True).partition("://")
    if _CLOUD_HOST.search(host):
        return _client(options, external=True).bucket_url(bucket)
    # A certificate for *.host does not cover a bucket name with dots.
    covered = not (scheme == "https" and "." in bucket)
    if options.virtual_host_style and covered:
        return f"{scheme}://{bucket}.{host}"
    return f"{scheme}://{host}/{bucket}"


def public_url(options: StorageOptions, bucket: str) -> str:
    """URL of a public bucket: MINIO_PUBLIC_BASE_URL, else the bucket's own."""
    url = options.public_base_url
    if isinstance(url, Mapping):
        url = url.get(bucket)
    return bucket_url(options, bucket) if url is None else url


def seconds_of(expires: object) -> int:
    """The whole seconds of an expiry.

    Args:
        expires: a timedelta, or a number of seconds.

    Raises:
        ValueError: it is neither, or not from 1 second to 7 days.
    """
    if isinstance(expires, timedelta):
        expires = expires.total_seconds()
    limit = MAX_EXPIRY.total_seconds()
    if isinstance(expires, bool) or not isinstance(expires, (int, float)) or not 1 <= expires <= limit:
        raise ValueError("expires must be a timedelta or a number of seconds, from 1 second to 7 days.")
    return int(expires)


def window_start(second: int, window: int, expires: int) -> int:
    """Start of the window in which all processes sign the same URL: the second to sign for.

    A window has at most half of the expiry, so that the URL is valid for at least as long again.
    """
    window = min(window, expires // 2)
    return second - second % window if window > 0 else second


class PresignRequest(NamedTuple):
    """What a presigned URL allows.

    Attributes:
        method: HTTP method.
        expires: validity in seconds.
        query: further parameters, signed as well.
    """

    method: str
    expires: int
    query: Mapping[str, str]

    def variant(self, credentials: Credentials) -> str:
        """Whatever makes the URLs of one object differ, for the keys of the cache."""
        query = map("\0".join, sorted(self.query.items()))
        return "\0".join([credentials.access_key, self.method, str(self.expires), *query])

    def for_etag(self, etag: str) -> PresignRequest:
        """The same for one version of an object, so that a browser does not show its predecessor from its own cache.

        S3 ignores parameters that start with ``x-``.
        """
        return PresignRequest(self.method, self.expires, {**self.query, "x-etag": etag})


class ObjectUrls:
    """URLs of one bucket's objects. ``saved`` and ``deleted`` keep the ETags in Django's cache up to date.

    Args:
        options: of the storage.
        bucket: where the objects are.
        key_of: returns the key of the object with a name.
        public: whether anyone may download the objects.
    """

    def __init__(self, options: StorageOptions, bucket: str, key_of: Callable[[str], str], *, public: bool) -> None:
        self._options = options
        self._bucket = bucket
        self._key_of = key_of
        self._public_url = f"{public_url(options, bucket)}/" if public else ""
        self._default = PresignRequest("GET", seconds_of(options.url_expiry), {})
        self._window = int(options.signing_window.total_seconds()) if options.signing_window else 0
        self._cache = UrlCache(options, bucket) if options.url_caching_enabled and not public else None
        self._head_cooldown = Cooldown()

    @cached_property
    def _signer(self) -> S3Client:
        """The client whose credentials sign."""
        return _client(self._options, external=True)

    @cached_property
    def _presigner(self) -> Presigner:
        return Presigner(bucket_url(self._options, self._bucket), self._options.region)

    def url(
        self, name: str | None, expires: Expiry = None, response_headers: Headers = None, http_method: str = "GET"
    ) -> str:
        """URL of one object; see ``MinioBackend.url``."""
        request = self._default
        if expires is not None or response_headers or http_method != "GET":
            request = self._request(expires, response_headers, http_method)
        if self._public_url and expires is None and not response_headers:
            return self._public_url + quoted_path(self._public_path(name))
        key = self._key_of(keys.relative(name))
        return self._sign(key, request) if self._cache is None else self._from_cache(self._cache, [key], request)[key]

    def urls(self, names: Iterable[str], expires: Expiry, response_headers: Headers) -> dict[str, str]:
        """URLs by name, with two round trips to a warm cache and one more for what it does not have."""
        if self._cache is None:
            return {name: self.url(name, expires, response_headers) for name in names}
        keys_by_name = {name: self._key_of(keys.relative(name)) for name in names}
        request = self._request(expires, response_headers, "GET")
        urls = self._from_cache(self._cache, list(dict.fromkeys(keys_by_name.values())), request)
        return {name: urls[key] for name, key in keys_by_name.items()}

    def saved(self, key: str, etag: str) -> None:
        """Record the ETag of a stored object, so that its next URL is a new one."""
        if self._cache is not None:
            self._cache.set_etag(key, etag)

    def deleted(self, key: str) -> None:
        """Record that an object does not exist any more."""
        if self._cache is not None:
            self._cache.set_etag(key, DELETED)

    def _public_path(self, name: str | None) -> str:
        """The key, or the prefix of a folder: templates append file names to the URL of a folder."""
        path = keys.relative(name)
        if path and not path.endswith("/"):
            return self._key_of(path)
        return keys.folder_prefix(path, self._options.location)

    def _request(self, expires: Expiry, response_headers: Headers, http_method: object) -> PresignRequest:
        if http_method not in METHODS:
            raise ValueError(
                f"http_method is {http_method!r}, but must be GET or HEAD. For uploads there is presigned_upload()."
            )
        seconds = self._default.expires if expires is None else seconds_of(expires)
        return PresignRequest(str(http_method), seconds, response_headers_of_s3.checked(response_headers))

    def _sign(
        self, key: str, request: PresignRequest, credentials: Credentials | None = None, second: int | None = None
    ) -> str:
        method, expires, query = request
        credentials = credentials or self._signer.credentials()
        if second is None:
            second = int(time.time())
            if self._window:
                second = window_start(second, self._window, expires)
        return self._presigner.url(method, key, credentials, second=second, expires=expires, query=query)

    def _from_cache(self, cache: UrlCache, keys: list[str], request: PresignRequest) -> dict[str, str]:
        etags = self._etags(cache, keys)
        credentials = self._signer.credentials()
        variant = request.variant(credentials)
        requests = {key: request.for_etag(etag) for key, etag in etags.items()}
        urls = self._own(cache.urls(etags, variant), requests, credentials, request)
        signed = {key: self._sign(key, requests[key], credentials) for key in requests if key not in urls}
        if signed:
            cache.set_urls(signed, etags, variant, self._cache_timeout(credentials, request))
        urls |= signed
        return {key: urls.get(key) or self._sign(key, request, credentials) for key in keys}

    def _own(
        self,
        urls: Mapping[str, str],
        requests: Mapping[str, PresignRequest],
        credentials: Credentials,
        request: PresignRequest,
    ) -> dict[str, str]:
        """Those of the URLs from the cache that this storage has signed, and may still return.

        Others can write to the cache as well. Only signing again for the second in the URL proves that every part of
        it is ours: whoever can write to the cache knows everything except the secret key.
        """
        now = int(time.time())
        reusable: dict[int, bool] = {}  # by second: most URLs of a page were signed at once
        own: dict[str, str] = {}
        for key, url in urls.items():
            second = signed_at(url)
            if second is None:
                continue
            if second not in reusable:
                reusable[second] = now <= self._reusable_until(second, credentials, request)
            if reusable[second] and url == self._sign(key, requests[key], credentials, second):
                own[key] = url
        return own

    def _reusable_until(self, second: int, credentials: Credentials, request: PresignRequest) -> float:
        """The second since 1970 until which a URL signed for ``second`` is reused."""
        expires = effective_expiry(credentials, second, request.expires)
        window = min(self._window, request.expires // 2)
        return second + (min(window, expires) if window else self._reused_share(expires))

    def _cache_timeout(self, credentials: Credentials, request: PresignRequest) -> int:
        """Seconds for which a URL signed now stays in the cache: never beyond its window."""
        now = time.time()
        second = window_start(int(now), self._window, request.expires)
        timeout = self._reused_share(second + effective_expiry(credentials, second, request.expires) - now)
        window = min(self._window, request.expires // 2)
        return int(min(timeout, second + window - now)) if window else int(timeout)

    def _reused_share(self, expires: float) -> float:
        """For how many of its seconds a URL is reused."""
        timeout = self._options.url_cache_timeout
        return timeout if timeout is not None and timeout < expires else expires * CACHED_SHARE

    def _etags(self, cache: UrlCache, keys: list[str]) -> dict[str, str]:
        """ETags of the objects that exist, from the cache or else by HEAD; none while the cache is unavailable."""
        etags = cache.etags(keys)
        if cache.is_unavailable:
            return {}
        unknown = [key for key in keys if key not in etags]
        if len(unknown) < 2:  # noqa: PLR2004 - one needs no threads
            heads = [self._head(key) for key in unknown]
        else:
            with ContextThreads(HEADS_AT_ONCE, thread_name_prefix="etag") as pool:
                heads = list(pool.map(self._head, unknown))
        etags |= {key: cache.add_etag(key, etag) for key, etag in zip(unknown, heads, strict=True) if etag}
        return {key: etag for key, etag in etags.items() if etag != DELETED}

    def _head(self, key: str) -> str | None:
        """ETag of an object; None if it does not exist or the server cannot be reached."""
        from ..s3.credentials import customer_key
        from ..s3.errors import FAILURES

        if self._head_cooldown:
            return None
        try:
            return _client(self._options).head(self._bucket, key, customer_key(self._options)).etag
        except FileNotFoundError:
            return None
        except FAILURES as error:
            self._head_cooldown.begin()
            logger.warning(
                "HEAD requests to %s fail (%s): URLs of bucket '%s' are presigned but not cached for a while.",
                *(self._options.endpoint, type(error).__name__, self._bucket),
            )
            return None


def _client(options: StorageOptions, *, external: bool = False) -> S3Client:
    from ..s3.registry import client_for  # here, because url() of a public bucket does not need the SDK

    return client_for(options, external=external)
