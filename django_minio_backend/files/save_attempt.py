"""How save() finds a free name: the server refuses a taken one, and Django's next alternative is tried."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.files.storage import Storage
from django.core.files.utils import validate_file_name

from ..errors import NoAvailableNameError, ObjectExistsError
from .content import Source, rewound

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..storage import MinioBackend

MAX_NAMES = 100  # tried by one save; alternatives are random, so if that many exist, something reports every name so


@dataclass
class Saving:
    """A save on its way.

    Attributes:
        storage: where it goes.
        max_length: of its name, in characters.
        name: the name in hand.
        refused: names that the server has refused as taken.
        unavailable: how many names were found to be unavailable before an upload.
        overwrite: whether the name in hand was given although it was refused: it is to be replaced.
        content, source: what is being saved, kept for a second attempt under another name.
    """

    storage: Storage
    max_length: int | None
    name: str = ""
    refused: set[str] = field(default_factory=set)
    unavailable: int = 0
    overwrite: bool = False
    content: object = None
    source: Source | None = None

    def source_of(self, content: Any, *, replayable: bool) -> Source:
        """The content, at its start."""
        if self.source is not None and self.content is content:
            self.source.rewind()
            return self.source
        self.close()
        self.content, self.source = content, Source(content, replayable=replayable)
        return self.source

    def close(self) -> None:
        """Remove what was recorded of the content."""
        if self.source is not None:
            self.source.close()


_on_its_way: ContextVar[Saving | None] = ContextVar("save_on_its_way", default=None)


def saving_of(storage: Storage) -> Saving | None:
    """The save that this storage is doing in this thread or task, if any."""
    saving = _on_its_way.get()
    return saving if saving is not None and saving.storage is storage else None


def save_under_a_free_name(
    storage: MinioBackend, name: str, content: object, store: Callable[[str, Any], str], max_length: int | None
) -> str:
    """Call ``store(name, content)`` with names that ``storage.get_available_name`` gives, until one is not refused.

    A ``get_available_name`` that gives back a refused name, as a subclass's may, means to overwrite.

    Raises:
        NoAvailableNameError: the server refuses every name.
    """
    saving = Saving(storage, max_length)
    token = _on_its_way.set(saving)
    try:
        while True:
            candidate = storage.get_available_name(name, max_length=max_length)
            validate_file_name(candidate, allow_relative_path=True)
            saving.name, saving.overwrite = candidate, candidate in saving.refused
            try:
                saved = store(candidate, content)
            except ObjectExistsError as error:
                saving.refused.add(candidate)
                if len(saving.refused) == MAX_NAMES:
                    raise _no_available_name(storage, name) from error
                if not rewound(content) and saving.content is not content:
                    raise  # a subclass has read content that cannot be read again
            else:
                validate_file_name(saved, allow_relative_path=True)
                return saved
    finally:
        _on_its_way.reset(token)
        saving.close()


class BoundedAvailability(Storage):
    """Makes Django's get_available_name() ask is_name_available() of a storage, and not for ever.

    Django before 5.1 asks exists() instead.
    """

    def __init__(self, storage: MinioBackend) -> None:
        self._storage = storage
        self._saving = saving_of(storage) or Saving(storage, None)
        self._first_name = ""

    def is_name_available(self, name: str, max_length: int | None = None) -> bool:
        """Whether the storage has no such name.

        Raises:
            NoAvailableNameError: too many names were found to be unavailable, in this save or without one.
        """
        self._first_name = self._first_name or name
        if self._storage.is_name_available(name, max_length=max_length):
            return True
        self._saving.unavailable += 1
        if self._saving.unavailable == MAX_NAMES:
            raise _no_available_name(self._storage, self._first_name)
        return False

    def exists(self, name: str) -> bool:
        """Whether the name is not available."""
        return not self.is_name_available(name)

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """As the storage does."""
        return self._storage.get_alternative_name(file_root, file_ext)


def _no_available_name(storage: MinioBackend, name: str) -> NoAvailableNameError:
    return NoAvailableNameError(storage.bucket, storage.key(name), storage.server_url, MAX_NAMES)
