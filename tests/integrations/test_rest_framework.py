"""Django REST framework: multipart uploads to a view set, links in the responses, replacement and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("rest_framework")

MODELS = """
from django.core.files.storage import storages

class Photo(models.Model):
    image = models.ImageField(upload_to="photos")
    notes = models.FileField(upload_to="notes", blank=True, storage=lambda: storages["public"])
"""
SETTINGS = 'INSTALLED_APPS += ["rest_framework"]\n'
URLS = """
from rest_framework import routers, serializers, viewsets
from shop.models import Photo

class PhotoSerializer(serializers.ModelSerializer):
    class Meta:
        model = Photo
        fields = ["id", "image", "notes"]

class Photos(viewsets.ModelViewSet):
    queryset = Photo.objects.all()
    serializer_class = PhotoSerializer

router = routers.DefaultRouter()
router.register("photos", Photos)
urlpatterns += router.urls
"""


def test_files_are_uploaded_linked_replaced_and_refused(project: Project) -> None:
    script = """
from rest_framework.test import APIClient

make_public()

api = APIClient()
files = {"image": upload(), "notes": SimpleUploadedFile("a b.txt", b"notes")}
created = api.post("/photos/", files, format="multipart")
assert created.status_code == 201, created.data
assert get(created.data["image"]) == picture()
assert get(created.data["notes"]) == b"notes"
assert "?" not in created.data["notes"] and "X-Amz-Signature" in created.data["image"]

url = f"/photos/{created.data['id']}/"
changed = api.patch(url, {"image": upload("blue", name="blue.png")}, format="multipart")
assert changed.status_code == 200, changed.data
assert get(api.get(url).data["image"]) == picture("blue")
refused = api.patch(url, {"image": SimpleUploadedFile("a.png", b"no picture")}, format="multipart")
assert refused.status_code == 400, refused.data
assert keys() == {"photos/photo.png", "photos/blue.png"}
assert [item["id"] for item in api.get("/photos/").data] == [created.data["id"]]
"""
    project.run(script, models=MODELS, settings=SETTINGS, urls=URLS)
