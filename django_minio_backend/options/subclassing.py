"""Inspects subclasses: options among their class attributes, and the arguments of their ``__init__``."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from django.utils.module_loading import import_string

from .fields import OPTION_NAMES, OTHER_SPELLINGS
from .names import SHOWN_ATTRIBUTES, WRITE_INSTEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_PACKAGE = __name__.partition(".")[0]
_NOT_THE_USERS = (_PACKAGE, "django", "builtins")
_MAY_BE_FUNCTIONS = {"MINIO_OBJECT_HEADERS": ("name",), "MINIO_CREDENTIALS": ()}  # with the arguments of their calls


class ClassOptions:
    """Options that a class has as attributes.

    Attributes:
        values: by name; of several classes that set one, the first in the method resolution order counts.
        owners: the classes that set them.
        storage_name: the alias that the class names, if it does.
        problems: sentences on attributes that cannot be options.
    """

    def __init__(
        self, values: dict[str, Any], owners: dict[str, type], storage_name: str = "", problems: Sequence[str] = ()
    ) -> None:
        self.values, self.owners = values, owners
        self.storage_name, self.problems = storage_name, problems

    @property
    def labels(self) -> dict[str, str]:
        """The name of each in errors."""
        return {name: f"{owner.__name__}.{name}" for name, owner in self.owners.items()}

    @property
    def names_a_server(self) -> bool:
        """Whether the class has an endpoint."""
        return self.values.get("MINIO_ENDPOINT") is not None

    def of_bases(self, backend: type | None) -> dict[str, Any]:
        """Those that ``backend``, a base of the class or the class itself, has or inherits."""
        bases = backend.__mro__ if backend else ()
        return {name: value for name, value in self.values.items() if self.owners[name] in bases}

    def of_others(self, backend: type | None) -> dict[str, Any]:
        """Those that other classes set."""
        own = self.of_bases(backend)
        return {name: value for name, value in self.values.items() if name not in own}


def class_options(kind: type) -> ClassOptions:
    """Find the options among the attributes of the user's classes, and names that can only be meant as options."""
    seen: dict[str, tuple[type, Any]] = {}
    for owner in _classes_of_users(kind):
        for name, value in vars(owner).items():
            seen.setdefault(OTHER_SPELLINGS.get(name, name), (owner, value))
    values, owners, problems = {}, {}, []
    for name, (owner, value) in seen.items():
        if not _is_meant_as_an_option(name, value):
            continue
        if problem := _problem(name, value):
            problems.append(f"{owner.__name__}.{name} {problem}.")
        else:
            values[name], owners[name] = _plain(value), owner
    owners.pop("storage_name", None)
    return ClassOptions(values, owners, values.pop("storage_name", ""), problems)


def has_own_init(kind: type) -> bool:
    """Whether a user's class has an ``__init__``, so that only a call shows what the options will be."""
    return any("__init__" in vars(owner) for owner in _classes_of_users(kind))


def takes(kind: type, name: str) -> bool:
    """Whether a call of the class may have this keyword argument."""
    return _succeeds(inspect.signature(kind).bind_partial, **{name: None})


def is_callable_with(kind: type, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> bool:
    """Whether the class can be called like this."""
    return _succeeds(inspect.signature(kind).bind, *arguments, **keywords)


def _succeeds(bind: Callable[..., object], *arguments: Any, **keywords: Any) -> bool:
    try:
        bind(*arguments, **keywords)
    except TypeError:
        return False
    return True


def names_of_arguments(kind: type, arguments: tuple[Any, ...]) -> list[str]:
    """The names of positional arguments in the class's signature; an empty string for those of ``*args``."""
    try:
        bound = inspect.signature(kind).bind_partial(*arguments).arguments
    except TypeError:  # too many, which the call itself is about to raise
        bound = {}
    parameters = inspect.signature(kind).parameters
    names = [name for name in bound if parameters[name].kind is not inspect.Parameter.VAR_POSITIONAL]
    return [*names, *[""] * (len(arguments) - len(names))]


def own_options(kind: type | None, options: Mapping[str, Any]) -> set[str]:
    """Names in OPTIONS that are not options of this package, but arguments of the class's ``__init__``."""
    unknown = [name for name in options if name not in OPTION_NAMES and name != "storage_name"]
    if kind is None or not unknown or not has_own_init(kind):
        return set()
    return {name for name in unknown if takes(kind, name)}


def backend_among(kind: type, backend: object) -> type | None:
    """The class among ``kind`` and its bases that an entry's BACKEND names; nothing is imported."""
    for base in kind.__mro__:
        if backend is base or (isinstance(backend, str) and _names(backend, base)):
            return base
    return None


def backend_class(entry: Mapping[str, Any]) -> type | None:
    """The class that an entry's BACKEND names, if it is one of this package or a subclass and can be imported now."""
    backend = entry.get("BACKEND")
    if isinstance(backend, str):
        try:
            backend = import_string(backend)
        except ImportError:
            return None
    is_ours = inspect.isclass(backend) and any(_package_of(base) == _PACKAGE for base in backend.__mro__)
    return cast("type", backend) if is_ours else None


def _names(path: str, kind: type) -> bool:
    """Whether a dotted path leads to this class: its own, or one by which its package exports it."""
    if path == f"{kind.__module__}.{kind.__qualname__}":
        return True
    module, _, name = path.rpartition(".")
    return name == kind.__name__ and module.partition(".")[0] == _package_of(kind)


def _classes_of_users(kind: type) -> Iterator[type]:
    return (owner for owner in kind.__mro__ if _package_of(owner) not in _NOT_THE_USERS)


def _package_of(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _is_meant_as_an_option(name: str, value: object) -> bool:
    if name in SHOWN_ATTRIBUTES:  # a subclass may override it with a method or a property
        return not _is_function(value) and not _is_computed(value)
    if name in WRITE_INSTEAD:
        return not _is_function(value)
    is_option = name in OPTION_NAMES or name == "storage_name"
    return value is not None if is_option else name.startswith("MINIO_")


def _is_function(value: object) -> bool:
    return isinstance(value, (FunctionType, classmethod, staticmethod))


def _is_computed(value: object) -> bool:
    """Whether it is a property or another descriptor."""
    return not callable(value) and not _is_function(value) and hasattr(type(value), "__get__")


def _plain(value: Any) -> Any:
    return value.__func__ if isinstance(value, (staticmethod, classmethod)) else value


def _problem(name: str, value: Any) -> str:
    """The problem of a class attribute that is meant as an option, other than its value; empty if there is none."""
    if name in WRITE_INSTEAD or name in SHOWN_ATTRIBUTES:
        return ""  # as in OPTIONS, the name itself is wrong
    if _is_computed(value):
        return (
            "is computed, but options are read once, when the storage is made; set a plain attribute, pass it to "
            "super().__init__(), or give the field a function that returns the storage"
        )
    if name == "storage_name" and not (isinstance(value, str) and value):
        return "must be an alias in STORAGES"
    return _problem_of_function(name, value) if _is_function(value) else ""


def _problem_of_function(name: str, value: Any) -> str:
    if name not in _MAY_BE_FUNCTIONS:
        return "is a method, but options of this name are plain values; set one, or rename the method"
    arguments = _MAY_BE_FUNCTIONS[name]
    if _succeeds(inspect.signature(_plain(value)).bind, *arguments):
        return ""
    return f"must be a function that is called with ({', '.join(arguments)}), without self"
