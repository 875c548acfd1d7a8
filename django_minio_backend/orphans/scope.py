"""Which buckets are cleaned, each once: several fields and aliases may lead to one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import Error as DatabaseProblem

from ..aliases import minio_storages
from ..errors import CleaningError
from ..storage import MinioBackend
from .references import referring_fields
from .row_storages import Target, choosing_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .references import ReferringField
    from .row_storages import ChoosingField


@dataclass
class Place:
    """One bucket of one server, with every field that keeps files in it.

    Attributes:
        storage: by which the bucket is reached.
        fields: those that name this server as the storage does.
        choosing: all fields whose rows may choose their storage: each row may have its file here.
        namesakes: those of a bucket with this name at another address, which may be the same server
            under another name: what they refer to is never an orphan here.
        named: storages that are cleaned besides those of the fields: of aliases that no field uses, where the bucket
            is asked for by its name; and what a field names whose rows may choose another.
        chosen: storages that rows were seen to choose, whose files are looked for. They are not cleaned.
    """

    storage: MinioBackend
    fields: list[ReferringField] = field(default_factory=list)
    choosing: list[ChoosingField] = field(default_factory=list)
    namesakes: list[ReferringField] = field(default_factory=list)
    named: list[MinioBackend] = field(default_factory=list)
    chosen: list[MinioBackend] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.storage.server_url}/{self.bucket}"

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.storage.bucket

    @property
    def sources(self) -> list[ReferringField | ChoosingField]:
        """The fields whose rows may be missing here, by their numbers in the ``Difference``."""
        return [*self.fields, *self.choosing]

    @property
    def owners(self) -> list[ChoosingField]:
        """Those whose own storage is here, whatever their rows choose."""
        here = (self.storage.server_url, self.bucket)
        return [one for one in self.choosing if one.storage and (one.storage.server_url, one.storage.bucket) == here]

    @property
    def readable(self) -> list[ReferringField | ChoosingField]:
        """Every field that is read for this place."""
        return [*self.sources, *self.namesakes]

    @property
    def storages(self) -> list[MinioBackend]:
        """What is cleaned: one storage for each MINIO_LOCATION in the bucket, and for each way to make keys there."""
        every = [*(one.storage for one in self.fields), *self.named]
        return list({(one.options.location, one.__class__.key): one for one in reversed(every)}.values())

    @property
    def target(self) -> Target:
        """What rows that choose are asked for."""
        return Target(self.storage, self.storages)

    @property
    def protecting_storages(self) -> list[MinioBackend]:
        """Those, those of the bucket's namesakes, and those that rows have chosen."""
        every = [*(one.storage for one in self.namesakes), *self._seen]
        elsewhere = {(one.server_url, one.options.location, one.__class__.key): one for one in every}
        known = {(one.server_url, one.options.location, one.__class__.key) for one in self.storages}
        return [*self.storages, *(one for identity, one in elsewhere.items() if identity not in known)]

    @property
    def replaces(self) -> bool:
        """Whether a save may give an old name new content, so that an object may be younger than it was listed."""
        fixed = [one.storage for one in [*self.fields, *self.namesakes]]
        own = [one.storage for one in self.choosing if one.storage and one.storage.bucket == self.bucket]
        return any(one.replace_existing for one in [*fixed, *own, *self._seen])

    @property
    def _seen(self) -> list[MinioBackend]:
        """Storages of a bucket of this name that rows have chosen, as far as they were read."""
        seen = (storage for one in self.choosing for storage in one.seen.storages.values())
        return [storage for storage in seen if storage.bucket == self.bucket]

    def prefixes(self, wanted: Sequence[str] = ()) -> list[str]:
        """The key prefixes that are cleaned, none inside of another; of them what lies below the wanted ones."""
        return _below(self.storages, wanted)

    def listed_prefixes(self, wanted: Sequence[str] = ()) -> list[str]:
        """Those, and where files are looked for that are not cleaned."""
        return _below([*self.storages, *self.chosen], wanted)


