"""django-import-export in the admin: an uploaded table waits in the storage until its import is confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("import_export")

MODELS = """
from django.contrib import admin

class Product(models.Model):
    name = models.CharField(max_length=20)

from import_export.admin import ImportExportModelAdmin

@admin.register(Product)
class ProductAdmin(ImportExportModelAdmin):
    pass
"""
SETTINGS = """
INSTALLED_APPS += ["import_export"]
IMPORT_EXPORT_TMP_STORAGE_CLASS = "import_export.tmp_storages.MediaStorage"
"""
OWN = SETTINGS + 'STORAGES["import_export"] = minio(PRIVATE, MINIO_LOCATION="imports")\n'


@pytest.mark.parametrize(
    ("settings", "folder"), [(SETTINGS, ""), (OWN, "imports/")], ids=["default storage", "storage of its own"]
)
def test_a_table_is_kept_between_upload_and_confirmation(project: Project, settings: str, folder: str) -> None:
    script = """
import re
from shop.models import Product

browser = staff()
table = SimpleUploadedFile("products.csv", "id,name\\n,Käse\\n,Brot\\n".encode(), "text/csv")
asked = browser.post("/admin/shop/product/import/", {"format": "0", "import_file": table, "resource": ""})
assert asked.status_code == 200, asked.content
(key,) = keys()
assert key.startswith("FOLDERdjango-import-export/"), key
fields = re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', asked.content.decode())
fields = {name: value for name, value in fields if name != "csrfmiddlewaretoken"}
done = browser.post("/admin/shop/product/process_import/", fields)
assert done.status_code == 302, done.content
assert sorted(Product.objects.values_list("name", flat=True)) == ["Brot", "Käse"]
assert keys() == set(), keys()
""".replace("FOLDER", folder)
    project.run(script, models=MODELS, settings=settings)
