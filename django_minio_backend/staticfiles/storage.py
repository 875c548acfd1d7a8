"""MinioBackendStatic: static files in one public bucket."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from ..base import DefaultAlias
from ..files import keys, upload_headers
from ..options.fields import DEFAULT_STATIC_FILES_BUCKET
from ..options.hiding import hidden_options
from ..storage import MinioBackend
from ..transport import headers
from . import gzipped
from .current_run import collection_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader
    from typing import Literal

    from minio.datatypes import Object

    from ..files.file import ObjectFile
    from ..files.reader import ObjectReader
    from ..files.upload import UploadTarget
    from ..options.fields import StorageOptions
    from .run import Collection


class MinioBackendStatic(MinioBackend):
    """Stores static files in MINIO_STATIC_FILES_BUCKET, which is always public; a save replaces what is there.

    Args:
        bucket_name: the bucket, instead of MINIO_STATIC_FILES_BUCKET.
        storage_name: alias in STORAGES whose OPTIONS count.
        options: options as in OPTIONS.
    """

    def __init__(
        self, bucket_name: str = "", storage_name: str = DefaultAlias("staticfiles"), *args: Any, **options: Any
    ) -> None:
        options = hidden_options(options)
        super().__init__(bucket_name, storage_name, *args, **options)

    def _read_options(self) -> StorageOptions:
        options = super()._read_options()
        bucket = options.bucket_name or options.static_files_bucket or DEFAULT_STATIC_FILES_BUCKET
        return options.replace(bucket_name=bucket, replace_existing=True)

    @property
    def base_url(self) -> str:
        """What the URLs of files start with: the public URL of the bucket and MINIO_LOCATION, with a slash at the end.

        STATIC_URL is that for Django's own StaticFilesStorage; django-compressor removes it from URLs to get names.
        """
        return self._urls.url("")

    # Files; while collectstatic runs, it knows them without asking the server

    def _open(self, name: str, mode: str = "rb", **text: str | None) -> ObjectFile:
        """Open a file; where the bucket is missing so is the file, as a manifest before the first collectstatic is."""
        from ..s3.errors import FAILURES, ObjectNotFound, is_missing_bucket

        collection = collection_of(self)
        if collection is not None and mode == "rb" and (local := collection.open(name)) is not None:
            return cast("ObjectFile", local)
        try:
            return super()._open(name, mode, **text)
        except FAILURES as error:
            if is_missing_bucket(error):
                raise ObjectNotFound(self.bucket, self.key(name)) from error
            raise

    def _reader(self, key: str) -> BufferedReader:
        """Read what a save has compressed as it was before, whatever MINIO_STATIC_GZIP is by now."""
        reader = super()._reader(key)
        is_gzip = gzipped.is_gzip(cast("ObjectReader", reader.raw).encoding)
        if not is_gzip or reader.peek(2)[:2] != gzipped.MAGIC:
            return reader
        name = key.removeprefix(self.options.key_prefix)
        return reader if self._has_own_encoding(name) else cast("BufferedReader", gzipped.Decompressed(reader))

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store a file under its name, and replace what is there; return the name."""
        kind = type(self)
        is_ours = all(
            getattr(kind, method) is getattr(MinioBackend, method) for method in ("_save", "get_available_name")
        )
        if name and is_ours and collection_of(self) is not None:  # thousands of files, and no name is ever taken
            return self._store(name, content)
        return super().save(name, content, max_length)

    def _store(self, name: str, content: Any) -> str:
        if self._compresses(name, content):
            content = gzipped.compress(content)
        collection = collection_of(self)
        return super()._store(name, content) if collection is None else collection.store(name, content)

    def _target(self, name: str, *, condition: bool | Literal["auto"], content: object = None) -> UploadTarget:
        target = super()._target(name, condition=condition, content=content)
        gzip = {"Content-Encoding": "gzip"} if isinstance(content, gzipped.Compressed) else {}
        own = headers.checked_for(target.key, self.own_headers(name), gzip, target.headers)
        return dataclasses.replace(target, headers=own)

    def own_headers(self, name: str) -> dict[str, str]:  # noqa: ARG002 - subclasses look at it
        """Headers of a file unless the options say otherwise: none."""
        return {}

    def _compresses(self, name: str, content: object) -> bool:
        """Whether a save stores this file as gzip. Readers of the manifest want plain JSON."""
        if not self.options.static_gzip or name == getattr(self, "manifest_name", None):
            return False
        kind = upload_headers.content_type(name, content, trusted=self.options.trust_content_type)
        return not self._has_own_encoding(name) and gzipped.is_text(kind)

    def _has_own_encoding(self, name: str) -> bool:
        """Whether the site's own headers give the file a Content-Encoding, so that it is compressed before a save."""
        given = (*(upload_headers.object_headers(self.options, name)), *(self.options.headers or {}))
        return any(header.lower() == "content-encoding" for header in given)

    def delete(self, name: str) -> None:
        """Delete a file; one that is not there is no error."""
        collection = collection_of(self)
        if collection is None:
            super().delete(name)
        else:
            collection.delete(name)

    def exists(self, name: str | None) -> bool:
        """Whether there is such a file, or a folder of that name, as ``collectstatic --clear`` asks for."""
        if name is None:
            return False
        collection = collection_of(self)
        if collection is not None:
            return collection.exists(name)
        if super().exists(name):
            return True
        if not keys.clean(name) or keys.is_folder(name):  # the bucket itself is not there, or nothing in the folder
            return False
        from ..s3 import listing

        return listing.prefix_exists(self.s3, self.bucket, keys.folder_prefix(name, self.options.location))

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files directly in a folder; none where there is no such folder."""
        collection = collection_of(self)
        return super().listdir(path) if collection is None else collection.listdir(path)

    def stat(self, name: str) -> Object:
        """The SDK's description of an object.

        Raises:
            ObjectNotFound: both minio.error.S3Error and FileNotFoundError.
        """
        collection = collection_of(self)
        if collection is not None:
            collection.settle(keys.clean(name))
        return super().stat(name)

    # For collectstatic

    def collection(
        self, *, dry_run: bool = False, force: bool = False, progress: Callable[[int, int], None] = lambda *_: None
    ) -> Collection:
        """What a run of collectstatic stores by, see there."""
        from .run import Collection  # here, as it imports urllib3, which takes long when Django starts

        return Collection(self, dry_run=dry_run, force=force, progress=progress)

    def upload_target(self, name: str, content: object) -> UploadTarget:
        """Where a file goes, with its headers."""
        return self._target(name, condition=False, content=content)

    def is_provisional(self, name: str) -> bool:  # noqa: ARG002 - subclasses look at it
        """Whether post-processing may yet give a file of this name another one: never."""
        return False

    @property
    def is_bucket_public(self) -> bool:
        """Always: browsers load static files without a signature."""
        return True

    @property
    def PUBLIC_BUCKETS(self) -> list[str]:  # noqa: N802 - a promised name
        """The one bucket of static files."""
        return [self.bucket]

    @property
    def PRIVATE_BUCKETS(self) -> list[str]:  # noqa: N802 - a promised name
        """None."""
        return []

    @property
    def static_buckets(self) -> list[str]:
        """The one bucket of static files."""
        return [self.bucket]
