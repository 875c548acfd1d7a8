"""makemigrations of a real project: what it writes of a storage, and that a second run finds no change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.processes import run_python
from tests.support.settings import made_up

ROOT = Path(__file__).parents[2]
SECRET = "hush-hush-hush"

SETTINGS = f"""
SECRET_KEY = "x"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django_minio_backend.apps.DjangoMinioBackendConfig", "papers"]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}}}
SERVER = {made_up(MINIO_ENDPOINT="no-such-host.invalid", MINIO_USE_HTTPS=True)!r}
BACKEND = "django_minio_backend.models.MinioBackend"
STORAGES = {{
    "default": {{"BACKEND": BACKEND, "OPTIONS": {{**SERVER, "MINIO_PUBLIC_BUCKETS": ["django-backend-dev-public"]}}}},
    "media": {{"BACKEND": BACKEND, "OPTIONS": {{**SERVER, "MINIO_DEFAULT_BUCKET": "media"}}}},
    "staticfiles": {{"BACKEND": "django_minio_backend.models.MinioBackendStatic", "OPTIONS": {{**SERVER}}}},
}}
"""
MODELS = """
from django.core.files.storage import storages
from django.db import models
from django_minio_backend import MinioBackend, MinioBackendStatic, iso_date_prefix


def chosen():
    return MinioBackend("papers", storage_name="media")


class Paper(models.Model):
    of_alias = models.FileField(storage=storages["media"])
    of_bucket = models.FileField(storage=MinioBackend("papers"), upload_to=iso_date_prefix)
    of_both = models.FileField(storage=MinioBackend(bucket_name="papers", storage_name="media"))
    with_options = models.FileField(
        storage=MinioBackend("papers", "media", replace_existing=True, MINIO_SECRET_KEY="hush-hush-other")
    )
    static = models.FileField(storage=MinioBackendStatic())
    static_bucket = models.ImageField(storage=MinioBackendStatic("assets", "staticfiles"))
    of_function = models.FileField(storage=chosen)
"""
WRITTEN = {
    "of_alias": "storage=django_minio_backend.models.MinioBackend(storage_name='media')",
    "of_bucket": "storage=django_minio_backend.models.MinioBackend(bucket_name='papers', storage_name='default')",
    "of_both": "storage=django_minio_backend.models.MinioBackend(bucket_name='papers', storage_name='media')",
    "with_options": "storage=django_minio_backend.models.MinioBackend(bucket_name='papers', storage_name='media')",
    "static": "storage=django_minio_backend.models.MinioBackendStatic(storage_name='staticfiles')",
    "static_bucket": (
        "storage=django_minio_backend.models.MinioBackendStatic(bucket_name='assets', storage_name='staticfiles')"
    ),
    "of_function": "storage=papers.models.chosen",
}

# As the reference library's classes, which Django's @deconstructible writes as they were called, end up in migrations.
OLD_MIGRATION = """
import django.db.models.deletion
import django_minio_backend.models
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="PublicAttachment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file", models.FileField(
                    storage=django_minio_backend.models.MinioBackend(
                        bucket_name="django-backend-dev-public", storage_name="default"
                    ),
                    upload_to=django_minio_backend.models.iso_date_prefix,
                    verbose_name="Object Upload",
                )),
                ("image", models.ImageField(
                    storage=django_minio_backend.models.MinioBackend(
                        bucket_name="django-backend-dev-private", storage_name="media"
                    ),
                    upload_to="images/",
                )),
            ],
        ),
    ]
"""
OLD_MODELS = """
from django.db import models
from django_minio_backend import MinioBackend, iso_date_prefix


class PublicAttachment(models.Model):
    file = models.FileField(
        verbose_name="Object Upload",
        storage=MinioBackend(bucket_name="django-backend-dev-public", storage_name="default"),
        upload_to=iso_date_prefix,
    )
    image = models.ImageField(
        storage=MinioBackend(bucket_name="django-backend-dev-private", storage_name="media"), upload_to="images/"
    )
"""


def project(folder: Path, models: str, migration: str = "") -> Path:
    (folder / "site_settings.py").write_text(SETTINGS)
    migrations = folder / "papers" / "migrations"
    migrations.mkdir(parents=True)
    for package in (migrations.parent, migrations):
        (package / "__init__.py").touch()
    (folder / "papers" / "models.py").write_text(models)
    if migration:
        (migrations / "0001_initial.py").write_text(migration)
    return migrations / "0001_initial.py"


def manage(folder: Path, *arguments: str) -> str:
    ended = run_python(
        "-m", "django", *arguments, folder=folder, environment={"DJANGO_SETTINGS_MODULE": "site_settings"}
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_makemigrations_writes_alias_and_bucket_only_and_finds_no_change_again(tmp_path: Path) -> None:
    file = project(tmp_path, MODELS)
    manage(tmp_path, "makemigrations", "papers")
    text = file.read_text()
    for field, storage in WRITTEN.items():
        (line,) = re.findall(rf"\('{field}', .*", text)
        assert storage in line
    for hidden in ("hush", "MINIO_", "no-such-host", "someone"):
        assert hidden not in text
    assert "No changes detected" in manage(tmp_path, "makemigrations", "--check", "--dry-run")
    manage(tmp_path, "migrate")


@pytest.mark.parametrize(
    "call",
    [
        'bucket_name="django-backend-dev-public", storage_name="default"',
        '"django-backend-dev-public", "default"',
        'bucket_name="django-backend-dev-public"',
    ],
)
def test_migrations_of_the_reference_library_load_and_need_no_new_one(tmp_path: Path, call: str) -> None:
    old = re.sub(
        r'MinioBackend\(\s*bucket_name="django-backend-dev-public", storage_name="default"',
        f"MinioBackend({call}",
        OLD_MIGRATION,
    )
    assert call in old
    project(tmp_path, OLD_MODELS, old)
    assert "No changes detected" in manage(tmp_path, "makemigrations", "--check", "--dry-run")
    manage(tmp_path, "migrate")
    assert "[X] 0001_initial" in manage(tmp_path, "showmigrations", "papers")


SUBCLASSES = """
from django_minio_backend.models import MinioBackend


