"""Projects of users whose tests need no server: their endpoint refuses every connection."""

from __future__ import annotations

import textwrap
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from tests.support.processes import run_python

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = """
    SECRET_KEY = "-"
    USE_TZ = True
    ALLOWED_HOSTS = ["*"]
    DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
    ROOT_URLCONF = "shop.urls"
    STATIC_URL, MEDIA_URL = "/static/", "/media/"
    INSTALLED_APPS = [
        "django_minio_backend.apps.DjangoMinioBackendConfig",
        "django.contrib.auth", "django.contrib.contenttypes", "shop",
    ]
    STORAGES = {
        "default": {
            "BACKEND": "django_minio_backend.models.MinioBackend",
            "OPTIONS": {
                "MINIO_ENDPOINT": "127.0.0.1:1",  # nobody listens there
                "MINIO_ACCESS_KEY": "shop",
                "MINIO_SECRET_KEY": "shop-secret",
                "MINIO_USE_HTTPS": False,
                "MINIO_DEFAULT_BUCKET": "papers",
                "MINIO_PUBLIC_BUCKETS": ["pictures"],
            },
        },
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
"""
MODELS = """
    from django.db import models
    from django_minio_backend import MinioBackend

    class Paper(models.Model):
        file = models.FileField()
        picture = models.FileField(storage=MinioBackend(bucket_name="pictures", storage_name="default"), blank=True)
"""
URLS = """
    from django.http import HttpResponse
    from django.urls import path
    from .models import Paper

    def upload(request):
        paper = Paper.objects.create(file=request.FILES["file"])
        return HttpResponse(paper.file.url)

    urlpatterns = [path("upload/", upload)]
"""
TESTS = """
    import unittest

    from django.core.files.base import ContentFile
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import LiveServerTestCase, TestCase

    from django_minio_backend.testing import MemoryMinioMixin, assert_storage_requests, memory_minio
    from shop.models import Paper

    class PaperTests(MemoryMinioMixin, TestCase):
        @classmethod
        def setUpTestData(cls):
            cls.paper = Paper.objects.create(file=ContentFile(b"first", name="first.txt"))

        def test_a_visitor_uploads_a_paper(self):
            response = self.client.post("/upload/", {"file": SimpleUploadedFile("second.txt", b"second")})
            self.assertEqual(self.minio.get(response.content.decode()).data, b"second")
            self.assertEqual(self.minio["papers"].names(), ["first.txt", "second.txt"])

        def test_the_first_paper_is_deleted(self):
            self.paper.file.delete()
            self.assertEqual(self.minio["papers"].names(), [])

        def test_the_first_paper_is_there_again(self):
            with assert_storage_requests(1):
                self.assertEqual(self.paper.file.read(), b"first")

    @memory_minio()
    class MorePaperTests(TestCase):
        def test_a_picture_is_public(self):
            paper = Paper(picture=ContentFile(b"p", name="p.png"))
            paper.save()
            self.assertEqual(self.minio.get(paper.picture.url).data, b"p")
            self.assertEqual(self.minio["papers"].names(), [])

        async def test_async(self):
            paper = Paper(file=ContentFile(b"p", name="p.png"))
            await paper.asave()
            self.assertEqual(self.minio["papers"].names(), ["p.png"])

    class LiveTests(MemoryMinioMixin, LiveServerTestCase):
        def test_the_server_of_django_works_on_it(self):
            import urllib3
            with urllib3.PoolManager() as http:
                url = http.request("POST", f"{self.live_server_url}/upload/", fields={"file": ("a.txt", b"a")}).data
            self.assertEqual(self.minio.get(url.decode()).data, b"a")
            self.assertEqual(self.minio["papers"].names(), ["a.txt"])

    class OneMoreTest(unittest.TestCase):
        def test_without_it_the_server_is_not_reached(self):
            with self.assertRaises(Exception):
                Paper(file=ContentFile(b"")).file.storage.client.list_buckets()
"""
PYTEST = """
    import pytest
    from django.core.files.base import ContentFile
    from shop.models import Paper

    @pytest.mark.django_db
    @pytest.mark.parametrize("number", range(4))
    def test_a_paper_is_saved(memory_minio, number):
        Paper.objects.create(file=ContentFile(b"x", name="paper.txt"))
        assert memory_minio["papers"].names() == ["paper.txt"]

    @pytest.mark.usefixtures("memory_minio")
    class TestPapers:
        def test_a_class(self):
            assert not Paper().file.storage.exists("paper.txt")
"""


TEMPLATES = 'TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {"settings.py": SETTINGS, "shop/models.py": MODELS, "shop/urls.py": URLS, "shop/__init__.py": ""}
    for name, text in {**files, "shop/tests.py": TESTS}.items():
        write(tmp_path / name, text)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(text))


