"""Addresses of objects: plain ones for public buckets; presigned, stable and cached ones for private buckets."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ..limits import MAX_EXPIRY
from ..redaction.escaping import get_logger
from . import response_headers
from .cache import GONE, Pause, UrlCache
from .signing import Presigner, life_of, signed_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from minio.sse import SseCustomerKey

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client
    from .signing import Credentials

logger = get_logger(__name__)

METHODS = ("GET", "HEAD")
HEADS_AT_ONCE = 16
CACHED_SHARE = 0.8  # of its life in which a URL is given again, unless MINIO_URL_CACHE_TIMEOUT says less

# Hosts for which the SDK has rules of its own: regions in the name, always virtual-host style.
_HOST_OF_A_CLOUD = re.compile(r"(amazonaws\.com(\.cn)?|aliyuncs\.com)(:\d+)?\Z", re.IGNORECASE)


def base_url(options: StorageOptions, *, external: bool = False) -> str:
    """``scheme://host[:port]`` of the endpoint, or of the external one where there is one."""
    endpoint, secure = options.endpoint, options.use_https
    if external and options.external_endpoint is not None:
        endpoint, secure = options.external_endpoint, bool(options.external_use_https)
    return f"{'https' if secure else 'http'}://{endpoint}"


def bucket_address(options: StorageOptions, bucket: str) -> str:
    """``scheme://host/bucket``, or ``scheme://bucket.host``, at the (external) endpoint, as the SDK would have it."""
    scheme, _, host = base_url(options, external=True).partition("://")
    if _HOST_OF_A_CLOUD.search(host):
        from ..s3.registry import client_for

        return client_for(options, external=True).bucket_url(bucket)
    # A certificate for *.host does not cover the dots of such a name.
    covered = not (scheme == "https" and "." in bucket)
    if options.virtual_host_style and covered:
        return f"{scheme}://{bucket}.{host}"
    return f"{scheme}://{host}/{bucket}"


def public_address(options: StorageOptions, bucket: str) -> str:
    """What the URLs that anyone can open start with: MINIO_PUBLIC_BASE_URL, else the address of the bucket."""
    address = options.public_base_url
    if isinstance(address, Mapping):
        address = address.get(bucket)
    return bucket_address(options, bucket) if address is None else address


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


