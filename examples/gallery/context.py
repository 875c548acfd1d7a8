"""What all templates know besides their view's context."""

from django.conf import settings
from django.http import HttpRequest


def server(_request: HttpRequest | None = None) -> dict[str, str]:
    """Return the name of the stand-in, if the S3 server is one, and the command that runs management commands."""
    return {
        "stand_in": getattr(settings, "S3_STAND_IN", ""),
        "manage": getattr(settings, "MANAGE_COMMAND", "python manage.py"),
    }
