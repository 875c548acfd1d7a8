"""One run of collectstatic: files are compared with one listing, and those that differ are uploaded in parallel."""

from __future__ import annotations

import dataclasses
import errno
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Self

from ...errors import CollectingError
from ...files import keys as names
from ...files.content import ContentReader, plan_parts
from ...health.explanations import explain_in_sentence
from ...s3 import deletion, listing
from ...s3.errors import FAILURES, is_missing_bucket
from ...transport.limits import KEYS_PER_DELETION, MIN_PART_SIZE
from ..current_run import Run, open_run
from ..gzipped import Compressed
from .fingerprint import SOURCE_MD5_HEADER, fingerprint_of, matches, source_md5_in
from .name_tree import NameTree
from .upload_queue import UploadJob, UploadQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextvars import Token

    from django.core.files import File
    from django.core.files.storage import Storage

    from ...files.upload import UploadTarget
    from ...s3.listing import ListedObject
    from ..storage import MinioBackendStatic
    from .fingerprint import Fingerprint

SMALL_FILE = MIN_PART_SIZE  # bytes; a larger file is not read into memory but twice, and uploaded before the next one


class CollectstaticRun(Run):
    """What the bucket holds and what the run has stored so far. While it is open, its storage sends few requests.

    Args:
        storage: storage of the static files.
        dry_run: compare, but change nothing.
        force: upload unchanged files as well.
        progress: called in this thread after each upload with the number of uploads done and begun so far.

    Attributes:
        changes: number of files that differ from those on the server.
    """

    def __init__(
        self,
        storage: MinioBackendStatic,
        *,
        dry_run: bool = False,
        force: bool = False,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        alias = f" of STORAGES['{storage.options.alias}']" if storage.options.alias else ""
        self.storage: MinioBackendStatic = storage.unwrapped()
        self.changes = 0
        self._dry_run = dry_run
        self._force = force
        self._bucket = f"bucket '{storage.bucket}'{alias} at {storage.server_url}"
        self._sources: dict[str, tuple[Storage, str]] = {}
        self._listed: dict[str, ListedObject] = {}
        self._names = NameTree()
        self._sent: dict[str, str] = {}  # ETags of what this run has stored
        self._pending_deletes: dict[str, None] = {}
        self._uploads = UploadQueue(storage.s3, storage.options, self._bucket, progress)
        self._token: Token[Run] | None = None

    def __enter__(self) -> Self:
        self._list()
        self._token = open_run.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._token is not None  # noqa: S101 - set by __enter__
        open_run.reset(self._token)
        self._uploads.close()

    # Called by the command

    def register(self, name: str, storage: Storage, path: str) -> None:
        """Remember where a collected file comes from: it is read from there, never from the server."""
        self._sources[names.clean(name)] = (storage, path)

    def clear(self) -> None:
        """Delete the files for which ``delete`` was called, and take the bucket for empty from now on."""
        self._delete_pending()
        self._listed.clear()

    def finish(self) -> None:
        """Wait for all uploads, then delete what post-processing has replaced.

        Raises:
            CollectingError: an upload or a deletion has failed.
        """
        self.flush()
        self._delete_pending()

    # Called by the storage

    def save(self, name: str | None, content: Any, max_length: int | None, save: Callable[..., str], /) -> str:
        """Store a file under its name. Attempts with other names, which never happen, would cost a run a third more."""
        if name is None:
            return save(name, content, max_length)
        return self.storage.save_without_attempts(name, content, max_length)

    def store(self, name: str, content: Any, _upload: object, /) -> str:
        """Upload a file by another thread, if it differs from that on the server."""
        name = names.clean(name)
        target = None
        if self.storage.options.static_gzip:
            content, target = self.storage.prepared_upload(name, content)
        with closing(ContentReader(content, replayable=True)) as source:
            blocks = source.blocks(plan_parts(source.length, self.storage.options))
            body = b"".join(blocks) if source.length is None or source.length <= SMALL_FILE else None
            uncompressed_md5 = content.uncompressed_md5 if isinstance(content, Compressed) else None
            fingerprint = fingerprint_of(blocks if body is None else [body], uncompressed_md5)
            if not self._is_stored(name, fingerprint):
                self.changes += 1
                target = target or self.storage.upload_target(name, content)
                headers = {**target.headers, SOURCE_MD5_HEADER: fingerprint.source_md5}
                if not self._dry_run:
                    self._upload(name, fingerprint.etag, dataclasses.replace(target, headers=headers), source, body)
        if not self._names.has_file(name):
            self._names.add(name)
            self._pending_deletes.pop(name, None)
        return name

    def exists(self, name: str, _object_exists: object, /) -> bool:
        """Whether there will be a file or a folder of this name after the run.

        False for hashed names that a forced run has not uploaded yet: Django does not store those that exist.
        """
        name = names.clean(name)
        if self._force and name in self._listed and name not in self._sent and self.storage.is_hashed(name):
            return False
        return self._names.has_file(name) or self._names.has_folder(name)

    def listdir(self, path: str, _list_directory: object, /) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files directly in a folder, as they will be after the run."""
        return self._names.content(names.folder_prefix(path, "").rstrip("/"))

    def local_file(self, name: str) -> File[Any] | None:
        """The collected file of this name; None where only the server has it.

        Raises:
            FileNotFoundError: there is no such file.
        """
        name = names.clean(name)
        if name in self._sources:
            storage, path = self._sources[name]
            return storage.open(path)
        if not self._names.has_file(name):
            raise FileNotFoundError(errno.ENOENT, f"No such file in bucket '{self.storage.bucket}'", name)
        self.flush(name)
        return None

    def delete(self, name: str, _delete_object: object, /) -> None:
        """Forget a file; it is deleted after the run, unless it is stored again."""
        name = names.clean(name)
        if self._names.has_file(name):
            self._names.remove(name)
            self._pending_deletes[name] = None

    def flush(self, name: str | None = None) -> None:
        """Wait until all files stored so far are uploaded, or that of one name.

        Raises:
            CollectingError: an upload has failed.
        """
        if name is None:
            for replaced in self._pending_deletes:
                if self._uploads.drop(replaced):
                    del self._sent[replaced]
        self._uploads.flush(name)

    # Comparison and requests

    def _list(self) -> None:
        storage = self.storage
        prefix = storage.options.key_prefix
        metadata = storage.options.static_gzip or storage.options.sse is not None  # where ETags may differ
        try:
            for entry in listing.list_objects(storage.s3, storage.bucket, prefix, metadata=metadata):
                name = entry.key[len(prefix) :]
                if names.is_clean(name):  # not "folder/" or "a//b", which no file of a storage is called
                    self._listed[name] = entry
        except FAILURES as error:
            if not is_missing_bucket(error):
                raise self._failure(f"The {self._bucket} cannot be listed", error, "s3:ListBucket") from error
            if not storage.options.bucket_check_on_save:
                raise CollectingError(
                    f"The {self._bucket} does not exist. Run manage.py initialize_buckets, or correct its name."
                ) from error
            if not self._dry_run:
                with self._reported(f"The {self._bucket} does not exist and cannot be created", "s3:CreateBucket"):
                    storage.ensure_bucket()
        self._names = NameTree(self._listed)

    def _is_stored(self, name: str, fingerprint: Fingerprint) -> bool:
        """Whether this run has stored the file, or the server has it already."""
        if name in self._sent:
            return self._sent[name] == fingerprint.etag
        listed = self._listed.get(name)
        if listed is None or self._force:
            return False
        same = matches(listed, fingerprint, encrypted=self.storage.options.sse is not None)
        return self._compare_by_head(name, listed, fingerprint) if same is None else same

    def _compare_by_head(self, name: str, listed: ListedObject, fingerprint: Fingerprint) -> bool:
        """Compare by the object's metadata; by size and time where collectstatic has not uploaded it."""
        with self._reported(f"The file '{name}' in {self._bucket} cannot be compared", "s3:GetObject"):
            try:
                description = self.storage.s3.head(self.storage.bucket, self.storage.key(name), self.storage.ssec)
            except FileNotFoundError:
                return False
        source_md5 = source_md5_in(description.metadata or {})
        if source_md5 is not None:
            return source_md5 == fingerprint.source_md5
        if fingerprint.is_compressed or name not in self._sources or listed.size != fingerprint.size:
            return False
        storage, path = self._sources[name]
        try:
            modified = storage.get_modified_time(path)
        except (OSError, NotImplementedError):  # Django copies such a file as well
            return False
        return listed.modified.timestamp() >= int(modified.timestamp())

    def _upload(self, name: str, etag: str, target: UploadTarget, source: ContentReader, body: bytes | None) -> None:
        if name in self._sent:
            self.flush(name)  # two uploads of one name must not overtake each other
        self._sent[name] = etag
        if body is None:
            source.rewind()
            self._uploads.upload_now(name, target, source)
        else:
            upload = self._uploads.hold if self.storage.is_intermediate(name) else self._uploads.add
            upload(UploadJob(name, body, target))

    def _delete_pending(self) -> None:
        keys = [self.storage.key(name) for name in self._pending_deletes if name in self._listed or name in self._sent]
        self._pending_deletes.clear()
        if self._dry_run:
            return
        failed: dict[str, str] = {}
        with self._reported(f"Files in {self._bucket} could not be deleted", "s3:DeleteObject"):
            for start in range(0, len(keys), KEYS_PER_DELETION):
                batch = keys[start : start + KEYS_PER_DELETION]
                failed |= deletion.delete_objects(self.storage.s3, self.storage.bucket, batch).failed
        if failed:
            reasons = "; ".join(f"'{key}': {reason}" for key, reason in list(failed.items())[:5])
            raise CollectingError(f"{len(failed)} files in {self._bucket} could not be deleted: {reasons}.")

    @contextmanager
    def _reported(self, failure: str, permission: str) -> Iterator[None]:
        """Raise CollectingError where the server refuses a request or cannot be reached."""
        try:
            yield
        except FAILURES as error:
            raise self._failure(failure, error, permission) from error

    def _failure(self, failure: str, error: Exception, permission: str) -> CollectingError:
        return CollectingError(f"{failure}: {explain_in_sentence(error, self.storage.options, needed=permission)}.")
