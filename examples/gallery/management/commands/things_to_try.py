"""``manage.py things_to_try``: the page's list, for the terminal."""

from typing import Any

from django.core.management.base import BaseCommand

from gallery.tour import things_to_try


class Command(BaseCommand):
    """Print the list."""

    help = "Lists things to try with the gallery."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Print one numbered line for each thing, and its command on the next."""
        for number, thing in enumerate(things_to_try(), start=1):
            self.stdout.write(f"{number}. {thing.text}")
            if thing.command:
                self.stdout.write(f"   {thing.command}")
