"""django-downloadview: files of rows and of the storage, streamed through Django under other names, conditionally."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("django_downloadview")

MODELS = """
class Document(models.Model):
    file = models.FileField(upload_to="documents")
    name = models.CharField(max_length=50)
"""
SETTINGS = 'INSTALLED_APPS += ["django_downloadview"]\n'
URLS = """
from django_downloadview import ObjectDownloadView, StorageDownloadView
from shop.models import Document

urlpatterns += [
    path("documents/<int:pk>/", ObjectDownloadView.as_view(model=Document, basename_field="name")),
    path("storage/<path:path>", StorageDownloadView.as_view(attachment=False)),
]
"""


def test_files_are_streamed_from_rows_and_from_the_storage(project: Project) -> None:
    script = """
from django.utils.http import http_date
from shop.models import Document

content = b"0123456789" * 100_000
document = Document.objects.create(file=ContentFile(content, name="a.txt"), name="Grüße.txt")
browser = Client()
response = browser.get(f"/documents/{document.pk}/")
assert b"".join(response.streaming_content) == content
assert response["Content-Length"] == "1000000"
assert response["Content-Type"].startswith("text/plain")
assert "Gr%C3%BC%C3%9Fe.txt" in response["Content-Disposition"], response["Content-Disposition"]

response = browser.get("/storage/documents/a.txt")
assert b"".join(response.streaming_content) == content
assert "attachment" not in response.get("Content-Disposition", "")
since = {"if-modified-since": http_date()}
assert browser.get("/storage/documents/a.txt", headers=since).status_code == 304
"""
    project.run(script, models=MODELS, settings=SETTINGS, urls=URLS)
