"""manage.py collectstatic: Django's command, with one listing and parallel uploads for this package's storages."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.staticfiles.management.commands import collectstatic
from django.core.management.base import CommandError

from django_minio_backend.errors import CollectingError
from django_minio_backend.management.escaped_output import command_error
from django_minio_backend.management.progress import Progress
from django_minio_backend.redaction.escaping import escape_control_characters
from django_minio_backend.staticfiles.collecting.run import CollectstaticRun
from django_minio_backend.staticfiles.storage import MinioBackendStatic

if TYPE_CHECKING:
    from django.core.files.storage import Storage
    from django.core.management.base import CommandParser

_one_run = threading.RLock()  # all threads share the storage and its manifest


class Command(collectstatic.Command):
    """Replaces Django's command if this app comes before ``django.contrib.staticfiles`` in INSTALLED_APPS."""

    open_run: CollectstaticRun | None = None
    progress: Progress | None = None
    force_upload = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Add this command's options to Django's."""
        super().add_arguments(parser)
        text = "Upload unchanged files as well, for example after a change of their headers."
        parser.add_argument("--force-upload", action="store_true", help=text)

    def set_options(self, **options: Any) -> None:
        """Set an instance variable for each option, as Django's command does."""
        super().set_options(**options)
        self.force_upload = options.get("force_upload", False)

    def handle(self, **options: Any) -> str | None:
        """Run the command."""
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        if not apps.is_installed("django.contrib.staticfiles"):
            raise CommandError("collectstatic needs 'django.contrib.staticfiles' in INSTALLED_APPS.")
        try:
            return super().handle(**options)
        except CollectingError as error:
            raise command_error(str(error)) from error
        except (MinioException, HTTPError) as error:  # such as a failure to read a file that only the server has
            raise command_error(f"Static files could not be collected: {error}") from error

    def collect(self) -> dict[str, list[str]]:
        """Collect all files as Django's command does, in a CollectstaticRun if the storage is this package's."""
        if not isinstance(self.storage, MinioBackendStatic):
            if self.force_upload:
                raise CommandError("--force-upload needs MinioBackendStatic as the storage of static files.")
            return super().collect()
        if self.symlink:
            return super().collect()  # raises CommandError: links to a remote destination are impossible
        self.progress = Progress(self.stdout, shown=self.verbosity == 1)
        run = CollectstaticRun(self.storage, dry_run=self.dry_run, force=self.force_upload, progress=self._show_counts)
        with _one_run, run as self.open_run, self.progress:
            result = super().collect()
            run.finish()
        return result

    def clear_dir(self, path: str) -> None:
        """Delete a folder and its content: that of the root folder 1,000 files a request."""
        super().clear_dir(path)
        if self.open_run is not None and path == "":
            self.open_run.clear()

    def copy_file(self, path: str, prefixed_path: str, source_storage: Storage) -> None:
        """Upload a file, unless the bucket has the same content under this name."""
        if self.open_run is None:
            super().copy_file(path, prefixed_path, source_storage)
            return
        changes = self.open_run.changes
        self.open_run.register(prefixed_path, source_storage, path)
        with source_storage.open(path) as source_file:
            self.storage.save(prefixed_path, source_file)
        if self.open_run.changes == changes:
            self.unmodified_files.append(prefixed_path)
            self.log(f"Skipping '{path}' (not modified)")
            return
        action, level = ("Pretending to copy", 1) if self.dry_run else ("Copying", 2)
        self.log(f"{action} '{source_storage.path(path)}'", level)
        self.copied_files.append(prefixed_path)

    def _show_counts(self, done: int, begun: int) -> None:
        if self.progress is not None:
            self.progress.show(f"Uploaded {done} of {begun}", at_once=done == begun)

    def log(self, msg: str, level: int = 2) -> None:
        """Write a message, on a separate line where the progress is shown."""
        if self.progress is not None and self.verbosity >= level:
            self.progress.clear()
        super().log(escape_control_characters(msg), level)
