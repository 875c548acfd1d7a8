"""MinioBackend: Django's Storage API in terms of objects in a bucket."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from django.conf import settings
from django.core.files.base import File
from django.utils.functional import cached_property

from .base import BaseStorage
from .errors import ConfigurationError, ObjectExistsError
from .files import keys
from .save_attempt import BoundedAvailability, SaveAttempt, is_available, store

# Imports inside functions here load what Django's start does not need: the SDK, uploads, readers, writers, signatures.

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta
    from io import BufferedReader

    from minio.datatypes import Object

    from .direct_uploads.presigned import PresignedUpload
    from .files.file import ObjectFile
    from .files.upload import Uploader, UploadTarget
    from .files.writer import ObjectWriter
    from .health.status import MinioServerStatus
    from .object_urls.urls import Expiry, Headers, ObjectUrls


class MinioBackend(BaseStorage):
    """Stores files as objects in a bucket of MinIO or another S3-compatible server.

    Args:
        bucket_name: the bucket; MINIO_DEFAULT_BUCKET if it is empty.
        storage_name: alias in STORAGES whose OPTIONS count, unless the call has MINIO_* options and no alias.
        options: options as in OPTIONS, which they override.

    Raises:
        ConfigurationError: the alias does not exist, or an option is unknown, missing or invalid.
    """

    # Django's Storage API

    def open(self, name: str, mode: str = "rb", **text: str | None) -> ObjectFile:
        """Open an object to read ("r"), to write ("w") or to create ("x"), in bytes ("b") or else as text.

        ``encoding`` (UTF-8 by default) and ``newline`` are those of the built-in open().

        Raises:
            FileNotFoundError: the object to read does not exist.
            FileExistsError: the object to create exists.
            ValueError: any other mode.
        """
        return self._open(name, mode, **text)

    def _open(self, name: str, mode: str = "rb", **text: str | None) -> ObjectFile:
        from .files.file import open_object

        return open_object(name, mode, partial(self._reader, self.key(name)), partial(self._writer, name), **text)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store content under this name, or an alternative if the name exists, and return the name.

        Replaces an object only if ``replace_existing`` is on, or if a subclass's ``get_available_name`` returns a name
        that the server has refused as existing.
        """
        name = str(content.name) if name is None else name
        if not hasattr(content, "chunks"):
            content = File(content, name)  # as subclasses that override _save() expect it
        keys.validate(name)
        with SaveAttempt(self, name, max_length) as attempt:
            saved = self._save(attempt.find_name(), content)
        keys.validate(saved)
        return saved

    def _save(self, name: str, content: Any) -> str:
        return store(self, name, lambda attempt: self._store(attempt, content))

    def _store(self, attempt: SaveAttempt, content: Any) -> str:
        """Upload content under the candidate; ObjectExistsError if that object exists and is not to be replaced."""
        name = keys.clean(attempt.candidate)
        condition = False if self.replace_existing or attempt.overwrites else self.options.conditional_writes
        target = self._target(name, condition=condition, content=content)
        content, target = self._encoded(name, content, target)
        self._urls.saved(target.key, attempt.upload(self._uploader, target, content))
        return name

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Whether save() may try this name: it is not too long, and no object is known to have it."""
        if max_length and len(name) > max_length:
            return False
        return self.replace_existing or is_available(self, name)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name or an available alternative; NoAvailableNameError if the server reports every name as existing."""
        return BoundedAvailability(self, name).get_available_name(name, max_length)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """An alternative to a name that exists; the same name if existing objects are replaced."""
        return f"{file_root}{file_ext}" if self.replace_existing else super().get_alternative_name(file_root, file_ext)

    def delete(self, name: str) -> None:
        """Delete an object if it exists. A trailing slash means the empty object by which consoles show a folder."""
        if not name:
            raise ValueError("The name must be given to delete().")
        key = f"{self.key(name)}/" if keys.is_folder(name) else self.key(name)
        self.s3.delete(self.bucket, key)
        self._urls.deleted(key)

    def exists(self, name: str | None) -> bool:
        """Whether the object exists; any failure to find out is raised.

        An empty name stands for the bucket itself; None names nothing. A name with a trailing slash is a folder, which
        exists while anything is in it. Without the slash no folder is looked for, which would be a second request.
        """
        if name is None:
            return False
        if not keys.clean(name):
            return self.client.bucket_exists(self.bucket)
        if keys.is_folder(name):
            from .s3 import listing

            return listing.prefix_exists(self.s3, self.bucket, f"{self.key(name)}/")
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files directly in a folder; both empty if it does not exist.

        Direct uploads whose form is not saved are left out, and keys that are no names, such as with a backslash.

        Raises:
            urllib3.exceptions.ProtocolError: the server lists other keys than requested, or without end.
        """
        from .s3 import listing

        prefix = keys.folder_prefix(path, self.options.location)
        listed = listing.list_directory(self.s3, self.bucket, prefix)
        return keys.split_listing((key for key in listed if key != self.options.uploads_prefix), prefix)

    def size(self, name: str) -> int:
        """Bytes of an object as stored."""
        return int(self.stat(name).size or 0)

    def get_modified_time(self, name: str) -> dt.datetime:
        """When an object was last written: aware in UTC, or naive in local time, depending on USE_TZ."""
        return as_django_gives_times(cast("dt.datetime", self.stat(name).last_modified))

    def url(
        self, name: str | None, *, expires: Expiry = None, response_headers: Headers = None, http_method: str = "GET"
    ) -> str:
        """URL of an object: plain if the bucket is public and only a name is given, else presigned.

        Args:
            name: of the object. Leading slashes are dropped, as by Django's storages, but only by this method.
            expires: a timedelta or seconds, from 1 second to 7 days; MINIO_URL_EXPIRY_HOURS by default. Temporary
                credentials may expire earlier.
            response_headers: for the server's response, by S3's six ``response-*`` parameters. The file name in
                ``response-content-disposition`` may be in any script.
            http_method: GET or HEAD. For uploads there is ``presigned_upload``.

        Raises:
            ValueError: an argument is invalid.
        """
        return self._urls.url(name, expires, response_headers, http_method)

    # Beyond Django's Storage API

    def urls(self, names: Iterable[str], *, expires: Expiry = None, response_headers: Headers = None) -> dict[str, str]:
        """URLs of many objects by name, with at most three round trips to a cache; arguments as for ``url``."""
        return self._urls.urls(names, expires, response_headers)

    def stat(self, name: str) -> Object:
        """The SDK's description of an object: size, ETag, time, content type, metadata.

        Raises:
            ObjectNotFound: both minio.error.S3Error and FileNotFoundError.
        """
        return self.s3.head(self.bucket, self.key(name), self.ssec)

    def presigned_upload(
        self,
        name: str,
        *,
        max_size: int,
        expires: timedelta | float = 15 * 60,
        content_type: str | None = None,
        method: Literal["POST", "PUT"] = "POST",
        size: int | None = None,
        max_length: int | None = None,
    ) -> PresignedUpload:
        """Let a browser upload one file directly to the bucket, with the storage's own headers.

        Args:
            name: of the file, normalised as by save(); a random part is added, so that no existing object is replaced.
            max_size: limit in bytes, at most 5 GiB.
            expires: a timedelta or seconds, within which the upload must begin.
            content_type: required of the file; by default that of the name. It is trusted: compare a browser's with
                what you accept.
            method: "POST" for a form; "PUT" for a request with only the bytes and all of the ``headers``.
            size: exact size in bytes, if known; "PUT" needs it.
            max_length: of the name, in characters, as in the model's field.

        Raises:
            SuspiciousFileOperation: the name is absolute or leaves the storage.
            ValueError: an argument or a header is invalid, or impossible in a direct upload.
        """
        from .direct_uploads import presigned

        rules = presigned.UploadRules.checked(method, max_size, size, expires, content_type)
        name = presigned.random_name(name, max_length)
        return presigned.presign(self.options, self._target(name, condition=False), name, rules)

    def accept_upload(self, name: str) -> str:
        """Move an upload to a new name, within the server, and return that name.

        A form can be sent again until it expires, and replaces its own object only. A PUT cannot be repeated.

        Raises:
            FileNotFoundError: nothing has been uploaded.
        """
        from .direct_uploads import presigned, transfer

        name = keys.clean(name)  # delete() would take a trailing slash for a folder's
        accepted = presigned.another_random_name(name)
        target = self._target(accepted, condition=False)  # nobody knows the name
        self._urls.saved(target.key, transfer.accept(self.s3, self.stat(name), target))
        self.delete(name)
        return accepted

    def is_minio_available(self) -> MinioServerStatus:
        """Whether the server responds; false with ``details`` if it does not, never an exception."""
        from .health.status import MinioServerStatus, server_status

        try:
            return server_status(self.s3, self.options)
        except ConfigurationError as error:
            return MinioServerStatus.unavailable("\n".join(error.problems))

    @cached_property
    def _urls(self) -> ObjectUrls:
        from .object_urls.urls import ObjectUrls

        return ObjectUrls(self.options, self.bucket, self.key, public=self.is_bucket_public)

    @cached_property
    def _uploader(self) -> Uploader:
        from .files.upload import Uploader

        return Uploader(self.options)

    def _target(self, name: str, *, condition: bool | Literal["auto"], content: object = None) -> UploadTarget:
        return self._uploader.target(self.bucket, self.key(name), name, content, condition=condition)

    def _encoded(self, name: str, content: Any, target: UploadTarget) -> tuple[Any, UploadTarget]:  # noqa: ARG002
        """Content and target of an upload, unchanged; MinioBackendStatic compresses text."""
        return content, target

    def _reader(self, key: str) -> BufferedReader:
        from .reading.reader import buffered_reader

        return buffered_reader(self.s3, self.bucket, key, self.ssec, self.options.num_parallel_downloads)

    def _writer(self, name: str, kind: str) -> ObjectWriter:
        from .files.content import plan_parts
        from .files.upload import Upload
        from .files.writer import ObjectWriter

        if kind == "x" and self.exists(name):
            raise ObjectExistsError(self.bucket, self.key(name))
        target = self._target(keys.clean(name), condition=kind == "x" and self.options.conditional_writes)
        stored = partial(self._urls.saved, target.key)
        return ObjectWriter(Upload(self.s3, target), plan_parts(None, self.options), stored)


def as_django_gives_times(moment: dt.datetime) -> dt.datetime:
    """A time as Django's storages give it: aware in UTC, or naive in local time, depending on USE_TZ."""
    return dt.datetime.fromtimestamp(moment.timestamp(), tz=dt.UTC if settings.USE_TZ else None)