def places(buckets: Sequence[str] = (), *, chosen: bool = False) -> list[Place]:
    """Every bucket that a FileField uses, or else those of the given names; buckets of static files are none.

    A bucket whose name is that of a static one at any address counts as static: a server may have two names.

    Args:
        buckets: names; all if there are none.
        chosen: also what rows have chosen that no field names, which is only looked at; reads these rows.

    Raises:
        CleaningError: a database cannot be read, or a given name is no bucket that may be cleaned.
    """
    aliases = minio_storages()
    storages = list(aliases.values())
    fields, choosing = referring_fields(), choosing_fields()
    named = [one.storage for one in choosing if one.storage]
    static = _static_buckets(aliases, [*storages, *named, *(one.storage for one in fields)])
    if refused := sorted(static.intersection(buckets)):
        raise CleaningError(f"Buckets of static files are never cleaned: {', '.join(refused)}.")
    found: dict[tuple[str, str], Place] = {}

    def place_of(storage: MinioBackend) -> Place:
        return found.setdefault((storage.server_url, storage.bucket), Place(storage, choosing=choosing))

    for one in (one for one in fields if one.storage.bucket not in static):
        place_of(one.storage).fields.append(one)
    for storage in (storage for storage in named if storage.bucket not in static):
        place_of(storage).named.append(storage)
    used = list(found.values())
    if buckets:
        _add_named(found, buckets, storages, choosing)
    for storage in _chosen(choosing, static) if chosen else ():
        place_of(storage).chosen.append(storage)
    for place in found.values():
        place.namesakes = [
            one for other in used for one in other.fields if other.bucket == place.bucket and other is not place
        ]
    return [place for place in found.values() if not buckets or place.bucket in buckets]


def _static_buckets(aliases: Mapping[str, MinioBackend], storages: Iterable[MinioBackend]) -> set[str]:
    static = {one.options.static_files_bucket for one in aliases.values() if one.options.static_files_bucket}
    static.update(one.bucket for alias, one in aliases.items() if alias == "staticfiles")  # whatever its class
    return static.union(*(one.static_buckets for one in storages))


def _chosen(choosing: Iterable[ChoosingField], static: set[str]) -> list[MinioBackend]:
    """The storages that rows have chosen, but for static ones.

    Raises:
        CleaningError: the rows cannot be read.
    """
    try:
        for one in choosing:
            for _ in one.rows():
                pass
    except DatabaseProblem as error:
        raise CleaningError(f"The database cannot be read: {error}. Nothing was deleted.") from error
    seen = [storage for one in choosing for storage in one.seen.storages.values()]
    return [storage for storage in seen if storage.bucket not in static.union(storage.static_buckets)]


def _add_named(
    found: dict[tuple[str, str], Place],
    buckets: Sequence[str],
    storages: Iterable[MinioBackend],
    choosing: list[ChoosingField],
) -> None:
    """Add the buckets of these names that no field uses, each with every alias that knows it."""
    used = set(found)
    for storage in storages:
        for bucket in {storage.bucket, *storage.PRIVATE_BUCKETS, *storage.PUBLIC_BUCKETS}.intersection(buckets):
            address = (storage.server_url, bucket)
            if address not in used:
                named = MinioBackend(bucket, storage.options.alias)
                found.setdefault(address, Place(named, choosing=choosing)).named.append(named)
    if unknown := sorted(set(buckets) - {place.bucket for place in found.values()}):
        raise CleaningError(
            f"No FileField and no storage in STORAGES has a bucket '{unknown[0]}'. Nothing was deleted."
        )


def _below(storages: Iterable[MinioBackend], wanted: Sequence[str]) -> list[str]:
    owned = _outermost(one.options.key_prefix for one in storages)
    if not wanted:
        return owned
    return _outermost(max(mine, other, key=len) for mine in owned for other in wanted if _overlap(mine, other))


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _outermost(prefixes: Iterable[str]) -> list[str]:
    """The prefixes, sorted, without those that another one covers."""
    every = sorted(set(prefixes))
    return [one for one in every if not any(one != outer and one.startswith(outer) for outer in every)]
