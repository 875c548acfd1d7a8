"""manage.py initialize_buckets: make the buckets of all MinIO storages and set their policies."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from django_minio_backend.aliases import minio_storages
from django_minio_backend.buckets.initialize import initialize, storages_of_fields
from django_minio_backend.errors import BucketsNotReadyError
from django_minio_backend.management.escaped_output import EscapedOutput
from django_minio_backend.options.resolution import settings_of_version_3

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(EscapedOutput):
    """Arguments, printing and exit code; the work is in ``initialization``."""

    help = "Makes the buckets of all MinIO storages where they are missing, and sets their policies."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add this command's options."""
        parser.add_argument("--silenced", action="store_true", help="print nothing but errors")
        parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 if anything differs")

    def handle(self, *_: Any, silenced: bool, check: bool, **__: Any) -> None:
        """Run the command."""
        of_fields, failures = storages_of_fields()
        found = [*minio_storages().values(), *of_fields]
        if not found and not failures:
            raise CommandError(f"No storage in STORAGES is a MinIO storage. {settings_of_version_3()}".strip())
        try:
            all_right = initialize(
                found,
                tell=lambda line: None if silenced else self.print_line(line),
                change=not check,
                try_conditional_writes=not check,
                failures=failures,
            )
        except BucketsNotReadyError as error:
            raise CommandError(str(error)) from error
        if check and not all_right:
            if not silenced:
                self.stderr.write("manage.py initialize_buckets corrects this.")
            sys.exit(1)
        if not silenced:
            self.print_line("All buckets are as they should be.", self.style.SUCCESS)
