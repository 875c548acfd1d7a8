"""What a subclass says of its options: its class attributes, and the arguments that its ``__init__`` takes."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from django.utils.module_loading import import_string

from .fields import OPTION_NAMES, OTHER_SPELLINGS
from .other_libraries import SHOWN_ATTRIBUTES, WRITE_INSTEAD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PACKAGE = __name__.partition(".")[0]
_NOT_THE_USERS = (_PACKAGE, "django", "builtins")
_MAY_BE_FUNCTIONS = {"MINIO_OBJECT_HEADERS": ("name",), "MINIO_CREDENTIALS": ()}  # with what they are called


@dataclass(frozen=True)
class ClassOptions:
    """Options that a class has as attributes.

    Attributes:
        values: by name; of several classes that set one, the first in the method resolution order counts.
        owners: the classes that set them.
        storage_name: the alias that the class names, if it does.
        problems: sentences on attributes that cannot be meant as they stand.
    """

    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    owners: Mapping[str, type] = field(default_factory=dict)
    storage_name: str = ""
    problems: tuple[str, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """What errors call each of them."""
        return {name: f"{owner.__name__}.{name}" for name, owner in self.owners.items()}

    @property
    def names_a_server(self) -> bool:
        """Whether the class brings a server of its own."""
        return self.values.get("MINIO_ENDPOINT") is not None

    def of_bases(self, backend: type | None) -> dict[str, Any]:
        """Those that this class, which the class itself may be, has or inherits."""
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
    found = {name: one for name, one in seen.items() if _is_meant_as_an_option(name, *one)}
    problems = {name: _problem(name, value) for name, (_, value) in found.items()}
    right = {name: one for name, one in found.items() if not problems[name]}
    _, storage_name = right.pop("storage_name", (kind, ""))
    return ClassOptions(
        values={name: _plain(value) for name, (_, value) in right.items()},
        owners={name: owner for name, (owner, _) in right.items()},
        storage_name=storage_name,
        problems=tuple(f"{found[name][0].__name__}.{name} {problem}." for name, problem in problems.items() if problem),
    )


def has_own_init(kind: type) -> bool:
    """Whether a class of the user's has an ``__init__``, so that only a call shows what the options will be."""
    return any("__init__" in vars(owner) for owner in _classes_of_users(kind))


def takes(kind: type, name: str) -> bool:
    """Whether a call of the class may have this keyword argument."""
    parameters = inspect.signature(kind).parameters.values()
    return any(
        parameter.kind is parameter.VAR_KEYWORD
        or (parameter.name == name and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY))
        for parameter in parameters
    )


def is_callable_with(kind: type, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> bool:
    """Whether the class can be called like this."""
    try:
        inspect.signature(kind).bind(*arguments, **keywords)
    except TypeError:
        return False
    return True


def names_of_arguments(kind: type, arguments: tuple[Any, ...]) -> list[str]:
    """What the signature calls the positional arguments; an empty string for those of ``*args``."""
    try:
        bound = inspect.signature(kind).bind_partial(*arguments).arguments
    except TypeError:  # too many, as the call itself is about to say
        bound = {}
    parameters = inspect.signature(kind).parameters
    names = [name for name in bound if parameters[name].kind is not inspect.Parameter.VAR_POSITIONAL]
    return [*names, *[""] * (len(arguments) - len(names))]


def own_options(kind: type | None, options: Mapping[str, Any]) -> set[str]:
    """Names in OPTIONS that are no options of this library, but arguments that the class's ``__init__`` takes."""
    unknown = [name for name in options if name not in OPTION_NAMES and name != "storage_name"]
    if kind is None or not unknown or not has_own_init(kind):
        return set()
    return {name for name in unknown if takes(kind, name)}


def backend_among(kind: type, backend: object) -> type | None:
    """The class among ``kind`` and its bases that BACKEND of an entry names; nothing is imported to find out."""
    for base in kind.__mro__:
        if backend is base or (isinstance(backend, str) and _names(backend, base)):
            return base
    return None


def backend_class(entry: Mapping[str, Any]) -> type | None:
    """The class that an entry's BACKEND names, if it is one of this library or a subclass, and can be imported now."""
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


def _is_meant_as_an_option(name: str, _: type, value: object) -> bool:
    if name in SHOWN_ATTRIBUTES:  # a method or a property is a subclass's own way to find it
        return not _is_function(value) and not _is_computed(value)
    if name in WRITE_INSTEAD:
        return not _is_function(value)
    is_option = name in OPTION_NAMES or name == "storage_name"
    return value is not None if is_option else name.startswith("MINIO_")


def _is_function(value: object) -> bool:
    return isinstance(value, (FunctionType, classmethod, staticmethod))


def _is_computed(value: object) -> bool:
    """Whether it is a property or the like."""
    return not callable(value) and not _is_function(value) and hasattr(type(value), "__get__")


def _plain(value: Any) -> Any:
    return value.__func__ if isinstance(value, (staticmethod, classmethod)) else value


def _problem(name: str, value: Any) -> str:
    """What is wrong with a class attribute that is meant as an option, other than its value; empty if nothing."""
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
    try:
        inspect.signature(_plain(value)).bind(*_MAY_BE_FUNCTIONS[name])
    except TypeError:
        wanted = ", ".join(_MAY_BE_FUNCTIONS[name])
        return f"must be a function that is called with ({wanted}), without self"
    return ""
