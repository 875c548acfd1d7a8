"""A run of Django's collectstatic, in which the storage looks its files up in listings of their folders."""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from django.contrib.staticfiles.management.commands.collectstatic import Command
from django.contrib.staticfiles.storage import HashedFilesMixin, ManifestFilesMixin
from django.core.files.base import ContentFile

from ...files import keys
from ...files.content import ContentReader, plan_parts
from ...storage import as_django_gives_times
from ..current_run import Run
from ..gzipped import Compressed
from .fingerprint import SOURCE_MD5_HEADER, Fingerprint, fingerprint_of, matches
from .listed_folders import ListedFolders
from .upload_queue import MAX_QUEUED_BYTES

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping
    from types import CodeType

    from django.core.files import File
    from django.core.files.storage import Storage

    from ...files.upload import UploadTarget
    from ...options.fields import StorageOptions
    from ...s3.client import S3Client
    from ..current_run import Names

    FoundFiles = Mapping[str, tuple[Storage, str]]


def code_of(owner: type, method: str) -> CodeType | None:
    """The code of a method of Django's, by which its frames are known; None if something else has its name."""
    return getattr(getattr(owner, method, None), "__code__", None)


MAX_HELD_BYTES = MAX_QUEUED_BYTES

# What deletes an object right before it saves another one under this name: of another content, or perhaps of the same.
_REPLACES = code_of(Command, "delete_file")
_RENEWS = (code_of(HashedFilesMixin, "_post_process"), code_of(ManifestFilesMixin, "save_manifest"))
_READS_COLLECTED = code_of(HashedFilesMixin, "hashed_name")


class StaticStorage(Protocol):
    """What a run needs of MinioBackendStatic, which imports this module."""

    @property
    def options(self) -> StorageOptions:
        """Options of the storage."""
        ...

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        ...

    @property
    def s3(self) -> S3Client:
        """The client."""
        ...

    def key(self, name: object) -> str:
        """Key of a file's object."""
        ...

    def prepared_upload(self, name: str, content: Any) -> tuple[Any, UploadTarget]:
        """Content as it is uploaded, and its target."""
        ...

    def is_intermediate(self, name: str) -> bool:
        """Whether post-processing may rename a file."""
        ...


class _Replaced(NamedTuple):
    """An object whose deletion Django has asked for, although it saves another one under this name right afterwards."""

    delete: Callable[[], None]
    may_be_equal: bool


class _Held(NamedTuple):
    """A file that a later pass of post-processing may rename before anything refers to it."""

    upload: Callable[[], str]
    size: int


