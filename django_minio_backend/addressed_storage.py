"""What a storage's objects are called on the server and on the web: keys and URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.functional import cached_property

from .base import ConfiguredStorage
from .files import keys as names
from .object_urls import urls as object_urls
from .object_urls.quoting import quoted_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta


def relative(name: object) -> str:
    """A name less the slashes at its start; backslashes are slashes, too."""
    return str("" if name is None else name).lstrip("/\\")


class AddressedStorage(ConfiguredStorage):
    """A storage that knows the addresses of its objects."""

    def url(
        self,
        name: str | None,
        *,
        expires: timedelta | float | None = None,
        response_headers: Mapping[str, str] | None = None,
        http_method: str = "GET",
    ) -> str:
        """Address of an object: plain for a public bucket, else presigned.

        Makes no request, but to renew temporary credentials, and with MINIO_URL_CACHING_ENABLED one for each object
        that the cache does not know.

        Args:
            name: of the object. Slashes at its start are dropped, as Django's storages do: templates write
                ``{% static '/css/x.css' %}``, and rows of another storage may have them. All other methods refuse them.
            expires: a timedelta or seconds, from 1 second to 7 days; MINIO_URL_EXPIRY_HOURS if not given. A URL
                never outlives temporary credentials.
            response_headers: what the server is to answer with, by S3's six ``response-*`` parameters. A
                ``response-content-disposition`` may name a file in any script.
            http_method: GET or HEAD: what the address is for. For uploads there is ``presigned_upload``.

        With an expiry or response headers, the URL of a public object is presigned as well.

        Raises:
            ValueError: an argument cannot be.
        """
        if expires is None and not response_headers and http_method in object_urls.METHODS and self._public_start:
            return self._public_start + quoted_path(self._public_path(name))
        return self._signed_urls.url(self.key(relative(name)), self._wanted(expires, response_headers, http_method))

    def urls(
        self,
        names: Iterable[str],
        *,
        expires: timedelta | float | None = None,
        response_headers: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Addresses of many objects, by name: with a cache in three round trips at the most, however many they are.

        Raises:
            ValueError: as ``url``.
        """
        names = list(names)
        if expires is None and not response_headers and self._public_start:
            return {name: self.url(name) for name in names}
        keys = {name: self.key(relative(name)) for name in names}
        urls = self._signed_urls.urls(keys.values(), self._wanted(expires, response_headers, "GET"))
        return {name: urls[key] for name, key in keys.items()}

    def key(self, name: object) -> str:
        """The key of the object that has this name: MINIO_LOCATION before it, normalised as save() does.

        Raises:
            SuspiciousFileOperation: the name is absolute or leaves the storage.
            ValueError: no object can have this name.
        """
        return names.key_of(name, self.options.location)

    @cached_property
    def _signed_urls(self) -> object_urls.SignedUrls:
        return object_urls.SignedUrls(
            self.options, self.bucket, self.s3, self.s3_external, self.ssec, cached=self._caches_urls
        )

    @cached_property
    def _caches_urls(self) -> bool:
        return self.url_caching_enabled and not self.is_bucket_public

    @cached_property
    def _public_start(self) -> str:
        """What the plain URLs of a public bucket start with; empty for a private one."""
        return f"{object_urls.public_address(self.options, self.bucket)}/" if self.is_bucket_public else ""

    def _wanted(
        self, expires: timedelta | float | None, headers: Mapping[str, str] | None, http_method: str
    ) -> object_urls.Wanted:
        if expires is None and not headers and http_method == "GET":
            return self._usual
        life = self.options.url_expiry if expires is None else expires
        return object_urls.Wanted.checked(http_method, object_urls.seconds_of(life), headers)

    @cached_property
    def _usual(self) -> object_urls.Wanted:
        return object_urls.Wanted("GET", object_urls.seconds_of(self.options.url_expiry), {})

    def _note_saved(self, key: str, etag: str) -> None:
        if self._caches_urls:
            self._signed_urls.saved(key, etag)

    def _note_deleted(self, key: str) -> None:
        if self._caches_urls:
            self._signed_urls.deleted(key)

    def _public_path(self, name: str | None) -> str:
        """The key, or the prefix of a folder: templates join file names to the URL of a folder."""
        given = relative(name)
        if given and not given.endswith("/"):
            return self.key(given)
        return names.folder_prefix(given, self.options.location)
