"""Presigned URLs and the objects' last known ETags, in Django's cache."""

from __future__ import annotations

import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured

from ..redaction.escaping import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ..options.fields import StorageOptions

logger = get_logger(__name__)

DELETED = ""
"""Stands for the ETag of a deleted object: its URL is presigned but not cached, and no HEAD is sent for it."""

MAX_ETAG = 256  # characters; S3's have 32 or a few more
COOLDOWN = 10.0  # seconds without requests to something that has just failed

namespace = ""
"""Of what is remembered here: ``django_minio_backend.testing`` gives each server in memory one of its own."""


class Cooldown:
    """True for some seconds after a failure, without requests: a page has many URLs, and each of them would wait."""

    def __init__(self) -> None:
        self._end = 0.0
        self._namespace = ""

    def begin(self) -> None:
        """Start now."""
        self._end, self._namespace = time.monotonic() + COOLDOWN, namespace

    def __bool__(self) -> bool:
        return time.monotonic() < self._end and self._namespace == namespace


class UrlCache:
    """Entries of Django's cache about one bucket's objects.

    A cache that cannot be reached raises nothing, because a page without cached URLs is better than none: the failure
    is logged, and nothing is read for some seconds. A misconfigured cache does raise.

    Args:
        options: of the storage. Whatever makes signatures differ is part of the cache keys.
        bucket: where the objects are.
    """

    def __init__(self, options: StorageOptions, bucket: str) -> None:
        self._timeout = options.effective_cache_timeout
        self._prefix = options.url_cache_prefix
        self._cooldown = Cooldown()
        server = options.endpoint, str(options.use_https)
        external = options.external_endpoint, options.external_use_https, options.virtual_host_style, options.region
        self._objects = _digest(*server, bucket)
        self._urls = _digest(options.alias, *server, *map(str, external), options.location, bucket)

    @property
    def is_unavailable(self) -> bool:
        """Whether the cache has just failed; what it does not return then is no reason for a HEAD request."""
        return bool(self._cooldown)

    def etags(self, keys: Collection[str]) -> dict[str, str]:
        """Known ETags by key; ``DELETED`` for a deleted object."""
        etag_key = self._etag_keys()
        etags = self._get_many({key: etag_key(key) for key in keys})
        return {key: etag for key, etag in etags.items() if _is_etag(etag)}

    def add_etag(self, key: str, etag: str) -> str:
        """Record the ETag from a HEAD, unless a save has recorded one since; return the one that counts."""
        cache_key = self._etag_keys()(key)
        if self._call("add", cache_key, etag, timeout=self._timeout) is False:
            known = self.etags([key]).get(key)
            if known is not None:
                return known
            self.set_etag(key, etag)  # the existing entry is not ours
        return etag

    def set_etag(self, key: str, etag: str) -> None:
        """Record the ETag from a save, or ``DELETED``."""
        self._call("set", self._etag_keys()(key), etag, timeout=self._timeout)

    def urls(self, etags: Mapping[str, str], variant: str) -> dict[str, str]:
        """Cached URLs by key, for the caller to verify.

        Args:
            etags: by key.
            variant: access key, method, expiry and response headers of the URLs.
        """
        url_key = self._url_keys(variant)
        return self._get_many({key: url_key(key, etag) for key, etag in etags.items()})

    def set_urls(self, urls: Mapping[str, str], etags: Mapping[str, str], variant: str, timeout: int) -> None:
        """Cache URLs for ``timeout`` seconds."""
        url_key = self._url_keys(variant)
        entries = {url_key(key, etags[key]): url for key, url in urls.items()}
        if timeout > 0:
            self._call("set_many", entries, timeout=timeout)

    def _etag_keys(self) -> Callable[[str], str]:
        """Return what makes the cache keys of ETags: a function of the object's key."""
        start, prefix = f"etag{namespace}\0{self._objects}", self._prefix
        return lambda key: prefix + _digest(start, key)

    def _url_keys(self, variant: str) -> Callable[[str, str], str]:
        """Return what makes the cache keys of URLs: a function of the object's key and ETag."""
        start, prefix = f"url{namespace}\0{self._urls}\0{variant}", self._prefix
        return lambda key, etag: prefix + _digest(start, key, etag)

    def _get_many(self, cache_keys: Mapping[str, str]) -> dict[str, str]:
        """Entries by object key; anything but a string is not ours."""
        if self._cooldown or not cache_keys:
            return {}
        values = self._call("get_many", list(cache_keys.values())) or {}
        entries = {key: values.get(cache_key) for key, cache_key in cache_keys.items()}
        return {key: entry for key, entry in entries.items() if isinstance(entry, str)}

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the cache; return None if it fails.

        Backends raise the errors of their clients, which have no common base class but Exception, and broken entries
        raise whatever unpickling raises. Only the backend's own code runs in the ``try``. Errors in the project (a
        backend that cannot be imported) are raised.
        """
        call: Callable[..., Any] = getattr(caches["default"], method)
        try:
            return call(*args, **kwargs)
        except (ImportError, ImproperlyConfigured):
            raise
        except Exception as error:  # noqa: BLE001 - see above
            self._cooldown.begin()
            # Only the class of the error: its text may contain the entry, and so a presigned URL.
            logger.warning("Django's cache failed in %s() with %s; URLs are not cached.", method, type(error).__name__)
            return None


def _is_etag(entry: str) -> bool:
    """Whether an entry can be an ETag, which becomes part of URLs."""
    return len(entry) <= MAX_ETAG and entry.isascii() and entry.isprintable()


def _digest(*parts: str) -> str:
    """SHA-256 of the parts, separated by the null character that no name contains."""
    return sha256("\0".join(parts).encode()).hexdigest()
