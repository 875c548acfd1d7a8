"""django-debug-toolbar: a page with its panels, of which one gives the class of the static storage another base."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integrations.project import required

if TYPE_CHECKING:
    from tests.integrations.project import Project

required("debug_toolbar")

SETTINGS = """
INSTALLED_APPS += ["debug_toolbar"]
MIDDLEWARE.insert(0, "debug_toolbar.middleware.DebugToolbarMiddleware")
STORAGES["staticfiles"]["BACKEND"] = "django_minio_backend.models.CLASS"
DEBUG_TOOLBAR_CONFIG = {"IS_RUNNING_TESTS": False, "SHOW_TOOLBAR_CALLBACK": lambda request: True}
"""
URLS = """
from django.http import HttpResponse
from django.template.loader import render_to_string

urlpatterns += [
    path("__debug__/", include("debug_toolbar.urls")),
    path("page/", lambda request: HttpResponse(render_to_string("page.html"))),
]
"""
FILES = {
    "assets/css/site.css": "body {}",
    "templates/page.html": """{% load static %}
<html><body><link rel="stylesheet" href="{% static 'css/site.css' %}"></body></html>
""",
}


@pytest.mark.parametrize(
    ("kind", "debug"),
    [("MinioBackendStatic", "True"), ("MinioManifestStaticStorage", "True"), ("MinioManifestStaticStorage", "False")],
    ids=["plain", "hashed", "hashed without DEBUG"],
)
def test_a_page_shows_its_static_files(project: Project, kind: str, debug: str) -> None:
    settings = SETTINGS.replace("CLASS", kind)
    settings += f"DEBUG = {debug}\n"
    script = """
from django.contrib.staticfiles.storage import staticfiles_storage

call_command("collectstatic", interactive=False, verbosity=0)
page = Client().get("/page/").content.decode()
assert staticfiles_storage.url("css/site.css") in page, page
assert "djDebug" in page
assert "Static files (" in page and "1 used)" in page, page
"""
    project.write(FILES)
    project.run(script, settings=settings, urls=URLS, tables=False)
