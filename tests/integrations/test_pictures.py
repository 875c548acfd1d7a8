"""django-pictures: responsive variants, their template tag, replacement and deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("pictures")

MODELS = """
from pictures.models import PictureField

class Photo(models.Model):
    image = PictureField(upload_to="photos", aspect_ratios=[None, "1/1"])
"""
SETTINGS = """
INSTALLED_APPS += ["pictures"]
PICTURES = {"FILE_TYPES": ["WEBP"], "CONTAINER_WIDTH": 64, "BREAKPOINTS": {"xs": 32}, "GRID_COLUMNS": 2}
"""


def test_variants_are_rendered_served_replaced_and_deleted(project: Project) -> None:
    script = """
from django.template import Context, Template
from shop.models import Photo

photo = Photo.objects.create(image=upload())
variants = photo.image.get_picture_files_list()
assert len(variants) > 1
assert keys() == {"photos/photo.png", *(one.name for one in variants)}
for one in Photo.objects.get().image.get_picture_files_list():
    assert size_of(get(one.url))[0] == one.width
tag = '{% load pictures %}{% picture photo.image img_alt="A" ratio="1/1" %}'
assert "X-Amz-Signature" in Template(tag).render(Context({"photo": photo}))

photo.image.save("second.png", upload("blue"))
photo.image.delete()
assert {key for key in keys() if "second" in key} == set(), keys()
"""
    project.run(script, models=MODELS, settings=SETTINGS)
