"""The application's configuration."""

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """The gallery."""

    name = "gallery"
    default_auto_field = "django.db.models.BigAutoField"
