"""One bucket compared with the databases: what nothing refers to and is old enough, and what is missing."""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
import threading
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import Error as DatabaseProblem

from ..errors import CleaningError
from ..health.explanations import explain_in_sentence
from ..s3 import listing
from .key_store import PROTECTS, Referred
from .parallel_listing import list_in_parallel
from .references import ROWS_AT_ONCE, keys_of_other_apps, renew_connections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from .key_store import Difference
    from .references import ReferringField
    from .scope import Place


@dataclass(frozen=True)
class Rules:
    """What a run looks at, and what it may delete.

    Attributes:
        min_age: younger objects stay, by the server's clock; nothing is too young if it is zero.
        prefixes: only keys that start with one of these are looked at; all if there are none.
        exclude: objects whose keys match one of these patterns (``fnmatch``: a star also stands for slashes) stay.
        force: clean also where every table with a FileField is empty.
        unfinished_age: abort multipart uploads that were begun longer ago; None leaves all alone.
        workers: how many parts of a bucket are listed at once.
    """

    min_age: dt.timedelta = dt.timedelta(hours=1)
    prefixes: Sequence[str] = ()
    exclude: Sequence[str] = ()
    force: bool = False
    unfinished_age: dt.timedelta | None = None
    workers: int = 1

    @cached_property
    def _excluded(self) -> re.Pattern[str] | None:
        return re.compile("|".join(map(fnmatch.translate, self.exclude))) if self.exclude else None

    def excludes(self, key: str) -> bool:
        """Whether this key's object stays whatever nobody refers to."""
        return self._excluded is not None and self._excluded.match(key) is not None


