"""manage.py clean_orphaned_minio_files: delete objects that no row of the database refers to."""

from __future__ import annotations

import datetime as dt
import re
import sys
from argparse import ArgumentTypeError
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.template.defaultfilters import filesizeformat

from django_minio_backend.errors import CleaningError
from django_minio_backend.management.cleanup_report import Report, progress_shown_by
from django_minio_backend.management.escaped_output import EscapedOutput, command_error
from django_minio_backend.management.progress import Progress, is_terminal
from django_minio_backend.orphans import deletion
from django_minio_backend.orphans.compare import Rules, compare
from django_minio_backend.orphans.key_store import Difference
from django_minio_backend.orphans.scope import places

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Mapping

    from django_minio_backend.orphans.compare import Findings

_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "": "hours"}


class Command(EscapedOutput):
    """Arguments, printing and exit code; the work is in ``comparison`` and ``orphans``."""

    help = (
        "Deletes objects that no FileField of the database refers to, from every bucket that a FileField uses. "
        "An AGE is a number with s, m, h or d behind it, as in 90s, 30m, 2h or 7d; without a letter it counts hours."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add this command's options."""
        parser.add_argument("--dry-run", action="store_true", help="delete nothing, only tell what would be")
        parser.add_argument(
            "--check-missing", action="store_true", help="also tell which rows refer to missing objects"
        )
        parser.add_argument(
            "--fail-on-missing", action="store_true", help="--check-missing, and exit with 1 if there are any"
        )
        hour = dt.timedelta(hours=1)
        parser.add_argument(
            "--min-age", type=_age, default=hour, metavar="AGE", help="leave younger objects alone (default: 1h)"
        )
        text = "clean this bucket only, also if no FileField uses it; may be repeated"
        parser.add_argument("--bucket", action="append", default=[], metavar="NAME", help=text)
        text = "look only at keys that start with this; may be repeated"
        parser.add_argument("--prefix", action="append", default=[], metavar="PREFIX", help=text)
        text = "leave objects alone whose keys match, as in 'exports/*'; may be repeated"
        parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN", help=text)
        text = "also abort multipart uploads that were begun longer ago and not completed"
        parser.add_argument("--unfinished-uploads", type=_age, default=None, metavar="AGE", help=text)
        parser.add_argument(
            "--force", action="store_true", help="clean also where the tables of all FileFields are empty"
        )
        text = "do not ask before anything is deleted, as is never done without a terminal"
        parser.add_argument("--no-input", "--noinput", action="store_false", dest="interactive", help=text)
        parser.add_argument(
            "--json", action="store_true", dest="as_json", help="print one JSON object a line, a summary at the end"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the command."""
        options |= _checked(options)
        rules = Rules(
            min_age=options["min_age"],
            prefixes=options["prefix"],
            exclude=options["exclude"],
            force=options["force"],
            unfinished_age=options["unfinished_uploads"],
        )
        report = Report(self, options["dry_run"], options["verbosity"], options["as_json"])
        try:
            with ExitStack() as opened:
                self._run(options, rules, report, opened)
        except CleaningError as error:
            raise command_error(str(error)) from error
        missing = sum(totals.missing or 0 for totals in report.totals.values())
        if options["fail_on_missing"] and missing:
            report.problems.append(f"{missing} rows refer to missing objects.")
        report.summary()
        if report.problems:
            raise command_error(*report.problems)

    def _run(self, options: Mapping[str, Any], rules: Rules, report: Report, opened: ExitStack) -> None:
        """Compare all places before anything is deleted: one that cannot be read stops the run. Then clean each."""
        found = []
        checks = options["check_missing"] or options["fail_on_missing"]
        for place in places(options["bucket"], chosen=checks):
            difference = opened.enter_context(closing(Difference()))
            with Progress(self.stderr) as progress:
                found.append(compare(place, rules, difference, progress_shown_by(progress)))
        if options["interactive"] and not options["dry_run"]:
            self._ask(found)
        for findings in found:
            self._clean(findings, report)
        if checks:
            self._tell_missing(found, report)

    def _clean(self, findings: Findings, report: Report) -> None:
        """Delete, and tell what is deleted. A failure is noted, so that the other places are cleaned still."""
        dry_run = report.dry_run
        report.begin(findings)
        if not findings.place.storages:  # files are looked for here, and nothing else
            return
        try:
            for batch in deletion.delete(findings, dry_run=dry_run):
                report.batch(findings, batch)
            uploads = ((one, "") for one in findings.uploads) if dry_run else deletion.abort_uploads(findings)
            for upload, problem in uploads:
                report.upload(findings, upload, problem)
        except CleaningError as error:
            report.problems.append(str(error))
        report.place(findings)

    @staticmethod
    def _tell_missing(found: list[Findings], report: Report) -> None:
        for findings in found:
            try:
                for missing in deletion.missing(findings):
                    report.missing(findings, missing)
            except CleaningError as error:
                report.problems.append(str(error))
            report.missing_total(findings)

    def _ask(self, found: list[Findings]) -> None:
        """Ask on a terminal whether to go on.

        Raises:
            CommandError: the answer is not "yes".
        """
        full = [one for one in found if one.orphans or one.uploads]
        if not full or not is_terminal(sys.stdin):
            return
        for one in full:
            more = f", and {len(one.uploads)} unfinished uploads" if one.uploads else ""
            self._prompt(f"{one.place}: {one.orphans} orphaned objects ({filesizeformat(one.size)}){more}\n")
        self._prompt("Delete them? They cannot be brought back. --dry-run lists them. Type 'yes' to delete: ")
        try:
            answer = input()
        except EOFError:  # Ctrl-D
            answer = ""
        if answer != "yes":
            raise CommandError("Nothing was deleted.")

    def _prompt(self, text: str) -> None:
        """Write to the terminal, past what standard output may be redirected to."""
        self.stderr.write(text, style_func=str, ending="")
        self.stderr.flush()


def _checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as ``call_command`` may give them, which asks argparse about none: one name, an age as text or in hours.

    Raises:
        CommandError: one of them cannot be.
    """
    checked: dict[str, Any] = {}
    for name in ("bucket", "prefix", "exclude"):  # a text is one of them, and not as many as it has letters
        given = options[name]
        checked[name] = [given] if isinstance(given, str) else list(given or ())
        if "" in checked[name]:  # as an unset variable of a script gives it; an empty prefix would be the whole bucket
            raise CommandError(f"--{name} is empty. Nothing was deleted.")
    try:
        for name in ("min_age", "unfinished_uploads"):
            given = options[name]
            is_read = isinstance(given, dt.timedelta) or (given is None and name == "unfinished_uploads")
            checked[name] = given if is_read else _age(str(given))
    except ArgumentTypeError as error:
        raise CommandError(str(error)) from error
    return checked


def _age(text: str) -> dt.timedelta:
    match = _AGE.fullmatch(text)
    if match is None:
        raise ArgumentTypeError(f"'{text}' is no age; write a number and s, m, h or d, as in 30m")
    try:
        return dt.timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError as error:
        raise ArgumentTypeError(f"'{text}' is longer than there is time") from error
