"""What the database refers to by fields whose rows may choose their storage: the FieldFile of each row is asked."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from django.db.models import QuerySet

from ..files import keys as names
from ..storage import MinioBackend
from .key_store import PROTECTS, Referred
from .references import (
    FieldInDatabase,
    databases_of,
    databases_with,
    file_fields,
    has_keys_of_its_own,
    our_storage,
    tables_by_database,
)
from .row_files import RowFiles, choosing_classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from django.db.models import Model

    from .row_files import RowFile

ROWS_AT_ONCE = 500  # whole rows with all their columns, and an instance of each
OTHER_PARAMETERS = 16  # of a query for names: the ends of a page, whose primary keys may be composite


@dataclass(frozen=True)
class Target:
    """A bucket for which rows are asked.

    Attributes:
        storage: by which it is reached.
        storages: one for each location and each way to make keys that is cleaned in it.
    """

    storage: MinioBackend
    storages: Sequence[MinioBackend]


@dataclass
class Seen:
    """What the rows have chosen, as far as they were read.

    Attributes:
        files: whether a row has a file.
        storages: of ours, one for each bucket, location and way to make keys.
        unknown: a row's file may be anywhere.
        indirect: a key does not tell which names in the database lead to it.
    """

    files: bool = False
    storages: dict[tuple[object, ...], MinioBackend] = field(default_factory=dict)
    unknown: bool = False
    indirect: bool = False

    def note(self, file: RowFile) -> None:
        """Note the file of one row."""
        storage = file.storage
        self.files = True
        self.indirect |= file.name != file.stored
        if isinstance(storage, MinioBackend):
            self.storages.setdefault(_identity(storage), storage)
            self.indirect |= has_keys_of_its_own(storage)
        else:
            self.unknown |= not _is_local(storage)


@dataclass(frozen=True)
class ChoosingField(FieldInDatabase):
    """A field whose rows may choose their storage.

    Attributes:
        storage: the field's own, if it is one of ours.
        classes: as which rows are loaded: the model, then others that may choose by another rule.
        seen: what the rows have chosen.
    """

    storage: MinioBackend | None
    classes: Sequence[type[Model]]
    seen: Seen = field(default_factory=Seen, compare=False, repr=False)

    def rows(self, **conditions: object) -> Iterator[list[list[RowFile]]]:
        """The files of every row with a file, one as each of the classes; some hundred rows at a time.

        Raises:
            CleaningError: the project's code raises an exception, or the rows cannot be read in pages.
            django.db.Error: they cannot be read.
        """
        main, *others = [RowFiles(kind, self.field) for kind in self.classes]
        key = self.model._meta.pk.attname
        for page in self._pages(self._rows().filter(**conditions), ROWS_AT_ONCE, lambda rows: list(main.read(rows))):
            files = {one.primary_key: [one] for one in page}
            between = {f"{key}__gte": page[0].primary_key, f"{key}__lte": page[-1].primary_key} if others else {}
            for kind, other in zip(self.classes[1:], others, strict=True):
                rows: QuerySet[Model] = QuerySet(model=kind, using=self.database).filter(**between, **conditions)
                for one in other.read(self._with_file(rows), key):
                    files.setdefault(one.primary_key, []).append(one)
            for row in files.values():
                for one in row:
                    self.seen.note(one)
            yield list(files.values())

    def may_have_files_in(self, bucket: str) -> bool:
        """Whether a row may have its file in a bucket, by those that were read; without any file, if there are rows."""
        if not self.seen.files:
            return self.has_rows()
        return self.seen.unknown or self.has_files_in(bucket)

    def has_files_in(self, bucket: str) -> bool:
        """Whether a row was seen to have its file in a bucket."""
        return any(one.bucket == bucket for one in self.seen.storages.values())

    def references(self, target: Target, source: int) -> Iterator[list[Referred]]:
        """What rows refer to in one bucket, a list for some hundred rows at a time.

        Raises:
            CleaningError: as ``rows``, or a row has a name that no object can have.
            django.db.Error: the rows cannot be read.
        """
        for rows in self.rows():
            yield [referred for row in rows for referred in self._of_row(row, target, source)]

    def keys_in_use(self, target: Target, keys: Sequence[str]) -> set[str]:
        """Those of the keys that rows refer to at this moment, or may refer to.

        Raises:
            CleaningError: as ``references``.
            django.db.Error: the rows cannot be read.
        """
        wanted = set(keys)
        by_name: dict[str, set[str]] = defaultdict(set)
        for key in wanted:
            for name in _possible_names(key):
                by_name[name].add(key)
        used: set[str] = set()
        for rows in self._rows_of(list(by_name), target):
            for row in rows:
                used.update(wanted.intersection(one.key for one in self._of_row(row, target, PROTECTS)))
                for one in row:
                    if _may_be_anywhere(one.storage):
                        used.update(*(by_name.get(name, ()) for name in _spellings(one)))
        return used

    def _rows_of(self, names: Sequence[str], target: Target) -> Iterator[list[list[RowFile]]]:
        """The rows of these names, or all where the name in the database is not what counts."""
        if self.seen.indirect or any(map(has_keys_of_its_own, target.storages)):
            yield from self.rows()
            return
        for some in self._few(names, OTHER_PARAMETERS):
            yield from self.rows(**{f"{self.field.name}__in": some})

    def _of_row(self, row: Sequence[RowFile], target: Target, source: int) -> Iterator[Referred]:
        """What a row refers to in a bucket; it can only be missing there if all classes agree on it."""
        files = {(_identity(one.storage), one.name): one for one in row}
        for one in files.values():
            storage = one.storage
            if not isinstance(storage, MinioBackend):
                if _may_be_anywhere(storage):
                    yield from map(Referred, _possible_keys(one, target.storages))
            elif storage.bucket == target.storage.bucket:
                agreed = len(files) == 1 and storage.server_url == target.storage.server_url
                key = self.key_of(storage, one.primary_key, one.name)
                yield Referred(key, source if agreed else PROTECTS, str(one.primary_key), one.stored)
                if one.name != one.stored or not key.endswith(one.name):  # which is rare, and takes long
                    yield from map(Referred, _possible_keys(one, [storage]) - {key})


def choosing_fields() -> list[ChoosingField]:
    """Every FileField whose rows may choose their storage, once for each database that has its table.

    Raises:
        CleaningError: a database cannot be asked, a table is in none of them, or a field's storage cannot be made.
    """
    tables = tables_by_database()
    found = []
    for model, one in file_fields():
        classes = choosing_classes(model, one)
        if classes:
            storage = our_storage(one)
            homes = {kind: databases_with(kind, tables) for kind in classes[1:]}
            for alias in databases_of(model, tables):
                loaded_as = [model, *(kind for kind, aliases in homes.items() if alias in aliases)]
                found.append(ChoosingField(model, one, alias, storage, loaded_as))
    return found


def _identity(storage: object) -> tuple[object, ...]:
    if isinstance(storage, MinioBackend):
        return storage.server_url, storage.bucket, storage.options.location, storage.__class__.key
    return (storage.__class__,)


def _is_local(storage: object) -> bool:
    """Whether files of a storage are in no bucket: Django's own, and what opens files as they do."""
    kind = storage.__class__
    return any(
        issubclass(kind, local) and all(getattr(kind, name) == getattr(local, name) for name in ("open", "_open"))
        for local in (FileSystemStorage, InMemoryStorage)
    )


def _may_be_anywhere(storage: object) -> bool:
    return not isinstance(storage, MinioBackend) and not _is_local(storage)


def _possible_names(key: str) -> Iterator[str]:
    """The names that may lead to a key, whatever MINIO_LOCATION is before them."""
    yield key
    for number, letter in enumerate(key):
        if letter == "/":
            yield key[number + 1 :]


def _possible_keys(file: RowFile, storages: Iterable[MinioBackend]) -> set[str]:
    """The keys of a file in these storages by each of its names; also one that is not normalised, as it stands."""
    found: set[str] = set()
    for name in (file.name, file.stored):
        for storage in storages:
            try:
                found.add(storage.key(name))
            except (SuspiciousOperation, ValueError):
                continue  # no object can have this name
            if not names.is_clean(name):
                found.add(storage.options.key_prefix + name)
    return found


def _spellings(file: RowFile) -> set[str]:
    """The names of a file, as they are and as save() would have normalised them."""
    given = {file.name, file.stored}
    return given | {posixpath.normpath(name.replace("\\", "/")) for name in given}
