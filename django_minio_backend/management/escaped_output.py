"""Output and errors of management commands, with control characters from servers and rows escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.management.base import BaseCommand, CommandError

from django_minio_backend.errors import page_of, with_page
from django_minio_backend.redaction.escaping import escape_control_characters

if TYPE_CHECKING:
    from collections.abc import Callable


class EscapedOutput(BaseCommand):
    """A command that prints lines in which control characters are escaped."""

    def print_line(self, text: str, style: Callable[[str], str] = str) -> None:
        """Print one line, in a style of ``self.style``."""
        self.stdout.write(style(escape_control_characters(text)))


def command_error(*lines: str) -> CommandError:
    """Return the error that ends a command, with these lines as its text and the page that explains it."""
    text = "\n".join(map(escape_control_characters, lines))
    return CommandError(with_page(text, page_of(text)))
