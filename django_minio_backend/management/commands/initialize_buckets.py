"""manage.py initialize_buckets: create the buckets of all MinIO storages and set their policies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django_minio_backend.aliases import minio_storages
from django_minio_backend.buckets.initialize import initialize
from django_minio_backend.errors import BucketsNotReadyError
from django_minio_backend.management.escaped_output import EscapedOutput, command_error
from django_minio_backend.options.resolution import settings_of_version_3
from django_minio_backend.orphans.references import file_fields
from django_minio_backend.storage import MinioBackend

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(EscapedOutput):
    """Arguments, output and exit code; the work is in ``buckets.initialize``."""

    help = "Creates the missing buckets of all MinIO storages, and sets the policies of all."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add this command's options."""
        parser.add_argument("--silenced", action="store_true", help="print errors only")
        parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if anything differs")

    def handle(self, *_: Any, silenced: bool, check: bool, **__: Any) -> None:
        """Run the command."""
        in_settings = list(minio_storages().values())
        of_fields, failures = _storages_of_fields()
        if not (in_settings or of_fields or failures):
            raise command_error(f"No storage in STORAGES is a MinIO storage. {settings_of_version_3()}".strip())
        storages, report = [*in_settings, *of_fields], (lambda _: None) if silenced else self.print_line
        try:
            in_sync = initialize(storages, in_settings, report, dry_run=check, probe=True, failures=failures)
        except BucketsNotReadyError as error:
            raise command_error(*str(error).split("\n")) from error
        if check and not in_sync:
            if not silenced:
                self.stderr.write("Run manage.py initialize_buckets to correct this.")
            sys.exit(1)
        if not silenced:
            self.print_line("All buckets match the settings.", self.style.SUCCESS)


def _storages_of_fields() -> tuple[list[MinioBackend], list[str]]:
    """The MinIO storages of all file fields, which may name buckets in code; and why some cannot be made.

    No database is queried: buckets are created before tables are.
    """
    storages: list[MinioBackend] = []
    failures: list[str] = []
    for model, field in file_fields():
        storage = field.storage
        try:
            if isinstance(storage, MinioBackend) and storage.is_of_these_settings():  # a lazy one is made here
                storages.append(storage)
        except Exception as error:  # noqa: BLE001 - whatever the project's storage raises
            failures.append(f"The storage of {model._meta.label}.{field.name} cannot be made: {error}")
    return storages, failures
