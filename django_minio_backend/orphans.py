"""Objects against references: a pure difference, then deletion."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import DatabaseError

from .configured import minio_storages
from .errors import CleaningError
from .references import referring_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .references import Reference, ReferringField
    from .storage import MinioBackend

BATCH = 1_000  # keys in one DeleteObjects request


@dataclass
class Place:
    """One bucket of one server, with every field that keeps files in it: several aliases may lead to it.

    Attributes:
        fields: those that name this server as the storage does.
        namesakes: those of a bucket with this name at another address, which may be the same server
            under another name: what they refer to is never an orphan here.
    """

    storage: MinioBackend
    fields: list[ReferringField] = field(default_factory=list)
    namesakes: list[ReferringField] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.storage.base_url}/{self.storage.bucket}"

    def prefixes(self) -> list[str]:
        """The key prefixes that the storages own; an outer one covers those inside of it."""
        owned = sorted({f"{one.storage.options.location}/".lstrip("/") for one in self.fields})
        return [prefix for prefix in owned if not any(prefix != outer and prefix.startswith(outer) for outer in owned)]


@dataclass(frozen=True)
class Orphan:
    """An object that no row refers to."""

    key: str
    size: int


@dataclass(frozen=True)
class Findings:
    """What one place's objects and references have not in common.

    Attributes:
        orphans: objects without a reference, old enough to be no upload whose row is yet to come.
        missing: references without an object.
    """

    place: Place
    orphans: Sequence[Orphan]
    missing: Sequence[Reference]


def places() -> list[Place]:
    """Every bucket that a FileField uses, once; buckets of static files are none.

    Raises:
        CleaningError: a database cannot be read.
    """
    static = {
        (storage.base_url, bucket)
        for storage in minio_storages().values()
        for bucket in (storage.options.static_files_bucket, *storage.static_buckets)
    }
    found: dict[tuple[str, str], Place] = {}
    for referring in referring_fields():
        storage = referring.storage
        address = (storage.base_url, storage.bucket)
        if address not in static:
            found.setdefault(address, Place(storage)).fields.append(referring)
    for place in found.values():
        place.namesakes = [
            one
            for other in found.values()
            for one in other.fields
            if other is not place and other.storage.bucket == place.storage.bucket
        ]
    return list(found.values())


def compare(place: Place, *, min_age: dt.timedelta) -> Findings:
    """Find what objects and references of a place have not in common. Nothing is deleted here.

    Raises:
        CleaningError: a database or the bucket cannot be read to the end.
    """
    from .s3 import FAILURES

    try:
        referred: dict[str, list[Reference]] = {}
        for one in place.fields:
            for reference in one.references():
                referred.setdefault(reference.key, []).append(reference)
        elsewhere = {reference.key for one in place.namesakes for reference in one.references()}
    except DatabaseError as error:
        raise CleaningError(f"The database cannot be read: {error}. Nothing was deleted.") from error
    youngest = dt.datetime.now(dt.UTC) - min_age
    orphans: list[Orphan] = []
    try:
        for prefix in place.prefixes():
            for entry in place.storage.s3.list(place.storage.bucket, prefix, recursive=True):
                key = str(entry.object_name)
                is_referred = referred.pop(key, None) is not None or key in elsewhere
                if not is_referred and entry.last_modified and entry.last_modified < youngest:
                    orphans.append(Orphan(key, int(entry.size or 0)))
    except FAILURES as error:
        raise CleaningError(f"{place} cannot be listed: {error}. Nothing was deleted.") from error
    return Findings(place, orphans, [reference for several in referred.values() for reference in several])


def delete(findings: Findings) -> Iterator[Orphan]:
    """Delete orphans by the thousand, and yield those deleted.

    Right before each request the database is asked once more for its names: a row may have come to refer to one.

    Raises:
        CleaningError: objects could not be deleted, each with the server's reason; or the database failed.
    """
    from .s3 import FAILURES

    place = findings.place
    failed: list[str] = []
    for start in range(0, len(findings.orphans), BATCH):
        batch = {orphan.key: orphan for orphan in findings.orphans[start : start + BATCH]}
        try:
            for key in _referred_by_now(place, list(batch)):
                del batch[key]
            errors = list(place.storage.s3.delete_many(place.storage.bucket, batch))
        except (DatabaseError, *FAILURES) as error:
            raise CleaningError(f"Cleaning of {place} stopped: {error}. What is listed above is deleted.") from error
        for problem in errors:
            batch.pop(str(problem.name), None)
            failed.append(f"{place}/{problem.name}: {problem.code} {problem.message or ''}".rstrip())
        yield from batch.values()
    if failed:
        raise CleaningError("Not deleted:\n" + "\n".join(failed))


def _referred_by_now(place: Place, keys: Sequence[str]) -> set[str]:
    referred: set[str] = set()
    for one in [*place.fields, *place.namesakes]:
        prefix = f"{one.storage.options.location}/".lstrip("/")
        names = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
        referred.update(one.storage.key(name) for name in one.still_referred(names))
    return referred
