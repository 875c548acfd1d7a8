"""django-stdimage: variations beside the image, rendered again by its command, deleted with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("stdimage")

MODELS = """
from stdimage import StdImageField

class Photo(models.Model):
    image = StdImageField(
        upload_to="photos",
        delete_orphans=True,
        variations={"small": (16, 16, True), "large": {"width": 600, "height": 400}},
    )
"""
SETTINGS = 'INSTALLED_APPS += ["stdimage"]\n'


def test_variations_are_rendered_served_replaced_and_deleted(project: Project) -> None:
    script = """
from shop.models import Photo

photo = Photo.objects.create(image=upload())
names = {"photos/photo.png", "photos/photo.small.png", "photos/photo.large.png"}
assert keys() == names, keys()
photo = Photo.objects.get()
assert size_of(get(photo.image.small.url)) == (16, 16)
assert size_of(photo.image.large.open()) == (64, 48)

default_storage.delete("photos/photo.small.png")
photo.image.render_variations(replace=True)
assert keys() == names
photo.image.save("second.png", upload("blue"))
photo.image.delete(save=False)
assert {name for name in keys() if "second" in name} == set(), keys()
Photo.objects.create(image=upload("green", name="third.png")).delete()
assert {name for name in keys() if "third" in name} == set(), keys()
"""
    project.run(script, models=MODELS, settings=SETTINGS)
