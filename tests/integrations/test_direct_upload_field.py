"""Django REST framework: a serializer's field takes the receipt of a direct upload, and a program uploads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("rest_framework")

MODELS = """
class Film(models.Model):
    file = models.FileField(upload_to="films")
"""
SETTINGS = 'INSTALLED_APPS += ["rest_framework"]\n'
URLS = """
from django.core.files.storage import default_storage
from django.urls import include, path
from rest_framework import routers, serializers, viewsets
from rest_framework.decorators import api_view
from rest_framework.response import Response

from django_minio_backend.direct_uploads.grants import Rejected, issue_grant
from django_minio_backend.direct_uploads.uploaded_object import accept_receipt
from shop.models import Film

LIMITS = {"max_size": 10**9, "accept": ["video/mp4"], "purpose": "films"}

class DirectUploadField(serializers.Field):
    def to_internal_value(self, data):
        try:
            return accept_receipt(data, storage=default_storage, request=self.context["request"], **LIMITS)
        except Rejected as rejected:
            raise serializers.ValidationError(rejected.message, code=rejected.error)

    def to_representation(self, file):
        return file.url if file else None

class FilmSerializer(serializers.ModelSerializer):
    file = DirectUploadField()

    class Meta:
        model = Film
        fields = ["id", "file"]

class Films(viewsets.ModelViewSet):
    queryset = Film.objects.all()
    serializer_class = FilmSerializer

@api_view(["GET"])
def grant(request):
    return Response({"grant": issue_grant(default_storage, request=request, **LIMITS)})

router = routers.DefaultRouter()
router.register("films", Films)
urlpatterns += [
    path("grant/", grant),
    path("uploads/", include("django_minio_backend.direct_uploads.endpoints")),
    *router.urls,
]
"""


def test_a_program_uploads_and_a_serializer_takes_the_receipt(project: Project) -> None:
    script = """
import urllib3
from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

def logged_in(name):
    api = APIClient()
    api.force_login(get_user_model().objects.create_user(name))
    return api

api = logged_in("ann")
limits = {"grant": api.get("/grant/").data["grant"]}

def call(endpoint, **values):
    answer = api.post(f"/uploads/{endpoint}/", {**limits, **values}, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()

def upload(content, name, media_type):
    started = call("begin", name=name, type=media_type, size=len(content))
    token = {"upload": started["upload"]}
    if started["multipart"]:
        targets = call("sign", parts=list(range(1, started["parts"] + 1)), **token)["parts"]
    else:
        targets = [{"number": 1, "size": len(content), **started}]
    sent = 0
    for target in targets:
        body = content[sent : sent + target["size"]]
        assert urllib3.request("PUT", target["url"], body=body, headers=target["headers"]).status == 200
        sent += len(body)
    return call("complete", **token)["receipt"]

for size in (1000, 17 * 1024 * 1024):
    content = bytes(range(250)) * (size // 250)
    receipt = upload(content, "film.mp4", "video/mp4")
    refused = logged_in(f"bob {size}").post("/films/", {"file": receipt}, format="json")
    assert refused.status_code == 400 and "another session" in str(refused.data["file"]), refused.data
    made = api.post("/films/", {"file": receipt}, format="json")
    assert made.status_code == 201, made.data
    assert get(made.data["file"]) == content
    again = api.post("/films/", {"file": receipt}, format="json")
    assert again.status_code == 400 and "no longer exists" in str(again.data["file"]), again.data
"""
    project.run(script, models=MODELS, settings=SETTINGS, urls=URLS)
