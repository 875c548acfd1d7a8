"""``manage.py add_sample_pictures``: something to look at in an empty gallery."""

from typing import Any

from django.core.management.base import BaseCommand

from gallery.models import PrivatePicture, PublicPicture
from gallery.samples import sample_pictures


class Command(BaseCommand):
    """Store the sample pictures as an upload would."""

    help = "Adds four painted pictures to the gallery, two public ones and two private ones."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Save each picture through its model, and say where it went."""
        for title, is_public, picture in sample_pictures():
            model = PublicPicture if is_public else PrivatePicture
            upload = model(title=title, picture=picture)
            upload.save()
            self.stdout.write(f"{title} ({upload.visibility}): {upload.picture.name}")
