"""Which storages in STORAGES are ours (by class, so that subclasses count), checked and taken together."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.storage import storages
from django.utils.module_loading import import_string

from .errors import ConfigurationError, PrivatePublicMixedError
from .storage import MinioBackend

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .buckets import WantedBucket
    from .s3 import S3Client


def minio_storages() -> dict[str, MinioBackend]:
    """The MinIO storages of STORAGES by alias, made and checked without any request.

    Raises:
        ConfigurationError: with every problem of every alias.
        PrivatePublicMixedError: buckets both private and public are all that is wrong.
    """
    problems: list[str] = []
    mixed: list[str] = []
    found: dict[str, MinioBackend] = {}
    for alias in _our_aliases():
        options = settings.STORAGES[alias].get("OPTIONS") or {}
        if "storage_name" not in options and not any(name.startswith("MINIO_") for name in options):
            problems.append(f"STORAGES['{alias}'] has no MINIO_* name in its OPTIONS, so it says nothing of a server.")
            continue
        try:
            storage = storages[alias]
        except PrivatePublicMixedError as error:
            mixed += error.problems
        except ConfigurationError as error:
            problems += error.problems
        else:
            if isinstance(storage, MinioBackend):
                found[alias] = storage
    mixed += _mixed_across(found)
    if problems:
        raise ConfigurationError(*dict.fromkeys([*problems, *mixed]))
    if mixed:
        raise PrivatePublicMixedError(*dict.fromkeys(mixed))
    return found


def wanted_by_account(
    found: Iterable[MinioBackend],
) -> list[tuple[MinioBackend, list[WantedBucket]]]:
    """Buckets of these storages, each once for a server and account, with a storage to reach them by.

    A policy hook wins over public, and public over private: a static bucket that another alias lists is public.
    """
    by_account: dict[S3Client, tuple[MinioBackend, dict[str, WantedBucket]]] = {}
    for storage in found:
        _, wanted = by_account.setdefault(storage.s3, (storage, {}))
        for bucket in storage.wanted_buckets():
            known = wanted.get(bucket.name)
            if known is None or (bucket.hook is not None, bucket.public) > (known.hook is not None, known.public):
                wanted[bucket.name] = bucket
    return [(storage, list(wanted.values())) for storage, wanted in by_account.values()]


def _our_aliases() -> Sequence[str]:
    ours = []
    for alias, entry in settings.STORAGES.items():
        backend = import_string(entry["BACKEND"]) if isinstance(entry.get("BACKEND"), str) else entry.get("BACKEND")
        if inspect.isclass(backend) and issubclass(backend, MinioBackend):
            ours.append(alias)
    return ours


def _mixed_across(found: dict[str, MinioBackend]) -> Sequence[str]:
    """Buckets that one alias calls public and another one of the same server private."""
    public = {
        (storage.base_url, bucket): alias
        for alias, storage in found.items()
        for bucket in storage.options.public_buckets
    }
    return [
        f"Bucket '{bucket}' of {storage.base_url} is public in STORAGES['{public[storage.base_url, bucket]}'] "
        f"but private in STORAGES['{alias}']; declare it alike in both."
        for alias, storage in found.items()
        for bucket in storage.PRIVATE_BUCKETS
        if (storage.base_url, bucket) in public
    ]
