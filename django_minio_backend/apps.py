"""The app: checks the settings when Django starts, and the buckets if a storage asks for it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig

from .errors import BucketsNotReadyError, ConfigurationError
from .options.hiding import hide_secrets_of_settings

if TYPE_CHECKING:
    from types import ModuleType, TracebackType

NOT_A_START = frozenset(
    {"help", "version", "makemigrations", "initialize_buckets", "is_minio_available", "clean_orphaned_minio_files"}
)


class DjangoMinioBackendConfig(AppConfig):
    """The app to put into INSTALLED_APPS."""

    name = "django_minio_backend"
    verbose_name = "MinIO storage"

    def __init__(self, app_name: str, app_module: ModuleType | None) -> None:
        """Prepare for invalid settings, before models make storages of them.

        Their secrets are hidden from reports, and under manage.py their errors are printed without a traceback.
        """
        super().__init__(app_name, app_module)
        hide_secrets_of_settings()
        if _is_manager(sys.argv) and "--traceback" not in sys.argv and sys.excepthook is sys.__excepthook__:
            sys.excepthook = _print_problems

    def ready(self) -> None:
        """Check every MinIO storage in STORAGES, and its buckets where MINIO_CONSISTENCY_CHECK_ON_START is True.

        The system checks, which warn of valid but unwise settings, are registered here.

        Raises:
            ConfigurationError: with every problem of every alias; no request is made to find them.
            BucketsNotReadyError: a bucket cannot be checked or corrected, or its server is not available.
        """
        from django.core.signals import request_finished, request_started

        request_started.connect(_note_request, dispatch_uid="django_minio_backend.note_request")
        request_finished.connect(_forget_request, dispatch_uid="django_minio_backend.forget_request")

        from . import checks  # noqa: F401 - registers them
        from .aliases import check_settings, minio_storages

        on_start = [alias for alias, options in check_settings().items() if options.consistency_check_on_start]
        if on_start and _is_a_start(sys.argv):
            from .buckets.initialize import initialize

            storages = minio_storages()
            initialize([storages[alias] for alias in on_start], storages.values())


def _note_request(**request: Any) -> None:
    """Remember for whom forms are rendered; imported here, as Django's start does without."""
    from . import requesters

    requesters.note_request(**request)


def _forget_request(**request: Any) -> None:
    from . import requesters

    requesters.forget_request(**request)


def _is_a_start(argv: list[str]) -> bool:
    """Whether this process serves or works, and does not only print help or reload another process."""
    command = argv[1] if len(argv) > 1 else ""
    lists_commands = not command and _is_manager(argv)
    if lists_commands or command in NOT_A_START or {"--help", "-h", "--version"} & set(argv[1:]):
        return False
    is_reloader = command == "runserver" and "--noreload" not in argv and os.environ.get("RUN_MAIN") != "true"
    return not is_reloader


def _is_manager(argv: list[str]) -> bool:
    """Whether the program is manage.py, django-admin or ``python -m django``."""
    program = Path(argv[0] if argv else "")
    return program.name in ("manage.py", "django-admin") or program.parts[-2:] == ("django", "__main__.py")


def _print_problems(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the error that ends the process; only the message if settings or buckets are the reason."""
    if isinstance(error, (ConfigurationError, BucketsNotReadyError)):
        sys.stderr.write(f"{error}\n")
    else:
        sys.__excepthook__(kind, error, trace)
