"""Which storages in STORAGES are ours (by class, so that subclasses count), checked and taken together."""

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
    from collections.abc import Iterable, Sequence

    from .buckets.plan import WantedBucket
    from .options.fields import StorageOptions
    from .s3.client import S3Client


def check_settings() -> dict[str, StorageOptions]:
    """Check the options of all MinIO storages in STORAGES, by alias; no request is sent.

    A storage is made only where its class has an ``__init__`` of its own, which alone knows what the options become.

    Raises:
        ConfigurationError: with every problem of every alias.
        PrivatePublicMixedError: buckets both private and public are all that is wrong.
    """
    problems: list[str] = []
    mixed: list[str] = []
    found: dict[str, StorageOptions] = {}
    media: dict[str, StorageOptions] = {}
    for alias, backend in _our_aliases(problems).items():
        try:
            found[alias] = _options_of(alias, backend)
        except PrivatePublicMixedError as error:
            mixed += error.problems
        except ConfigurationError as error:
            problems += error.problems
        else:
            if not issubclass(backend, MinioBackendStatic):  # whose bucket is public whatever the lists say
                media[alias] = found[alias]
    mixed += _mixed_across(media)
    if problems:
        raise ConfigurationError(*dict.fromkeys([*problems, *mixed]))
    if mixed:
        raise PrivatePublicMixedError(*dict.fromkeys(mixed))
    return found


def _options_of(alias: str, backend: type[MinioBackend]) -> StorageOptions:
    """The options that ``storages[alias]`` has.

    Raises:
        ConfigurationError: they are wrong.
    """
    options = settings.STORAGES[alias].get("OPTIONS") or {}
    if not isinstance(options, Mapping):
        raise ConfigurationError(
            f"STORAGES['{alias}']: OPTIONS is a {type(options).__name__}, but must be a dictionary."
        )
    if has_own_init(backend):
        return _made(alias, backend).options
    options = hidden_options(options)
    of_class = class_options_of(backend)
    says_where = "storage_name" in options or of_class.storage_name or of_class.names_a_server
    has_unknown = any(name not in OPTION_NAMES for name in in_known_case(options))  # each has an error of its own
    if not (says_where or has_unknown or alias in minio_aliases()):
        hint = f" {settings_of_version_3()}" if settings_of_version_3() else ""
        raise ConfigurationError(
            f"STORAGES['{alias}'] has no MINIO_* option in its OPTIONS, so no server is configured.{hint}"
        )
    return options_of_entry(options, alias, backend)


def _made(alias: str, backend: type[MinioBackend]) -> MinioBackend:
    """``storages[alias]``, of a class whose ``__init__`` is the user's.

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
    except Exception as error:  # whatever a user's code raises, beside what is wrong with other aliases
        text = without_values(str(error), settings.STORAGES[alias].get("OPTIONS") or {})
        raise ConfigurationError(
            f"{start}: {backend.__name__} cannot be made of these OPTIONS: {type(error).__name__}: {text}"
        ) from error


def minio_storages() -> dict[str, MinioBackend]:
    """The MinIO storages of STORAGES by alias; their settings are right.

    Raises:
        ConfigurationError: as ``check_settings``.
    """
    return {alias: cast("MinioBackend", storages[alias]) for alias in check_settings()}


def wanted_by_account(
    found: Iterable[MinioBackend],
) -> list[tuple[MinioBackend, list[WantedBucket]]]:
    """Buckets of these storages, each once for a server and account, with a storage to reach them by.

    A policy hook wins over public, and public over private: a static bucket that another alias lists is public.
    That counts for every alias of the server, whatever its account and whether it is one of these storages.
    """
    found = list(found)
    settled: dict[tuple[str, str], WantedBucket] = {}
    for storage in (*found, *minio_storages().values()):
        for bucket in storage.wanted_buckets():
            known = settled.setdefault((storage.server_url, bucket.name), bucket)
            if (bucket.hook is not None, bucket.public) > (known.hook is not None, known.public):
                settled[storage.server_url, bucket.name] = bucket
    by_account: dict[S3Client, tuple[MinioBackend, dict[str, WantedBucket]]] = {}
    for storage in found:
        _, wanted = by_account.setdefault(storage.s3, (storage, {}))
        wanted |= {bucket.name: settled[storage.server_url, bucket.name] for bucket in storage.wanted_buckets()}
    return [(storage, list(wanted.values())) for storage, wanted in by_account.values()]


def _our_aliases(problems: list[str]) -> dict[str, type[MinioBackend]]:
    """Classes of the aliases that are ours; one that cannot be imported is a problem if it has MINIO_* options."""
    ours = {}
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
            ours[alias] = backend
    return ours


def _mixed_across(found: dict[str, StorageOptions]) -> Sequence[str]:
    """Buckets that one alias calls public and another one of the same server private."""
    public = {
        (options.base_url(), bucket): alias for alias, options in found.items() for bucket in options.public_buckets
    }
    return [
        f"Bucket '{bucket}' of {options.base_url()} is public in STORAGES['{public[options.base_url(), bucket]}'] "
        f"but private in STORAGES['{alias}']; declare it alike in both."
        for alias, options in found.items()
        for bucket in options.all_private_buckets
        if (options.base_url(), bucket) in public
    ]
