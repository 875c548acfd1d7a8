"""django-cleanup: files go when rows go, and when they are replaced, once the transaction is committed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("django_cleanup")

MODELS = """
class Document(models.Model):
    file = models.FileField(upload_to="documents", blank=True)
    image = models.ImageField(upload_to="images", blank=True, default="images/default.png")
"""
SETTINGS = 'INSTALLED_APPS += ["django_cleanup.apps.CleanupConfig"]\n'


def test_replaced_files_and_files_of_deleted_rows_are_deleted(project: Project) -> None:
    script = """
from django.db import transaction
from shop.models import Document

default_storage.save("images/default.png", ContentFile(picture()))
document = Document.objects.create(file=ContentFile(b"1st", name="a.txt"))
assert keys() == {"images/default.png", "documents/a.txt"}
document.file = ContentFile(b"2nd", name="b.txt")
document.image = upload()
document.save()
assert keys() == {"images/default.png", "documents/b.txt", "images/photo.png"}, keys()

class Undone(Exception):
    pass

try:
    with transaction.atomic():
        document.delete()
        raise Undone
except Undone:
    pass
document = Document.objects.get()
assert document.file.read() == b"2nd"

document.file = ""
document.save()
assert keys() == {"images/default.png", "images/photo.png"}
document.delete()
assert keys() == {"images/default.png"}, keys()
Document.objects.create().delete()
assert keys() == {"images/default.png"}
"""
    project.run(script, models=MODELS, settings=SETTINGS)
