"""One bucket compared with the databases: its orphans, and the references whose objects are missing."""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from django.db import Error as AnyDatabaseError

from ..errors import CleaningError
from ..health.explanations import explain_in_sentence
from ..s3 import listing
from ..s3.errors import FAILURES, status_of
from ..transport.request_log import ContextThreads
from .key_store import KeyStore
from .scope import renew_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .references import FieldInDatabase
    from .scope import CleanupScope

    Watch = Callable[[CleanupScope, "Stats"], None]


BATCH = 10_000  # references whose rows are looked up together


@dataclass(frozen=True)
class CleanupOptions:
    """What a run compares, and what it may delete.

    Attributes:
        min_age: younger objects are kept, by the server's clock; zero keeps none.
        prefixes: only keys that start with one of these are compared; all if empty.
        exclude: objects whose keys match one of these ``fnmatch`` patterns are kept; a star also matches slashes.
        force: also clean where the table of every FileField is empty.
        unfinished_age: abort multipart uploads that were started longer ago; None leaves all alone but direct uploads.
        staging_age: the same as both for direct uploads whose form has not been saved.
    """

    min_age: dt.timedelta = dt.timedelta(hours=1)
    prefixes: Sequence[str] = ()
    exclude: Sequence[str] = ()
    force: bool = False
    unfinished_age: dt.timedelta | None = None
    staging_age: dt.timedelta = dt.timedelta(days=1)

    @cached_property
    def _excluded(self) -> re.Pattern[str] | None:
        return re.compile("|".join(map(fnmatch.translate, self.exclude))) if self.exclude else None

    def excludes(self, key: str) -> bool:
        """Whether the object of this key is kept, even if nothing refers to it."""
        return self._excluded is not None and self._excluded.match(key) is not None


@dataclass
class Stats:
    """What has been compared so far.

    Attributes:
        rows: references read from the databases and from other apps.
        objects: listed in the bucket.
        young: of these, too young to be deleted.
        excluded: of these, excluded by a pattern.
    """

    rows: int = 0
    objects: int = 0
    young: int = 0
    excluded: int = 0


class Missing(NamedTuple):
    """A row that refers to a missing object."""

    field: FieldInDatabase
    primary_key: str
    name: str

    def __str__(self) -> str:
        return f"{self.field.describe_row(self.primary_key)}: {self.name}"


@dataclass
class Comparison:
    """What the objects and the references of one scope do not have in common.

    Attributes:
        orphans: number of objects without a reference that may be deleted.
        size: their bytes.
        uploads: unfinished multipart uploads that are old enough to be aborted.
        listed_at: when the listing began, by the server's clock.
    """

    scope: CleanupScope
    store: KeyStore
    stats: Stats = field(default_factory=Stats)
    orphans: int = 0
    size: int = 0
    uploads: list[listing.UnfinishedUpload] = field(default_factory=list)
    listed_at: dt.datetime | None = None

    def missing(self) -> Iterator[Missing]:
        """Return the references without an object by key, as far as rows still have these names.

        Raises:
            CleaningError: the database cannot be read.
        """
        sources = self.scope.sources
        renew_connections(sources)
        for batch in self.store.missing(BATCH):
            missing = [
                (reference.source, Missing(source, reference.row, source.name_of(reference)))
                for reference in batch
                for source in [sources[reference.source]]
            ]
            names: dict[int, list[str]] = {}
            for number, row in missing:
                names.setdefault(number, []).append(row.name)
            try:
                in_use = {number: sources[number].names_in_use(names[number]) for number in names}
            except AnyDatabaseError as error:
                raise CleaningError(f"The database cannot be read: {error}.") from error
            yield from (row for number, row in missing if row.name in in_use[number])


@contextmanager
def compare(scope: CleanupScope, options: CleanupOptions, watch: Watch = lambda *_: None) -> Iterator[Comparison]:
    """Compare the objects and the references of a scope; nothing is deleted here.

    References are read before objects are listed: the object of a row that is saved meanwhile is listed as well. The
    temporary file of keys is removed when the ``with`` block ends. ``watch`` is called often with the stats so far.

    Raises:
        CleaningError: a database or the bucket cannot be read to the end, or this looks like the wrong database.
    """
    with closing(KeyStore()) as store:
        comparison = Comparison(scope, store)
        reader = _Reader(comparison, options, watch)
        try:
            reader.read_references()
        except AnyDatabaseError as error:
            raise CleaningError(f"The database cannot be read: {error}. Nothing was deleted.") from error
        try:
            reader.list_objects()
            reader.list_uploads()
        except FAILURES as error:
            reason = explain_in_sentence(error, scope.storage.options, needed="s3:ListBucket")
            raise CleaningError(f"{scope} cannot be listed: {reason}. Nothing was deleted.") from error
        comparison.orphans, comparison.size = store.find_orphans()
        if comparison.orphans and not options.force:
            _refuse_empty_tables(comparison)
        yield comparison


