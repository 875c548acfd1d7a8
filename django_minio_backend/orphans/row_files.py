"""The file of each row as the project's code returns it, for fields whose rows may choose the storage."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.core.files.storage import Storage
from django.db.models import FileField, ImageField, Model, QuerySet, signals
from django.db.models.fields.files import FieldFile, FileDescriptor, ImageFieldFile, ImageFileDescriptor

from ..errors import CleaningError
from .databases import in_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class RowFile(NamedTuple):
    """The file of one row.

    Attributes:
        stored: the name in the database.
        name: the name that the FieldFile passes to its storage.
        storage: of the FieldFile; None if it has none, so that the file may be anywhere.
    """

    primary_key: Any
    stored: str
    name: str
    storage: Storage | None


def choosing_classes(model: type[Model], field: FileField) -> list[type[Model]]:
    """Return the classes as which rows are loaded, if a row may have its file in another storage than the field's.

    The list is empty if all files are in the field's storage. Otherwise the model comes first, followed by proxies and
    children that may choose by another rule. Django itself never chooses, so any class of the project or of a package
    counts that creates the value of the field, or the instance. Most of them choose nothing, but only the row's
    FieldFile shows it.
    """
    rule = makers, receivers, descriptor = _rule(model, field)
    subclasses = (kind for kind in apps.get_models() if kind is not model and issubclass(kind, model))
    others = [kind for kind in subclasses if _rule(kind, field) != rule]
    plain = (
        field.attr_class in (FieldFile, ImageFieldFile)
        and not hasattr(field, "from_db_value")
        and type(descriptor) in (FileDescriptor, ImageFileDescriptor)
        and (makers, receivers) == (_makers(Model), [])
    )
    return [] if plain and not others else [model, *others]


class RowFiles:
    """Loads rows as instances of a class, and reads the file of a field from them.

    Instances are created as Django's own queries create them: by ``from_db``, with the values of all columns.
    """

    def __init__(self, model: type[Model], field: FileField) -> None:
        self._model, self._field = model, field
        self._columns = [column.attname for column in model._meta.concrete_fields]
        self._dimensions = list(self._dimension_columns())

    def read(self, rows: QuerySet[Model], primary_key: str = "pk") -> Iterator[RowFile]:
        """Return the files of the rows of a query; ``primary_key`` is the column that identifies a row.

        Raises:
            CleaningError: the project's code raised an exception for a row.
            django.db.Error: the rows cannot be read.
        """
        columns = self._columns if primary_key in self._columns else [primary_key, *self._columns]
        position = columns.index(primary_key)
        for row in rows.values_list(*columns):
            key, values = row[position], list(row[-len(self._columns) :])
            try:
                file = self._file(rows.db, key, values)
            except Exception as error:  # the project's code may raise anything, and the file may then be anywhere
                where = in_database(rows.db)
                raise CleaningError(
                    f"{self._model._meta.label} {key} {self._field.name}{where}: the storage of this row cannot be "
                    f"determined: {error!r}. Correct the row, or the code of the model. Nothing more was deleted."
                ) from error
            yield file

    def _file(self, database: str, primary_key: object, values: list[Any]) -> RowFile:
        stored = str(values[self._columns.index(self._field.attname)])
        file = getattr(self._instance(database, values), self._field.attname)
        name, storage = getattr(file, "name", None), getattr(file, "storage", None)
        is_storage = isinstance(storage, Storage)  # this creates the storage of a LazyObject
        return RowFile(primary_key, stored, str(name or stored), storage if is_storage else None)

    def _instance(self, database: str, values: list[Any]) -> Model:
        """Create an instance with made-up dimensions, since ImageField would open the file of a row without them."""
        missing = {column: values[column] for image, column in self._dimensions if values[image] and not values[column]}
        for column in missing:
            values[column] = 1
        instance = self._model.from_db(database, self._columns, values)
        for column, value in missing.items():
            setattr(instance, self._columns[column], value)
        return instance

    def _dimension_columns(self) -> Iterator[tuple[int, int]]:
        """Return the position of each ImageField in a row, with that of each column of its dimensions."""
        for position, field in enumerate(self._model._meta.concrete_fields):
            if isinstance(field, ImageField):
                for name in (getattr(field, "width_field", None), getattr(field, "height_field", None)):
                    if name in self._columns:
                        yield position, self._columns.index(name)


def _rule(model: type[Model], field: FileField) -> tuple[tuple[object, ...], list[Callable[..., object]], object]:
    """Return the code that creates an instance from a row, the receivers of its signal, and what creates its file."""
    return _makers(model), _receivers(model), inspect.getattr_static(model, field.attname)


def _makers(model: type[Model]) -> tuple[object, ...]:
    from_db = model.from_db
    return (
        type(model).__call__,
        model.__new__,
        model.__init__,
        model.__setattr__,
        model.__getattribute__,
        getattr(from_db, "__func__", from_db),
    )


def _receivers(model: type[Model]) -> list[Callable[..., object]]:
    """Return the receivers of ``post_init`` for a model without Django's own; there is no public way to list them."""
    live: Iterable[Any] = signals.post_init._live_receivers(model)  # noqa: SLF001
    # Django 4.2 returns one list; later versions return two, of functions and of coroutine functions.
    receivers = [receiver for item in live for receiver in (item if isinstance(item, list) else [item])]
    return [item for item in receivers if getattr(item, "__func__", None) is not ImageField.update_dimension_fields]
