"""MinioBackendStatic: static files in one public bucket."""

from __future__ import annotations

import dataclasses
import re
import sys
from typing import TYPE_CHECKING, Any, Literal, Self, cast

from ..base import DefaultAlias
from ..files import keys
from ..options.fields import DEFAULT_STATIC_FILES_BUCKET
from ..options.hiding import hidden_options
from ..storage import MinioBackend
from ..transport import headers
from .current_run import NO_RUN, Run, current_run

if TYPE_CHECKING:
    import datetime as dt
    from io import BufferedReader

    from django.core.files.storage import Storage
    from minio.datatypes import Object

    from ..files.file import ObjectFile
    from ..files.upload import UploadTarget
    from ..options.fields import StorageOptions
    from ..reading.reader import ObjectReader

DJANGOS_COMMAND = "django.contrib.staticfiles.management.commands.collectstatic"


class MinioBackendStatic(MinioBackend):
    """Stores static files in MINIO_STATIC_FILES_BUCKET, which is always public; a save replaces an existing file.

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

    # Files. A run of collectstatic knows most of them without a request.

    def _open(self, name: str, mode: str = "rb", **text: str | None) -> ObjectFile:
        """Open a file. In a missing bucket the file is missing, as the manifest is before the first collectstatic."""
        from ..s3.errors import FAILURES, ObjectNotFound, is_missing_bucket

        run = run_of(self)
        if mode != "rb":
            run.before_opening(keys.clean(name))
        elif (local := run.local_file(name)) is not None:
            return cast("ObjectFile", local)
        try:
            return super()._open(name, mode, **text)
        except FAILURES as error:
            if is_missing_bucket(error):
                raise ObjectNotFound(self.bucket, self.key(name)) from error
            raise

    def _reader(self, key: str) -> BufferedReader:
        """Read an object; what the response declares as gzip is decompressed, whatever compressed it."""
        from . import gzipped

        reader = super()._reader(key)
        is_gzip = gzipped.is_gzip(cast("ObjectReader", reader.raw).encoding) and reader.peek(2)[:2] == gzipped.MAGIC
        return cast("BufferedReader", gzipped.Decompressed(reader)) if is_gzip else reader

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store a file under its name, replacing an existing file, and return the name."""
        return run_of(self).save(name, content, max_length, super().save)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name: a save replaces an existing file."""
        return name if max_length is None else super().get_available_name(name, max_length)

    def _save(self, name: str, content: Any) -> str:
        return run_of(self).store(name, content, super()._save)

    def _target(self, name: str, *, condition: bool | Literal["auto"], content: object = None) -> UploadTarget:
        target = super()._target(name, condition=condition, content=content)
        defaults = {**self.default_headers(name), **run_of(self).upload_headers}
        if not defaults:
            return target
        return dataclasses.replace(target, headers=headers.checked_for(target.key, defaults, target.headers))

    def default_headers(self, name: str) -> dict[str, str]:  # noqa: ARG002 - subclasses use it
        """Headers of a file, which the options may replace: none."""
        return {}

    def _encoded(self, name: str, content: Any, target: UploadTarget) -> tuple[Any, UploadTarget]:
        """Compress text, but not the manifest, which others read as plain JSON, nor content with another encoding."""
        by_name = {header.lower(): value for header, value in target.headers.items()}
        is_manifest = name == getattr(self, "manifest_name", None)
        if not self.options.static_gzip or is_manifest or "content-encoding" in by_name:
            return content, target
        from . import gzipped

        if not gzipped.is_text(by_name["content-type"]):
            return content, target
        if not isinstance(content, gzipped.Compressed):  # as a run does that compares it first
            content = gzipped.compress(content)
        if isinstance(content, gzipped.Compressed):
            target = dataclasses.replace(target, headers={**target.headers, "Content-Encoding": "gzip"})
        return content, target

    def delete(self, name: str) -> None:
        """Delete a file; deleting a missing file is not an error."""
        run_of(self).delete(name, super().delete)

    def exists(self, name: str | None) -> bool:
        """Whether there is a file or a folder of this name: ``collectstatic --clear`` looks for folders."""
        return name is not None and run_of(self).exists(name, self._exists)

    def _exists(self, name: str) -> bool:
        if super().exists(name):
            return True
        if not keys.clean(name) or keys.is_folder(name):  # the bucket or the folder, which does not exist
            return False
        from ..s3 import listing

        return listing.prefix_exists(self.s3, self.bucket, keys.folder_prefix(name, self.options.location))

    def get_modified_time(self, name: str) -> dt.datetime:
        """When a file was last written: aware in UTC, or naive in local time, depending on USE_TZ."""
        return run_of(self).get_modified_time(name, super().get_modified_time)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files directly in a folder; none if the folder does not exist."""
        return run_of(self).listdir(path, super().listdir)

    def stat(self, name: str) -> Object:
        """The SDK's description of an object.

        Raises:
            ObjectNotFound: both minio.error.S3Error and FileNotFoundError.
        """
        run_of(self).flush(keys.clean(name))
        return super().stat(name)

    # Called by a run of collectstatic

    def unwrapped(self) -> Self:
        """This storage, even if it is called through ``staticfiles_storage``, Django's lazy object around it."""
        return self

    def upload_target(self, name: str, content: object) -> UploadTarget:
        """Where a file is stored, with its headers."""
        return self._target(name, condition=False, content=content)

    def prepared_upload(self, name: str, content: Any) -> tuple[Any, UploadTarget]:
        """The content of a file, compressed if its headers allow, and where it is stored."""
        return self._encoded(name, content, self.upload_target(name, content))

    def save_without_attempts(self, name: str, content: Any, max_length: int | None) -> str:
        """Save a file by the methods that subclasses override, without what other storages need to change its name."""
        return self._save(self.get_available_name(name, max_length), content)

    def is_hashed(self, name: str) -> bool:
        """Whether a name has a hash in it, where Django's HashedFilesMixin puts it."""
        return re.search(r"\.[0-9a-f]{12}(\.[^./]*)?$", name) is not None

    def is_intermediate(self, name: str) -> bool:  # noqa: ARG002 - subclasses use it
        """Whether post-processing may still give a file of this name another one: never."""
        return False

    @property
    def manifest_storage(self) -> Storage:
        """Where Django's ManifestFilesMixin, if it is a base class, keeps the manifest.

        The mixin reads this right before it writes the manifest. By then the files that the manifest names have to be
        in the bucket.
        """
        run_of(self).flush()
        return self._manifest_storage

    @manifest_storage.setter
    def manifest_storage(self, storage: Storage) -> None:
        self._manifest_storage = storage

    # Buckets

    @property
    def is_bucket_public(self) -> bool:
        """True: browsers load static files without a signature."""
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


def run_of(storage: MinioBackendStatic) -> Run:
    """The run of collectstatic that this thread has open for a storage, by this package's command or by Django's."""
    run = current_run(storage)
    if run is not NO_RUN or DJANGOS_COMMAND not in sys.modules:  # as in every process that serves the site
        return run
    from .collecting.django_command import find_run

    return find_run(storage)
