"""Which objects the database refers to: every FileField of every model, in every database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, connections
from django.db.models import FileField, Model, QuerySet

from .errors import CleaningError
from .storage import MinioBackend

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS_AT_ONCE = 2_000
NAMES_AT_ONCE = 500  # in one query; sqlite takes 999 parameters in its older versions


@dataclass(frozen=True)
class Reference:
    """One row's file."""

    model: type[Model]
    field: str
    primary_key: Any
    name: str
    key: str

    def __str__(self) -> str:
        return f"{self.model._meta.label} {self.primary_key} {self.field}: {self.name}"


@dataclass(frozen=True)
class ReferringField:
    """A concrete FileField (or ImageField) whose storage is ours, in one database."""

    model: type[Model]
    field: FileField
    storage: MinioBackend
    database: str

    def references(self) -> Iterator[Reference]:
        """Every row with a file, streamed."""
        rows = self._rows().exclude(**{self.field.name: ""}).values_list("pk", self.field.name)
        for primary_key, name in rows.iterator(chunk_size=ROWS_AT_ONCE):
            if name:
                yield self._reference(primary_key, str(name))

    def still_referred(self, names: Sequence[str]) -> set[str]:
        """Those of the names that rows refer to at this moment."""
        found: set[str] = set()
        for start in range(0, len(names), NAMES_AT_ONCE):
            some = names[start : start + NAMES_AT_ONCE]
            found.update(
                self._rows().filter(**{f"{self.field.name}__in": some}).values_list(self.field.name, flat=True)
            )
        return found

    def _rows(self) -> QuerySet[Model]:
        """All rows: a plain QuerySet, since a model's managers may hide some."""
        return QuerySet(model=self.model, using=self.database)

    def _reference(self, primary_key: object, name: str) -> Reference:
        try:
            key = self.storage.key(name)
        except (SuspiciousOperation, ValueError) as error:
            where = f"{self.model._meta.label} {primary_key} {self.field.name} in database '{self.database}'"
            raise CleaningError(f"{where}: {error} Correct that row first. Nothing was deleted.") from error
        return Reference(self.model, self.field.name, primary_key, name, key)


def referring_fields() -> list[ReferringField]:
    """Every FileField that keeps its files in a MinIO storage, once for each database that has its table.

    Raises:
        CleaningError: a database cannot be asked, or a table is in none of them.
    """
    tables = {alias: _tables(alias) for alias in connections}
    found = []
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if not isinstance(field, FileField) or not isinstance(field.storage, MinioBackend):
                continue
            databases = [alias for alias, names in tables.items() if model._meta.db_table in names]
            if not databases:
                raise CleaningError(
                    f"No database has the table '{model._meta.db_table}' of {model._meta.label}, so nobody knows which "
                    "files its rows refer to. Run migrate first. Nothing was deleted."
                )
            found += [ReferringField(model, field, field.storage, alias) for alias in databases]
    return found


def _tables(alias: str) -> set[str]:
    try:
        return set(connections[alias].introspection.table_names(include_views=True))
    except DatabaseError as error:
        raise CleaningError(f"Database '{alias}' cannot be read: {error}. Nothing was deleted.") from error