def span_start(second: int, stable_for: int, expires: int) -> int:
    """The second that a URL is signed for: rounded down to a span, of at most half the URL's life.

    Every process that rounds alike signs the same URL, and a half of its life at least is left.
    """
    span = min(stable_for, expires // 2)
    return second - second % span if span > 0 else second


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a URL is to do.

    Attributes:
        method: of the request that it allows.
        expires: seconds that it lives.
        query: further parameters.
    """

    method: str
    expires: int
    query: Mapping[str, str]

    @classmethod
    def checked(cls, http_method: object, expires: int, headers: Mapping[str, str] | None) -> Wanted:
        """What url() was asked for.

        Raises:
            ValueError: another method than GET or HEAD, or wrong response headers.
        """
        if http_method not in METHODS:
            raise ValueError(
                f"http_method is {http_method!r}, but must be GET or HEAD. For uploads there is presigned_upload()."
            )
        return cls(str(http_method), expires, response_headers.checked(headers))


class SignedUrls:
    """Presigned URLs of one bucket's objects, from the cache where that is on.

    Args:
        options: the storage's.
        bucket: whose objects.
        client: of the endpoint; asked for ETags where the cache is on and does not know them.
        signer: of the (external) endpoint; its credentials sign.
        ssec: the key that a HEAD needs where objects are encrypted with one of the customer's.
        cached: whether Django's cache is used.
    """

    def __init__(
        self,
        options: StorageOptions,
        bucket: str,
        client: S3Client,
        signer: S3Client,
        ssec: SseCustomerKey | None,
        *,
        cached: bool,
    ) -> None:
        self._options = options
        self._bucket = bucket
        self._client = client
        self._signer = signer
        self._ssec = ssec
        self._address = bucket_address(options, bucket)
        self._presigner = Presigner(self._address, options.region)
        self._stable_for = int(options.stable_for.total_seconds()) if options.stable_for else 0
        self._cache = UrlCache(options, bucket) if cached else None
        self._pause = Pause()

    def url(self, key: str, wanted: Wanted) -> str:
        """The URL of one object."""
        if self._cache is None:
            return self._signed(key, wanted)
        return self._from_cache(self._cache, [key], wanted)[key]

    def urls(self, keys: Iterable[str], wanted: Wanted) -> dict[str, str]:
        """URLs by key; two round trips to the cache while it is warm, one more for what it did not know."""
        if self._cache is None:
            return {key: self._signed(key, wanted) for key in keys}
        return self._from_cache(self._cache, list(dict.fromkeys(keys)), wanted)

    def saved(self, key: str, etag: str) -> None:
        """Note the ETag of what has just been stored, so that its next URL is another one."""
        if self._cache is not None:
            self._cache.set_etag(key, etag)

    def deleted(self, key: str) -> None:
        """Note that the object is gone."""
        if self._cache is not None:
            self._cache.set_etag(key, GONE)

    def _signed(
        self,
        key: str,
        wanted: Wanted,
        credentials: Credentials | None = None,
        query: Mapping[str, str] | None = None,
        second: int | None = None,
    ) -> str:
        credentials = credentials or self._signer.credentials()
        if second is None:
            second = int(time.time())
            if self._stable_for:
                second = span_start(second, self._stable_for, wanted.expires)
        expires = life_of(credentials, second, wanted.expires)
        query = wanted.query if query is None else query
        return self._presigner.url(wanted.method, key, credentials, second=second, expires=expires, query=query)

    def _from_cache(self, cache: UrlCache, keys: list[str], wanted: Wanted) -> dict[str, str]:
        etags = cache.etags(keys)
        if cache.is_silent:
            return {key: self._signed(key, wanted) for key in keys}
        unknown = [key for key in keys if key not in etags]
        etags |= {key: cache.add_etag(key, etag) for key, etag in self._ask(unknown).items()}
        etags = {key: etag for key, etag in etags.items() if etag != GONE}
        credentials = self._signer.credentials()
        variant = "\0".join(
            [credentials.access_key, wanted.method, str(wanted.expires), *map("\0".join, sorted(wanted.query.items()))]
        )
        # S3 ignores parameters that start with x-. This one makes the URL of other content another URL at once.
        queries = {key: {**wanted.query, "x-etag": etag} for key, etag in etags.items()}
        found = {
            key: url
            for key, url in cache.urls(etags, variant).items()
            if self._is_ours(url, key, wanted, credentials, queries[key])
        }
        made = {
            key: self._signed(key, wanted, credentials, query) for key, query in queries.items() if key not in found
        }
        if made:
            cache.set_urls(made, etags, variant, self._cache_timeout(credentials, wanted))
        return {key: found.get(key) or made.get(key) or self._signed(key, wanted, credentials) for key in keys}

    def _is_ours(self, url: str, key: str, wanted: Wanted, credentials: Credentials, query: Mapping[str, str]) -> bool:
        """Whether a URL from the cache may be given: others write there, too.

        It is signed again for the second that it names. Nothing less tells that all of it is ours, as whoever can
        write to the cache knows all but the secret key.
        """
        second = signed_at(url)
        if second is None or int(time.time()) > self._given_until(second, credentials, wanted):
            return False
        return url == self._signed(key, wanted, credentials, query, second)

    def _given_until(self, second: int, credentials: Credentials, wanted: Wanted) -> float:
        """The second, since 1970, up to which a URL that is signed for ``second`` may be given again."""
        life = life_of(credentials, second, wanted.expires)
        span = min(self._stable_for, wanted.expires // 2)
        return second + (min(span, life) if span else self._cached_part(life))

    def _cache_timeout(self, credentials: Credentials, wanted: Wanted) -> int:
        """Seconds that a URL signed now may be given again: not to its end, nor beyond the span it is stable for."""
        now = time.time()
        second = span_start(int(now), self._stable_for, wanted.expires)
        timeout = self._cached_part(second + life_of(credentials, second, wanted.expires) - now)
        span = min(self._stable_for, wanted.expires // 2)
        return int(min(timeout, second + span - now)) if span else int(timeout)

    def _cached_part(self, life: float) -> float:
        """How much of its life a URL stays in the cache."""
        given = self._options.url_cache_timeout
        return given if given is not None and given < life else life * CACHED_SHARE

    def _ask(self, keys: list[str]) -> dict[str, str]:
        """ETags by HEAD, of the objects that are there; a URL without one is signed and not cached."""
        if len(keys) < 2:  # noqa: PLR2004 - no threads for one
            found = [self._etag(key) for key in keys]
        else:
            with ThreadPoolExecutor(HEADS_AT_ONCE, thread_name_prefix="etag") as pool:
                found = list(pool.map(self._etag, keys))
        return {key: etag for key, etag in zip(keys, found, strict=True) if etag}

    def _etag(self, key: str) -> str | None:
        from ..s3.errors import FAILURES

        if self._pause:
            return None
        try:
            return self._client.head(self._bucket, key, self._ssec).etag
        except FileNotFoundError:
            return None
        except FAILURES as error:
            self._pause.begin()
            logger.warning(
                "%s cannot be asked for ETags (%s): URLs of bucket '%s' are signed and not cached for a while.",
                self._options.endpoint,
                type(error).__name__,
                self._bucket,
            )
            return None