@dataclass
class Tally:
    """What was looked at so far.

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


@dataclass
class Findings:
    """What one place's objects and references have not in common.

    Attributes:
        orphans: how many objects nothing refers to that may be deleted.
        size: their bytes.
        uploads: unfinished multipart uploads that are old enough to be aborted.
        listed_at: when the listing began, by the server's clock.
    """

    place: Place
    difference: Difference
    tally: Tally = field(default_factory=Tally)
    orphans: int = 0
    size: int = 0
    uploads: list[listing.UnfinishedUpload] = field(default_factory=list)
    listed_at: dt.datetime | None = None


def compare(
    place: Place, rules: Rules, difference: Difference, watch: Callable[[Place, Tally], None] = lambda *_: None
) -> Findings:
    """Find what objects and references of a place have not in common. Nothing is deleted here.

    References are read before objects are listed: a row that is saved meanwhile has its object listed as well.
    ``difference`` is a new one, to be closed by the caller when the findings are not needed any more. ``watch`` is
    called again and again with what was looked at so far.

    Raises:
        CleaningError: a database or the bucket cannot be read to the end, or the database is the wrong one by the
            look of it.
    """
    from ..s3.errors import FAILURES

    findings = Findings(place, difference)
    comparing = _Comparing(findings, rules, watch)
    try:
        comparing.read_references()
    except DatabaseProblem as error:
        raise CleaningError(f"The database cannot be read: {error}. Nothing was deleted.") from error
    try:
        comparing.list_objects()
        comparing.list_uploads()
    except FAILURES as error:
        reason = explain_in_sentence(error, place.storage.options, needed="s3:ListBucket")
        raise CleaningError(f"{place} cannot be listed: {reason}. Nothing was deleted.") from error
    findings.orphans, findings.size = findings.difference.compare()
    if findings.orphans and not rules.force:
        _refuse_empty_tables(place, findings.tally)
    return findings


class _Comparing:
    """A comparison on its way."""

    def __init__(self, findings: Findings, rules: Rules, watch: Callable[[Place, Tally], None]) -> None:
        self._findings, self._rules, self._watch = findings, rules, watch
        self._place, self._difference, self._tally = findings.place, findings.difference, findings.tally
        self._prefixes = findings.place.listed_prefixes(rules.prefixes)
        self._cleaned = tuple(findings.place.prefixes(rules.prefixes))
        self._looks_only = self._cleaned != tuple(self._prefixes)  # at some of what is listed
        self._lock = threading.Lock()

    def read_references(self) -> None:
        """Read every row of every field, and what other apps name."""
        place = self._place
        renew_connections(place.readable)
        for source, one in [*enumerate(place.fields), *((PROTECTS, one) for one in place.namesakes)]:
            for rows in one.rows():
                self._add_references(_referred(one, source, rows))
                self._count(rows=len(rows))
        for source, choosing in enumerate(place.choosing, len(place.fields)):
            for referred in choosing.references(place.target, source):
                self._add_references(referred)
                self._count(rows=len(referred))
        for storage in place.protecting_storages:
            keys = keys_of_other_apps(storage)
            while some := list(islice(keys, ROWS_AT_ONCE)):
                self._add_references(map(Referred, some))
                self._count(rows=len(some))
        self._difference.index_references()

    def _add_references(self, references: Iterable[Referred]) -> None:
        below = tuple(self._prefixes)
        self._difference.add_references(one for one in references if one.key.startswith(below))

    def list_objects(self) -> None:
        """List everything below the prefixes: page after page, or in parts at once."""
        client, bucket = self._place.storage.s3, self._place.bucket
        if self._rules.workers > 1:
            list_in_parallel(client, bucket, self._prefixes, self._add_page, workers=self._rules.workers)
            return
        for prefix in self._prefixes:
            for page in listing.list_pages(client, bucket, prefix):
                self._add_page(page)

    def list_uploads(self) -> None:
        """List the unfinished uploads that are to be aborted."""
        age = self._rules.unfinished_age
        if age is None or not self._cleaned:
            return
        for page in listing.list_unfinished_uploads(self._place.storage.s3, self._place.bucket):
            self._findings.uploads += [
                upload
                for upload in page.uploads
                if upload.key.startswith(self._cleaned)
                and not self._rules.excludes(upload.key)
                and not _is_young(upload.initiated, page.served_at, age)
            ]

    def _add_page(self, page: listing.ListingPage) -> None:
        rules = self._rules
        young = {one.key for one in page.objects if _is_young(one.modified, page.served_at, rules.min_age)}
        excluded = {one.key for one in page.objects if rules.excludes(one.key)}
        stay = young | excluded
        if self._looks_only:
            stay |= {one.key for one in page.objects if not one.key.startswith(self._cleaned)}
        self._difference.add_objects((one.key, one.size, one.key not in stay) for one in page.objects)
        with self._lock:
            first = self._findings.listed_at
            self._findings.listed_at = min(first, page.served_at) if first else page.served_at
        self._count(objects=len(page.objects), young=len(young), excluded=len(excluded - young))

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, number in more.items():
                setattr(self._tally, name, getattr(self._tally, name) + number)
            self._watch(self._place, self._tally)


def _referred(field: ReferringField, source: int, rows: Iterable[tuple[Any, str]]) -> Iterator[Referred]:
    """What rows of a field refer to."""
    before = field.before
    for primary_key, name in rows:
        key = field.key(primary_key, name)
        is_literal = key == before + name
        yield Referred(key, source, str(primary_key), None if is_literal else name)
        if not is_literal and (literal := field.literal_key(name)) is not None:
            yield Referred(literal)


def _is_young(time: dt.datetime, now: dt.datetime, age: dt.timedelta) -> bool:
    """Whether less than ``age`` has passed; ``now`` is in whole seconds, rounded down, so it errs on the safe side."""
    return bool(age) and now - time <= age


def _refuse_empty_tables(place: Place, tally: Tally) -> None:
    """Take a bucket of objects whose tables have no rows at all for a wrong database.

    Raises:
        CleaningError: it is so.
    """
    try:
        renew_connections(place.sources)
        owners = [*place.fields, *place.owners]
        if not owners or any(one.has_rows() for one in place.fields):
            return
        if any(one.may_have_files_in(place.bucket) for one in place.owners):
            return
        if any(one.has_files_in(place.bucket) for one in place.choosing):
            return
    except DatabaseProblem as error:
        raise CleaningError(f"The database cannot be read: {error}. Nothing was deleted.") from error
    or_elsewhere = ", or has only rows whose files are elsewhere" if place.owners else ""
    raise CleaningError(
        f"{place} has {tally.objects} objects, but the table of every FileField on it is empty{or_elsewhere}: "
        f"{', '.join(map(str, owners))}. Is this the right database? If it is, --force cleans the bucket. "
        "Nothing was deleted."
    )
