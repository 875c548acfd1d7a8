"""Django's own collectstatic, as it is and without what the storage remembers during a run of it."""

from __future__ import annotations

import io
from types import FunctionType
from typing import Any

from django.contrib.staticfiles.management.commands.collectstatic import Command
from django.core.management import call_command


class Unannounced(Command):
    """Django's command, whose ``collect`` the storage does not know: the copy of its code is another object."""

    collect = FunctionType(Command.collect.__code__.replace(), Command.collect.__globals__)


def collect(*arguments: str, command: Command | None = None, **options: Any) -> str:
    """Run a command, by default Django's, and return its output."""
    command = command or Command()
    output = io.StringIO()
    call_command(command, "--noinput", *arguments, stdout=output, **options)
    return output.getvalue()
