"""One run of collectstatic: files are compared with one listing, and those that differ are uploaded in parallel."""

from __future__ import annotations

import dataclasses
import errno
from typing import TYPE_CHECKING, Any, Self

from ..errors import CollectingError
from ..files import keys as names
from ..files import upload
from ..files.content import Source
from ..health.explanations import explained_in_sentence
from ..limits import KEYS_PER_DELETION, MIN_PART_SIZE
from ..s3 import deletion, listing
from . import fingerprint, upload_queue
from .current_run import open_collection
from .gzipped import Compressed
from .name_tree import Folders
from .upload_queue import Job, ParallelUploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType

    from django.core.files import File
    from django.core.files.storage import Storage

    from ..s3.listing import ListedObject
    from .fingerprint import Content
    from .storage import MinioBackendStatic

IN_MEMORY = MIN_PART_SIZE  # of one file, which goes up in one request then; a larger one is read twice and sent at once


class Collection:
    """Knows what the bucket holds and what the run has stored so far; while it is open its storage answers from it.

    Args:
        storage: where the files go.
        dry_run: compare, but change nothing.
        force: upload what the server has already, too.
        progress: called in this thread after an upload with the number done and the number known so far.

    Attributes:
        changes: number of files that differ from what the server had.
    """

    def __init__(
        self,
        storage: MinioBackendStatic,
        *,
        dry_run: bool = False,
        force: bool = False,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self.storage = storage
        self.changes = 0
        self._dry_run = dry_run
        self._force = force
        self._sources: dict[str, tuple[Storage, str]] = {}
        self._stored: dict[str, ListedObject] = {}
        self._names = Folders()
        self._sent: dict[str, str] = {}  # ETags of what this run has stored
        self._hashed: set[str] = set()
        self._doomed: dict[str, None] = {}
        self._provisional: dict[str, Job] = {}
        self._provisional_bytes = 0
        self._uploads = ParallelUploads(storage.s3, storage.options, self._where(), progress)
        self._token: Token[Collection | None] | None = None

    def __enter__(self) -> Self:
        self._list()
        self._token = open_collection.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None  # noqa: S101 - entered
        open_collection.reset(self._token)
        self._uploads.close()

    # What collectstatic does

    def take(self, name: str, storage: Storage, path: str) -> None:
        """Remember where a file that is being collected comes from: it is read there, never from the server."""
        self._sources[names.clean(name)] = (storage, path)

    def note_hashed(self, name: str) -> None:
        """Remember a name with a hash in it, which post-processing will ask for and store where it is not there."""
        self._hashed.add(names.clean(name))

    def clear(self) -> None:
        """Delete what ``delete`` was called for, and take the bucket for empty from now on."""
        self._delete_doomed()
        self._stored.clear()

    def settle(self, name: str | None = None) -> None:
        """Wait until everything stored so far has arrived, or the file of one name.

        Raises:
            CollectingError: an upload has failed.
        """
        if name is None:
            for given_up in self._provisional.keys() & self._doomed:
                self._take_provisional(given_up)
                del self._sent[given_up]
        for provisional in [each for each in self._provisional if name in (None, each)]:
            self._uploads.start(self._take_provisional(provisional))
        self._uploads.wait(name)

    def finish(self) -> None:
        """Wait for all uploads, then delete what post-processing has replaced.

        Raises:
            CollectingError: an upload or a deletion has failed.
        """
        self.settle()
        self._delete_doomed()

    # What the storage does meanwhile

    def store(self, name: str, content: Any) -> str:
        """Upload a file, soon and by another thread, if it is not what the server has."""
        name = names.clean(name)
        source = Source(content, replayable=True)
        try:
            self._store(name, content, source)
        finally:
            source.close()
        if not self._names.has_file(name):
            self._names.add(name)
            self._doomed.pop(name, None)
        return name

    def exists(self, name: str) -> bool:
        """Whether there is a file or a folder of this name, as things will be at the end.

        A forced upload denies what only the server has, as Django does not store a hashed file that exists.
        """
        name = names.clean(name)
        if self._force and name in self._hashed and name in self._stored and name not in self._sent:
            return False
        return self._names.has_file(name) or self._names.has_folder(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files directly in a folder, as things will be at the end."""
        return self._names.content(names.folder_prefix(path, "").rstrip("/"))

    def open(self, name: str) -> File[Any] | None:
        """The local file of this name; None where only the server has it.

        Raises:
            FileNotFoundError: there is none.
        """
        name = names.clean(name)
        if name in self._sources:
            storage, path = self._sources[name]
            return storage.open(path)
        if not self._names.has_file(name):
            raise FileNotFoundError(errno.ENOENT, f"No such file in bucket '{self.storage.bucket}'", name)
        self.settle(name)
        return None

    def delete(self, name: str) -> None:
        """Forget a file; it is deleted at the end, unless it is stored again."""
        name = names.clean(name)
        if self._names.has_file(name):
            self._names.remove(name)
            self._doomed[name] = None

    # How

    def _list(self) -> None:
        from ..s3.errors import FAILURES, is_missing_bucket

        storage = self.storage
        prefix = names.folder_prefix("", storage.options.location)
        metadata = storage.options.static_gzip or storage.options.sse is not None  # where ETags may not tell
        try:
            for entry in listing.list_objects(storage.s3, storage.bucket, prefix, metadata=metadata):
                name = entry.key[len(prefix) :]
                if names.is_clean(name):  # no file of the storage has any other, such as "folder/" or "a//b"
                    self._stored[name] = entry
        except FAILURES as error:
            if not is_missing_bucket(error):
                raise CollectingError(
                    f"The {self._where()} cannot be listed: {self._reason(error, 's3:ListBucket')}."
                ) from error
            if not storage.options.bucket_check_on_save:
                raise CollectingError(
                    f"The {self._where()} does not exist. Run manage.py initialize_buckets, or correct its name."
                ) from error
            if not self._dry_run:
                self._make_bucket()
        self._names = Folders(self._stored)

    def _make_bucket(self) -> None:
        from ..s3.errors import FAILURES

        try:
            self.storage.ensure_bucket()
        except FAILURES as error:
            raise CollectingError(
                f"The {self._where()} does not exist and cannot be created: {self._reason(error, 's3:CreateBucket')}."
            ) from error

    def _store(self, name: str, content: Any, source: Source) -> None:
        blocks = source.blocks(upload.cut(source.length, self.storage.options))
        body = b"".join(blocks) if source.length is None or source.length <= IN_MEMORY else None
        original_md5 = content.original_md5 if isinstance(content, Compressed) else None
        described = fingerprint.content_of(blocks if body is None else [body], original_md5)
        if name in self._sent:
            if self._sent[name] == described.etag:
                return
            self.settle(name)  # two uploads of one name must not overtake each other
        elif not self._force and self._server_has(name, described):
            return
        self.changes += 1
        target = self.storage.upload_target(name, content)  # tells of names that no object can have
        if self._dry_run:
            return
        self._sent[name] = described.etag
        target = dataclasses.replace(target, headers={**target.headers, fingerprint.RECORD: described.record})
        if body is None:
            source.rewind()
            self._uploads.run(name, target, source)
        elif self.storage.is_provisional(name):
            self._provisional[name] = Job(name, body, target)
            self._provisional_bytes += len(body)
            while self._provisional_bytes > upload_queue.IN_MEMORY:  # those given up are deleted at the end
                self._uploads.start(self._take_provisional(next(iter(self._provisional))))
        else:
            self._uploads.start(Job(name, body, target))

    def _take_provisional(self, name: str) -> Job:
        job = self._provisional.pop(name)
        self._provisional_bytes -= len(job.body)
        return job

    def _server_has(self, name: str, content: Content) -> bool:
        stored = self._stored.get(name)
        if stored is None:
            return False
        same = fingerprint.is_same(stored, content, encrypted=self.storage.options.sse is not None)
        return self._ask(name, stored, content) if same is None else same

    def _ask(self, name: str, stored: ListedObject, content: Content) -> bool:
        """Compare by the metadata of an object, or, where collectstatic has not uploaded it, by size and time."""
        from ..s3.errors import FAILURES

        try:
            found = self.storage.s3.head(self.storage.bucket, self.storage.key(name), self.storage.ssec)
        except FileNotFoundError:
            return False
        except FAILURES as error:
            raise CollectingError(
                f"'{name}' in {self._where()} cannot be compared: {self._reason(error, 's3:GetObject')}."
            ) from error
        record = fingerprint.recorded_in(found.metadata or {})
        if record is not None:
            return record == content.record
        if content.is_encoded or name not in self._sources or stored.size != content.size:
            return False
        storage, path = self._sources[name]
        try:
            changed = storage.get_modified_time(path)
        except (OSError, NotImplementedError):  # Django copies such a file, too
            return False
        return stored.modified.timestamp() >= int(changed.timestamp())

    def _delete_doomed(self) -> None:
        from ..s3.errors import FAILURES

        keys = [self.storage.key(name) for name in self._doomed if name in self._stored or name in self._sent]
        self._doomed.clear()
        if self._dry_run or not keys:
            return
        try:
            failed: dict[str, str] = {}
            for start in range(0, len(keys), KEYS_PER_DELETION):
                some = keys[start : start + KEYS_PER_DELETION]
                failed |= deletion.delete_objects(self.storage.s3, self.storage.bucket, some).failed
        except FAILURES as error:
            raise CollectingError(
                f"Files in {self._where()} could not be deleted: {self._reason(error, 's3:DeleteObject')}."
            ) from error
        if failed:
            told = "; ".join(f"'{key}': {reason}" for key, reason in list(failed.items())[:5])
            raise CollectingError(f"{len(failed)} files in {self._where()} could not be deleted: {told}.")

    def _reason(self, error: Exception, needed: str) -> str:
        return explained_in_sentence(error, self.storage.options, needed=needed)

    def _where(self) -> str:
        alias = f" of STORAGES['{self.storage.options.alias}']" if self.storage.options.alias else ""
        return f"bucket '{self.storage.bucket}'{alias} at {self.storage.server_url}"