class Contracts(MinioBackend):
    bucket_name = "private"
    replace_existing = True


class Tenants(MinioBackend):
    def __init__(self, tenant, **options):
        self.tenant = tenant
        super().__init__(bucket_name=f"tenant-{tenant}", **options)


class Fixed(MinioBackend):
    def __init__(self, tenant="a"):
        super().__init__(bucket_name=f"tenant-{tenant}", storage_name="default")


class Replacing(MinioBackend):
    def __init__(self, **options):
        super().__init__(**{**options, "replace_existing": True})


class OfTheCode(MinioBackend):
    MINIO_ENDPOINT = "no-such-host.invalid"
    MINIO_ACCESS_KEY = "someone"
    MINIO_SECRET_KEY = "hush-of-the-class"
    MINIO_USE_HTTPS = True
"""
SUBCLASS_SETTINGS = """
STORAGES["contracts"] = {"BACKEND": "papers.storages.Contracts", "OPTIONS": {**SERVER}}
STORAGES["tenant"] = {"BACKEND": "papers.storages.Tenants", "OPTIONS": {**SERVER, "tenant": "b"}}
STORAGES["fixed"] = {"BACKEND": "papers.storages.Fixed", "OPTIONS": {"tenant": "c"}}
STORAGES["replacing"] = {"BACKEND": "papers.storages.Replacing", "OPTIONS": {**SERVER}}
STORAGES["code"] = {"BACKEND": "papers.storages.OfTheCode"}
"""
SUBCLASS_MODELS = """
from django.core.files.storage import storages
from django.db import models
from papers.storages import Contracts, Fixed, OfTheCode, Replacing, Tenants


class Paper(models.Model):
    attributes = models.FileField(storage=Contracts())
    attributes_of_entry = models.FileField(storage=storages["contracts"])
    tenant = models.FileField(storage=Tenants("a", storage_name="default", MINIO_SECRET_KEY="hush-hush-other"))
    tenant_of_entry = models.FileField(storage=storages["tenant"])
    fixed = models.FileField(storage=Fixed())
    fixed_argument = models.FileField(storage=Fixed("b"))
    fixed_of_entry = models.FileField(storage=storages["fixed"])
    replacing = models.FileField(storage=Replacing(bucket_name="papers"))
    replacing_of_entry = models.FileField(storage=storages["replacing"])
    code = models.FileField(storage=OfTheCode("box"))
    code_of_entry = models.FileField(storage=storages["code"])
"""
SUBCLASSES_WRITTEN = {
    "attributes": "Contracts(storage_name='default')",
    "attributes_of_entry": "Contracts(storage_name='contracts')",
    "tenant": "Tenants('a', storage_name='default')",
    "tenant_of_entry": "Tenants(storage_name='tenant', tenant='b')",
    "fixed": "Fixed()",
    "fixed_argument": "Fixed('b')",
    "fixed_of_entry": "Fixed(tenant='c')",
    "replacing": "Replacing(bucket_name='papers')",
    "replacing_of_entry": "Replacing(storage_name='replacing')",
    "code": "OfTheCode(bucket_name='box', storage_name='')",
    "code_of_entry": "OfTheCode(storage_name='code')",
}


def test_subclasses_are_written_as_their_own_calls_and_the_migration_runs(tmp_path: Path) -> None:
    file = project(tmp_path, SUBCLASS_MODELS)
    (tmp_path / "site_settings.py").write_text(SETTINGS + SUBCLASS_SETTINGS)
    (tmp_path / "papers" / "storages.py").write_text(SUBCLASSES)
    manage(tmp_path, "check")
    manage(tmp_path, "makemigrations", "papers")
    text = file.read_text()
    for field, storage in SUBCLASSES_WRITTEN.items():
        (line,) = re.findall(rf"\('{field}', .*", text)
        assert f"storage=papers.storages.{storage}" in line
    for hidden in ("hush", "MINIO_", "no-such-host", "someone"):
        assert hidden not in text
    assert "No changes detected" in manage(tmp_path, "makemigrations", "--check", "--dry-run")
    manage(tmp_path, "migrate")
