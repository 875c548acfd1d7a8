"""django-versatileimagefield: renditions on demand and warmed beforehand, and their deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("versatileimagefield")

MODELS = """
from versatileimagefield.fields import PPOIField, VersatileImageField

class Photo(models.Model):
    image = VersatileImageField(upload_to="photos", ppoi_field="ppoi")
    ppoi = PPOIField()
"""
SETTINGS = """
INSTALLED_APPS += ["versatileimagefield"]
VERSATILEIMAGEFIELD_SETTINGS = {"create_images_on_demand": True}
VERSATILEIMAGEFIELD_RENDITION_KEY_SETS = {"photo": [("small", "crop__16x16"), ("wide", "thumbnail__32x32")]}
"""


def test_renditions_are_made_served_and_deleted(project: Project) -> None:
    script = """
from shop.models import Photo
from versatileimagefield.image_warmer import VersatileImageFieldWarmer

photo = Photo.objects.create(image=upload())
assert size_of(get(photo.image.crop["16x16"].url)) == (16, 16)
assert size_of(get(photo.image.thumbnail["32x32"].url)) == (32, 24)
assert size_of(get(photo.image.filters.invert.url)) == (64, 48)
assert len(keys()) == 4, keys()

photo.image.delete_all_created_images()
assert keys() == {"photos/photo.png"}, keys()
warmer = VersatileImageFieldWarmer(Photo.objects.all(), rendition_key_set="photo", image_attr="image")
assert warmer.warm() == (2, [])
assert len(keys()) == 3, keys()
Photo.objects.get().image.delete_sized_images()
photo.image.delete(save=False)
assert keys() == set(), keys()
"""
    project.run(script, models=MODELS, settings=SETTINGS)
