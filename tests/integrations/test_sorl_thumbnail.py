"""sorl-thumbnail: its field, template tag and clean-up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("sorl")

MODELS = """
from sorl.thumbnail import ImageField

class Photo(models.Model):
    image = ImageField(upload_to="photos")
"""
SETTINGS = """
INSTALLED_APPS += ["sorl.thumbnail"]
THUMBNAIL_DEBUG = True  # errors are raised
"""


def test_thumbnails_are_made_once_served_and_deleted_with_their_original(project: Project) -> None:
    script = """
from django.template import Context, Template
from shop.models import Photo
from sorl.thumbnail import delete, get_thumbnail

photo = Photo.objects.create(image=upload())
small = get_thumbnail(photo.image, "16x16", crop="center", quality=90)
assert size_of(get(small.url)) == (16, 16)
assert (small.width, small.height, small.exists()) == (16, 16, True)
assert get_thumbnail(Photo.objects.get().image, "16x16", crop="center", quality=90).name == small.name
assert keys() == {"photos/photo.png", small.name}

tag = '{% thumbnail photo.image "32" as it %}{{ it.url|safe }} {{ it.height }}{% endthumbnail %}'
url, height = Template("{% load thumbnail %}" + tag).render(Context({"photo": photo})).split()
assert (size_of(get(url)), height) == ((32, 24), "24")

delete(photo.image, delete_file=False)
assert keys() == {"photos/photo.png"}, keys()
get_thumbnail(photo.image, "16x16")
call_command("thumbnail", "clear_delete_all", verbosity=0)
assert keys() == {"photos/photo.png"}, keys()
get_thumbnail(photo.image, "16x16")
delete(photo.image)
assert keys() == set(), keys()
"""
    project.run(script, models=MODELS, settings=SETTINGS)
