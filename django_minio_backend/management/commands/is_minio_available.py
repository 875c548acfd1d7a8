"""manage.py is_minio_available: ask the server of every MinIO storage whether it is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from django_minio_backend.configured import minio_storages

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Arguments, printing and exit code; the asking is in ``health``."""

    help = "Asks the server of every MinIO storage whether it is alive, and fails if one is not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add this command's options."""
        parser.add_argument("--silenced", action="store_true", help="print nothing but errors")

    def handle(self, *_: Any, silenced: bool, **__: Any) -> None:
        """Run the command."""
        found = minio_storages()
        if not found:
            raise CommandError("No storage in STORAGES is a MinIO storage.")
        failures = []
        for alias, storage in found.items():
            status = storage.is_minio_available()
            if not status:
                failures.append(f"'{alias}': {status.details}")
            elif not silenced:
                self.stdout.write(self.style.SUCCESS(f"'{alias}': {status.details}"))
        if failures:
            raise CommandError("Not available:\n" + "\n".join(failures))
