"""manage.py collectstatic: Django's, but by one listing and parallel uploads where static files go to MinIO."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.staticfiles.management.commands import collectstatic
from django.core.management.base import CommandError

from django_minio_backend.errors import CollectingError
from django_minio_backend.management.escaped_output import command_error
from django_minio_backend.management.progress import Progress
from django_minio_backend.redaction.escaping import escape_control_characters
from django_minio_backend.staticfiles.storage import MinioBackendStatic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.files.storage import Storage
    from django.core.management.base import CommandParser

    from django_minio_backend.staticfiles.run import Collection

_one_run = threading.RLock()  # a storage and its manifest are one for all threads; the next one finds everything done


class Command(collectstatic.Command):
    """Django's command with another way to copy a file; it stands in when this app comes before staticfiles."""

    collection: Collection | None = None
    progress: Progress | None = None
    force_upload = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Add this command's options to Django's."""
        super().add_arguments(parser)
        parser.add_argument(
            "--force-upload",
            action="store_true",
            help="Upload files that the bucket has already as well, as after a change of their headers.",
        )

    def set_options(self, **options: Any) -> None:
        """Set instance variables as Django does."""
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
        except (MinioException, HTTPError) as error:  # as where post-processing reads what only the server has
            raise command_error(f"Static files could not be collected: {error}") from error

    def collect(self) -> dict[str, list[str]]:
        """Collect all files, as Django does, through a collection where the storage is this package's."""
        if not isinstance(self.storage, MinioBackendStatic):
            if self.force_upload:
                raise CommandError("--force-upload needs MinioBackendStatic as the storage of static files.")
            return super().collect()
        if self.symlink:
            return super().collect()  # says that there are no links at a remote destination
        self.progress = Progress(self.stdout, shown=self.verbosity == 1)
        with (
            _one_run,
            self.storage.collection(
                dry_run=self.dry_run, force=self.force_upload, progress=self._show_progress
            ) as self.collection,
            self._manifest_last(self.collection),
            self._hashed_names_noted(self.collection),
            self.progress,
        ):
            collected = super().collect()
            self.collection.finish()
        return collected

    def clear_dir(self, path: str) -> None:
        """Delete a folder with all that is in it; the outermost one by as few requests as can be."""
        super().clear_dir(path)
        if self.collection is not None and path == "":
            self.collection.clear()

    def copy_file(self, path: str, prefixed_path: str, source_storage: Storage) -> None:
        """Upload a file, unless the bucket has its content under this name."""
        if self.collection is None:
            super().copy_file(path, prefixed_path, source_storage)
            return
        before = self.collection.changes
        self.collection.take(prefixed_path, source_storage, path)
        with source_storage.open(path) as source_file:
            self.storage.save(prefixed_path, source_file)
        if self.collection.changes == before:
            self.unmodified_files.append(prefixed_path)
            self.log(f"Skipping '{path}' (not modified)")
            return
        source_path = source_storage.path(path)
        if self.dry_run:
            self.log(f"Pretending to copy '{source_path}'", level=1)
        else:
            self.log(f"Copying '{source_path}'", level=2)
        self.copied_files.append(prefixed_path)

    def _show_progress(self, done: int, known: int) -> None:
        if self.progress is not None:
            self.progress.show(f"Uploaded {done} of {known}", at_once=done == known)

    def log(self, msg: str, level: int = 2) -> None:
        """Write a message, on a line of its own where the progress is shown."""
        if self.progress is not None and self.verbosity >= level:
            self.progress.clear()
        super().log(escape_control_characters(msg), level)

    @contextmanager
    def _manifest_last(self, collection: Collection) -> Iterator[None]:
        """Put off the writing of a manifest until the files that it names have arrived, wherever it is kept."""
        storage: Any = self.storage
        if not hasattr(storage, "save_manifest"):
            yield
            return
        save_manifest = storage.save_manifest

        def save_when_settled() -> None:
            collection.settle()
            save_manifest()

        storage.save_manifest = save_when_settled
        try:
            yield
        finally:
            del storage.save_manifest

    @contextmanager
    def _hashed_names_noted(self, collection: Collection) -> Iterator[None]:
        """Tell the collection which names post-processing has made, whatever class makes them."""
        storage: Any = self.storage
        if not hasattr(storage, "hashed_name"):
            yield
            return
        hashed_name = storage.hashed_name

        def noted(*arguments: Any, **more: Any) -> str:
            name: str = hashed_name(*arguments, **more)
            collection.note_hashed(name)
            return name

        storage.hashed_name = noted
        try:
            yield
        finally:
            del storage.hashed_name
