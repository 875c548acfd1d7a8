"""The rows of every FileField in every database, and the keys of the objects that they refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.apps import apps
from django.core.exceptions import SuspiciousOperation
from django.db import connections
from django.db.models import FileField, Model, QuerySet

from ..errors import CleaningError
from ..files import keys as names
from ..storage import MinioBackend
from .databases import databases_of, in_database, tables_by_database
from .key_store import Reference, References
from .row_files import choosing_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Row = TypeVar("Row", bound=tuple[Any, ...])

ROWS_PER_QUERY = 5_000  # so that no cursor and no transaction stays open on the database server
NAMES_PER_QUERY = 999  # as many as Django passes to SQLite; fewer where the database takes fewer parameters


class Target(NamedTuple):
    """A bucket for which rows are read.

    Attributes:
        storage: one that reaches the bucket.
        storages: those whose files are cleaned there, one for each location and each way to make keys.
    """

    storage: MinioBackend
    storages: Sequence[MinioBackend]


@dataclass(frozen=True)
class FieldInDatabase:
    """A concrete FileField (or ImageField) in one database."""

    model: type[Model]
    field: FileField
    database: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.field.name}{in_database(self.database)}"

    def describe_row(self, primary_key: object) -> str:
        """Return model, primary key and field, as messages name the field of one row."""
        return f"{self.model._meta.label} {primary_key} {self.field.name}{in_database(self.database)}"

    def has_rows(self) -> bool:
        """Whether the table has any row, with a file or without."""
        return self._rows().exists()

    def names_in_use(self, names: Sequence[str]) -> set[str]:
        """Return those of the names that rows have now, and other names that the database considers equal."""
        in_use: set[str] = set()
        for batch in self._batches(names):
            rows = self._rows().filter(**{f"{self.field.name}__in": batch})
            in_use.update(map(str, rows.values_list(self.field.name, flat=True)))
        return in_use

    def name_of(self, reference: Reference) -> str:
        """Return the name in the row of a reference."""
        return reference.key if reference.name is None else reference.name

    def key_in(self, storage: MinioBackend, primary_key: object, name: str) -> str:
        """Return the key of a row's object in a storage.

        Raises:
            CleaningError: no object can have this name.
        """
        try:
            return storage.key(name)
        except (SuspiciousOperation, ValueError) as error:
            raise CleaningError(
                f"{self.describe_row(primary_key)}: {error} Correct that row first. Nothing was deleted."
            ) from error

    def _rows(self) -> QuerySet[Model]:
        """All rows: a plain QuerySet, since a model's managers may hide some."""
        return QuerySet(model=self.model, using=self.database)

    def _with_file(self, rows: QuerySet[Model]) -> QuerySet[Model]:
        name = self.field.name
        return rows.filter(**{f"{name}__isnull": False}).exclude(**{name: ""})

    def _pages(
        self, rows: QuerySet[Model], page_size: int, read: Callable[[QuerySet[Model]], list[Row]]
    ) -> Iterator[list[Row]]:
        """Read the rows that have a file, page by page in the order of primary keys.

        Args:
            rows: all of them.
            page_size: rows in one query.
            read: turns the query of one page into tuples, each of which begins with the primary key.

        Raises:
            CleaningError: the database does not order this kind of primary key.
            django.db.Error: the rows cannot be read.
        """
        ordered = self._with_file(rows).order_by("pk")
        page = read(ordered[:page_size])
        while page:
            yield page
            last = page[-1][0]
            if len(page) < page_size:
                return
            page = read(ordered.filter(pk__gt=last)[:page_size])
            if page and page[-1][0] == last:
                raise CleaningError(
                    f"{self}: The database returned primary key {last!r} for `pk > {last!r}`, so the rows cannot be "
                    "read in pages. Nothing was deleted."
                )

    def _batches(self, names: Sequence[str], other_parameters: int = 0) -> Iterator[Sequence[str]]:
        """Split the names, so that a query with so many other parameters takes each batch."""
        limit: int | None = connections[self.database].features.max_query_params
        size = min(max(limit - other_parameters, 1), NAMES_PER_QUERY) if limit else NAMES_PER_QUERY
        return (names[start : start + size] for start in range(0, len(names), size))


