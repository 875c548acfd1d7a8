"""MinioBackend: Django's Storage API in terms of objects and buckets, nothing else."""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import partial
from io import BufferedReader
from typing import IO, TYPE_CHECKING, Any, Literal, cast

from django.conf import settings
from django.core.files.base import File
from django.core.files.utils import validate_file_name
from django.utils.functional import cached_property
from django.utils.module_loading import import_string

from .addressed_storage import AddressedStorage
from .bucket_storage import BucketStorage
from .errors import ConfigurationError, ObjectExistsError
from .files import file, keys, upload, writer
from .files.save_attempt import BoundedAvailability, save_under_a_free_name, saving_of
from .health.status import MinioServerStatus, server_status
from .object_urls import urls
from .transport import headers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from minio.datatypes import Object

    from .direct_uploads.presigned import PresignedUpload
    from .files.content import Source


class MinioBackend(AddressedStorage, BucketStorage):
    """Stores files as objects in a bucket of MinIO or another S3-compatible server.

    Args:
        bucket_name: the bucket; MINIO_DEFAULT_BUCKET where it is empty.
        storage_name: alias in STORAGES whose OPTIONS count. A call with MINIO_* options that names no
            alias is self-contained: nothing else is looked up.
        options: options as in OPTIONS, on top of the alias's.

    Raises:
        ConfigurationError: if the alias is absent, or an option is unknown, missing or wrong.
    """

    # Django's Storage API

    def open(self, name: str, mode: str = "rb", **text: str | None) -> file.ObjectFile:
        """Open an object: "r" reads, "w" writes, "x" writes a new one; "b" for bytes, else text.

        For text, ``encoding`` (UTF-8) and ``newline`` are as the built-in open() has them.

        Raises:
            FileNotFoundError: there is nothing to read.
            FileExistsError: mode "x", and the name is taken.
            ValueError: any other mode.
        """
        return self._open(name, mode, **text)

    def _open(
        self, name: str, mode: str = "rb", *, encoding: str | None = None, newline: str | None = None
    ) -> file.ObjectFile:
        key = self.key(name)

        def opener(wanted: str) -> IO[Any]:
            kind, is_text = file.parse_mode(wanted)
            binary: Any = self._reader(key) if kind == "r" else self._writer(name, kind)
            return file.as_text(binary, encoding=encoding, newline=newline) if is_text else cast("IO[Any]", binary)

        return file.ObjectFile(name, mode, opener)

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store content under this name, or one like it where it is taken; return the name.

        Never replaces an object, unless ``replace_existing`` is on or a subclass's ``get_available_name``
        gives back a name that the server has refused as taken.
        """
        if name is None:
            name = content.name
        if not hasattr(content, "chunks"):
            content = File(content, name)  # as subclasses that override _save() expect it
        validate_file_name(name, allow_relative_path=True)
        return save_under_a_free_name(self, name, content, self._save, max_length)

    def _save(self, name: str, content: Any) -> str:
        saving = saving_of(self)
        if saving is not None and saving.name == name:
            return self._store(name, content)
        # Called by a mixin of Django's and not by save(), or by a subclass that has changed the name.
        max_length = saving.max_length if saving else None
        return save_under_a_free_name(self, name, content, self._store, max_length)

    def _store(self, name: str, content: Any) -> str:
        """Upload content as the object of this name.

        Raises:
            ObjectExistsError: the name is taken, and nobody has asked for it to be replaced.
        """
        saving = saving_of(self)
        assert saving is not None  # noqa: S101 - called through save_under_a_free_name only
        name = keys.clean(name)
        unconditional = self.replace_existing or saving.overwrite
        condition = False if unconditional else self.options.conditional_writes
        target = self._target(name, condition=condition, content=content)
        etag = self._copied(content, target)
        if etag is None:
            source = saving.source_of(content, replayable=bool(condition) or self.options.bucket_check_on_save)
            etag = self._uploaded(source, target)
        self._note_saved(target.key, etag)
        if hasattr(content, "saved_as"):
            content.saved_as(self.s3, target, etag)
        return name

    def _uploaded(self, source: Source, target: upload.Target) -> str:
        """ETag of the object that the content has become."""
        try:
            return upload.store(self.s3, target, source, self.options)
        except FileExistsError:
            raise
        except self._failures as error:
            if not (self.options.bucket_check_on_save and self._bucket_is_missing(error)):
                raise
            self._ensure_bucket()
            source.rewind()
            return upload.store(self.s3, target, source, self.options)

    def _copied(self, content: Any, target: upload.Target) -> str | None:
        """ETag of the object that a direct upload has become by a copy within the server; None for other content."""
        if not hasattr(content, "saved_as"):
            return None
        from .direct_uploads import transfer, uploaded_object

        source = uploaded_object.copy_source(content, self)
        return None if source is None else transfer.copy(source, target)

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Whether save() may try this name: not too long, and not known to be taken."""
        if max_length and len(name) > max_length:
            return False
        if self.replace_existing:
            return True
        saving = saving_of(self)
        if saving is not None:
            if name in saving.refused:
                return False
            if self.options.conditional_writes is True:  # the upload itself will tell
                return True
        try:
            return not self.exists(name)
        except self._failures as error:
            if self._bucket_is_missing(error):  # told by the upload, which may make the bucket
                return True
            raise

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name, or one like it that is available and not longer than ``max_length``.

        Raises:
            NoAvailableNameError: the server reports every name as already in use.
        """
        return BoundedAvailability(self).get_available_name(name, max_length)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Another name than one that is taken; the same where existing objects are replaced."""
        if self.replace_existing:
            return f"{file_root}{file_ext}"
        return super().get_alternative_name(file_root, file_ext)

    def delete(self, name: str) -> None:
        """Delete an object; one that is not there is no error.

        A name with a slash at its end is that of the empty object by which consoles keep a folder: what is in the
        folder stays, as does a file of that name.
        """
        if not name:
            raise ValueError("The name must be given to delete().")
        key = self.key(name)
        if keys.is_folder(name):
            key += "/"
        self.s3.delete(self.bucket, key)
        self._note_deleted(key)

    def exists(self, name: str | None) -> bool:
        """Whether the object is there. False means just that: every failure to find out is raised.

        An empty name stands for the bucket itself; None is the name of nothing. A name with a slash at its end is that
        of a folder, which is there while anything is in it; without the slash, a folder is not asked for: that would be
        a second request.
        """
        if name is None:
            return False
        if not keys.clean(name):
            return self.client.bucket_exists(self.bucket)
        if keys.is_folder(name):
            from .s3 import listing

            return listing.anything_below(self.s3, self.bucket, f"{self.key(name)}/")
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files directly in a folder; none where there is no such folder.

        Names that lead elsewhere are left out: other programs may have stored ``..`` or a backslash in a key. So are
        direct uploads that wait for their form to be saved.

        Raises:
            urllib3.exceptions.ProtocolError: the server lists what nobody has asked for, or without an end.
        """
        from .s3 import listing

        prefix = keys.folder_prefix(path, self.options.location)
        folders, found = [], []
        for key in listing.directly_below(self.s3, self.bucket, prefix):
            name = key[len(prefix) :]
            if not keys.is_clean(name.removesuffix("/")) or key == self.options.uploads_prefix:
                continue
            if name.endswith("/"):
                folders.append(name[:-1])
            else:
                found.append(name)
        return folders, found

    def size(self, name: str) -> int:
        """Bytes of an object as stored."""
        return int(self.stat(name).size or 0)

    def get_modified_time(self, name: str) -> dt.datetime:
        """When an object was last written: aware in UTC, or naive in the local zone, as USE_TZ says."""
        modified = cast("dt.datetime", self.stat(name).last_modified)
        return dt.datetime.fromtimestamp(modified.timestamp(), tz=dt.UTC if settings.USE_TZ else None)

    # Beyond Django's Storage API

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
        """Let a browser upload one file straight to the bucket, without a request now and none through Django then.

        Args:
            name: where to, normalised as save() does; a random part is put behind its stem, so that no upload
                can touch an object that is there already.
            max_size: bytes that the file may have, at most 5 GiB.
            expires: a timedelta or seconds in which the upload has to begin.
            content_type: that it has to have; guessed from the name if not given. It counts as yours and is not
                compared with the name: where a browser says it, compare it with what you accept.
            method: "POST" for a form with a limit of size; "PUT" for a request with the bytes alone and all of the
                ``headers``, which the server refuses once the object is there.
            size: bytes that the file has, which are then required; "PUT" needs it.
            max_length: of the name, in characters, as the model's field has it.

        The storage's own headers (MINIO_OBJECT_HEADERS, ``headers``, ``metadata``) go with it.

        Raises:
            SuspiciousFileOperation: the name is absolute or leaves the storage.
            ValueError: an argument or a header cannot be, a form's name has ``${filename}``, or the upload would need a
                secret of the server's side (``sse`` with a customer's key), or what a form cannot carry (``tags``,
                ``retention``, ``legal_hold``).
        """
        from .direct_uploads import presigned  # here, as few sites need it

        if method not in ("POST", "PUT"):
            raise ValueError(f"method is {method!r}, but must be POST or PUT.")
        presigned.check_sizes(max_size, size, method)
        upload_name = presigned.random_name(name, max_length)
        target = self._target(upload_name, condition=False)
        rules = presigned.UploadRules(
            name=upload_name,
            key=target.key,
            headers=self._headers_of_direct_upload(target, content_type),
            max_size=max_size,
            size=size,
            expires=urls.seconds_of(expires),
        )
        address = urls.bucket_address(self.options, self.bucket)
        credentials = self.s3_external.credentials()
        if method == "PUT":
            return presigned.put(address, self.options.region, credentials, rules)
        return presigned.form(address, self.bucket, self.options.region, credentials, rules)

    def accept_upload(self, name: str) -> str:
        """Move what a form has uploaded to a name that the form does not know, and return that name.

        A form can be sent again while it lives, and would replace what it made. What this returns it cannot reach.
        The copy is made within the server. What a PUT has uploaded needs none of this.

        Raises:
            FileNotFoundError: nothing has been uploaded.
        """
        from .direct_uploads import presigned, transfer

        name = keys.clean(name)  # with a slash at its end it would be a folder's, and the upload stay
        accepted = presigned.another_random_name(name)
        uploaded = self.stat(name)
        source = transfer.StoredObject(
            self.s3, self.bucket, self.key(name), str(uploaded.etag), int(uploaded.size or 0), self.ssec
        )
        target = self._target(accepted, condition=False)  # nobody knows the name
        agreed = {"Content-Type": uploaded.content_type} if uploaded.content_type else {}
        etag = transfer.copy(source, dataclasses.replace(target, headers=headers.merged(target.headers, agreed)))
        self._note_saved(target.key, etag)
        self.delete(name)
        return accepted

    def is_minio_available(self) -> MinioServerStatus:
        """Ask whether the server is alive; false with ``details`` if it is not, never an exception."""
        try:
            return server_status(self.s3, self.options)
        except ConfigurationError as error:
            return MinioServerStatus.of_nothing(str(error))

    # How the rooms below are called

    @cached_property
    def _object_headers(self) -> Callable[[str], Mapping[str, str]]:
        given = self.options.object_headers
        if isinstance(given, str):
            try:
                given = cast("Callable[[str], Mapping[str, str]]", import_string(given))
            except ImportError as error:
                raise ConfigurationError(f"{self!r}: MINIO_OBJECT_HEADERS: {error}.") from error
        if given is None or not callable(given):
            fixed = given or {}
            return lambda _: fixed
        return given

    def _target(self, name: str, *, condition: bool | Literal["auto"], content: object = None) -> upload.Target:
        from .s3.client import upload_headers

        options = self.options
        key = self.key(name)
        return upload.Target(
            bucket=self.bucket,
            key=key,
            headers=headers.checked_for(
                key,
                {"Content-Type": keys.content_type(name, content, trusted=options.trust_content_type)},
                self._object_headers(name) or {},
                options.headers or {},
                upload_headers(options),
            ),
            condition=condition,
            checksum=options.checksum,
            ssec=self.ssec,
            parallel=options.num_parallel_uploads,
            progress=options.progress,
        )

    def _headers_of_direct_upload(self, target: upload.Target, content_type: str | None) -> dict[str, str]:
        """Headers of an upload that a browser sends.

        Raises:
            ValueError: they are none of a browser's business, or cannot be sent.
        """
        options = self.options
        if target.ssec is not None:
            raise ValueError(
                f"{self!r} encrypts with a customer's key, which a direct upload would give to the browser."
            )
        if options.tags or options.retention or options.legal_hold or options.checksum:
            raise ValueError(f"{self!r}: tags, retention, legal_hold and checksum cannot go with a direct upload.")
        from .direct_uploads import presigned

        given = {} if content_type is None else {"Content-Type": presigned.checked_type(content_type)}
        return headers.merged(target.headers, given)

    def _reader(self, key: str) -> BufferedReader:
        from .files.reader import ObjectReader  # here, as it imports urllib3, which takes long when Django starts

        reader = ObjectReader(self.s3, self.bucket, key, self.ssec)
        reader.start()
        return BufferedReader(reader, file.BUFFER)

    def _writer(self, name: str, kind: str) -> writer.ObjectWriter:
        if kind == "x" and self.exists(name):
            raise ObjectExistsError(self.bucket, self.key(name))
        condition = self.options.conditional_writes if kind == "x" else False
        target = self._target(keys.clean(name), condition=condition)
        return writer.ObjectWriter(
            upload.Upload(self.s3, target), upload.cut(None, self.options), partial(self._note_saved, target.key)
        )

    @property
    def _failures(self) -> tuple[type[Exception], ...]:
        from .s3.errors import FAILURES

        return FAILURES

    @staticmethod
    def _bucket_is_missing(error: Exception) -> bool:
        from .s3.errors import is_missing_bucket

        return is_missing_bucket(error)
