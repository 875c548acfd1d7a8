"""Finds the options of one STORAGES entry or call: its own, those of its alias and those of its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.conf import settings

from ..errors import ConfigurationError
from .fields import OPTION_NAMES, OTHER_SPELLINGS, StorageOptions
from .hiding import hidden_options
from .names import in_known_case
from .reading import read_options
from .subclassing import ClassOptions, backend_among, backend_class, class_options, has_own_init, own_options

if TYPE_CHECKING:
    from collections.abc import Iterable

_OF_VERSION_3 = ("MINIO_ENDPOINT", "DEFAULT_FILE_STORAGE", "STATICFILES_STORAGE")


def options_of_call(
    options: Mapping[str, Any], storage_class: type, *, alias: str, alias_was_given: bool, outer_call: Mapping[str, Any]
) -> StorageOptions:
    """Find the options of ``MinioBackend(bucket_name=..., storage_name=..., **options)``.

    A call with MINIO_* options and no alias is self-contained: Django makes ``storages["alias"]`` that way. So is a
    call of a class that has a MINIO_ENDPOINT. Any other call takes the OPTIONS of its alias, with its own on top. An
    empty alias is how migrations write a storage without alias and secrets. Attributes of the class count where nothing
    else is set, and over the OPTIONS of another class's entry.

    Args:
        options: the call's keyword arguments.
        storage_class: the storage's class.
        alias: the alias that the call names, or the class's default one.
        alias_was_given: whether the call named it.
        outer_call: the arguments of a subclass's ``__init__`` that made this call.

    Raises:
        ConfigurationError: the alias does not exist or is no MinIO storage, or an option is wrong.
    """
    attributes = class_options_of(storage_class)
    class_is_self_contained = attributes.names_a_server and not alias_was_given and not attributes.storage_name
    try:
        if class_is_self_contained or is_self_contained(options, alias_was_given=alias_was_given):
            own_alias = _alias_of(outer_call, storage_class)
            return read_options(_layered(attributes.values, options), own_alias, attributes=attributes)
        if not alias:
            return read_options(_layered(attributes.values, options), "", attributes=attributes, keys_needed=False)
        return _on_top_of_alias(alias, options, storage_class, attributes, is_call=True)
    except ConfigurationError as error:
        # Storages are often made while models are imported, before the app has checked all of STORAGES.
        others = _problems_of_all_aliases()
        if not set(others) - set(error.problems):
            raise
        raise ConfigurationError(*dict.fromkeys([*error.problems, *others])) from error


def options_of_entry(options: Mapping[str, Any], alias: str, storage_class: type) -> StorageOptions:
    """Options that Django makes ``storages[alias]`` of: the entry's own, or on top of those of the alias it names.

    Raises:
        ConfigurationError: an option is wrong, or there is no such alias.
    """
    options = in_known_case(options)
    attributes = class_options_of(storage_class)
    other_alias = str(options.get("storage_name", ""))
    if not other_alias and not is_self_contained(options, alias_was_given=False):
        other_alias = attributes.storage_name
    if other_alias:
        on_top = {name: value for name, value in options.items() if name != "storage_name"}
        return _on_top_of_alias(other_alias, on_top, storage_class, attributes, is_call=False)
    return read_options(_layered(attributes.values, options), alias, attributes=attributes)


def class_options_of(storage_class: type) -> ClassOptions:
    """The options that a class has as attributes, secrets among them hidden from reports."""
    attributes = class_options(storage_class)
    attributes.values = hidden_options(attributes.values)
    return attributes


def is_self_contained(options: Mapping[str, Any], *, alias_was_given: bool) -> bool:
    """Whether a call brings all its options itself."""
    return not alias_was_given and any(name.startswith("MINIO_") for name in options)


def minio_aliases() -> dict[str, Mapping[str, Any]]:
    """The entries of STORAGES that have MINIO_* options, by alias, with secrets hidden."""
    entries: Mapping[str, Any] = settings.STORAGES
    by_alias: dict[str, Mapping[str, Any]] = {}
    for alias, entry in entries.items():
        options = entry.get("OPTIONS") if isinstance(entry, Mapping) else None
        if isinstance(options, Mapping):
            options = in_known_case(options)
            if any(name.startswith("MINIO_") for name in options):
                by_alias[alias] = {**entry, "OPTIONS": hidden_options(options)}
    return by_alias


def settings_of_version_3() -> str:
    """A hint where settings of 3.x are not in STORAGES; empty where there are none."""
    names = [
        name
        for name in _OF_VERSION_3
        if (value := getattr(settings, name, None))
        and (name.startswith("MINIO_") or str(value).startswith("django_minio_backend."))
    ]
    verb = "is a setting" if len(names) == 1 else "are settings"
    return f"{' and '.join(names)} {verb} of 3.x: see 'Settings of 3.x' in MIGRATIONS.md." if names else ""


def _on_top_of_alias(
    alias: str, options: Mapping[str, Any], storage_class: type, attributes: ClassOptions, *, is_call: bool
) -> StorageOptions:
    entry: Any = settings.STORAGES.get(alias)
    backend = backend_among(storage_class, entry.get("BACKEND")) if isinstance(entry, Mapping) else None
    is_own = backend is not None and attributes.names_a_server
    class_name = storage_class.__name__ if is_call else ""
    layers = (
        attributes.of_bases(backend),
        _options_of_alias(alias, class_name, may_be_empty=is_own),
        attributes.of_others(backend),
        options,
    )
    from_call = options if class_name else None
    return read_options(_layered(*layers), alias, attributes=attributes, from_call=from_call, class_name=class_name)


def _layered(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Options of several sources under the names of the table; later ones win, where they have a value."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            known = OTHER_SPELLINGS.get(name, name)
            if known != name and layer.get(known) is not None:
                continue  # set in both spellings
            if known not in merged or not (value is None or (known == "bucket_name" and value == "")):
                merged[known] = value
    return merged


def _problems_of_all_aliases() -> list[str]:
    problems: list[str] = []
    for alias, entry in minio_aliases().items():
        backend = backend_class(entry)
        if backend is None or has_own_init(backend):  # checked when Django has started, as they have to be imported
            continue
        try:
            options_of_entry(entry["OPTIONS"], alias, backend)
        except ConfigurationError as error:
            problems += error.problems
    return problems


def _options_of_alias(alias: str, class_name: str, *, may_be_empty: bool) -> Mapping[str, Any]:
    """OPTIONS of an entry, without the arguments that only its class's own ``__init__`` takes.

    Args:
        alias: of the entry.
        class_name: the class whose call needs them, for errors; empty where another entry does.
        may_be_empty: whether they may have no MINIO_* option.

    Raises:
        ConfigurationError: they have no MINIO_* option.
    """
    aliases = minio_aliases()
    entry: Any = settings.STORAGES.get(alias)
    if alias in aliases:
        options: Mapping[str, Any] = aliases[alias]["OPTIONS"]
        has_others = any(name not in OPTION_NAMES for name in options)
        own = own_options(backend_class(entry), options) if has_others else ()
        return {name: value for name, value in options.items() if name not in own}
    has_options = isinstance(entry, Mapping) and isinstance(entry.get("OPTIONS") or {}, Mapping)
    if may_be_empty and has_options:
        return hidden_options(entry.get("OPTIONS") or {})
    if entry is None:
        raise ConfigurationError(f"STORAGES has no alias '{alias}'. {_known_aliases(aliases)}")
    if not has_options:
        problem = "is not a dictionary with a dictionary as OPTIONS"
    else:
        problem = f"is {_path_of(entry.get('BACKEND'))} without any MINIO_* option"
        if class_name:
            problem = (
                f"{problem}, so it is no MinIO storage, but {class_name}(...) takes its server from there. Let the "
                f"function of the field return storages['{alias}'] instead, which is whatever BACKEND that alias has; "
                "a bucket of its own needs an alias of its own in STORAGES"
            )
    raise ConfigurationError(f"STORAGES['{alias}'] {problem}. {_known_aliases(aliases)}")


def _known_aliases(aliases: Iterable[str]) -> str:
    """The MinIO storages of STORAGES for errors, and where settings of 3.x belong."""
    listed = ", ".join(f"'{alias}'" for alias in aliases) or "none"
    return f"MinIO storages in STORAGES: {listed}. {settings_of_version_3()}".rstrip()


def _path_of(backend: object) -> str:
    if isinstance(backend, type):
        return f"{backend.__module__}.{backend.__qualname__}"
    return str(backend or "an entry without BACKEND")


def _alias_of(options: Mapping[str, Any], storage_class: type) -> str:
    """The alias whose OPTIONS are these, or an empty string."""
    entries: Mapping[str, Any] = settings.STORAGES
    for alias, entry in entries.items():
        is_same = isinstance(entry, Mapping) and in_known_case(entry.get("OPTIONS") or {}) == options
        if is_same and backend_among(storage_class, entry.get("BACKEND")) is storage_class:
            return alias
    return next((alias for alias, entry in minio_aliases().items() if entry["OPTIONS"] == options), "")
