"""Django's own collectstatic, as it is and without what the storage remembers during a run of it."""

from __future__ import annotations

import io
import os
import time
from types import FunctionType
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.management.commands.collectstatic import Command
from django.core.management import call_command

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = "django_minio_backend.models.MinioBackendStatic"
HASHED = "django_minio_backend.models.MinioManifestStaticStorage"
DJANGOS_MIXIN = "tests.django.test_collectstatic.Manifest"


class Unannounced(Command):
    """Django's command, whose ``collect`` the storage does not know: the copy of its code is another object."""

    collect = FunctionType(Command.collect.__code__.replace(), Command.collect.__globals__)


def collect(*arguments: str, command: Command | None = None, **options: Any) -> str:
    """Run a command, by default Django's, and return its output."""
    command = command or Command()
    output = io.StringIO()
    call_command(command, "--noinput", *arguments, stdout=output, **options)
    return output.getvalue()


def touch(path: Path) -> None:
    """Make a file newer than any object, so that Django copies it."""
    in_an_hour = time.time() + 3600
    os.utime(path, (in_an_hour, in_an_hour))
