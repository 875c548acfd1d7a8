"""Orphaned objects and unfinished uploads deleted, each looked at once more; and references that are missing told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from django.db import Error as DatabaseProblem

from ..errors import CleaningError
from ..limits import KEYS_PER_DELETION
from ..redaction.escaping import get_logger
from ..s3 import deletion, listing
from .references import ReferringField, has_keys_of_its_own, keys_of_other_apps, renew_connections

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .compare import Findings
    from .key_store import Orphan, Referred
    from .references import FieldInDatabase
    from .scope import Place

BATCH = KEYS_PER_DELETION
HEADS = 16  # requests at once, where objects are asked for one by one

logger = get_logger(__name__)


class Outcome(NamedTuple):
    """What became of an orphan.

    Attributes:
        problem: the server's reason why it is still there, empty if it was deleted.
    """

    orphan: Orphan
    problem: str


class Batch(NamedTuple):
    """What became of some orphans.

    Attributes:
        spared: how many are none any more: something has come to refer to them, or they were replaced.
        markers: how many of the deleted live on as older versions, below a delete marker.
    """

    outcomes: Sequence[Outcome]
    spared: int
    markers: int


class Missing(NamedTuple):
    """A row that refers to an object that is not there."""

    field: FieldInDatabase
    primary_key: str
    name: str

    def __str__(self) -> str:
        return f"{self.field.of_row(self.primary_key)}: {self.name}"


def delete(findings: Findings, *, dry_run: bool = False) -> Iterator[Batch]:
    """Delete the orphans by the thousand; a dry run does all of it but the deletion.

    Right before each request the database is asked once more for its names: a row may have come to refer to one.

    Raises:
        CleaningError: the database or the server failed; what came before is deleted.
    """
    from ..s3.errors import FAILURES, status_of

    place = findings.place
    for orphans in findings.difference.orphans(BATCH):
        keys = [orphan.key for orphan in orphans]
        unsure = ""
        try:
            if place.replaces:
                keys = _not_replaced(findings, keys)
            spared = _referred_by_now(place, keys)
            keys = [key for key in keys if key not in spared]
            if keys and not dry_run:
                unsure = f", and perhaps some of {len(keys)} more from {keys[0]!r} to {keys[-1]!r}"
            result = (
                deletion.Deletion(set(keys), {}, 0)
                if dry_run
                else deletion.delete_objects(place.storage.s3, place.bucket, keys)
            )
        except (DatabaseProblem, *FAILURES) as error:
            if status_of(error) is not None:  # the server has said no
                unsure = ""
            raise CleaningError(
                f"Cleaning of {place} stopped: {error}. What is listed above is deleted{unsure}."
            ) from error
        going = set(keys)
        outcomes = [Outcome(one, result.failed.get(one.key, "")) for one in orphans if one.key in going]
        if not dry_run:
            _log(place, outcomes)
        yield Batch(outcomes, len(orphans) - len(keys), result.markers)


def abort_uploads(findings: Findings) -> Iterator[tuple[listing.UnfinishedUpload, str]]:
    """Abort the unfinished uploads, and yield each with the reason why it is still there, if it is."""
    from ..s3.errors import FAILURES

    place = findings.place
    for upload in findings.uploads:
        problem = ""
        try:
            place.storage.s3.abort_upload(place.bucket, upload.key, upload.upload_id)
        except FAILURES as error:
            problem = str(error)
            logger.warning("An unfinished upload of %s/%s stays: %s", place, upload.key, problem)
        else:
            logger.info("Aborted an unfinished upload of %s/%s", place, upload.key)
        yield upload, problem


def missing(findings: Findings) -> Iterator[Missing]:
    """The references without an object, in the order of keys; less those that are gone by now.

    Raises:
        CleaningError: the database cannot be read.
    """
    place = findings.place
    sources = place.sources
    renew_connections(sources)
    for batch in findings.difference.missing(BATCH):
        by_field: dict[int, list[Missing]] = {}
        for referred in batch:
            by_field.setdefault(referred.source, []).append(_missing(place, referred))
        try:
            there = {
                source: sources[source].still_referred([one.name for one in some]) for source, some in by_field.items()
            }
        except DatabaseProblem as error:
            raise CleaningError(f"The database cannot be read: {error}.") from error
        for referred in batch:
            one = _missing(place, referred)
            if one.name in there[referred.source]:
                yield one


def _missing(place: Place, referred: Referred) -> Missing:
    field = place.sources[referred.source]
    name = referred.name
    if name is None:
        name = referred.key.removeprefix(field.before) if isinstance(field, ReferringField) else referred.key
    return Missing(field, referred.row, name)


def _referred_by_now(place: Place, keys: Sequence[str]) -> set[str]:
    """Those of the keys that rows or other apps refer to at this moment, and perhaps others."""
    referred: set[str] = set()
    renew_connections(place.readable)
    for choosing in place.choosing:
        referred.update(choosing.keys_in_use(place.target, keys))
    for one in [*place.fields, *place.namesakes]:
        if has_keys_of_its_own(one.storage):
            wanted = set(keys)
            for rows in one.rows():
                referred.update(wanted.intersection(one.key(*row) for row in rows))
            continue
        for name in one.still_referred(_names(one.before, keys)):
            referred.update({one.storage.key(name), one.before + name})
    for storage in place.protecting_storages:
        names = _names(storage.options.key_prefix, keys)
        if names:
            among = None if has_keys_of_its_own(storage) else names
            referred.update(keys_of_other_apps(storage, among))
    return referred


def _names(before: str, keys: Sequence[str]) -> list[str]:
    """Names of the keys; a location's own folder, as consoles make one, has none."""
    return [key.removeprefix(before) for key in keys if key.startswith(before) and key != before]


def _not_replaced(findings: Findings, keys: Sequence[str]) -> list[str]:
    """Those of the keys whose objects are still the ones that were listed; each costs a request (HeadObject).

    Where a save may replace an object, a listed orphan may have become somebody's new upload, whose row is yet to come.
    """
    from ..s3.errors import ObjectNotFound

    place, listed_at = findings.place, findings.listed_at

    def is_old(key: str) -> bool:
        try:
            modified = place.storage.s3.head(place.bucket, key, place.storage.ssec).last_modified
        except ObjectNotFound:
            return False
        return listed_at is not None and modified is not None and modified < listed_at

    with ThreadPoolExecutor(HEADS) as pool:
        return [key for key, old in zip(keys, pool.map(is_old, keys), strict=True) if old]


def _log(place: Place, outcomes: Sequence[Outcome]) -> None:
    for orphan, problem in outcomes:
        if problem:
            logger.warning("Not deleted: %s/%s: %s", place, orphan.key, problem)
        else:
            logger.debug("Deleted %s/%s", place, orphan.key)
    if gone := [orphan for orphan, problem in outcomes if not problem]:
        logger.info("Deleted %d objects of %s, from '%s' to '%s'", len(gone), place, gone[0].key, gone[-1].key)
