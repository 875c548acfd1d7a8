"""References of fields whose rows may choose their storage: each row's FieldFile says which one."""

from __future__ import annotations

import dataclasses
import posixpath
from collections import defaultdict
from typing import TYPE_CHECKING

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from django.db.models import Model, QuerySet

from ..files import keys as names
from ..storage import MinioBackend
from .databases import databases_of, databases_with, tables_by_database
from .key_store import KEEP_ONLY, Reference, References
from .references import FieldInDatabase, Target, file_fields, identity, minio_storage_of, overrides_key
from .row_files import RowFile, RowFiles, choosing_classes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROWS_PER_QUERY = 500  # whole rows with all their columns, and an instance of each
OTHER_PARAMETERS = 16  # of a query for names: both ends of a page, whose primary keys may be composite


@dataclasses.dataclass
class ChosenStorages:
    """What the rows have chosen, as far as they have been read.

    Attributes:
        has_files: whether a row has a file.
        storages: the MinIO storages, one for each bucket, location and way to make keys.
        has_unknown: whether a row's file may be in any bucket.
        is_indirect: whether the name in the database does not follow from the key.
    """

    has_files: bool = False
    storages: dict[tuple[object, ...], MinioBackend] = dataclasses.field(default_factory=dict)
    has_unknown: bool = False
    is_indirect: bool = False

    def add(self, file: RowFile) -> None:
        """Add the file of one row."""
        storage = file.storage
        self.has_files = True
        self.is_indirect |= file.name != file.stored
        self.has_unknown |= _is_unknown(storage)
        if isinstance(storage, MinioBackend):
            self.storages.setdefault(identity(storage), storage)
            self.is_indirect |= overrides_key(storage)


