"""Presigned URLs and the ETags last seen, in Django's cache."""

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

GONE = ""
"""Stands for the ETag of an object that was deleted: its URL is signed, not cached, and nobody asks for it again."""

MAX_ETAG = 256  # characters; S3's have 32 or a few more
PAUSE = 10.0  # seconds without questions to something that has just failed


class Pause:
    """A while in which something that has failed is not asked again: a page has many URLs, and each would wait."""

    def __init__(self) -> None:
        self._end = 0.0

    def begin(self) -> None:
        """Start now."""
        self._end = time.monotonic() + PAUSE

    def __bool__(self) -> bool:
        return time.monotonic() < self._end


class UrlCache:
    """What Django's cache knows of one bucket's objects.

    Nothing here raises because the cache cannot be reached: a page without cached URLs is better than none. It is
    logged, and reading pauses for a while. A cache that is configured wrongly does raise.

    Args:
        options: the storage's. Whatever makes one signature differ from another's is part of the keys.
        bucket: whose objects.
    """

    def __init__(self, options: StorageOptions, bucket: str) -> None:
        self._timeout = options.effective_cache_timeout
        self._prefix = options.url_cache_prefix
        self._pause = Pause()
        self._objects = _digest(options.endpoint, str(options.use_https), bucket)
        self._urls = _digest(
            options.alias,
            options.endpoint,
            str(options.use_https),
            str(options.external_endpoint),
            str(options.external_use_https),
            str(options.virtual_host_style),
            str(options.region),
            options.location,
            bucket,
        )

    @property
    def is_silent(self) -> bool:
        """Whether the cache has just failed: what it does not tell then is no reason to ask the server."""
        return bool(self._pause)

    def etags(self, keys: Collection[str]) -> dict[str, str]:
        """The ETags last seen, of those keys whose ETag is known; ``GONE`` for a deleted object."""
        found = self._get_many({key: self._etag_key(key) for key in keys})
        return {key: etag for key, etag in found.items() if _is_etag(etag)}

    def add_etag(self, key: str, etag: str) -> str:
        """Keep what a HEAD has said, unless a save has said something since; return what counts."""
        cache_key = self._etag_key(key)
        if self._call("add", cache_key, etag, timeout=self._timeout) is False:
            known = self.etags([key]).get(key)
            if known is not None:
                return known
            self.set_etag(key, etag)  # what is there is none of ours
        return etag

    def set_etag(self, key: str, etag: str) -> None:
        """Keep what a save or delete has said."""
        self._call("set", self._etag_key(key), etag, timeout=self._timeout)

    def urls(self, etags: Mapping[str, str], variant: str) -> dict[str, str]:
        """What the cache has for objects with these ETags; the caller sees to it that it is a URL of its own.

        Args:
            etags: by key.
            variant: access key, method, expiry and response headers of the URLs.
        """
        return self._get_many({key: self._url_key(key, etag, variant) for key, etag in etags.items()})

    def set_urls(self, urls: Mapping[str, str], etags: Mapping[str, str], variant: str, timeout: int) -> None:
        """Keep URLs for so many seconds."""
        entries = {self._url_key(key, etags[key], variant): url for key, url in urls.items()}
        if timeout > 0:
            self._call("set_many", entries, timeout=timeout)

    def _etag_key(self, key: str) -> str:
        return f"{self._prefix}{_digest('etag', self._objects, key)}"

    def _url_key(self, key: str, etag: str, variant: str) -> str:
        return f"{self._prefix}{_digest('url', self._urls, variant, key, etag)}"

    def _get_many(self, cache_keys: Mapping[str, str]) -> dict[str, str]:
        """Entries by what they are about; whatever is no string is no entry of ours."""
        if self._pause or not cache_keys:
            return {}
        found = self._call("get_many", list(cache_keys.values())) or {}
        entries = {key: found.get(cache_key) for key, cache_key in cache_keys.items()}
        return {key: entry for key, entry in entries.items() if isinstance(entry, str)}

    def _call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call one method of the cache; None if it fails.

        Each backend raises its client's own errors, which have no base class in common but Exception, and broken
        entries raise whatever unpickling does. Only the backend's own code runs in the ``try``; what says that the
        project is wrong (a backend that cannot be imported) passes, and so does everything that is not an Exception.
        """
        call: Callable[..., Any] = getattr(caches["default"], method)
        try:
            return call(*args, **kwargs)
        except (ImportError, ImproperlyConfigured):
            raise
        except Exception as error:  # noqa: BLE001 - see above
            self._pause.begin()
            # Only the kind of error: its text may hold the entry, and with it a signed URL.
            logger.warning("Django's cache failed in %s() with %s; URLs are signed anew.", method, type(error).__name__)
            return None


def _is_etag(entry: str) -> bool:
    """Whether an entry can be the ETag that a server gave: it becomes part of URLs."""
    return len(entry) <= MAX_ETAG and entry.isascii() and entry.isprintable()


def _digest(*parts: str) -> str:
    """A key's fingerprint: parts cannot run into each other, as no name has a null character."""
    return sha256("\0".join(parts).encode()).hexdigest()
