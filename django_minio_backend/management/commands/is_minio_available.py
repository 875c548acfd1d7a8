"""manage.py is_minio_available: check whether the server of every MinIO storage is available."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django_minio_backend.aliases import minio_storages
from django_minio_backend.health.deadline import run_in_daemon
from django_minio_backend.health.diagnosis import diagnose
from django_minio_backend.management.escaped_output import EscapedOutput, command_error
from django_minio_backend.options.resolution import settings_of_version_3

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django_minio_backend.storage import MinioBackend


class Command(EscapedOutput):
    """Arguments, output and exit code; the checks are in ``health``."""

    help = "Checks whether the server of every MinIO storage is available, and fails if one is not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add this command's options."""
        parser.add_argument("--silenced", action="store_true", help="print errors only")
        text = "also check credentials, region, clock and the access to every bucket"
        parser.add_argument("--deep", action="store_true", help=text)

    def handle(self, *_: Any, silenced: bool, deep: bool, **__: Any) -> None:
        """Run the command."""
        storages = minio_storages()
        if not storages:
            raise command_error(f"No storage in STORAGES is a MinIO storage. {settings_of_version_3()}".strip())
        check = _diagnosis if deep else _availability
        results = run_in_daemon([partial(check, storage) for storage in storages.values()], workers=len(storages))
        problems = []
        for alias, future in zip(storages, results, strict=True):
            for is_right, text in future.result():
                if not is_right:
                    problems.append(f"'{alias}': {text}")
                elif not silenced:
                    self.print_line(f"'{alias}': {text}", self.style.SUCCESS)
        if problems:
            raise command_error("Problems found:" if deep else "Not available:", *problems)


def _availability(storage: MinioBackend) -> list[tuple[bool, str]]:
    status = storage.is_minio_available()
    return [(bool(status), status.details.replace("\n", " "))]


def _diagnosis(storage: MinioBackend) -> list[tuple[bool, str]]:
    buckets = [spec.name for spec in storage.bucket_specs()]
    findings = diagnose(lambda: storage.s3, storage.options, buckets)
    return [(bool(finding.is_right), str(finding)) for finding in findings]
