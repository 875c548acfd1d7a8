"""manage.py clean_orphaned_minio_files: delete objects that no row of the database refers to."""

from __future__ import annotations

import datetime as dt
import re
import sys
from argparse import ArgumentTypeError
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat

from django_minio_backend.errors import CleaningError
from django_minio_backend.management.cleanup_report import Report, watch_by
from django_minio_backend.management.escaped_output import EscapedOutput, command_error
from django_minio_backend.management.progress import Progress, is_terminal
from django_minio_backend.orphans import deletion
from django_minio_backend.orphans.compare import CleanupOptions, compare
from django_minio_backend.orphans.scope import cleanup_scopes

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable, Mapping, Sequence

    from django_minio_backend.orphans.compare import Comparison

_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)", re.ASCII)
DEFAULT_AGE = dt.timedelta(hours=1)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "": "hours"}


class Command(EscapedOutput):
    """Arguments, printing and exit code; the work is in ``orphans``."""

    help = (
        "Deletes objects that no FileField of the database refers to, from every bucket that a FileField uses. "
        "An AGE is a number followed by s, m, h or d, as in 90s, 30m, 2h or 7d; a number alone counts hours."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add this command's options."""
        parser.add_argument("--dry-run", action="store_true", help="delete nothing, only print what would be deleted")
        parser.add_argument(
            "--check-missing", action="store_true", help="also print which rows refer to missing objects"
        )
        parser.add_argument(
            "--fail-on-missing", action="store_true", help="like --check-missing, and exit with 1 if there are any"
        )
        text = "keep younger objects (default: 1h; 1d for direct uploads whose form has not been saved)"
        parser.add_argument("--min-age", type=_age, default=DEFAULT_AGE, metavar="AGE", help=text)
        text = "clean this bucket only, even if no FileField uses it; may be repeated"
        parser.add_argument("--bucket", action="append", default=[], metavar="NAME", help=text)
        text = "compare only keys that start with this; may be repeated"
        parser.add_argument("--prefix", action="append", default=[], metavar="PREFIX", help=text)
        text = "keep objects whose keys match, as in 'exports/*'; may be repeated"
        parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help=text)
        text = "also abort multipart uploads that were started longer ago and not completed"
        parser.add_argument("--unfinished-uploads", type=_age, default=None, metavar="AGE", help=text)
        text = "also clean a bucket if the table of every FileField on it is empty"
        parser.add_argument("--force", action="store_true", help=text)
        text = "do not ask for confirmation"
        parser.add_argument("--no-input", "--noinput", action="store_false", dest="interactive", help=text)
        text = "print one JSON object per line, and a summary at the end"
        parser.add_argument("--json", action="store_true", dest="as_json", help=text)

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the command."""
        options |= _checked(options)
        cleanup_options = CleanupOptions(
            min_age=options["min_age"],
            prefixes=options["prefix"],
            exclude=options["exclude"],
            force=options["force"],
            unfinished_age=options["unfinished_uploads"],
            staging_age=CleanupOptions.staging_age if options["min_age"] is DEFAULT_AGE else options["min_age"],
        )
        report = Report(self, options["dry_run"], options["verbosity"], options["as_json"])
        try:
            with ExitStack() as opened:
                self._run(options, cleanup_options, report, opened)
        except CleaningError as error:
            raise command_error(str(error)) from error
        missing = sum(totals.missing or 0 for totals in report.totals.values())
        if options["fail_on_missing"] and missing:
            report.problems.append(f"{missing} rows refer to missing objects.")
        report.summary()
        if report.problems:
            raise command_error(*report.problems)

    def _run(
        self, options: Mapping[str, Any], cleanup_options: CleanupOptions, report: Report, opened: ExitStack
    ) -> None:
        """Compare all buckets before anything is deleted: one that cannot be read stops the run. Then clean each."""
        comparisons = []
        check_missing = options["check_missing"] or options["fail_on_missing"]
        for scope in cleanup_scopes(options["bucket"], chosen=check_missing):
            with Progress(self.stderr) as progress:
                comparisons.append(opened.enter_context(compare(scope, cleanup_options, watch_by(progress))))
        if options["interactive"] and not options["dry_run"]:
            self._confirm(comparisons)
        for comparison in comparisons:
            self._clean(comparison, report)
        if check_missing:
            self._report_missing(comparisons, report)

    @staticmethod
    def _clean(comparison: Comparison, report: Report) -> None:
        """Delete, and print what is deleted. A failure is recorded, and the other buckets are cleaned nevertheless."""
        scope, dry_run = comparison.scope, report.dry_run
        report.start(comparison)
        if not scope.storages:  # only the existence of files is checked in this bucket
            return
        try:
            for batch in deletion.delete_orphans(comparison, dry_run=dry_run):
                report.batch(scope, batch)
            uploads = ((upload, "") for upload in comparison.uploads) if dry_run else deletion.abort_uploads(comparison)
            for upload, problem in uploads:
                report.upload(scope, upload, problem)
        except CleaningError as error:
            report.problems.append(str(error))
        report.bucket_totals(comparison)

    @staticmethod
    def _report_missing(comparisons: Iterable[Comparison], report: Report) -> None:
        for comparison in comparisons:
            try:
                for missing in comparison.missing():
                    report.missing(comparison.scope, missing)
            except CleaningError as error:
                report.problems.append(str(error))
            report.missing_total(comparison.scope)

    def _confirm(self, comparisons: Sequence[Comparison]) -> None:
        """Ask for confirmation on a terminal.

        Raises:
            CommandError: the user does not type "yes".
        """
        not_clean = [comparison for comparison in comparisons if comparison.orphans or comparison.uploads]
        if not not_clean or not is_terminal(sys.stdin):
            return
        for comparison in not_clean:
            size = filesizeformat(comparison.size)
            more = f", and {len(comparison.uploads)} unfinished uploads" if comparison.uploads else ""
            self._prompt(f"{comparison.scope}: {comparison.orphans} orphaned objects ({size}){more}\n")
        self._prompt("Delete them? This cannot be undone. --dry-run lists them. Type 'yes' to delete: ")
        try:
            reply = input()
        except EOFError:  # Ctrl-D
            reply = ""
        if reply != "yes":
            raise CommandError("Nothing was deleted.")

    def _prompt(self, text: str) -> None:
        """Write to the terminal, past what standard output may be redirected to."""
        self.stderr.write(text, style_func=str, ending="")
        self.stderr.flush()


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Check options, which ``call_command`` passes without argparse: one name as text, an age as text or in hours.

    Raises:
        CommandError: one of them is invalid.
    """
    checked: dict[str, Any] = {}
    for name in ("bucket", "prefix", "exclude"):
        value = options[name]
        checked[name] = [value] if isinstance(value, str) else list(value or ())
        if "" in checked[name]:  # an unset variable of a script; an empty prefix would be the whole bucket
            raise CommandError(f"--{name} is empty. Nothing was deleted.")
    try:
        for name in ("min_age", "unfinished_uploads"):
            value = options[name]
            is_read = isinstance(value, dt.timedelta) or (value is None and name == "unfinished_uploads")
            checked[name] = value if is_read else _age(str(value))
    except ArgumentTypeError as error:
        raise CommandError(str(error)) from error
    return checked


def _age(text: str) -> dt.timedelta:
    match = _AGE.fullmatch(text)
    if match is None:
        raise ArgumentTypeError(f"invalid age '{text}': use 90s, 30m, 2h or 7d")
    try:
        return dt.timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError as error:
        raise ArgumentTypeError(f"age out of range: '{text}'") from error
