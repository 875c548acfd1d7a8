"""What a save in progress must remember between methods whose signatures Django fixes."""

from __future__ import annotations

from contextvars import ContextVar, Token
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from django.core.files.storage import Storage

from .errors import NoAvailableNameError, ObjectExistsError
from .files import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from .base import BaseStorage
    from .direct_uploads.uploaded_object import UploadedObject
    from .files.content import ContentReader
    from .files.upload import Uploader, UploadTarget

# Imports inside functions here load what Django's start does not need.

MAX_NAMES = 100  # per save; alternatives are random, so after that many the server reports every name as existing


class SaveAttempt:
    """One save: the name that it tries, and the names that the server has refused as existing.

    Django's ``save(name, content, max_length)`` calls ``get_available_name(name, max_length)``, which calls
    ``is_name_available(name, max_length)``, and then ``_save(name, content)``. Subclasses override each of them, so no
    argument can be added. A context variable carries the attempt instead: ``_save`` finds max_length there, and
    ``is_name_available`` the refused names.

    Attributes:
        name: that save() was called with.
        candidate: the name that ``get_available_name`` has returned, to be tried now.
        refused: names that the server has refused.
        unavailable: number of names that ``is_name_available`` has rejected.
    """

    def __init__(self, storage: BaseStorage, name: str, max_length: int | None = None) -> None:
        self.storage = storage
        self.name = name
        self.max_length = max_length
        self.candidate = ""
        self.refused: set[str] = set()
        self.unavailable = 0
        self._reader: ContentReader | None = None
        self._token: Token[SaveAttempt | None] | None = None

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._token is not None  # noqa: S101 - entered
        _current.reset(self._token)

    @property
    def overwrites(self) -> bool:
        """Whether a subclass's ``get_available_name`` has returned a refused name: it means to replace the object."""
        return self.candidate in self.refused

    def find_name(self) -> str:
        """Return the name to try, as the storage's ``get_available_name`` chooses it.

        Raises:
            SuspiciousFileOperation: the name is invalid.
        """
        self.candidate = self.storage.get_available_name(self.name, max_length=self.max_length)
        keys.validate(self.candidate)
        return self.candidate

    def refuse(self, error: Exception) -> None:
        """Record that the server has refused the candidate.

        Raises:
            NoAvailableNameError: it has refused too many names.
        """
        self.refused.add(self.candidate)
        if len(self.refused) == MAX_NAMES:
            raise self.no_available_name() from error

    def store(self, upload: Callable[[SaveAttempt], str]) -> str:
        """Call ``upload`` with one candidate after the other until the server accepts one; return what it returns."""
        try:
            while True:
                try:
                    return upload(self)
                except ObjectExistsError as error:
                    self.refuse(error)
                    self.find_name()
        finally:
            self.close()

    def upload(self, uploader: Uploader, target: UploadTarget, content: Any) -> str:
        """Upload the content, from its start for each name, and return the object's ETag.

        A direct upload is copied within the server where possible. Creates a missing bucket if
        MINIO_BUCKET_CHECK_ON_SAVE is on.

        Raises:
            ObjectExistsError: the target's condition does not hold.
        """
        storage, direct = self.storage, _direct_upload(content)
        store = partial(self._send, uploader, target, content)
        if direct is not None and direct.can_be_copied(storage):
            store = partial(direct.copy_to, target)
        try:
            etag = store()
        except FileExistsError:
            raise
        except _failures() as error:
            if not (storage.options.bucket_check_on_save and _is_missing_bucket(error)):
                raise
            storage.ensure_bucket()
            etag = store()
        if direct is not None:
            direct.saved_as(storage.s3, target, etag)
        return etag

    def _send(self, uploader: Uploader, target: UploadTarget, content: Any) -> str:
        if self._reader is None:
            self._reader = uploader.reader(content, target)
        else:
            self._reader.rewind()
        return uploader.store(self.storage.s3, target, self._reader)

    def close(self) -> None:
        """Remove the recording of the content."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def no_available_name(self) -> NoAvailableNameError:
        """The error for a server that reports every name as existing."""
        storage = self.storage
        return NoAvailableNameError(storage.bucket, storage.key(self.name), storage.server_url, MAX_NAMES)


def _direct_upload(content: Any) -> UploadedObject | None:
    if not hasattr(content, "receipt"):  # ordinary saves do not import the room
        return None
    from .direct_uploads.uploaded_object import UploadedObject

    return content if isinstance(content, UploadedObject) else None


def _failures() -> tuple[type[Exception], ...]:
    """FAILURES of the room ``s3``, which only an error needs: a save would spend a microsecond on the import."""
    from .s3.errors import FAILURES

    return FAILURES


def _is_missing_bucket(error: Exception) -> bool:
    from .s3.errors import is_missing_bucket

    return is_missing_bucket(error)


_current: ContextVar[SaveAttempt | None] = ContextVar("save_attempt", default=None)


def current_attempt(storage: Storage) -> SaveAttempt | None:
    """The save that this storage has in progress in this thread or task, if any."""
    attempt = _current.get()
    return attempt if attempt is not None and attempt.storage is storage else None


def store(storage: BaseStorage, name: str, upload: Callable[[SaveAttempt], str]) -> str:
    """Call ``upload`` until the server accepts a name, and return what it returns.

    Continues the save that has found this name, or begins one: Django's mixins call ``_save`` without ``save``, and
    subclasses change the name in between.
    """
    attempt = current_attempt(storage)
    if attempt is not None and attempt.candidate == name:
        return attempt.store(upload)
    with SaveAttempt(storage, name, attempt.max_length if attempt else None) as attempt:
        attempt.find_name()
        return attempt.store(upload)


def is_available(storage: BaseStorage, name: str) -> bool:
    """Whether a save may try this name: the server has not refused it, and no object is known to have it."""
    attempt = current_attempt(storage)
    if attempt is not None and name in attempt.refused:
        return False
    if attempt is not None and storage.options.conditional_writes is True:  # the server will refuse the upload
        return True
    try:
        return not storage.exists(name)
    except _failures() as error:
        if _is_missing_bucket(error):  # the upload reports that, or creates the bucket
            return True
        raise


class BoundedAvailability(Storage):
    """Runs Django's ``get_available_name`` with a storage's ``is_name_available``, for a limited number of names.

    Django before 5.1 calls ``exists`` instead. Names that Django would not change are tried without it, as its path
    objects are slow.
    """

    def __init__(self, storage: BaseStorage, name: str) -> None:
        self._storage = storage
        self._unavailable: str | None = None
        self._attempt = current_attempt(storage) or SaveAttempt(storage, name)

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name, or an alternative that Django finds if the storage has an object of this name.

        Raises:
            NoAvailableNameError: the storage has rejected too many names.
        """
        if keys.is_plain(name):
            if self.is_name_available(name, max_length):
                return name
            self._unavailable = name
        return super().get_available_name(name, max_length)

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Whether the storage has no object of this name.

        Raises:
            NoAvailableNameError: the storage has rejected too many names.
        """
        if name == self._unavailable:
            self._unavailable = None
            return False
        if self._storage.is_name_available(name, max_length=max_length):
            return True
        self._attempt.unavailable += 1
        if self._attempt.unavailable == MAX_NAMES:
            raise self._attempt.no_available_name()
        return False

    def exists(self, name: str) -> bool:
        """Whether the name is not available."""
        return not self.is_name_available(name)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return the storage's alternative to a name."""
        return self._storage.get_alternative_name(file_root, file_ext)