def run(project: Path, *arguments: str, passes: bool = True) -> str:
    # The suite's own plugin and its server are not this project's.
    run = run_python(*arguments, folder=project, environment={"DJANGO_SETTINGS_MODULE": "settings"}, timeout=300)
    assert (run.returncode == 0) == passes, run.stdout + run.stderr
    return run.stdout + run.stderr


@pytest.mark.parametrize("parallel", [(), ("--parallel", "2")], ids=["one process", "two processes"])
def test_manage_py_test_needs_no_server(project: Path, parallel: tuple[str, ...]) -> None:
    output = run(project, "-m", "django", "test", *parallel)
    assert "Ran 7 tests" in output
    assert "OK" in output


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "two processes"])
def test_pytest_needs_no_server(project: Path, workers: tuple[str, ...]) -> None:
    write(project / "conftest.py", 'pytest_plugins = ["django_minio_backend.testing.pytest_plugin"]\n')
    write(project / "pytest.ini", "[pytest]\npython_files = test_*.py tests.py\n")
    write(project / "shop" / "test_papers.py", PYTEST)
    output = run(project, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *workers)
    assert "12 passed" in output


EXISTING = """
    import pytest
    from django.core.files.base import ContentFile
    from django.core.files.storage import default_storage
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import TestCase
    from shop.models import Paper

    class UploadTests(TestCase):
        def setUp(self):
            self.paper = Paper.objects.create(file=ContentFile(b"first", name="first.txt"))

        def test_a_visitor_uploads_a_paper(self):
            response = self.client.post("/upload/", {"file": SimpleUploadedFile("second.txt", b"second")})
            self.assertEqual(response.status_code, 200)
            self.assertEqual(Paper.objects.latest("pk").file.read(), b"second")
            self.assertEqual(sorted(default_storage.listdir("")[1]), ["first.txt", "second.txt"])

        def test_a_paper_is_replaced(self):
            self.paper.file.save("first.txt", ContentFile(b"again"))
            self.assertNotEqual(self.paper.file.name, "first.txt")
            with self.paper.file.open("rb") as file:
                self.assertEqual(file.read(), b"again")

        def test_a_paper_is_deleted(self):
            self.paper.file.delete()
            self.assertFalse(default_storage.exists("first.txt"))

    @pytest.mark.django_db
    def test_a_picture_is_in_another_bucket():
        paper = Paper.objects.create(picture=ContentFile(b"p", name="p.png"))
        assert (paper.picture.size, paper.picture.read()) == (1, b"p")
        assert paper.picture.url.endswith("/pictures/p.png")
        assert not default_storage.exists("p.png")
"""


@pytest.mark.parametrize("fixture", ["", "usefixtures = memory_minio\n"], ids=["without", "with"])
def test_an_existing_suite_that_knows_nothing_of_it_needs_two_lines_of_configuration(
    project: Path, fixture: str
) -> None:
    (project / "shop" / "tests.py").unlink()
    write(project / "conftest.py", 'pytest_plugins = ["django_minio_backend.testing.pytest_plugin"]\n')
    write(project / "pytest.ini", f"[pytest]\n{fixture}")
    write(project / "shop" / "test_uploads.py", EXISTING)
    output = run(project, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", passes=bool(fixture))
    assert ("4 passed" if fixture else "4 failed") in output


THUMBNAILS = """
    import io
    from PIL import Image
    from django.core.files.base import ContentFile
    from django.template import Context, Template
    from django.test import TestCase
    from django_minio_backend.testing import MemoryMinioMixin
    from shop.models import Photo

    class ThumbnailTests(MemoryMinioMixin, TestCase):
        def test_a_page_shows_a_small_picture(self):
            picture = io.BytesIO()
            Image.new("RGB", (200, 100), "red").save(picture, "JPEG")
            photo = Photo.objects.create(image=ContentFile(picture.getvalue(), name="photo.jpg"))
            template = Template("{% load thumbnail %}{% thumbnail image 16x16 crop %}")
            page = template.render(Context({"image": photo.image}))
            small = self.minio.get(page.replace("&amp;", "&"))
            self.assertEqual(Image.open(io.BytesIO(small.data)).size, (16, 16))
            self.assertEqual(len(self.minio["papers"].names()), 2)
"""


@pytest.mark.skipif(find_spec("easy_thumbnails") is None, reason="easy-thumbnails is not installed")
def test_thumbnails_of_easy_thumbnails_need_no_server(project: Path) -> None:
    write(project / "settings.py", f"{textwrap.dedent(SETTINGS)}\nINSTALLED_APPS += ['easy_thumbnails']\n{TEMPLATES}")
    model = """
    from easy_thumbnails.fields import ThumbnailerImageField

    class Photo(models.Model):
        image = ThumbnailerImageField()
"""
    write(project / "shop" / "models.py", MODELS + model)
    write(project / "shop" / "tests.py", THUMBNAILS)
    assert "Ran 1 test" in run(project, "-m", "django", "test")
