"""MinioManifestStaticStorage: static files under names with a hash of their content."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin
from django.core.files.base import ContentFile
from django.core.files.storage import InvalidStorageError, storages
from django.utils.encoding import iri_to_uri
from django.utils.functional import SimpleLazyObject

from ..errors import ConfigurationError
from ..files import keys as names
from ..options.hiding import hidden_options
from .storage import MinioBackendStatic, run_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from django.core.files.storage import Storage

    from ..object_urls.urls import Expiry, Headers
    from ..options.fields import StorageOptions

CACHE_FOREVER = "public, max-age=31536000, immutable"  # one year in seconds; RFC 8246 adds "immutable"


class _Reference:
    """A match of a reference in a file, with another URL."""

    def __init__(self, match: re.Match[str], url: str) -> None:
        self._match = match
        self._url = url

    def groupdict(self) -> dict[str, str | Any]:
        return {**self._match.groupdict(), "url": self._url}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._match, name)


class MinioManifestStaticStorage(ManifestFilesMixin, MinioBackendStatic):  # type: ignore[misc]  # manifest_storage
    """Also stores each static file under a name with a hash of its content, which browsers may cache forever.

    ``staticfiles.json`` maps names to hashed names. It is read for the first URL.

    Args:
        manifest_storage: where that file is kept instead of in the bucket: a storage, or an alias in STORAGES.
        arguments, options: as for MinioBackendStatic.
    """

    def __init__(self, *arguments: Any, manifest_storage: Storage | str | None = None, **options: Any) -> None:
        options = hidden_options(options)  # Django's mixins pass them on in frames of their own
        self._hashed: set[str] = set()
        self._rewritten: set[str] = set()
        self._manifest_storage_argument = manifest_storage
        super().__init__(*arguments, **options)
        if self.options.manifest_storage is not None:
            self.manifest_storage = self._resolved(self.options.manifest_storage)

    def _read_options(self) -> StorageOptions:
        if self._manifest_storage_argument is not None:  # Django's mixin does not pass it on
            self._given = {**self._given, "manifest_storage": self._manifest_storage_argument}
        return super()._read_options()

    def url(
        self,
        name: str | None,
        force: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        *,
        expires: Expiry = None,
        response_headers: Headers = None,
        http_method: str = "GET",
    ) -> str:
        """URL of the file under its hashed name, or under its own name in DEBUG mode unless ``force``.

        The other arguments are those of MinioBackend.url().

        Raises:
            ValueError: the file is missing from the manifest, or an argument is invalid.
        """
        name = names.relative(name)  # Django's mixin does so in DEBUG mode only, and finds no such file otherwise
        if expires is None and not response_headers and http_method == "GET":
            # A base class between Django's mixin and this package's may have Storage's signature, as Debug Toolbar's.
            url = super().url(name, force) if force else super().url(name)
            # Django's mixin has decoded the URL. A percent sign without two digits belongs to the name.
            return iri_to_uri(re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", url)) or ""
        served = name if settings.DEBUG and not force else self.stored_name(name)
        return MinioBackendStatic.url(
            self, served, expires=expires, response_headers=response_headers, http_method=http_method
        )

    def urls(self, names: Iterable[str], *, expires: Expiry = None, response_headers: Headers = None) -> dict[str, str]:
        """URLs of many files under their hashed names, by name; see ``url``."""
        return {name: self.url(name, expires=expires, response_headers=response_headers) for name in names}

    def url_converter(
        self, name: str, hashed_files: dict[str, Any], *arguments: Any, **more: Any
    ) -> Callable[[re.Match[str]], str]:
        """Rewrite references in a file. One that starts with the path in STATIC_URL becomes relative to the file.

        That path does not exist on the bucket's origin.
        """
        convert: Callable[[Any], str] = super().url_converter(name, hashed_files, *arguments, **more)

        def converter(match: re.Match[str]) -> str:
            url = match.groupdict()["url"]
            if not (url.startswith("/") and url.startswith(settings.STATIC_URL)):
                return convert(match)
            depth = name.replace("\\", "/").count("/")
            relative = f"{'../' * depth or './'}{url.removeprefix(settings.STATIC_URL)}"
            return convert(_Reference(match, relative))

        return converter

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        """The name with a hash of the content in it."""
        hashed = super().hashed_name(name, content, filename)
        if hashed != name:
            self._hashed.add(names.clean(hashed))
            if isinstance(content, ContentFile):  # Django gives rewritten files this type
                self._rewritten.add(names.clean(hashed))
        return hashed

    def post_process(self, *arguments: Any, **options: Any) -> Iterator[Any]:
        """Store the collected files under hashed names, and the manifest after all of them."""
        with run_of(self).post_processing():
            yield from super().post_process(*arguments, **options)

    def load_manifest(self) -> Any:
        """The manifest's content, which is read at its first use: constructing a storage sends no request."""
        read: Any = cache(super().load_manifest)
        return SimpleLazyObject(lambda: read()[0]), SimpleLazyObject(lambda: read()[1])

    def save_manifest(self) -> None:
        """Write the manifest with its names sorted: the same files make the same manifest."""
        self.hashed_files = dict(sorted(self.hashed_files.items()))
        super().save_manifest()

    def default_headers(self, name: str) -> dict[str, str]:
        """Headers of a file, which the options may replace: hashed files may be cached forever."""
        return {"Cache-Control": CACHE_FOREVER} if name in self._hashed else {}

    def is_hashed(self, name: str) -> bool:
        """Whether ``hashed_name`` has returned this name."""
        return name in self._hashed

    def is_intermediate(self, name: str) -> bool:
        """Whether post-processing may still give a file of this name another one."""
        return name in self._rewritten and not self.keep_intermediate_files

    def _resolved(self, storage: Storage | str) -> Storage:
        if not isinstance(storage, str):
            return storage
        if storage == self.options.alias:
            return self
        try:
            return storages[storage]
        except InvalidStorageError as error:
            raise ConfigurationError(
                f"STORAGES['{self.options.alias}']: manifest_storage: STORAGES has no alias '{storage}'."
            ) from error
