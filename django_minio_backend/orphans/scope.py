"""Which buckets are cleaned, each once although several fields and aliases use it, and what refers to its objects."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from itertools import islice
from typing import TYPE_CHECKING, cast

from django.core.exceptions import SuspiciousOperation
from django.db import Error as AnyDatabaseError
from django.db import connections

from ..aliases import minio_storages
from ..errors import CleaningError
from ..signals import collect_references
from ..storage import MinioBackend
from .key_store import KEEP_ONLY, Reference, References
from .references import ROWS_PER_QUERY, Target, identity, names_below, overrides_key, referring_fields
from .row_storages import choosing_fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .references import FieldInDatabase, ReferringField
    from .row_storages import ChoosingField


@dataclass
class CleanupScope:
    """One bucket of one server, with every field that keeps files in it.

    Attributes:
        storage: one that reaches the bucket.
        fields: those whose storage names this server and bucket.
        choosing: all fields whose rows may choose their storage: each row may have its file here.
        same_named: fields of a bucket with this name at another endpoint, which may be the same server under another
            name: what they refer to is never an orphan here.
        named: storages that are cleaned together with those of the fields: of aliases that no field uses, if the
            bucket is requested by name, and of fields whose rows may choose another storage.
        chosen: storages that rows have chosen, whose files are checked for existence. They are not cleaned.
    """

    storage: MinioBackend
    fields: list[ReferringField] = dataclass_field(default_factory=list)
    choosing: list[ChoosingField] = dataclass_field(default_factory=list)
    same_named: list[ReferringField] = dataclass_field(default_factory=list)
    named: list[MinioBackend] = dataclass_field(default_factory=list)
    chosen: list[MinioBackend] = dataclass_field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.storage.server_url}/{self.bucket}"

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.storage.bucket

    @property
    def sources(self) -> list[ReferringField | ChoosingField]:
        """The fields whose files may be missing here; ``Reference.source`` is an index into this list."""
        return [*self.fields, *self.choosing]

    @property
    def own_choosing(self) -> list[ChoosingField]:
        """The choosing fields whose own storage is this bucket, whatever their rows choose."""
        here = _location(self.storage)
        return [field for field in self.choosing if field.storage and _location(field.storage) == here]

    @property
    def storages(self) -> list[MinioBackend]:
        """The storages that are cleaned: one for each MINIO_LOCATION in the bucket, and for each way to make keys."""
        storages = [*(field.storage for field in self.fields), *self.named]
        return list({identity(storage): storage for storage in reversed(storages)}.values())

    @property
    def staging_prefixes(self) -> tuple[str, ...]:
        """Prefixes of direct uploads whose forms have not been saved."""
        return tuple({storage.options.uploads_prefix for storage in self.storages})

    @property
    def replaces(self) -> bool:
        """Whether a save may replace an object, so that an object may be newer than the one that was listed."""
        storages = [field.storage for field in (*self.fields, *self.same_named)]
        storages += [field.storage for field in self.choosing if field.storage and field.storage.bucket == self.bucket]
        return any(storage.replace_existing for storage in (*storages, *self._seen))

    @property
    def _seen(self) -> list[MinioBackend]:
        """Storages of a bucket of this name that rows have chosen, as far as the rows have been read."""
        seen = (storage for field in self.choosing for storage in field.seen.storages.values())
        return [storage for storage in seen if storage.bucket == self.bucket]

    @property
    def _signal_senders(self) -> list[MinioBackend]:
        """The storages of this bucket, of those with the same name, and those that rows have chosen."""
        others = [*(field.storage for field in self.same_named), *self._seen]
        return list({identity(storage): storage for storage in (*others, *self.storages)}.values())

    @property
    def _target(self) -> Target:
        return Target(self.storage, self.storages)

    def prefixes(self, requested: Sequence[str] = ()) -> list[str]:
        """Return the key prefixes that are cleaned, none inside of another, limited to the requested ones."""
        return _common_prefixes(self.storages, requested)

    def listed_prefixes(self, requested: Sequence[str] = ()) -> list[str]:
        """Return these prefixes, and those whose files are checked for existence only."""
        return _common_prefixes([*self.storages, *self.chosen], requested)

    def references(self) -> Iterator[References]:
        """Read every row of every field, and the names that other apps report, in batches.

        Raises:
            CleaningError: a row, or a receiver of ``collect_references``, has a name that no object can have.
            django.db.Error: the rows cannot be read.
        """
        renew_connections([*self.sources, *self.same_named])
        target = self._target
        for source, field in [*enumerate(self.sources), *((KEEP_ONLY, field) for field in self.same_named)]:
            yield from field.references(target, source)
        for storage in self._signal_senders:
            keys = signalled_keys(storage)
            while batch := [Reference(key) for key in islice(keys, ROWS_PER_QUERY)]:
                yield References.of(batch)

    def keys_in_use(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that rows or other apps refer to now, and perhaps others.

        Raises:
            CleaningError: as ``references``.
            django.db.Error: the rows cannot be read.
        """
        fields = [*self.sources, *self.same_named]
        renew_connections(fields)
        target = self._target
        in_use = {key for field in fields for key in field.keys_in_use(target, keys)}
        for storage in self._signal_senders:
            if names := names_below(storage.options.key_prefix, keys):
                in_use.update(signalled_keys(storage, None if overrides_key(storage) else names))
        return in_use


