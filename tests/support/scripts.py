"""Beginnings of scripts that tests run in processes of their own: Django, and a storage on the server under test."""

WITH_STORAGE = """
import ctypes, os, sys, tempfile
from django.conf import settings
settings.configure(USE_TZ=True)
import django
django.setup()
from django.core.files.base import ContentFile, File
from django_minio_backend.models import MinioBackend

from tests.settings import SERVER_OPTIONS

storage = MinioBackend(**SERVER_OPTIONS, MINIO_DEFAULT_BUCKET=os.environ["BUCKET"])

def in_child(work, fork=os.fork):
    child = fork()
    if child:
        return child
    try:
        work()
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    os._exit(0)

def wait_for(children):
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    assert not failed, failed
"""

WITH_DATABASE = """
import io, os, sys, time
from django.conf import settings
from tests import settings as site
settings.configure(
    USE_TZ=True,
    SECRET_KEY="-",
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django_minio_backend.apps.DjangoMinioBackendConfig", "tests.app"],
    DATABASES={"default": {
        "ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"], "OPTIONS": {"timeout": 60},
    }},
    PRIVATE_BUCKET=os.environ["BUCKET"],
    PUBLIC_BUCKET=os.environ["BUCKET"],
    STORAGES={"default": {
        "BACKEND": "django_minio_backend.models.MinioBackend",
        "OPTIONS": {**site.SERVER_OPTIONS, "MINIO_DEFAULT_BUCKET": os.environ["BUCKET"]},
    }},
)
import django
django.setup()
from django.core.files.base import ContentFile
from django.core.management import call_command
from tests.app.models import Document

storage = Document._meta.get_field("private").storage
"""
