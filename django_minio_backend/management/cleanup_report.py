"""The output of clean_orphaned_minio_files: lines for people, or JSON for programs."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from django_minio_backend.management.progress import INTERVAL, Progress
from django_minio_backend.redaction.escaping import escape_control_characters

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_minio_backend.orphans.compare import Comparison, Missing, Stats
    from django_minio_backend.orphans.deletion import Batch
    from django_minio_backend.orphans.scope import CleanupScope
    from django_minio_backend.s3.listing import UnfinishedUpload

MAX_PROBLEMS = 1_000  # repeated in the error at the end


@dataclass
class Totals:
    """The result for one bucket.

    Attributes:
        deleted: objects, or those that would be deleted in a dry run; ``bytes`` are theirs.
        not_deleted: objects that the server did not delete.
        kept: objects that were orphans first, until something referred to them or replaced them.
        delete_markers: of the deleted, those that continue to exist as older versions.
        aborted: unfinished uploads.
        not_aborted: those that the server did not abort.
        missing: rows that refer to missing objects; None if this was not checked.
    """

    deleted: int = 0
    bytes: int = 0
    not_deleted: int = 0
    kept: int = 0
    delete_markers: int = 0
    aborted: int = 0
    not_aborted: int = 0
    missing: int | None = None


@dataclass
class Report:
    """Prints every event in one line, and counts it.

    Attributes:
        problems: what failed, for the error at the end; the first 1,000.
    """

    command: BaseCommand
    dry_run: bool
    verbosity: int
    as_json: bool
    totals: dict[str, Totals] = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def start(self, comparison: Comparison) -> None:
        """Start with a bucket."""
        self.comparisons.append(comparison)
        self.totals.setdefault(str(comparison.scope), Totals())

    def batch(self, scope: CleanupScope, batch: Batch) -> None:
        """Print the result for each orphan of a batch."""
        totals = self.totals[str(scope)]
        totals.kept += batch.kept
        totals.delete_markers += batch.markers
        for orphan, problem in batch.outcomes:
            if problem:
                totals.not_deleted += 1
                self._failed(scope, "not_deleted", "Not deleted", orphan.key, problem, size=orphan.size)
            else:
                totals.deleted, totals.bytes = totals.deleted + 1, totals.bytes + orphan.size
                event = ("would_delete", "Would delete") if self.dry_run else ("deleted", "Deleted")
                self._done(scope, *event, orphan.key, size=orphan.size)

    def upload(self, scope: CleanupScope, upload: UnfinishedUpload, problem: str = "") -> None:
        """Print the result for an unfinished upload."""
        totals = self.totals[str(scope)]
        if problem:
            totals.not_aborted += 1
            self._failed(scope, "not_aborted", "Unfinished upload not aborted", upload.key, problem)
        else:
            totals.aborted += 1
            event = ("would_abort", "Would abort") if self.dry_run else ("aborted", "Aborted")
            self._done(scope, event[0], f"{event[1]} an unfinished upload of", upload.key)

    def missing(self, scope: CleanupScope, missing: Missing) -> None:
        """Print a row whose object is missing."""
        totals = self.totals[str(scope)]
        totals.missing = (totals.missing or 0) + 1
        if self.as_json:
            model = missing.field.model._meta.label
            row = {"model": model, "primary_key": missing.primary_key, "field": missing.field.field.name}
            self._json(scope, "missing", database=missing.field.database, name=missing.name, **row)
        else:
            self._line(f"Missing in {scope}: {missing}", self.command.style.WARNING)

    def bucket_totals(self, comparison: Comparison) -> None:
        """Print the totals of a bucket."""
        if self.as_json:
            return
        scope, stats = comparison.scope, comparison.stats
        totals = self.totals[str(scope)]
        would = "would be " if self.dry_run else ""
        self._line(
            f"{scope}: {totals.deleted} orphaned objects {would}deleted ({filesizeformat(totals.bytes)}). "
            f"{stats.objects} objects and {stats.rows} references were compared; {stats.young} objects are too young "
            f"and {stats.excluded} excluded.",
            self.command.style.SUCCESS,
        )
        if totals.kept:
            self._line(f"{scope}: {totals.kept} more were orphans first, but now something refers to or replaces them.")
        if totals.delete_markers:
            self._line(
                f"{scope}: the bucket keeps versions. {totals.delete_markers} of the deleted objects still exist as "
                "older versions, which take as much space until a lifecycle rule or an administrator removes them."
            )
        if totals.aborted:
            self._line(f"{scope}: {totals.aborted} unfinished uploads {would}aborted.")

    def missing_total(self, scope: CleanupScope) -> None:
        """Print how many rows refer to missing objects."""
        totals = self.totals[str(scope)]
        totals.missing = totals.missing or 0
        if not self.as_json:
            self._line(f"{scope}: {totals.missing} references to missing objects.")

    def summary(self) -> None:
        """Print all totals, for programs."""
        if not self.as_json:
            return
        buckets = [
            {
                "endpoint": comparison.scope.storage.server_url,
                "bucket": comparison.scope.bucket,
                **asdict(comparison.stats),
                **asdict(self.totals[str(comparison.scope)]),
            }
            for comparison in self.comparisons
        ]
        self._write_json({"event": "summary", "dry_run": self.dry_run, "buckets": buckets, "problems": self.problems})

    def _done(self, scope: CleanupScope, event: str, words: str, key: str, **more: Any) -> None:
        if self.as_json:
            self._json(scope, event, key=key, **more)
        else:
            self._line(f"{words} {scope}/{key}")

    def _failed(self, scope: CleanupScope, event: str, words: str, key: str, problem: str, **more: Any) -> None:
        self._done(scope, event, words, key, problem=problem, **more)
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"{words}: {scope}/{key}: {problem}")
        elif len(self.problems) == MAX_PROBLEMS:
            self.problems.append("More failures are in the output.")

    def _json(self, scope: CleanupScope, event: str, **more: Any) -> None:
        self._write_json({"event": event, "endpoint": scope.storage.server_url, "bucket": scope.bucket, **more})

    def _write_json(self, line: dict[str, Any]) -> None:
        self._write(json.dumps(line).replace("\x7f", "\\u007f"))  # the one control character that JSON does not escape

    def _line(self, text: str, style: Callable[[str], str] = str) -> None:
        if self.verbosity > 0:
            self._write(style(escape_control_characters(text)))

    def _write(self, text: str) -> None:
        """Write a line; characters that the output's encoding lacks are escaped.

        Raises:
            CommandError: it cannot be written.
        """
        stream = self.command.stdout
        if getattr(stream, "_out", None) is None:  # Django wraps a stream that is closed at start
            return
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except OSError as error:  # the reader has closed the pipe, or the disk is full
            raise CommandError(
                f"The output cannot be written: {error}. The run stopped; start it again to clean the rest."
            ) from error


def watch_by(progress: Progress) -> Callable[[CleanupScope, Stats], None]:
    """Return a function that shows the stats of a comparison as progress."""
    start = time.monotonic()

    def watch(scope: CleanupScope, stats: Stats) -> None:
        seconds = max(time.monotonic() - start, INTERVAL)  # some systems' clocks stand still for a while
        rate = (stats.rows + stats.objects) / seconds
        progress.show(f"{scope}: {stats.rows:,} references, {stats.objects:,} objects, {rate:,.0f} per second")

    return watch
