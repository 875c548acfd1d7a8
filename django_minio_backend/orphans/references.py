"""Which objects the database refers to: every FileField of every model, in every database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.apps import apps
from django.core.exceptions import SuspiciousOperation
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db import Error as DatabaseProblem
from django.db.models import FileField, Model, QuerySet

from ..errors import CleaningError
from ..files import keys as names
from ..signals import collect_references
from ..storage import MinioBackend
from .row_files import choosing_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

Row = TypeVar("Row", bound=tuple[Any, ...])

ROWS_AT_ONCE = 5_000  # in one query: no cursor stays open on the server, and no transaction
NAMES_AT_ONCE = 1_000  # in one query; fewer where the database takes fewer parameters

_NONE = "django.db.backends.dummy"  # what Django makes of an empty entry in DATABASES


@dataclass(frozen=True)
class FieldInDatabase:
    """A concrete FileField (or ImageField) in one database."""

    model: type[Model]
    field: FileField
    database: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.field.name}{self._where}"

    def of_row(self, primary_key: object) -> str:
        """Words for the field of one row."""
        return f"{self.model._meta.label} {primary_key} {self.field.name}{self._where}"

    @property
    def _where(self) -> str:
        return "" if self.database == DEFAULT_DB_ALIAS else f" in database '{self.database}'"

    def has_rows(self) -> bool:
        """Whether the table has any row, with a file or without."""
        return self._rows().exists()

    def still_referred(self, names: Sequence[str]) -> set[str]:
        """Those of the names that rows refer to at this moment; also others that the database takes for equal."""
        found: set[str] = set()
        for some in self._few(names):
            wanted = {f"{self.field.name}__in": some}
            found.update(map(str, self._rows().filter(**wanted).values_list(self.field.name, flat=True)))
        return found

    def key_of(self, storage: MinioBackend, primary_key: object, name: str) -> str:
        """The key of a row's object in a storage.

        Raises:
            CleaningError: no object can have this name.
        """
        try:
            return storage.key(name)
        except (SuspiciousOperation, ValueError) as error:
            raise CleaningError(
                f"{self.of_row(primary_key)}: {error} Correct that row first. Nothing was deleted."
            ) from error

    def _rows(self) -> QuerySet[Model]:
        """All rows: a plain QuerySet, since a model's managers may hide some."""
        return QuerySet(model=self.model, using=self.database)

    def _with_file(self, rows: QuerySet[Model]) -> QuerySet[Model]:
        name = self.field.name
        return rows.filter(**{f"{name}__isnull": False}).exclude(**{name: ""})

    def _pages(
        self, rows: QuerySet[Model], at_once: int, read: Callable[[QuerySet[Model]], list[Row]]
    ) -> Iterator[list[Row]]:
        """What ``read`` makes of the rows that have a file, in the order of primary keys; each begins with its own.

        Raises:
            CleaningError: the database does not sort this kind of key, so the rows cannot be read in pages.
            django.db.Error: they cannot be read.
        """
        ordered = self._with_file(rows).order_by("pk")
        page = read(ordered[:at_once])
        while page:
            yield page
            last = page[-1][0]
            if len(page) < at_once:
                return
            page = read(ordered.filter(pk__gt=last)[:at_once])
            if page and page[-1][0] == last:
                raise CleaningError(
                    f"{self}: the primary key {last!r} is not greater than itself. Nothing was deleted."
                )

    def _few(self, names: Sequence[str], other_parameters: int = 0) -> Iterator[Sequence[str]]:
        """The names, as many at once as one query takes that has so many other parameters."""
        most: int | None = connections[self.database].features.max_query_params
        at_once = min(max(most - other_parameters, 1), NAMES_AT_ONCE) if most else NAMES_AT_ONCE
        return (names[start : start + at_once] for start in range(0, len(names), at_once))


@dataclass(frozen=True)
class ReferringField(FieldInDatabase):
    """A field whose files are all in one storage of ours."""

    storage: MinioBackend

    @property
    def before(self) -> str:
        """What stands before the names in the keys."""
        return self.storage.options.key_prefix

    def rows(self) -> Iterator[list[tuple[Any, str]]]:
        """Primary key and file name of every row with a file, some thousand at a time in the order of primary keys.

        Raises:
            CleaningError: the database does not sort this kind of key, so the rows cannot be read in pages.
            django.db.Error: it cannot be read.
        """
        name = self.field.name
        for page in self._pages(self._rows(), ROWS_AT_ONCE, lambda rows: list(rows.values_list("pk", name))):
            yield [(primary_key, str(value)) for primary_key, value in page]

    def key(self, primary_key: object, name: str) -> str:
        """The key of a row's object.

        Raises:
            CleaningError: no object can have this name.
        """
        return self.key_of(self.storage, primary_key, name)

    def literal_key(self, name: str) -> str | None:
        """The key that is a name as it stands, where that is not normalised; None where it is.

        Such an object was not stored by this version, which does not find it either, but it is what the row means.
        """
        return None if names.clean(name) == name else self.before + name


