"""django-avatar: upload by its form, thumbnails, and deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("avatar")

SETTINGS = """
INSTALLED_APPS += ["avatar"]
AVATAR_AUTO_GENERATE_SIZES = (16,)
AVATAR_STORAGE_ALIAS = "default"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
"""
URLS = 'urlpatterns.append(path("avatar/", include("avatar.urls")))\n'


def test_avatars_are_uploaded_scaled_served_and_deleted(project: Project) -> None:
    script = """
from avatar.models import Avatar

browser = staff()
done = browser.post("/avatar/add/", {"avatar": upload()})
assert done.status_code == 302, done.content
avatar = Avatar.objects.get()
assert keys() == {"avatars/1/photo.png", "avatars/1/resized/16/16/photo.png"}, keys()
assert size_of(get(avatar.avatar_url(16))) == (16, 16)
redirect = browser.get("/avatar/render_primary/admin/32/")
assert size_of(get(redirect.url)) == (32, 32)
avatar.create_thumbnail(64, 48)  # its own size: the file itself is stored again
assert get(avatar.avatar_url(64, 48)) == picture()
browser.post("/avatar/delete/", {"choices": [avatar.pk]})
assert not Avatar.objects.exists()
assert keys() == set(), keys()
"""
    project.run(script, settings=SETTINGS, urls=URLS)
