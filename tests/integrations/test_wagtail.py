"""Wagtail: images and their renditions, public and private documents, through its admin and its views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("wagtail")

SETTINGS = """
INSTALLED_APPS += [
    *(f"wagtail.{name}" for name in ("documents", "images", "admin", "users", "search", "sites", "snippets", "embeds")),
    "wagtail",
    "modelcluster",
    "taggit",
]
WAGTAIL_SITE_NAME = "Shop"
WAGTAILADMIN_BASE_URL = "http://testserver"
"""
URLS = """
from wagtail import urls as pages
from wagtail.admin import urls as admin_urls
from wagtail.documents import urls as documents

urlpatterns += [path("cms/", include(admin_urls)), path("documents/", include(documents)), path("", include(pages))]
"""


def test_images_and_documents_are_uploaded_scaled_served_replaced_and_deleted(project: Project) -> None:
    script = """
from django.test import override_settings
from django.urls import reverse
from wagtail.documents.models import Document
from wagtail.images.models import Image
from wagtail.models import Collection, CollectionViewRestriction, Locale, Page, Site

Locale.objects.create(language_code="en")
Site.objects.create(hostname="testserver", root_page=Page.add_root(title="Root"), is_default_site=True)
root = Collection.add_root(name="Root")
secret = root.add_child(name="Secret")
CollectionViewRestriction.objects.create(collection=secret, restriction_type="login")
browser, anyone = staff(), Client()
as_script = {"x-requested-with": "XMLHttpRequest"}

def add(app, file, collection):
    data = {"title": "A", "files[]": file, "collection": collection.pk}
    response = browser.post(reverse(f"{app}:add_multiple"), data, headers=as_script)
    assert response.status_code == 200 and response.json()["success"], response.content

add("wagtailimages", upload(), root)
image = Image.objects.get()
assert image.file.name in keys()
assert (image.width, image.height, image.file_size) == (64, 48, len(picture()))
small = image.get_rendition("fill-16x16|format-webp")
assert size_of(get(small.url)) == (16, 16)
assert Image.objects.get().get_rendition("fill-16x16|format-webp").file.name == small.file.name
with image.open_file() as file:
    assert file.read() == picture()

edited = browser.post(
    reverse("wagtailimages:edit", args=[image.pk]), {"title": "B", "file": upload("blue"), "collection": root.pk}
)
assert edited.status_code == 302, edited.content
image = Image.objects.get()
with image.open_file() as file:
    assert file.read() == picture("blue")
image.delete()
assert keys() == set(), keys()

for collection in (root, secret):
    add("wagtaildocs", SimpleUploadedFile("a.txt", b"content", "text/plain"), collection)
free, private = Document.objects.order_by("pk")
assert free.file.name != private.file.name
assert free.get_file_size() == 7 and free.get_file_hash()
redirect = anyone.get(free.url)
assert redirect.status_code == 302 and get(redirect.url) == b"content"
assert anyone.get(private.url).url.startswith("/_util/login/"), anyone.get(private.url).url
assert get(browser.get(private.url).url) == b"content"
with override_settings(WAGTAILDOCS_SERVE_METHOD="serve_view"):
    response = browser.get(private.url)
    assert b"".join(response.streaming_content) == b"content"
    assert response["Content-Length"] == "7"
with override_settings(WAGTAILDOCS_SERVE_METHOD="direct"):
    assert get(free.url) == b"content"
free.delete()
private.delete()
assert keys() == set(), keys()
"""
    project.run(script, settings=SETTINGS, urls=URLS)
