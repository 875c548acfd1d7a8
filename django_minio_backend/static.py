"""MinioBackendStatic: static files in one public bucket."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from . import names
from .configured_storage import DefaultAlias
from .options import DEFAULT_STATIC_FILES_BUCKET
from .storage import MinioBackend

if TYPE_CHECKING:
    from .files import ObjectFile
    from .options import StorageOptions


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
        super().__init__(bucket_name, storage_name, *args, **options)

    def _read_options(self) -> StorageOptions:
        options = super()._read_options()
        bucket = options.bucket_name or options.static_files_bucket or DEFAULT_STATIC_FILES_BUCKET
        return dataclasses.replace(options, bucket_name=bucket, replace_existing=True)

    def _open(self, name: str, mode: str = "rb", **text: str | None) -> ObjectFile:
        """Open a file; where the bucket is missing so is the file, as a manifest before the first collectstatic is."""
        from .s3 import FAILURES, ObjectNotFound, is_missing_bucket

        try:
            return super()._open(name, mode, **text)
        except FAILURES as error:
            if is_missing_bucket(error):
                raise ObjectNotFound(self.bucket, self.key(name)) from error
            raise

    def exists(self, name: str) -> bool:
        """Whether there is such an object, or a folder of that name, as ``collectstatic --clear`` asks for."""
        if super().exists(name):
            return True
        return any(True for _ in self.s3.list(self.bucket, names.folder_prefix(name, self.options.location)))

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
