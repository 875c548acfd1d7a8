"""Which databases have the table of a model."""

from __future__ import annotations

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db import Error as AnyDatabaseError
from django.db.models import Model, QuerySet

from ..errors import CleaningError

_DUMMY = "django.db.backends.dummy"  # the engine of an empty entry in DATABASES


def databases_of(model: type[Model], tables: dict[str, set[str]]) -> list[str]:
    """Return the databases that have a model's table.

    Raises:
        CleaningError: none has it.
    """
    aliases = databases_with(model, tables)
    if not aliases:
        raise CleaningError(
            f"No database has the table '{model._meta.db_table}' of {model._meta.label}, so the files of its rows are "
            "unknown. Run migrate first. Nothing was deleted."
        )
    return aliases


def databases_with(model: type[Model], tables: dict[str, set[str]]) -> list[str]:
    """Return the databases that have a model's table, if any."""
    table = model._meta.db_table
    listed = [alias for alias, names in tables.items() if _identifier(alias, table) in names]
    # Introspection does not list the tables of other schemas.
    return listed or [alias for alias in tables if _can_be_queried(model, alias)]


def in_database(alias: str) -> str:
    """Return how messages name a database; empty for the default one."""
    return "" if alias == DEFAULT_DB_ALIAS else f" in database '{alias}'"


def tables_by_database() -> dict[str, set[str]]:
    """Return the tables of every database, by alias.

    Raises:
        CleaningError: a database cannot be read.
    """
    tables = {}
    for alias in connections:
        if connections[alias].settings_dict["ENGINE"] != _DUMMY:
            try:
                names = connections[alias].introspection.table_names(include_views=True)
            except AnyDatabaseError as error:
                raise CleaningError(f"Database '{alias}' cannot be read: {error}. Nothing was deleted.") from error
            tables[alias] = {_identifier(alias, name) for name in names}
    return tables


def _identifier(alias: str, table: str) -> str:
    """Return a table's name for comparisons: databases fold its letters in different ways."""
    return connections[alias].introspection.identifier_converter(table).casefold()


def _can_be_queried(model: type[Model], alias: str) -> bool:
    try:
        QuerySet(model=model, using=alias).exists()
    except DatabaseError:
        return False
    return True
