"""easy-thumbnails: thumbnails by alias, by field and in templates, beside the original or in a storage of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("easy_thumbnails")

MODELS = """
from easy_thumbnails.fields import ThumbnailerImageField

class Photo(models.Model):
    image = ThumbnailerImageField(upload_to="photos", resize_source={"size": (48, 48)})
"""
SETTINGS = """
INSTALLED_APPS += ["easy_thumbnails"]
# Its tables know storages by their classes: thumbnail_cleanup would look for all originals in one of them.
STORAGES["public"]["BACKEND"] = "shop.storages.PublicStorage"
MEDIA_ROOT = ""  # thumbnail_cleanup would put it before the names
THUMBNAIL_ALIASES = {"": {"small": {"size": (16, 16), "crop": True}}}
"""
APART = (
    SETTINGS
    + """
THUMBNAIL_DEFAULT_STORAGE_ALIAS = "public"
"""
)
PUBLIC_STORAGE = """
from django_minio_backend.models import MinioBackend

class PublicStorage(MinioBackend):
    pass
"""
SCRIPT = """
from django.template import Context, Template
from easy_thumbnails.files import get_thumbnailer
from easy_thumbnails.models import Source, Thumbnail
from shop.models import Photo

make_public()

def thumbnails():
    return {key for key in keys(WHERE) if ".jpg." in key}

photo = Photo.objects.create(image=upload(size=(200, 100)))
first = photo.image.name
assert size_of(get(photo.image.url)) == (48, 24)
small = photo.image["small"]
assert size_of(get(small.url)) == (16, 16)
assert thumbnails() == {small.name}
small = get_thumbnailer(Photo.objects.get().image)["small"]  # found, not created
small.open()
assert size_of(small.read()) == (16, 16)
tag = "{% load thumbnail %}{% thumbnail photo.image 8x8 crop as tiny %}{{ tiny.url|safe }} {{ tiny.width }}"
template = Template(tag)
url, width = template.render(Context({"photo": photo})).split()
assert (size_of(get(url)), width) == ((8, 8), "8")
(tiny,) = thumbnails() - {small.name}

photo.image.save("second.png", upload("blue"))
second = photo.image["small"]
assert size_of(get(second.url)) == (16, 16)
assert thumbnails() == {small.name, second.name, tiny}

call_command("thumbnail_cleanup", verbosity=0)
assert Source.objects.count() == 2
default_storage.delete(first)
call_command("thumbnail_cleanup", verbosity=0)
assert thumbnails() == {second.name}
assert (Source.objects.count(), Thumbnail.objects.count()) == (1, 1)

photo.image.delete_thumbnails()
assert thumbnails() == set()
photo.image.delete()
assert keys() == set(), keys()
"""


@pytest.mark.parametrize(
    ("settings", "where"),
    [(SETTINGS, "settings.PRIVATE"), (APART, "settings.PUBLIC")],
    ids=["same bucket", "another bucket"],
)
def test_thumbnails_are_created_found_read_and_deleted(project: Project, settings: str, where: str) -> None:
    project.write({"shop/storages.py": PUBLIC_STORAGE})
    project.run(SCRIPT.replace("WHERE", where), models=MODELS, settings=settings)
