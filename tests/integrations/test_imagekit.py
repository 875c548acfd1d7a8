"""django-imagekit: fields that process and fields that generate, by each strategy, and its command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("imagekit")

MODELS = """
from imagekit.models import ImageSpecField, ProcessedImageField
from imagekit.processors import ResizeToFill

class Photo(models.Model):
    image = ProcessedImageField(upload_to="photos", processors=[ResizeToFill(32, 32)], format="JPEG")
    small = ImageSpecField(source="image", processors=[ResizeToFill(16, 16)], format="PNG")
"""
SETTINGS = 'INSTALLED_APPS += ["imagekit"]\n'


@pytest.mark.parametrize("strategy", ["JustInTime", "Optimistic"])
def test_images_are_processed_generated_served_and_generated_anew(project: Project, strategy: str) -> None:
    script = """
from shop.models import Photo

photo = Photo.objects.create(image=upload())
assert size_of(photo.image.open()) == (32, 32)
assert Picture.open(photo.image.open()).format == "JPEG"
assert (len(keys()) == 2) == settings.IMAGEKIT_DEFAULT_CACHEFILE_STRATEGY.endswith("Optimistic"), keys()
first = photo.small.name
assert size_of(get(photo.small.url)) == (16, 16)
assert (photo.small.width, photo.small.height) == (16, 16)
again = Photo.objects.get().small
again.open()
assert size_of(again.read()) == (16, 16)
assert keys() == {photo.image.name, first}

photo.image.save("other.png", upload("blue"))
assert Photo.objects.get().small.name != first
assert size_of(get(Photo.objects.get().small.url)) == (16, 16)
default_storage.delete(photo.small.name)
call_command("generateimages", verbosity=0)
"""
    strategy = f'IMAGEKIT_DEFAULT_CACHEFILE_STRATEGY = "imagekit.cachefiles.strategies.{strategy}"\n'
    project.run(script, models=MODELS, settings=SETTINGS + strategy)
