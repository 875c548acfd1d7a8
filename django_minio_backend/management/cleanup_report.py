"""What clean_orphaned_minio_files prints: lines for people, or JSON for programs."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat

from django_minio_backend.management.progress import INTERVAL
from django_minio_backend.redaction.escaping import escape_control_characters

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from django.core.management.base import BaseCommand

    from django_minio_backend.management.progress import Progress
    from django_minio_backend.orphans.compare import Findings, Tally
    from django_minio_backend.orphans.deletion import Batch, Missing
    from django_minio_backend.orphans.scope import Place
    from django_minio_backend.s3.listing import UnfinishedUpload

PROBLEMS = 1_000  # told again in the error at the end


@dataclass
class Totals:
    """What was done in one place.

    Attributes:
        deleted: objects, or those that would be in a dry run; ``bytes`` are theirs.
        not_deleted: objects that the server did not delete.
        spared: orphans at first that something referred to, or replaced, before they were deleted.
        delete_markers: of the deleted, those that live on as older versions.
        aborted: unfinished uploads.
        not_aborted: those that the server did not abort.
        missing: rows that refer to missing objects; None if nobody asked.
    """

    deleted: int = 0
    bytes: int = 0
    not_deleted: int = 0
    spared: int = 0
    delete_markers: int = 0
    aborted: int = 0
    not_aborted: int = 0
    missing: int | None = None


@dataclass
class Report:
    """Prints what happens, one line each, and counts it.

    Attributes:
        problems: what could not be done, for the error at the end; the first ones of many.
    """

    command: BaseCommand
    dry_run: bool
    verbosity: int
    as_json: bool
    totals: dict[str, Totals] = field(default_factory=dict)
    findings: list[Findings] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def begin(self, findings: Findings) -> Totals:
        """Begin with a place."""
        self.findings.append(findings)
        return self.totals.setdefault(str(findings.place), Totals())

    def batch(self, findings: Findings, batch: Batch) -> None:
        """Tell what became of some orphans."""
        totals = self.totals[str(findings.place)]
        totals.spared += batch.spared
        totals.delete_markers += batch.markers
        for orphan, problem in batch.outcomes:
            if problem:
                totals.not_deleted += 1
                self._failed(findings.place, "not_deleted", "Not deleted", orphan.key, problem, size=orphan.size)
            else:
                totals.deleted, totals.bytes = totals.deleted + 1, totals.bytes + orphan.size
                event = ("would_delete", "Would delete") if self.dry_run else ("deleted", "Deleted")
                self._done(findings.place, *event, orphan.key, size=orphan.size)

    def upload(self, findings: Findings, upload: UnfinishedUpload, problem: str = "") -> None:
        """Tell what became of an unfinished upload."""
        totals = self.totals[str(findings.place)]
        if problem:
            totals.not_aborted += 1
            self._failed(findings.place, "not_aborted", "Unfinished upload not aborted", upload.key, problem)
        else:
            totals.aborted += 1
            event = ("would_abort", "Would abort") if self.dry_run else ("aborted", "Aborted")
            self._done(findings.place, event[0], f"{event[1]} an unfinished upload of", upload.key)

    def missing(self, findings: Findings, missing: Missing) -> None:
        """Tell a row whose object is missing."""
        totals = self.totals[str(findings.place)]
        totals.missing = (totals.missing or 0) + 1
        if self.as_json:
            model = missing.field.model._meta.label
            row = {"model": model, "primary_key": missing.primary_key, "field": missing.field.field.name}
            self._json(findings.place, "missing", database=missing.field.database, name=missing.name, **row)
        else:
            self._line(f"Missing in {findings.place}: {missing}", self.command.style.WARNING)

    def place(self, findings: Findings) -> None:
        """Tell the totals of a place."""
        if self.as_json:
            return
        place, totals, tally = findings.place, self.totals[str(findings.place)], findings.tally
        would = "would be " if self.dry_run else ""
        told = f"{place}: {totals.deleted} orphaned objects {would}deleted ({filesizeformat(totals.bytes)})."
        told += f" {tally.objects} objects and {tally.rows} references were compared"
        told += f"; {tally.young} objects are too young and {tally.excluded} excluded."
        self._line(told, self.command.style.SUCCESS)
        if totals.spared:
            self._line(
                f"{place}: {totals.spared} more were orphaned at first, and something refers to them or has replaced "
                "them by now."
            )
        if totals.delete_markers:
            self._line(
                f"{place}: the bucket keeps versions. {totals.delete_markers} of the deleted objects live on as older "
                "versions, which take as much space until a lifecycle rule or an administrator removes them."
            )
        if totals.aborted:
            self._line(f"{place}: {totals.aborted} unfinished uploads {would}aborted.")

    def missing_total(self, findings: Findings) -> None:
        """Tell how many rows refer to missing objects."""
        totals = self.totals[str(findings.place)]
        totals.missing = totals.missing or 0
        if not self.as_json:
            self._line(f"{findings.place}: {totals.missing} references to missing objects.")

    def summary(self) -> None:
        """Tell everything once more, for programs."""
        if not self.as_json:
            return
        places = [
            {
                "endpoint": findings.place.storage.server_url,
                "bucket": findings.place.bucket,
                **asdict(findings.tally),
                **asdict(self.totals[str(findings.place)]),
            }
            for findings in self.findings
        ]
        self._write_json({"event": "summary", "dry_run": self.dry_run, "places": places, "problems": self.problems})

    def _done(self, place: Place, event: str, words: str, key: str, **more: Any) -> None:
        if self.as_json:
            self._json(place, event, key=key, **more)
        else:
            self._line(f"{words} {place}/{key}")

    def _failed(self, place: Place, event: str, words: str, key: str, problem: str, **more: Any) -> None:
        self._done(place, event, words, key, problem=problem, **more)
        if len(self.problems) < PROBLEMS:
            self.problems.append(f"{words}: {place}/{key}: {problem}")
        elif len(self.problems) == PROBLEMS:
            self.problems.append("and more, which the output tells.")

    def _json(self, place: Place, event: str, **more: Any) -> None:
        self._write_json({"event": event, "endpoint": place.storage.server_url, "bucket": place.bucket, **more})

    def _write_json(self, line: dict[str, Any]) -> None:
        self._write(json.dumps(line).replace("\x7f", "\\u007f"))  # the one control character that JSON leaves as it is

    def _line(self, text: str, style: Callable[[str], str] = str) -> None:
        if self.verbosity > 0:
            self._write(style(escape_control_characters(text)))

    def _write(self, text: str) -> None:
        """Write a line, whatever letters the output can carry.

        Raises:
            CommandError: it cannot be written.
        """
        stream = self.command.stdout
        if cast("TextIO | None", stream._out) is None:  # noqa: SLF001 - Django's wrapper of what was closed from the start
            return
        encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except OSError as error:  # nobody reads it any more, or the disk is full
            raise CommandError(
                f"The output cannot be written: {error}. The run stopped; another one goes on with the rest."
            ) from error


def progress_shown_by(progress: Progress) -> Callable[[Place, Tally], None]:
    """What tells, while a comparison goes on, how much of a place was looked at."""
    begin = time.monotonic()

    def tell(place: Place, tally: Tally) -> None:
        seconds = max(time.monotonic() - begin, INTERVAL)  # some systems' clocks stand still for a while
        rate = (tally.rows + tally.objects) / seconds
        progress.show(f"{place}: {tally.rows:,} references, {tally.objects:,} objects, {rate:,.0f} a second")

    return tell
