"""How management commands print and fail: nothing that a server or a row has written steers a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.management.base import BaseCommand, CommandError

from django_minio_backend.redaction.escaping import escape_control_characters

if TYPE_CHECKING:
    from collections.abc import Callable


class EscapedOutput(BaseCommand):
    """A command that prints whole lines; only the line breaks and colours are its own."""

    def print_line(self, text: str, style: Callable[[str], str] = str) -> None:
        """Print one line, in a style of ``self.style``."""
        self.stdout.write(style(escape_control_characters(text)))


def command_error(*lines: str) -> CommandError:
    """Return the error that ends a command, with these lines as its text."""
    return CommandError("\n".join(map(escape_control_characters, lines)))