def referring_fields() -> list[ReferringField]:
    """Every FileField that keeps its files in a MinIO storage, once for each database that has its table.

    Fields of other storages count for nothing. Swapped models have no table and are left out. Fields whose rows may
    choose their storage are a matter of ``choosing``.

    Raises:
        CleaningError: a database cannot be asked, a table is in none of them, or a field's storage cannot be made.
    """
    tables = tables_by_database()
    found = []
    for model, field in file_fields():
        if not choosing_classes(model, field) and (storage := our_storage(field)):
            found += [ReferringField(model, field, alias, storage) for alias in databases_of(model, tables)]
    return found


def file_fields() -> Iterator[tuple[type[Model], FileField]]:
    """Every concrete FileField of every model that has a table."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if isinstance(field, FileField):
                yield model, field


def renew_connections(fields: Iterable[FieldInDatabase]) -> None:
    """Open connections again that a database may have closed, which were idle for as long as a listing took."""
    for alias in {one.database for one in fields}:
        connections[alias].close_if_unusable_or_obsolete()


def keys_of_other_apps(storage: MinioBackend, among: Sequence[str] | None = None) -> Iterator[str]:
    """Keys of the objects that receivers of ``collect_references`` name; of all, or of those names that matter.

    Raises:
        CleaningError: a receiver gives what is no name of an object. What it raises itself passes unchanged.
    """
    for receiver, given in collect_references.send(sender=storage.__class__, storage=storage, among=among):
        where = f"{getattr(receiver, '__module__', '')}.{getattr(receiver, '__qualname__', receiver)}"
        if isinstance(given, str):
            raise CleaningError(
                f"{where} gave collect_references one string instead of names. Nothing more was deleted."
            )
        for name in cast("Iterable[object] | None", given) or ():
            try:
                yield storage.key(name)
            except (SuspiciousOperation, ValueError) as error:
                raise CleaningError(
                    f"{where} gave collect_references {name!r}: {error} Nothing more was deleted."
                ) from error


def has_keys_of_its_own(storage: MinioBackend) -> bool:
    """Whether a subclass makes the keys, so that a key does not tell which names lead to it."""
    return storage.__class__.key is not MinioBackend.key  # a LazyObject's type is its own


def our_storage(field: FileField) -> MinioBackend | None:
    """The field's storage if it is ours. ``default_storage`` and its like are made here if they were not yet."""
    try:
        storage = field.storage
        return storage if isinstance(storage, MinioBackend) else None
    except Exception as error:  # whatever the user's storage raises: without it nobody knows what the rows refer to
        raise CleaningError(
            f"The storage of {field.model._meta.label}.{field.name} cannot be made: {error!r}. Nothing was deleted."
        ) from error


def databases_of(model: type[Model], tables: dict[str, set[str]]) -> list[str]:
    """The databases that have a model's table.

    Raises:
        CleaningError: there is none.
    """
    found = databases_with(model, tables)
    if not found:
        raise CleaningError(
            f"No database has the table '{model._meta.db_table}' of {model._meta.label}, so nobody knows which files "
            "its rows refer to. Run migrate first. Nothing was deleted."
        )
    return found


def databases_with(model: type[Model], tables: dict[str, set[str]]) -> list[str]:
    """The databases that have a model's table, if there are any."""
    table = model._meta.db_table
    listed = [alias for alias, names in tables.items() if _identifier(alias, table) in names]
    # Introspection does not list the tables of other schemas.
    return listed or [alias for alias in tables if _answers(model, alias)]


def tables_by_database() -> dict[str, set[str]]:
    """The tables of every database, by alias.

    Raises:
        CleaningError: a database cannot be asked.
    """
    return {alias: _tables(alias) for alias in connections if connections[alias].settings_dict["ENGINE"] != _NONE}


def _tables(alias: str) -> set[str]:
    try:
        names = connections[alias].introspection.table_names(include_views=True)
    except DatabaseProblem as error:
        raise CleaningError(f"Database '{alias}' cannot be read: {error}. Nothing was deleted.") from error
    return {_identifier(alias, name) for name in names}


def _identifier(alias: str, table: str) -> str:
    """A table's name as it is compared: databases fold its letters in different ways."""
    return connections[alias].introspection.identifier_converter(table).casefold()


def _answers(model: type[Model], alias: str) -> bool:
    try:
        QuerySet(model=model, using=alias).exists()
    except DatabaseError:
        return False
    return True
