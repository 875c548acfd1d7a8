"""django-private-storage: files behind a permission, served by Django from the storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("private_storage")

MODELS = """
from private_storage.fields import PrivateFileField

class Contract(models.Model):
    file = PrivateFileField(upload_to="contracts", content_types="text/plain", max_file_size=100)
"""
SETTINGS = """
INSTALLED_APPS += ["private_storage"]
PRIVATE_STORAGE_CLASS = "django_minio_backend.models.MinioBackend"
PRIVATE_STORAGE_AUTH_FUNCTION = "private_storage.permissions.allow_staff"
"""
URLS = """
import private_storage.urls
urlpatterns.append(path("private/", include(private_storage.urls)))
"""


def test_private_files_are_checked_stored_and_served_to_staff_alone(project: Project) -> None:
    script = """
from django.forms import modelform_factory
from shop.models import Contract

Form = modelform_factory(Contract, fields="__all__")
assert not Form({}, {"file": SimpleUploadedFile("a.txt", b"-" * 101, "text/plain")}).is_valid()
form = Form({}, {"file": SimpleUploadedFile("a.txt", b"content", "text/plain")})
assert form.is_valid(), form.errors
contract = form.save()
assert keys() == {"contracts/a.txt"}

assert Client().get("/private/contracts/a.txt").status_code == 403
browser = staff()
response = browser.get("/private/contracts/a.txt")
assert (b"".join(response.streaming_content), response["Content-Length"]) == (b"content", "7")
since = response["Last-Modified"]
assert browser.get("/private/contracts/a.txt", headers={"if-modified-since": since}).status_code == 304
assert browser.head("/private/contracts/a.txt")["Content-Type"] == "text/plain"
assert browser.get("/private/contracts/other.txt").status_code == 404
contract.file.delete()
assert browser.get("/private/contracts/a.txt").status_code == 404
"""
    project.run(script, models=MODELS, settings=SETTINGS, urls=URLS)