@dataclasses.dataclass(frozen=True)
class ChoosingField(FieldInDatabase):
    """A field whose rows may choose their storage.

    Attributes:
        storage: the field's own, if it is a MinioBackend.
        classes: as which rows are loaded: the model, then others that may choose by another rule.
        seen: what the rows have chosen.
    """

    storage: MinioBackend | None
    classes: Sequence[type[Model]]
    seen: ChosenStorages = dataclasses.field(default_factory=ChosenStorages, compare=False, repr=False)

    def rows(self, **conditions: object) -> Iterator[list[list[RowFile]]]:
        """Return the files of every row with a file, one for each of the classes, page by page.

        Raises:
            CleaningError: the project's code raises an exception, or the rows cannot be read in pages.
            django.db.Error: the rows cannot be read.
        """
        main, *others = [RowFiles(kind, self.field) for kind in self.classes]
        key = self.model._meta.pk.attname
        for page in self._pages(self._rows().filter(**conditions), ROWS_PER_QUERY, lambda rows: list(main.read(rows))):
            files = {file.primary_key: [file] for file in page}
            between = {f"{key}__gte": page[0].primary_key, f"{key}__lte": page[-1].primary_key} if others else {}
            for kind, other in zip(self.classes[1:], others, strict=True):
                rows: QuerySet[Model] = QuerySet(model=kind, using=self.database).filter(**between, **conditions)
                for file in other.read(self._with_file(rows), key):
                    files.setdefault(file.primary_key, []).append(file)
            for row in files.values():
                for file in row:
                    self.seen.add(file)
            yield list(files.values())

    def may_have_files_in(self, bucket: str) -> bool:
        """Whether a row may have its file in a bucket; where no row has a file, whether there are rows."""
        if not self.seen.has_files:
            return self.has_rows()
        return self.seen.has_unknown or self.has_files_in(bucket)

    def has_files_in(self, bucket: str) -> bool:
        """Whether a row that has been read has its file in a bucket."""
        return any(storage.bucket == bucket for storage in self.seen.storages.values())

    def references(self, target: Target, source: int) -> Iterator[References]:
        """Return what the rows refer to in one bucket, page by page.

        Raises:
            CleaningError: as ``rows``, or no object can have the name of a row.
            django.db.Error: the rows cannot be read.
        """
        for rows in self.rows():
            yield References.of([each for row in rows for each in self._references_of(row, target, source)])

    def keys_in_use(self, target: Target, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that rows refer to now, or may refer to.

        Raises:
            CleaningError: as ``references``.
            django.db.Error: the rows cannot be read.
        """
        by_name: dict[str, set[str]] = defaultdict(set)
        for key in keys:
            for name in _possible_names(key):
                by_name[name].add(key)
        in_use: set[str] = set()
        for page in self._rows_named(list(by_name), target):
            for row in page:
                in_use.update(reference.key for reference in self._references_of(row, target, KEEP_ONLY))
                for file in row:
                    if _is_unknown(file.storage):
                        in_use.update(*(by_name.get(name, ()) for name in _spellings(file)))
        return in_use.intersection(keys)

    def _rows_named(self, names: Sequence[str], target: Target) -> Iterator[list[list[RowFile]]]:
        """Return the rows with these names, or all where the key does not follow from the name in the database."""
        if self.seen.is_indirect or any(map(overrides_key, target.storages)):
            yield from self.rows()
            return
        for batch in self._batches(names, OTHER_PARAMETERS):
            yield from self.rows(**{f"{self.field.name}__in": batch})

    def _references_of(self, row: Sequence[RowFile], target: Target, source: int) -> Iterator[Reference]:
        """Return what a row refers to in a bucket; its file can only be missing there if all classes agree on it."""
        files = {(_identity(file.storage), file.name): file for file in row}
        for file in files.values():
            storage = file.storage
            if _is_unknown(storage):
                yield from map(Reference, _possible_keys(file, target.storages))
            elif isinstance(storage, MinioBackend) and storage.bucket == target.storage.bucket:
                agreed = len(files) == 1 and storage.server_url == target.storage.server_url
                key = self.key_in(storage, file.primary_key, file.name)
                yield Reference(key, source if agreed else KEEP_ONLY, str(file.primary_key), file.stored)
                if file.name != file.stored or not key.endswith(file.name):  # rare, and slow
                    yield from map(Reference, _possible_keys(file, [storage]) - {key})


def _identity(storage: object) -> tuple[object, ...]:
    return identity(storage) if isinstance(storage, MinioBackend) else (storage.__class__,)


def choosing_fields() -> list[ChoosingField]:
    """Return every FileField whose rows may choose their storage, once for each database that has its table.

    Raises:
        CleaningError: a database cannot be read, a table is in none of them, or a field's storage cannot be created.
    """
    tables = tables_by_database()
    fields = []
    for model, field in file_fields():
        if classes := choosing_classes(model, field):
            storage = minio_storage_of(field)
            others = {kind: databases_with(kind, tables) for kind in classes[1:]}
            for alias in databases_of(model, tables):
                loaded_as = [model, *(kind for kind, aliases in others.items() if alias in aliases)]
                fields.append(ChoosingField(model, field, alias, storage, loaded_as))
    return fields


def _is_unknown(storage: object) -> bool:
    """Whether the files of a storage may be in any bucket.

    Django's own storages keep files in no bucket, and nor do subclasses that open files as they do.
    """
    kind = storage.__class__
    return not isinstance(storage, MinioBackend) and not any(
        issubclass(kind, local) and all(getattr(kind, name) == getattr(local, name) for name in ("open", "_open"))
        for local in (FileSystemStorage, InMemoryStorage)
    )


def _possible_names(key: str) -> list[str]:
    """Return the names that may lead to a key, whatever the MINIO_LOCATION."""
    return [key, *(key[position + 1 :] for position, character in enumerate(key) if character == "/")]


def _possible_keys(file: RowFile, storages: Iterable[MinioBackend]) -> set[str]:
    """Return the keys of a file in these storages by each of its names, and by names that are not normalised as is."""
    keys: set[str] = set()
    for name in (file.name, file.stored):
        for storage in storages:
            try:
                keys.add(storage.key(name))
            except (SuspiciousOperation, ValueError):
                continue  # no object can have this name
            if not names.is_clean(name):
                keys.add(storage.options.key_prefix + name)
    return keys


def _spellings(file: RowFile) -> set[str]:
    """Return the names of a file, as they are and as save() would have normalised them."""
    spellings = {file.name, file.stored}
    return spellings | {posixpath.normpath(name.replace("\\", "/")) for name in spellings}