def cleanup_scopes(buckets: Sequence[str] = (), *, chosen: bool = False) -> list[CleanupScope]:
    """Return every bucket that a FileField uses, or else those of the given names; never a bucket of static files.

    A bucket whose name is that of a static one at any endpoint counts as static: a server may have two names.

    Args:
        buckets: names; all if empty.
        chosen: add the buckets that rows have chosen and no field names, to check the existence of their files. Reads
            these rows.

    Raises:
        CleaningError: a database cannot be read, or a given name is not a bucket that may be cleaned.
    """
    aliases = minio_storages()
    fields, choosing = referring_fields(), choosing_fields()
    named = [field.storage for field in choosing if field.storage]
    static = _static_buckets(aliases, [*aliases.values(), *named, *(field.storage for field in fields)])
    if refused := sorted(static.intersection(buckets)):
        raise CleaningError(f"Buckets of static files are never cleaned: {', '.join(refused)}.")
    fields = [field for field in fields if field.storage.bucket not in static]
    scopes: dict[tuple[str, str], CleanupScope] = {}

    def scope_of(storage: MinioBackend) -> CleanupScope:
        return scopes.setdefault(_location(storage), CleanupScope(storage, choosing=choosing))

    for field in fields:
        scope_of(field.storage).fields.append(field)
    cleaned = [storage for storage in named if storage.bucket not in static]
    for storage in [*cleaned, *_unused(buckets, aliases.values(), [*cleaned, *(field.storage for field in fields)])]:
        scope_of(storage).named.append(storage)
    if unknown := sorted(set(buckets) - {scope.bucket for scope in scopes.values()}):
        raise CleaningError(
            f"No FileField and no storage in STORAGES has a bucket '{unknown[0]}'; check --bucket. Nothing was deleted."
        )
    for storage in _chosen(choosing, static) if chosen else ():
        scope_of(storage).chosen.append(storage)
    for location, scope in scopes.items():
        elsewhere = (field for field in fields if _location(field.storage) != location)
        scope.same_named = [field for field in elsewhere if field.storage.bucket == scope.bucket]
    return [scope for scope in scopes.values() if not buckets or scope.bucket in buckets]


def signalled_keys(storage: MinioBackend, among: Sequence[str] | None = None) -> Iterator[str]:
    """Return the keys of the names that receivers of ``collect_references`` return.

    Args:
        storage: the sender's instance.
        among: the names about to be deleted; None where all names matter.

    Raises:
        CleaningError: a receiver returns something else than names. Its own exceptions pass unchanged.
    """
    for receiver, response in collect_references.send(sender=storage.__class__, storage=storage, among=among):
        where = f"{getattr(receiver, '__module__', '')}.{getattr(receiver, '__qualname__', receiver)}"
        if isinstance(response, str):
            raise CleaningError(
                f"{where}, a receiver of collect_references, returned one string; return an iterable of names. "
                "Nothing more was deleted."
            )
        for name in cast("Iterable[object] | None", response) or ():
            try:
                yield storage.key(name)
            except (SuspiciousOperation, ValueError) as error:
                raise CleaningError(
                    f"{where}, a receiver of collect_references, returned {name!r}: {error} Nothing more was deleted."
                ) from error


def renew_connections(fields: Iterable[FieldInDatabase]) -> None:
    """Reopen connections that a database may have closed, since a listing left them idle for a long time."""
    for alias in {field.database for field in fields}:
        connections[alias].close_if_unusable_or_obsolete()


def _location(storage: MinioBackend) -> tuple[str, str]:
    return storage.server_url, storage.bucket


def _static_buckets(aliases: Mapping[str, MinioBackend], storages: Iterable[MinioBackend]) -> set[str]:
    static = {bucket for storage in aliases.values() if (bucket := storage.options.static_files_bucket)}
    static.update(storage.bucket for alias, storage in aliases.items() if alias == "staticfiles")  # whatever its class
    return static.union(*(storage.static_buckets for storage in storages))


def _unused(
    buckets: Sequence[str], storages: Iterable[MinioBackend], used_storages: Iterable[MinioBackend]
) -> Iterator[MinioBackend]:
    """Return the buckets of these names that no field uses, each with every alias that lists it."""
    used = set(map(_location, used_storages))
    for storage in storages:
        for bucket in {storage.bucket, *storage.PRIVATE_BUCKETS, *storage.PUBLIC_BUCKETS}.intersection(buckets):
            if (storage.server_url, bucket) not in used:
                yield MinioBackend(bucket, storage.options.alias)


def _chosen(choosing: Iterable[ChoosingField], static: set[str]) -> list[MinioBackend]:
    """Return the storages that rows have chosen, without static ones.

    Raises:
        CleaningError: the rows cannot be read.
    """
    try:
        for field in choosing:
            for _ in field.rows():
                pass
    except AnyDatabaseError as error:
        raise CleaningError(f"The database cannot be read: {error}. Nothing was deleted.") from error
    seen = [storage for field in choosing for storage in field.seen.storages.values()]
    return [storage for storage in seen if storage.bucket not in static.union(storage.static_buckets)]


def _common_prefixes(storages: Iterable[MinioBackend], requested: Sequence[str]) -> list[str]:
    own = [(storage.options.key_prefix, storage.options.uploads_prefix) for storage in storages]
    owned = _outermost(prefix for prefixes in own for prefix in prefixes)
    if not requested:
        return owned
    pairs = ((own, other) for own in owned for other in requested if own.startswith(other) or other.startswith(own))
    return _outermost(max(pair, key=len) for pair in pairs)


def _outermost(prefixes: Iterable[str]) -> list[str]:
    """Return the prefixes in order, without those that another one covers."""
    outermost: list[str] = []
    for prefix in sorted(set(prefixes)):  # a prefix sorts directly before those that it covers
        if not outermost or not prefix.startswith(outermost[-1]):
            outermost.append(prefix)
    return outermost
