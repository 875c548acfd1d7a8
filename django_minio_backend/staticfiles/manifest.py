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
from .storage import MinioBackendStatic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    from django.core.files.storage import Storage

    from ..options.fields import StorageOptions


CACHE_FOR_GOOD = "public, max-age=31536000, immutable"  # one year in seconds; RFC 8246 adds "immutable"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class _Reference:
    """A reference found in a file, with another URL in it."""

    def __init__(self, match: re.Match[str], url: str) -> None:
        self._match = match
        self._url = url

    def groupdict(self) -> dict[str, str | Any]:
        return {**self._match.groupdict(), "url": self._url}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._match, name)


class MinioManifestStaticStorage(ManifestFilesMixin, MinioBackendStatic):
    """Stores each static file also under a name with a hash of its content, which browsers may keep for good.

    ``staticfiles.json`` tells which name stands for which; it is read when the first address is asked for.

    Args:
        manifest_storage: where that file is kept instead of in the bucket: a storage, or an alias in STORAGES.
        arguments, options: as for MinioBackendStatic.
    """

    def __init__(self, *arguments: Any, manifest_storage: Storage | str | None = None, **options: Any) -> None:
        options = hidden_options(options)  # Django's mixins pass them on in frames of their own
        self._hashed: set[str] = set()
        self._rewritten: set[str] = set()
        self._manifest_storage_given = manifest_storage
        super().__init__(*arguments, **options)
        if self.options.manifest_storage is not None:
            self.manifest_storage = self._manifest_storage(self.options.manifest_storage)

    def _read_options(self) -> StorageOptions:
        if self._manifest_storage_given is not None:  # Django's mixin keeps it from the classes after it
            self._given = {**self._given, "manifest_storage": self._manifest_storage_given}
        return super()._read_options()

    def url(
        self,
        name: str | None,
        force: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        *,
        expires: timedelta | float | None = None,
        response_headers: Mapping[str, str] | None = None,
        http_method: str = "GET",
    ) -> str:
        """Address of the file under its hashed name, or its own in DEBUG mode unless ``force``.

        The other arguments are those of MinioBackend.url().

        Raises:
            ValueError: the manifest does not have the file, or an argument cannot be.
        """
        name = names.relative(name)  # Django's mixin does so in DEBUG mode only, and later finds no such file
        if expires is None and not response_headers and http_method == "GET":
            # Django's mixin has decoded it; a percent sign that is left there and begins no escape is the name's own.
            # A class between Django's and this one may have Storage's own signature, as Debug Toolbar's has.
            url = super().url(name, force) if force else super().url(name)
            return iri_to_uri(_STRAY_PERCENT.sub("%25", url)) or ""
        served = name if settings.DEBUG and not force else self.stored_name(name)
        return MinioBackendStatic.url(
            self, served, expires=expires, response_headers=response_headers, http_method=http_method
        )

    def urls(
        self,
        names: Iterable[str],
        *,
        expires: timedelta | float | None = None,
        response_headers: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """Addresses of many files under their hashed names, by name; see ``url``."""
        return {name: self.url(name, expires=expires, response_headers=response_headers) for name in names}

    def url_converter(
        self, name: str, hashed_files: dict[str, Any], *arguments: Any, **more: Any
    ) -> Callable[[re.Match[str]], str]:
        """Rewrite references in a file; one that starts with the path in STATIC_URL becomes relative to the file.

        On the origin of the bucket that path leads elsewhere.
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
            if isinstance(content, ContentFile):  # what Django makes of rewritten files
                self._rewritten.add(names.clean(hashed))
        return hashed

    def load_manifest(self) -> Any:
        """The manifest's content, which is read when it is first looked at: making a storage sends no request."""
        read: Any = cache(super().load_manifest)
        return SimpleLazyObject(lambda: read()[0]), SimpleLazyObject(lambda: read()[1])

    def save_manifest(self) -> None:
        """Write the manifest, with its names in one order: the same files make the same manifest."""
        self.hashed_files = dict(sorted(self.hashed_files.items()))
        super().save_manifest()

    def own_headers(self, name: str) -> dict[str, str]:
        """Headers of a file unless the options say otherwise: hashed ones may be cached for good."""
        return {"Cache-Control": CACHE_FOR_GOOD} if name in self._hashed else {}

    def is_provisional(self, name: str) -> bool:
        """Whether post-processing may yet give a file of this name another one."""
        return name in self._rewritten and not self.keep_intermediate_files

    def _manifest_storage(self, given: Storage | str) -> Storage:
        if not isinstance(given, str):
            return given
        if given == self.options.alias:
            return self
        try:
            return storages[given]
        except InvalidStorageError as error:
            raise ConfigurationError(
                f"{self.options.label}: manifest_storage: there is no alias '{given}' in STORAGES."
            ) from error
