"""manage.py clean_orphaned_minio_files: delete objects that no row of the database refers to."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from django_minio_backend import orphans
from django_minio_backend.errors import CleaningError

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Arguments, printing and exit code; the work is in ``orphans``."""

    help = "Deletes objects that no FileField of the database refers to, from every bucket that a FileField uses."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add this command's options."""
        parser.add_argument("--dry-run", action="store_true", help="delete nothing, only tell what would be")
        parser.add_argument(
            "--check-missing", action="store_true", help="also tell which rows refer to missing objects"
        )
        parser.add_argument(
            "--min-age",
            type=_hours,
            default=dt.timedelta(hours=1),
            metavar="HOURS",
            help="leave younger objects alone: an upload comes before its row (default: 1)",
        )

    def handle(self, *_: Any, dry_run: bool, check_missing: bool, min_age: dt.timedelta, **__: Any) -> None:
        """Run the command."""
        try:
            # All places are compared before anything is deleted: one that cannot be read stops the run.
            findings = [orphans.compare(place, min_age=min_age) for place in orphans.places()]
        except CleaningError as error:
            raise CommandError(str(error)) from error
        failures = [failure for finding in findings if (failure := self._clean(finding, dry_run=dry_run))]
        if check_missing:
            self._tell_missing(findings)
        if failures:
            raise CommandError("\n".join(map(str, failures)))

    def _clean(self, finding: orphans.Findings, *, dry_run: bool) -> CleaningError | None:
        """Delete, and tell what is deleted; return what went wrong, so that the other places are cleaned still."""
        count = size = 0
        failure = None
        try:
            for orphan in finding.orphans if dry_run else orphans.delete(finding):
                self.stdout.write(f"{'Would delete' if dry_run else 'Deleted'} {finding.place}/{orphan.key}")
                count, size = count + 1, size + orphan.size
        except CleaningError as error:
            failure = error
        done = "would be deleted" if dry_run else "deleted"
        total = f"{finding.place}: {count} orphaned objects {done} ({filesizeformat(size)})."
        self.stdout.write(self.style.SUCCESS(total))
        return failure

    def _tell_missing(self, findings: list[orphans.Findings]) -> None:
        for finding in findings:
            for reference in finding.missing:
                self.stdout.write(self.style.WARNING(f"Missing in {finding.place}: {reference}"))
            self.stdout.write(f"{finding.place}: {len(finding.missing)} references to missing objects.")


def _hours(text: str) -> dt.timedelta:
    try:
        age = dt.timedelta(hours=float(text))
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(f"{text} is not a number of hours") from error
    if age < dt.timedelta(0):
        raise ArgumentTypeError("the age cannot be negative")
    return age
