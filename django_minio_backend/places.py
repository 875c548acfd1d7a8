"""Which buckets are cleaned, each once: several fields and aliases may lead to one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .configured import minio_storages
from .errors import CleaningError
from .references import referring_fields
from .storage import MinioBackend

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .references import ReferringField


@dataclass
class Place:
    """One bucket of one server, with every field that keeps files in it.

    Attributes:
        storage: by which the bucket is reached.
        fields: those that name this server as the storage does.
        namesakes: those of a bucket with this name at another address, which may be the same server
            under another name: what they refer to is never an orphan here.
        named: storages of aliases that no field uses; only where the bucket is asked for by its name.
    """

    storage: MinioBackend
    fields: list[ReferringField] = field(default_factory=list)
    namesakes: list[ReferringField] = field(default_factory=list)
    named: list[MinioBackend] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.storage.server_url}/{self.bucket}"

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.storage.bucket

    @property
    def storages(self) -> list[MinioBackend]:
        """One storage for each MINIO_LOCATION in the bucket, and for each way to make keys there."""
        every = [*(one.storage for one in self.fields), *self.named]
        return list({(one.options.location, one.__class__.key): one for one in reversed(every)}.values())

    @property
    def protecting_storages(self) -> list[MinioBackend]:
        """Those, and those of the bucket's namesakes."""
        every = [one.storage for one in self.namesakes]
        elsewhere = {(one.server_url, one.options.location, one.__class__.key): one for one in every}
        return [*self.storages, *elsewhere.values()]

    @property
    def replaces(self) -> bool:
        """Whether a save may give an old name new content, so that an object may be younger than it was listed."""
        return any(one.storage.replace_existing for one in [*self.fields, *self.namesakes])

    def prefixes(self, wanted: Sequence[str] = ()) -> list[str]:
        """The key prefixes that the storages own, none inside of another; of them what lies below the wanted ones."""
        owned = _outermost(f"{one.options.location}/".lstrip("/") for one in self.storages)
        if not wanted:
            return owned
        return _outermost(max(mine, other, key=len) for mine in owned for other in wanted if _overlap(mine, other))


def places(buckets: Sequence[str] = ()) -> list[Place]:
    """Every bucket that a FileField uses, or else those of the given names; buckets of static files are none.

    A bucket whose name is that of a static one at any address counts as static: a server may have two names.

    Raises:
        CleaningError: a database cannot be read, or a given name is no bucket that may be cleaned.
    """
    aliases = minio_storages()
    storages = list(aliases.values())
    fields = referring_fields()
    static = {one.options.static_files_bucket for one in storages if one.options.static_files_bucket}
    static.update(one.bucket for alias, one in aliases.items() if alias == "staticfiles")  # whatever its class
    static.update(bucket for one in [*storages, *(one.storage for one in fields)] for bucket in one.static_buckets)
    if refused := sorted(static.intersection(buckets)):
        raise CleaningError(f"Buckets of static files are never cleaned: {', '.join(refused)}.")
    found: dict[tuple[str, str], Place] = {}
    for one in fields:
        if one.storage.bucket not in static:
            found.setdefault((one.storage.server_url, one.storage.bucket), Place(one.storage)).fields.append(one)
    used = list(found.values())
    if buckets:
        _add_named(found, buckets, storages)
    for place in found.values():
        place.namesakes = [
            one for other in used for one in other.fields if other.bucket == place.bucket and other is not place
        ]
    return [place for place in found.values() if not buckets or place.bucket in buckets]


def _add_named(found: dict[tuple[str, str], Place], buckets: Sequence[str], storages: Iterable[MinioBackend]) -> None:
    """Add the buckets of these names that no field uses, each with every alias that knows it."""
    used = set(found)
    for storage in storages:
        for bucket in {storage.bucket, *storage.PRIVATE_BUCKETS, *storage.PUBLIC_BUCKETS}.intersection(buckets):
            address = (storage.server_url, bucket)
            if address not in used:
                named = MinioBackend(bucket, storage.options.alias)
                found.setdefault(address, Place(named)).named.append(named)
    if unknown := sorted(set(buckets) - {place.bucket for place in found.values()}):
        raise CleaningError(
            f"No FileField and no storage in STORAGES has a bucket '{unknown[0]}'. Nothing was deleted."
        )


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _outermost(prefixes: Iterable[str]) -> list[str]:
    """The prefixes, sorted, without those that another one covers."""
    every = sorted(set(prefixes))
    return [one for one in every if not any(one != outer and one.startswith(outer) for outer in every)]
