"""Finds the MinIO storages of STORAGES by their class, subclasses included, and checks their settings together."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.files.storage import storages
from django.utils.module_loading import import_string

from .errors import ConfigurationError, PrivatePublicMixedError
from .options.fields import OPTION_NAMES
from .options.hiding import hidden_options, without_values
from .options.names import in_known_case
from .options.resolution import class_options_of, minio_aliases, options_of_entry, settings_of_version_3
from .options.subclassing import has_own_init
from .staticfiles.storage import MinioBackendStatic
from .storage import MinioBackend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .options.fields import StorageOptions


def check_settings() -> dict[str, StorageOptions]:
    """Check the options of all MinIO storages in STORAGES and return them by alias; no request is sent.

    A storage is made only if its class has its own ``__init__``, since only that shows what the options will be.

    Raises:
        ConfigurationError: with every problem of every alias.
        PrivatePublicMixedError: the only problem is that buckets are both private and public.
    """
    problems: list[str] = []
    mixed: list[str] = []
    by_alias: dict[str, StorageOptions] = {}
    media: dict[str, StorageOptions] = {}
    for alias, backend in _our_aliases(problems).items():
        try:
            by_alias[alias] = _options_of(alias, backend)
        except PrivatePublicMixedError as error:
            mixed += error.problems
        except ConfigurationError as error:
            problems += error.problems
        else:
            if not issubclass(backend, MinioBackendStatic):  # whose bucket is public whatever the lists say
                media[alias] = by_alias[alias]
    mixed += _mixed_across(media)
    if problems:
        raise ConfigurationError(*dict.fromkeys([*problems, *mixed]))
    if mixed:
        raise PrivatePublicMixedError(*dict.fromkeys(mixed))
    return by_alias


def _options_of(alias: str, backend: type[MinioBackend]) -> StorageOptions:
    """The options that ``storages[alias]`` has.

    Raises:
        ConfigurationError: one is wrong.
    """
    options = settings.STORAGES[alias].get("OPTIONS") or {}
    if not isinstance(options, Mapping):
        raise ConfigurationError(
            f"STORAGES['{alias}']: OPTIONS is a {type(options).__name__}, but must be a dictionary."
        )
    if has_own_init(backend):
        return _make(alias, backend).options
    options = hidden_options(options)
    of_class = class_options_of(backend)
    names_a_server = "storage_name" in options or of_class.storage_name or of_class.names_a_server
    has_unknown = any(name not in OPTION_NAMES for name in in_known_case(options))  # each gets its own error
    if not (names_a_server or has_unknown or alias in minio_aliases()):
        problem = f"STORAGES['{alias}'] has no MINIO_* option in its OPTIONS, so no server is configured."
        raise ConfigurationError(f"{problem} {settings_of_version_3()}".rstrip())
    return options_of_entry(options, alias, backend)


def _make(alias: str, backend: type[MinioBackend]) -> MinioBackend:
    """Make ``storages[alias]``, whose class has an ``__init__`` of the user.

    Raises:
        ConfigurationError: it cannot be made.
    """
    start = f"STORAGES['{alias}']"
    try:
        return cast("MinioBackend", storages[alias])
    except ConfigurationError as error:
        kind = PrivatePublicMixedError if isinstance(error, PrivatePublicMixedError) else ConfigurationError
        problems = [
            problem if problem.startswith(start) else f"{start} ({backend.__name__}): {problem}"
            for problem in error.problems
        ]
        raise kind(*problems) from error
    except Exception as error:  # whatever the user's code raises; other aliases are checked as well
        text = without_values(str(error), settings.STORAGES[alias].get("OPTIONS") or {})
        raise ConfigurationError(
            f"{start}: {backend.__name__} cannot be made of these OPTIONS: {type(error).__name__}: {text}"
        ) from error


def minio_storages() -> dict[str, MinioBackend]:
    """The MinIO storages of STORAGES by alias; their settings are valid.

    Raises:
        ConfigurationError: as ``check_settings``.
    """
    return {alias: cast("MinioBackend", storages[alias]) for alias in check_settings()}


def _our_aliases(problems: list[str]) -> dict[str, type[MinioBackend]]:
    """The classes of MinIO storages by alias; one that cannot be imported is a problem if it has MINIO_* options."""
    classes = {}
    entries: Mapping[str, Any] = settings.STORAGES
    for alias, entry in entries.items():
        if not isinstance(entry, Mapping):
            problems.append(
                f"STORAGES['{alias}'] is a {type(entry).__name__}, but must be a dictionary with BACKEND and OPTIONS."
            )
            continue
        backend = entry.get("BACKEND")
        if isinstance(backend, str):
            try:
                backend = import_string(backend)
            except ImportError as error:
                if alias in minio_aliases():
                    problems.append(f"STORAGES['{alias}']: BACKEND cannot be imported: {error}.")
                continue
        if inspect.isclass(backend) and issubclass(backend, MinioBackend):
            classes[alias] = backend
    return classes


def _mixed_across(by_alias: Mapping[str, StorageOptions]) -> Sequence[str]:
    """A problem for each bucket that one alias calls public and another one of the same server private."""
    public = {
        (options.base_url(), bucket): alias for alias, options in by_alias.items() for bucket in options.public_buckets
    }
    return [
        f"Bucket '{bucket}' of {options.base_url()} is public in STORAGES['{public[options.base_url(), bucket]}'] "
        f"but private in STORAGES['{alias}']; declare it alike in both."
        for alias, options in by_alias.items()
        for bucket in options.all_private_buckets
        if (options.base_url(), bucket) in public
    ]