class DjangoCommandRun(Run):
    """What the bucket holds, as far as a run of Django's command has asked, and what the run has stored.

    Args:
        storage: storage of the static files.
        found_files: the command's own dictionary of source storages and paths by name, which it fills while it runs.
    """

    def __init__(self, storage: StaticStorage, found_files: FoundFiles) -> None:
        self.storage: StaticStorage = storage
        self._found_files = found_files
        options = storage.options
        is_compared = isinstance(storage, HashedFilesMixin) and (options.static_gzip or options.sse is not None)
        self._folders = ListedFolders(storage.s3, storage.bucket, metadata=is_compared)  # ETags may differ
        self._sent: dict[str, Fingerprint] = {}
        self._replaced: dict[str, _Replaced] = {}
        self._held: dict[str, _Held] = {}
        self._held_bytes = 0
        self._holds_back = False

    # What the command looks up

    def exists(self, name: str, object_exists: Callable[[str], bool], /) -> bool:
        """Whether there is a file or a folder of this name, by the listing of its folder."""
        if not keys.clean(name) or keys.is_folder(name):
            return object_exists(name)
        key = self.storage.key(name)
        if key in self._held or key in self._replaced:
            return key in self._held
        exists = self._folders.exists(key)
        return object_exists(name) if exists is None else exists

    def get_modified_time(self, name: str, ask: Callable[[str], dt.datetime], /) -> dt.datetime:
        """When an object was written, in whole seconds as HEAD shows it; stored and replaced ones are asked for."""
        key = self.storage.key(name)
        listed = None if key in self._held or key in self._replaced else self._folders.find(key)
        return ask(name) if listed is None else as_django_gives_times(listed.modified.replace(microsecond=0))

    def listdir(self, path: str, list_directory: Callable[[str], Names], /) -> Names:
        """Names in a folder, from the server; what the run has put off is done first."""
        self.flush()
        for key in list(self._replaced):
            self._delete_replaced(key)
        return list_directory(path)

    def local_file(self, name: str) -> File[Any] | None:
        """The source of a collected file, whose hash Django wants; all others are read from the server."""
        caller = sys._getframe(3).f_code  # noqa: SLF001 - the way to know who calls
        if name in self._found_files and caller is _READS_COLLECTED:
            storage, path = self._found_files[name]
            return storage.open(path)
        self.flush(name)
        return None

    # Changes by the command

    def save(self, name: str | None, content: Any, max_length: int | None, save: Callable[..., str], /) -> str:
        """Store a file. A subclass's ``get_available_name`` may change its name; then the old object is deleted."""
        saved = save(name, content, max_length)
        if name is not None and saved != name:
            self._delete_replaced(self.storage.key(name))
        return saved

    def store(self, name: str, content: Any, upload: Callable[[str, Any], str], /) -> str:
        """Upload a file, unless Django has deleted an object with the same content right before."""
        key = self.storage.key(name)
        replaced = self._replaced.pop(key, None)
        self._drop_held(key)
        if type(content) is ContentFile:
            saved = self._store_from_memory(name, key, content, upload, replaced)
        else:
            saved = self._upload(key, None, partial(upload, name, content))
        if not self._holds_back:
            self._delete_renewed()
        return saved

    def delete(self, name: str, delete_object: Callable[[str], None], /) -> None:
        """Delete an object; not yet where Django stores one under this name as its next step."""
        if not name or keys.is_folder(name):
            delete_object(name)
            return
        key = self.storage.key(name)
        if self._drop_held(key) and self._folders.exists(key) is False:
            return
        caller = sys._getframe(2).f_code  # noqa: SLF001 - the way to know who calls
        delete = partial(self._delete, key, name, delete_object)
        if caller in (_REPLACES, *_RENEWS):
            self._replaced[key] = _Replaced(delete, may_be_equal=caller in _RENEWS)
        else:
            self._replaced.pop(key, None)
            delete()

    def flush(self, name: str | None = None) -> None:
        """Upload the files held back. For one name, make the server hold what the command believes it to."""
        if name is None:
            while self._held:
                self._upload_held(next(iter(self._held)))
            return
        key = self.storage.key(name)
        if key in self._held:
            self._upload_held(key)
        self._delete_replaced(key)

    @contextmanager
    def post_processing(self) -> Iterator[None]:
        """Hold back rewritten files until no pass can rename them, and delete what they replace at the end."""
        self._holds_back = True
        try:
            yield
            self.flush()
            self._delete_renewed()
        finally:
            self._holds_back = False
            for key in list(self._held):
                self._drop_held(key)

    def before_opening(self, name: str) -> None:
        """Do what has been put off for a file, and ask the server about it from now on: it may be written."""
        self.flush(name)
        self.doubt(name)

    def doubt(self, name: str) -> None:
        """Record that an object may change without the run, as by another thread."""
        key = self.storage.key(name)
        self._sent.pop(key, None)
        self._folders.doubt(key)

    # Uploads and deletions

    def _store_from_memory(
        self, name: str, key: str, content: Any, upload: Callable[[str, Any], str], replaced: _Replaced | None
    ) -> str:
        content, _ = self.storage.prepared_upload(name, content)
        fingerprint = self._fingerprint_of(content)
        if replaced is not None and replaced.may_be_equal and self._is_stored(key, fingerprint):
            return keys.clean(name)
        upload_it = partial(self._upload, key, fingerprint, partial(upload, name, content))
        if not self._holds_back or not self.storage.is_intermediate(keys.clean(name)):
            return upload_it()
        self._held[key] = _Held(upload_it, fingerprint.size)
        self._held_bytes += fingerprint.size
        while self._held_bytes > MAX_HELD_BYTES:
            self._upload_held(next(iter(self._held)))
        return keys.clean(name)

    def _fingerprint_of(self, content: Any) -> Fingerprint:
        uncompressed_md5 = content.uncompressed_md5 if isinstance(content, Compressed) else None
        with closing(ContentReader(content, replayable=True)) as source:
            return fingerprint_of(source.blocks(plan_parts(source.length, self.storage.options)), uncompressed_md5)

    def _is_stored(self, key: str, fingerprint: Fingerprint) -> bool:
        """Whether the object holds this content, by what this run has stored or by the listing."""
        if key in self._sent:
            return self._sent[key] == fingerprint
        listed = self._folders.find(key)
        encrypted = self.storage.options.sse is not None
        return listed is not None and matches(listed, fingerprint, encrypted=encrypted) is True

    def _upload(self, key: str, fingerprint: Fingerprint | None, upload: Callable[[], str]) -> str:
        self._sent.pop(key, None)
        self._folders.doubt(key)  # if the upload fails
        self.upload_headers = {SOURCE_MD5_HEADER: fingerprint.source_md5} if fingerprint else {}
        try:
            saved = upload()
        finally:
            self.upload_headers = {}
        self._folders.add(self.storage.key(saved))
        if fingerprint is not None:
            self._sent[self.storage.key(saved)] = fingerprint
        return saved

    def _upload_held(self, key: str) -> None:
        self._held_bytes -= self._held[key].size
        self._held.pop(key).upload()

    def _drop_held(self, key: str) -> bool:
        held = self._held.pop(key, None)
        self._held_bytes -= held.size if held else 0
        return held is not None

    def _delete(self, key: str, name: str, delete_object: Callable[[str], None]) -> None:
        self._sent.pop(key, None)
        self._folders.doubt(key)
        delete_object(name)

    def _delete_replaced(self, key: str) -> None:
        if replaced := self._replaced.pop(key, None):
            replaced.delete()

    def _delete_renewed(self) -> None:
        """Delete the objects for which post-processing has stored others under other names."""
        for key in [key for key, replaced in self._replaced.items() if replaced.may_be_equal]:
            self._delete_replaced(key)
