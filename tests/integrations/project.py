"""A Django project in a folder, with the apps that a test names; scripts run in it in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LIMIT = 180  # seconds; a script takes two or three on an idle machine

SETTINGS = """
import os
from pathlib import Path
from tests.settings import SERVER_OPTIONS

PRIVATE, PUBLIC, STATIC = (os.environ[name] for name in ("PRIVATE", "PUBLIC", "STATIC"))
FOLDER = Path(__file__).parent

def minio(bucket, **more):
    options = {**SERVER_OPTIONS, "MINIO_DEFAULT_BUCKET": bucket, **more}
    return {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": options}

SECRET_KEY = "-"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
ROOT_URLCONF = "project_urls"
STATIC_URL = "/static/"
STATIC_ROOT = FOLDER / "static-root"
STATICFILES_DIRS = [FOLDER / "assets"]
MEDIA_ROOT = FOLDER / "media"  # nothing may appear there
INSTALLED_APPS = [
    "django_minio_backend.apps.DjangoMinioBackendConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "DIRS": [FOLDER / "templates"],
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
STORAGES = {
    "default": minio(PRIVATE, MINIO_PRIVATE_BUCKETS=[PRIVATE]),
    "public": minio(PUBLIC, MINIO_PUBLIC_BUCKETS=[PUBLIC]),
    "staticfiles": {
        "BACKEND": "django_minio_backend.models.MinioBackendStatic",
        "OPTIONS": {**SERVER_OPTIONS, "MINIO_STATIC_FILES_BUCKET": STATIC},
    },
}

class WithoutMigrations:
    "Tables are created from the models, which takes a tenth of the time."
    def __contains__(self, app): return True
    def __getitem__(self, app): return None

MIGRATION_MODULES = WithoutMigrations()
"""

URLS = """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls)]
"""

PRELUDE = """
import io, os
import django
django.setup()
import urllib3
from django.apps import apps
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage, storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.test.utils import setup_test_environment
from PIL import Image as Picture

if os.environ["TABLES"]:
    call_command("migrate", run_syncdb=True, verbosity=0)

def keys(bucket=settings.PRIVATE):
    "Keys of all objects in a bucket."
    found = default_storage.client.list_objects(bucket_name=bucket, recursive=True)
    return {one.object_name for one in found}

def get(url, **headers):
    "What a browser gets of a URL."
    response = urllib3.request("GET", url, headers=headers, retries=False)
    assert response.status in (200, 206), (url.partition("?")[0], response.status, response.data)
    return response.data

def make_public():
    "Let anyone read the buckets that are public by the settings."
    call_command("initialize_buckets", silenced=True)

def picture(color="red", size=(64, 48), kind="PNG"):
    buffer = io.BytesIO()
    Picture.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()

def size_of(content):
    return Picture.open(io.BytesIO(content) if isinstance(content, bytes) else content).size

def upload(color="red", size=(64, 48), name="photo.png"):
    return SimpleUploadedFile(name, picture(color, size), "image/png")

def staff():
    "A browser in which a superuser has logged in."
    from django.contrib.auth import get_user_model
    user = get_user_model().objects.create_superuser("admin", "admin@example.test", "-")
    client = Client()
    client.force_login(user)
    return client
"""


def required(package: str) -> None:
    """Skip the tests of a module where a package is not installed; with REQUIRE_INTEGRATIONS=1 that is an error."""
    if find_spec(package) is not None:
        return
    if os.environ.get("REQUIRE_INTEGRATIONS") == "1":
        pytest.fail(f"{package} is not installed (requirements-integrations.txt), and REQUIRE_INTEGRATIONS=1")
    pytest.skip(f"{package} is not installed", allow_module_level=True)


@dataclass(frozen=True)
class Project:
    """The folder of a project on three buckets; its one app is called shop.

    Attributes:
        folder: where it is.
        buckets: names of the buckets, by PRIVATE, PUBLIC and STATIC.
    """

    folder: Path
    buckets: Mapping[str, str]

    def write(self, files: Mapping[str, str]) -> None:
        """Write files of the project, by their paths."""
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def run(self, script: str, *, models: str = "", settings: str = "", urls: str = "", tables: bool = True) -> str:
        """Run a script in the project, and return what it prints.

        Args:
            script: its last line is reached, or the test fails.
            models: of the app.
            settings: after those above.
            urls: after those of the admin.
            tables: whether all tables are created before.
        """
        self.write(
            {
                "project_settings.py": SETTINGS + settings,
                "project_urls.py": URLS + urls,
                "shop/__init__.py": "",
                "shop/models.py": "from django.db import models\n" + models,
                "assets/empty.txt": "",
                "script.py": PRELUDE + script,
            }
        )
        environment = {
            **os.environ,
            **self.buckets,
            "DJANGO_SETTINGS_MODULE": "project_settings",
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
            "TABLES": "1" if tables else "",
        }
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "script.py"],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT,
        )
        if done.returncode:
            pytest.fail(f"{done.stdout}{done.stderr}", pytrace=False)
        assert not list(self.folder.glob("media/**/*")), "Files were stored beside the storage."
        return done.stdout
