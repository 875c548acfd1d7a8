"""django-dbbackup: databases and media go to the alias "dbbackup" and come back; it makes option names lower-case."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("dbbackup")

MODELS = """
class Document(models.Model):
    file = models.FileField(upload_to="documents")
"""
SETTINGS = """
INSTALLED_APPS += ["dbbackup"]
del STORAGES["public"]  # its bucket is that of the backups
DATABASES["default"]["NAME"] = FOLDER / "database.sqlite3"
STORAGES["dbbackup"] = minio(PUBLIC, MINIO_LOCATION="backups", num_parallel_uploads=1)
"""
BY_ALIAS = """
STORAGES["archive"] = STORAGES["dbbackup"]
STORAGES["dbbackup"] = {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": {"storage_name": "archive"}}
"""


@pytest.mark.parametrize("settings", [SETTINGS, SETTINGS + BY_ALIAS], ids=["options", "another alias"])
def test_databases_and_media_are_backed_up_listed_restored_and_cleaned(project: Project, settings: str) -> None:
    script = """
from dbbackup.storage import get_storage
from django.db import connection
from shop.models import Document

backups = get_storage()
assert backups.storage.options.location == "backups"
assert backups.storage.options.alias in ("dbbackup", "archive")

document = Document.objects.create(file=ContentFile(b"content", name="a.txt"))
call_command("dbbackup", compress=True, verbosity=0)
call_command("mediabackup", verbosity=0)
names = backups.list_backups()
assert len(names) == 2, names
assert {f"backups/{name}" for name in names} <= keys(settings.PUBLIC)

Document.objects.all().delete()
default_storage.delete("documents/a.txt")
connection.close()
call_command("dbrestore", interactive=False, uncompress=True, verbosity=0)
call_command("mediarestore", interactive=False, verbosity=0)
assert Document.objects.get().file.read() == b"content"

call_command("dbbackup", clean=True, compress=True, verbosity=0)
assert len(backups.list_backups(content_type="db")) == 1
"""
    project.run(script, models=MODELS, settings=settings + "DBBACKUP_CLEANUP_KEEP = 1\n")
