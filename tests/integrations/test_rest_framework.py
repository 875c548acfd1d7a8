"""Django REST framework: multipart uploads to a view set, links in the answers, replacement and what is refused."""

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
made = api.post("/photos/", {"image": upload(), "notes": SimpleUploadedFile("a b.txt", b"notes")}, format="multipart")
assert made.status_code == 201, made.data
assert get(made.data["image"]) == picture()
assert get(made.data["notes"]) == b"notes"
assert "?" not in made.data["notes"] and "X-Amz-Signature" in made.data["image"]

address = f"/photos/{made.data['id']}/"
changed = api.patch(address, {"image": upload("blue", name="blue.png")}, format="multipart")
assert changed.status_code == 200, changed.data
assert get(api.get(address).data["image"]) == picture("blue")
refused = api.patch(address, {"image": SimpleUploadedFile("a.png", b"no picture")}, format="multipart")
assert refused.status_code == 400, refused.data
assert keys() == {"photos/photo.png", "photos/blue.png"}
assert [one["id"] for one in api.get("/photos/").data] == [made.data["id"]]
"""
    project.run(script, models=MODELS, settings=SETTINGS, urls=URLS)