@dataclass(frozen=True)
class ReferringField(FieldInDatabase):
    """A field whose files are all in one MinioBackend."""

    storage: MinioBackend

    def rows(self) -> Iterator[list[tuple[Any, str]]]:
        """Return primary key and file name of every row with a file, page by page.

        Raises:
            CleaningError: the database does not order this kind of primary key.
            django.db.Error: the rows cannot be read.
        """
        name = self.field.name
        return self._pages(self._rows(), ROWS_PER_QUERY, lambda rows: list(rows.values_list("pk", name)))

    def references(self, _: Target, source: int) -> Iterator[References]:
        """Return what the rows refer to, page by page.

        A name that is not normalised refers to two keys: another program may have stored its object as it is.

        Raises:
            CleaningError: as ``rows``, or no object can have the name of a row.
            django.db.Error: the rows cannot be read.
        """
        has_own_keys, location = overrides_key(self.storage), self.storage.options.location
        for rows in self.rows():
            keys = None if has_own_keys else names.keys_of([str(name) for _, name in rows], location)
            if keys is None:
                yield References.of([reference for row in rows for reference in self._references_of(*row, source)])
            else:
                yield References(keys, [source] * len(keys), [str(row) for row, _ in rows], [None] * len(keys))

    def _references_of(self, primary_key: object, value: object, source: int) -> Iterator[Reference]:
        name, prefix = str(value), self.storage.options.key_prefix
        key = self.key_in(self.storage, primary_key, name)
        is_literal = key == prefix + name
        yield Reference(key, source, str(primary_key), None if is_literal else name)
        if not is_literal and names.clean(name) != name:
            yield Reference(prefix + name)

    def keys_in_use(self, _: Target, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that rows refer to now, and perhaps others.

        Raises:
            CleaningError: as ``references``.
            django.db.Error: the rows cannot be read.
        """
        if overrides_key(self.storage):
            rows = (row for page in self.rows() for row in page)
            return set(keys).intersection(self.key_in(self.storage, *row) for row in rows)
        prefix = self.storage.options.key_prefix
        in_use = self.names_in_use(names_below(prefix, keys))
        return {key for name in in_use for key in (self.storage.key(name), prefix + name)}

    def name_of(self, reference: Reference) -> str:
        """Return the name in the row of a reference, which leaves it out if it follows from the key."""
        return reference.key.removeprefix(self.storage.options.key_prefix) if reference.name is None else reference.name


def referring_fields() -> list[ReferringField]:
    """Return every FileField that keeps its files in a MinIO storage, once for each database that has its table.

    Fields of other storages, of swapped models and those whose rows may choose their storage are left out.

    Raises:
        CleaningError: a database cannot be read, a table is in none of them, or a field's storage cannot be created.
    """
    tables = tables_by_database()
    return [
        ReferringField(model, field, alias, storage)
        for model, field in file_fields()
        if not choosing_classes(model, field) and (storage := minio_storage_of(field))
        for alias in databases_of(model, tables)
    ]


def file_fields() -> Iterator[tuple[type[Model], FileField]]:
    """Return every concrete FileField of every model that has a table."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if isinstance(field, FileField):
                yield model, field


def identity(storage: MinioBackend) -> tuple[object, ...]:
    """Return what two storages share that store a name as the same object: endpoint, bucket, location, key function."""
    return storage.server_url, storage.bucket, storage.options.location, storage.__class__.key


def names_below(prefix: str, keys: Sequence[str]) -> list[str]:
    """Return the names of the keys below a location; the location's own folder object, as consoles create, has none."""
    return [key.removeprefix(prefix) for key in keys if key.startswith(prefix) and key != prefix]


def overrides_key(storage: MinioBackend) -> bool:
    """Whether a subclass makes the keys, so that the name of an object does not follow from its key."""
    return storage.__class__.key is not MinioBackend.key  # type() of a LazyObject is the wrapper's class


def minio_storage_of(field: FileField) -> MinioBackend | None:
    """Return the field's storage if it is a MinioBackend; this creates ``default_storage`` and other lazy objects.

    Raises:
        CleaningError: the storage cannot be created, so its rows may refer to anything.
    """
    try:
        storage = field.storage
        return storage if isinstance(storage, MinioBackend) else None
    except Exception as error:  # the constructor of the user's class may raise anything
        raise CleaningError(
            f"The storage of {field.model._meta.label}.{field.name} cannot be created: {error!r}. Nothing was deleted."
        ) from error