class _Reader:
    """Fills the key store of a comparison."""

    def __init__(self, comparison: Comparison, options: CleanupOptions, watch: Watch) -> None:
        self._comparison, self._options, self._watch = comparison, options, watch
        self._scope, self._store = comparison.scope, comparison.store
        self._listed = tuple(self._scope.listed_prefixes(options.prefixes))
        self._cleaned = tuple(self._scope.prefixes(options.prefixes))
        self._staging = self._scope.staging_prefixes

    def read_references(self) -> None:
        """Read what rows and other apps refer to below the prefixes.

        While a page of rows is read, a thread stores the one before.
        """
        with ContextThreads(1, thread_name_prefix="references") as writer:
            stored = None
            for batch in self._scope.references():
                if stored is not None:
                    stored.result()
                stored = writer.submit(self._store.add_references, batch.below(self._listed))
                self._count(rows=len(batch))
            if stored is not None:
                stored.result()
        self._store.index_references()

    def list_objects(self) -> None:
        """List the objects below the prefixes, page by page."""
        for prefix in self._listed:
            for page in listing.list_pages(self._scope.storage.s3, self._scope.bucket, prefix):
                self._add_page(page)

    def list_uploads(self) -> None:
        """List the unfinished uploads that are to be aborted: always those of direct uploads.

        If only those are requested, an account that may not list uploads is no error.
        """
        if not self._cleaned:
            return
        try:
            for served_at, uploads in listing.list_unfinished_uploads(self._scope.storage.s3, self._scope.bucket):
                self._comparison.uploads += [item for item in uploads if self._is_abandoned(item, served_at)]
        except FAILURES as error:
            if self._options.unfinished_age is not None or status_of(error) is None:
                raise

    def _is_abandoned(self, upload: listing.UnfinishedUpload, now: dt.datetime) -> bool:
        options, is_direct = self._options, upload.key.startswith(self._staging)
        age = options.staging_age if is_direct else options.unfinished_age
        is_concerned = upload.key.startswith(self._cleaned) and not options.excludes(upload.key)
        return is_concerned and age is not None and not _is_young(upload.initiated, now, age)

    def _add_page(self, page: listing.ListingPage) -> None:
        keys, times, served_at = page.keys, page.times(), page.response.served_at
        young = self._young(keys, times, served_at)
        options = self._options
        excluded = set(filter(options.excludes, keys)) if options.exclude else set()
        kept = young | excluded
        if self._cleaned != self._listed:
            kept.update(key for key in keys if not key.startswith(self._cleaned))
        self._store.add_objects(dict(zip(keys, page.sizes(), strict=True)), kept)
        self._comparison.listed_at = min(self._comparison.listed_at or served_at, served_at)
        self._count(objects=len(keys), young=len(young), excluded=len(excluded - young))

    def _young(self, keys: Sequence[str], times: Sequence[dt.datetime], now: dt.datetime) -> set[str]:
        """Return the keys of the objects that are too young to be deleted."""
        options, staging = self._options, self._staging
        if not times or not _is_young(max(times), now, max(options.min_age, options.staging_age)):
            return set()
        return {
            key
            for key, time in zip(keys, times, strict=True)
            if _is_young(time, now, options.staging_age if key.startswith(staging) else options.min_age)
        }

    def _count(self, **more: int) -> None:
        stats = self._comparison.stats
        for name, number in more.items():
            setattr(stats, name, getattr(stats, name) + number)
        self._watch(self._scope, stats)


def _is_young(time: dt.datetime, now: dt.datetime, age: dt.timedelta) -> bool:
    """Whether less than ``age`` has passed; ``now`` is rounded down to a second, so the error is on the safe side."""
    return bool(age) and now - time <= age


def _refuse_empty_tables(comparison: Comparison) -> None:
    """Treat a database as the wrong one if the bucket has objects, but none of its tables has a row.

    Raises:
        CleaningError: it is so.
    """
    scope = comparison.scope
    fields, choosing = scope.fields, scope.own_choosing
    try:
        renew_connections(scope.sources)
        if not (fields or choosing) or any(field.has_rows() for field in fields):
            return
        if any(field.may_have_files_in(scope.bucket) for field in choosing):
            return
        if any(field.has_files_in(scope.bucket) for field in scope.choosing):
            return
    except AnyDatabaseError as error:
        raise CleaningError(f"The database cannot be read: {error}. Nothing was deleted.") from error
    or_elsewhere = ", or has only rows whose files are elsewhere" if choosing else ""
    raise CleaningError(
        f"{scope} has {comparison.stats.objects} objects, but the table of every FileField on it is "
        f"empty{or_elsewhere}: {', '.join(map(str, [*fields, *choosing]))}. Is this the right database? If it is, "
        "--force cleans the bucket. Nothing was deleted."
    )
