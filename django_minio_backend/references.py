"""Which objects the database refers to: every FileField of every model, in every database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.core.exceptions import SuspiciousOperation
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db import Error as DatabaseProblem
from django.db.models import FileField, Model, QuerySet

from . import names
from .errors import CleaningError
from .signals import collect_references
from .storage import MinioBackend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROWS_AT_ONCE = 5_000  # in one query: no cursor stays open on the server, and no transaction
NAMES_AT_ONCE = 1_000  # in one query; fewer where the database takes fewer parameters

_NONE = "django.db.backends.dummy"  # what Django makes of an empty entry in DATABASES


@dataclass(frozen=True)
class ReferringField:
    """A concrete FileField (or ImageField) whose storage is ours, in one database."""

    model: type[Model]
    field: FileField
    storage: MinioBackend
    database: str

    def __str__(self) -> str:
        return f"{self.model._meta.label}.{self.field.name}{self._where}"

    def of_row(self, primary_key: object) -> str:
        """Words for the field of one row."""
        return f"{self.model._meta.label} {primary_key} {self.field.name}{self._where}"

    @property
    def _where(self) -> str:
        return "" if self.database == DEFAULT_DB_ALIAS else f" in database '{self.database}'"

    @property
    def before(self) -> str:
        """What stands before the names in the keys."""
        return f"{self.storage.options.location}/".lstrip("/")

    def rows(self) -> Iterator[list[tuple[Any, str]]]:
        """Primary key and file name of every row with a file, some thousand at a time in the order of primary keys.

        Raises:
            CleaningError: the database does not sort this kind of key, so the rows cannot be read in pages.
            django.db.Error: it cannot be read.
        """
        name = self.field.name
        found = self._rows().filter(**{f"{name}__isnull": False}).exclude(**{name: ""})
        ordered = found.order_by("pk").values_list("pk", name)
        page = list(ordered[:ROWS_AT_ONCE])
        while page:
            yield [(primary_key, str(value)) for primary_key, value in page]
            last = page[-1][0]
            if len(page) < ROWS_AT_ONCE:
                return
            page = list(ordered.filter(pk__gt=last)[:ROWS_AT_ONCE])
            if page and page[-1][0] == last:
                raise CleaningError(
                    f"{self}: the primary key {last!r} is not greater than itself. Nothing was deleted."
                )

    def has_rows(self) -> bool:
        """Whether the table has any row, with a file or without."""
        return self._rows().exists()

    def still_referred(self, names: Sequence[str]) -> set[str]:
        """Those of the names that rows refer to at this moment; also others that the database takes for equal."""
        found: set[str] = set()
        most: int | None = connections[self.database].features.max_query_params
        at_once = min(most or NAMES_AT_ONCE, NAMES_AT_ONCE)
        for start in range(0, len(names), at_once):
            wanted = {f"{self.field.name}__in": names[start : start + at_once]}
            found.update(map(str, self._rows().filter(**wanted).values_list(self.field.name, flat=True)))
        return found

    def key(self, primary_key: object, name: str) -> str:
        """The key of a row's object.

        Raises:
            CleaningError: no object can have this name.
        """
        try:
            return self.storage.key(name)
        except (SuspiciousOperation, ValueError) as error:
            raise CleaningError(
                f"{self.of_row(primary_key)}: {error} Correct that row first. Nothing was deleted."
            ) from error

    def literal_key(self, name: str) -> str | None:
        """The key that is a name as it stands, where that is not normalised; None where it is.

        Such an object was not stored by this version, which does not find it either, but it is what the row means.
        """
        return None if names.clean(name) == name else self.before + name

    def _rows(self) -> QuerySet[Model]:
        """All rows: a plain QuerySet, since a model's managers may hide some."""
        return QuerySet(model=self.model, using=self.database)


def referring_fields() -> list[ReferringField]:
    """Every FileField that keeps its files in a MinIO storage, once for each database that has its table.

    Fields of other storages count for nothing. Swapped models have no table and are left out.

    Raises:
        CleaningError: a database cannot be asked, a table is in none of them, or a field's storage cannot be made.
    """
    tables = {alias: _tables(alias) for alias in connections if connections[alias].settings_dict["ENGINE"] != _NONE}
    found = []
    for model, field in file_fields():
        if storage := _our_storage(field):
            found += [ReferringField(model, field, storage, alias) for alias in _databases_of(model, tables)]
    return found


def file_fields() -> Iterator[tuple[type[Model], FileField]]:
    """Every concrete FileField of every model that has a table."""
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if isinstance(field, FileField):
                yield model, field


def renew_connections(fields: Iterable[ReferringField]) -> None:
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


def _our_storage(field: FileField) -> MinioBackend | None:
    """The field's storage if it is ours. ``default_storage`` and its like are made here if they were not yet."""
    try:
        storage = field.storage
        return storage if isinstance(storage, MinioBackend) else None
    except Exception as error:  # whatever the user's storage raises: without it nobody knows what the rows refer to
        raise CleaningError(
            f"The storage of {field.model._meta.label}.{field.name} cannot be made: {error!r}. Nothing was deleted."
        ) from error


def _databases_of(model: type[Model], tables: dict[str, set[str]]) -> list[str]:
    """The databases that have a model's table."""
    table = model._meta.db_table
    found = [alias for alias, names in tables.items() if _identifier(alias, table) in names]
    if not found:  # introspection does not list the tables of other schemas
        found = [alias for alias in tables if _answers(model, alias)]
    if not found:
        raise CleaningError(
            f"No database has the table '{table}' of {model._meta.label}, so nobody knows which files its rows refer "
            "to. Run migrate first. Nothing was deleted."
        )
    return found


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
