"""Deletion of orphans, each after a last look at the databases, and abortion of unfinished uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db import Error as AnyDatabaseError

from ..errors import CleaningError
from ..redaction.escaping import get_logger
from ..s3 import deletion as s3_deletion
from ..s3.errors import FAILURES, ObjectNotFound, status_of
from ..transport.limits import KEYS_PER_DELETION
from ..transport.request_log import ContextThreads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..s3.listing import UnfinishedUpload
    from .compare import Comparison
    from .key_store import Orphan
    from .scope import CleanupScope

BATCH = KEYS_PER_DELETION
PARALLEL_HEADS = 16  # HeadObject requests at once

logger = get_logger(__name__)


class Outcome(NamedTuple):
    """The result for one orphan.

    Attributes:
        problem: the server's reason why the object still exists; empty if it was deleted.
    """

    orphan: Orphan
    problem: str


class Batch(NamedTuple):
    """The result of one DeleteObjects request.

    Attributes:
        kept: number of objects that are no orphans any more: something refers to them now, or they were replaced.
        markers: number of deleted objects that continue to exist as older versions, below a delete marker.
    """

    outcomes: Sequence[Outcome]
    kept: int
    markers: int


def delete_orphans(comparison: Comparison, *, dry_run: bool = False) -> Iterator[Batch]:
    """Delete the orphans, 1,000 in a request; a dry run does everything else.

    Directly before each request the databases are read again for its names: a row may refer to one by now.

    Raises:
        CleaningError: the database or the server failed; the batches before are deleted.
    """
    for orphans in comparison.store.orphans(BATCH):
        keys = _last_look(comparison, [orphan.key for orphan in orphans])
        result = s3_deletion.Deletion(set(), {}, 0) if dry_run else _delete(comparison.scope, keys)
        deletable = set(keys)
        outcomes = [Outcome(item, result.failed.get(item.key, "")) for item in orphans if item.key in deletable]
        if not dry_run:
            _log(comparison.scope, outcomes)
        yield Batch(outcomes, len(orphans) - len(keys), result.markers)


def abort_uploads(comparison: Comparison) -> Iterator[tuple[UnfinishedUpload, str]]:
    """Abort the unfinished uploads; return each with the reason why it still exists, empty if it was aborted."""
    scope = comparison.scope
    for upload in comparison.uploads:
        problem = ""
        try:
            scope.storage.s3.abort_upload(scope.bucket, upload.key, upload.upload_id)
        except FAILURES as error:
            problem = str(error)
            logger.warning("An unfinished upload of %s/%s was not aborted: %s", scope, upload.key, problem)
        else:
            logger.info("Aborted an unfinished upload of %s/%s", scope, upload.key)
        yield upload, problem


def _last_look(comparison: Comparison, keys: Sequence[str]) -> Sequence[str]:
    """Return those of the keys whose objects are orphans still.

    Raises:
        CleaningError: the database or the server failed.
    """
    scope = comparison.scope
    try:
        if scope.replaces:
            keys = _not_replaced(comparison, keys)
        in_use = scope.keys_in_use(keys)
    except (AnyDatabaseError, *FAILURES) as error:
        raise _stopped(scope, error) from error
    return [key for key in keys if key not in in_use]


def _not_replaced(comparison: Comparison, keys: Sequence[str]) -> list[str]:
    """Return those of the keys whose objects are still the listed ones; each costs a HeadObject request.

    Where a save may replace an object, a listed orphan may be somebody's new upload, whose row does not exist yet.
    """
    scope, listed_at = comparison.scope, comparison.listed_at

    def is_old(key: str) -> bool:
        try:
            modified = scope.storage.s3.head(scope.bucket, key, scope.storage.ssec).last_modified
        except ObjectNotFound:
            return False
        return listed_at is not None and modified is not None and modified < listed_at

    with ContextThreads(PARALLEL_HEADS) as pool:
        return [key for key, old in zip(keys, pool.map(is_old, keys), strict=True) if old]


def _delete(scope: CleanupScope, keys: Sequence[str]) -> s3_deletion.Deletion:
    """Send one DeleteObjects request.

    Raises:
        CleaningError: the server failed; the message says which objects may be deleted nevertheless.
    """
    try:
        return s3_deletion.delete_objects(scope.storage.s3, scope.bucket, keys)
    except FAILURES as error:
        is_refused = status_of(error) is not None
        unsure = "" if is_refused else f", and perhaps some of {len(keys)} more from {keys[0]!r} to {keys[-1]!r}"
        raise _stopped(scope, error, unsure) from error


def _stopped(scope: CleanupScope, error: Exception, unsure: str = "") -> CleaningError:
    return CleaningError(
        f"The cleaning of {scope} stopped: {error}. The objects listed above are deleted{unsure}. Run the command "
        "again to delete the rest."
    )


def _log(scope: CleanupScope, outcomes: Sequence[Outcome]) -> None:
    for orphan, problem in outcomes:
        if problem:
            logger.warning("Not deleted: %s/%s: %s", scope, orphan.key, problem)
        else:
            logger.debug("Deleted %s/%s", scope, orphan.key)
    if deleted := [orphan.key for orphan, problem in outcomes if not problem]:
        logger.info("Deleted %d objects of %s, from '%s' to '%s'", len(deleted), scope, deleted[0], deleted[-1])
