"""manage.py is_minio_available: ask the server of every MinIO storage whether it is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from django_minio_backend.aliases import minio_storages
from django_minio_backend.health.deadline import started
from django_minio_backend.health.diagnosis import diagnose_all
from django_minio_backend.management.escaped_output import EscapedOutput, command_error
from django_minio_backend.options.resolution import settings_of_version_3

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator, Mapping

    from django_minio_backend.storage import MinioBackend


class Command(EscapedOutput):
    """Arguments, printing and exit code; the asking is in ``health``."""

    help = "Asks the server of every MinIO storage whether it is alive, and fails if one is not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add this command's options."""
        parser.add_argument("--silenced", action="store_true", help="print nothing but errors")
        parser.add_argument(
            "--deep", action="store_true", help="also try the credentials, region, clock and every bucket's access"
        )

    def handle(self, *_: Any, silenced: bool, deep: bool, **__: Any) -> None:
        """Run the command."""
        found = minio_storages()
        if not found:
            raise CommandError(f"No storage in STORAGES is a MinIO storage. {settings_of_version_3()}".strip())
        wrong = []
        for alias, is_right, told in _findings(found) if deep else _answers(found):
            if not is_right:
                wrong.append(f"'{alias}': {told}")
            elif not silenced:
                self.print_line(f"'{alias}': {told}", self.style.SUCCESS)
        if wrong:
            raise command_error("Problems found:" if deep else "Not available:", *wrong)


def _answers(found: Mapping[str, MinioBackend]) -> Iterator[tuple[str, bool, str]]:
    asked = started([storage.is_minio_available for storage in found.values()], workers=len(found))
    for alias, future in zip(found, asked, strict=True):
        status = future.result()
        yield alias, bool(status), status.details.replace("\n", " ")


def _findings(found: Mapping[str, MinioBackend]) -> Iterator[tuple[str, bool, str]]:
    for alias, findings in diagnose_all(found).items():
        for finding in findings:
            yield alias, bool(finding.is_right), str(finding)
