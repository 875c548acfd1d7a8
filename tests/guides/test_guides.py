"""Each guide in docs/coming-from/: a site stores files by the old library, its steps are taken, and nothing is lost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import django_minio_backend
from tests.guides.project import Guide
from tests.support.buckets import allow_reading

if TYPE_CHECKING:
    from collections.abc import Callable

    from minio import Minio

    from tests.guides.project import Project
    from tools.servers import Server

pytestmark = pytest.mark.needs("signatures", "policies")

MAKE_TABLES = (("makemigrations", "documents", "--verbosity", "0"), ("migrate", "--verbosity", "0"))
COLLECT = ("manage.py", "collectstatic", "--no-input")
OWN_STATIC_FILES = len(list((Path(django_minio_backend.__file__).parent / "static").rglob("*.*")))


@pytest.fixture
def guide_of(server: Server, sdk: Minio, bucket_name: Callable[[], str]) -> Callable[[str], Guide]:
    """Read a guide and make its buckets, whose policies are as a site of the old library has them."""

    def read(page: str) -> Guide:
        guide = Guide.read(page, server, bucket_name)
        for name, bucket in guide.buckets.items():
            sdk.make_bucket(bucket_name=bucket)
            if name in {"my-public-files", "my-static-files"}:
                allow_reading(sdk, bucket)
        return guide

    return read


def begin(project: Project, guide: Guide, old: Path) -> dict[str, str]:
    """Set up the site with the old library, store files and upload the static ones."""
    project.use(guide.files("before"))
    for command in MAKE_TABLES:
        project.run(old, "manage.py", *command)
    stored = project.store(old)
    project.run(old, *COLLECT)
    return stored


def take_steps(project: Project, guide: Guide, now: Path) -> str:
    """Run the commands of the guide with this package; return what they print."""
    commands = guide.commands()
    shown = {command[2] for command in commands}
    assert shown >= {"initialize_buckets", "clean_orphaned_minio_files", "makemigrations", "collectstatic"}
    return "".join(project.run(now, *command[1:]) for command in commands)


def check(project: Project, stored: dict[str, str], now: Path) -> None:
    """Check that every file opens with the same content and that migrations work without the old library."""
    assert project.read(now) == stored
    assert project.download(now) == stored
    project.run(now, "manage.py", "makemigrations", "--check", "--dry-run")
    project.run(now, "manage.py", "migrate", "--verbosity", "0")
    project.run(now, "manage.py", "migrate", "--verbosity", "0", database="new.sqlite3")
    project.run(now, "manage.py", "clean_orphaned_minio_files", "--dry-run", "--fail-on-missing")
    project.run(now, "manage.py", "initialize_buckets", "--check")
    assert uploaded(project.run(now, *COLLECT)) == 0


def uploaded(output: str) -> int:
    """Return how many files collectstatic has uploaded."""
    [number] = re.findall(r"^(\d+) static files? copied", output, re.MULTILINE)
    return int(number)


def test_from_django_storages(project: Project, guide_of: Callable[[str], Guide], others: Path, now: Path) -> None:
    guide = guide_of("django-storages")
    stored = begin(project, guide, others)
    assert "storages.backends.s3" in project.migrations()
    project.use(guide.files("after"))
    project.convert_migrations({"preview": "get_public_storage"})
    assert uploaded(take_steps(project, guide, now)) == OWN_STATIC_FILES
    check(project, stored, now)


def test_from_django_minio_storage(
    project: Project, guide_of: Callable[[str], Guide], others: Path, now: Path, server: Server
) -> None:
    guide = guide_of("django-minio-storage")
    stored = begin(project, guide, others)
    assert server.secret_key in project.migrations()
    project.use(guide.files("after"))
    project.convert_migrations({"preview": "get_public_storage"})
    assert uploaded(take_steps(project, guide, now)) == OWN_STATIC_FILES
    check(project, stored, now)
    assert server.secret_key not in project.migrations()


def test_from_django_s3_storage(project: Project, guide_of: Callable[[str], Guide], others: Path, now: Path) -> None:
    guide = guide_of("django-s3-storage")
    stored = begin(project, guide, others)
    project.use({**guide.files("after"), "uncompress.py": guide.code("uncompress.py")})
    project.convert_migrations({"preview": "get_public_storage"})
    assert project.download(now) == stored, "compressed files open in a browser before they are stored again"
    assert uploaded(take_steps(project, guide, now)) == OWN_STATIC_FILES + 1, "one was compressed"
    check(project, stored, now)


def test_from_local_disk(project: Project, guide_of: Callable[[str], Guide], now: Path) -> None:
    guide = guide_of("local-disk")
    stored = begin(project, guide, now)
    project.use({**guide.files("after"), "copy_media.py": guide.code("copy_media.py", "how-to/move-media")})
    for folder, alias in (("media", "default"), ("previews", "public")):
        copy = f"from documents.copy_media import copy_media; copy_media({folder!r}, {alias!r})"
        project.run(now, "manage.py", "shell", "-c", copy)
    project.run(now, "manage.py", "makemigrations", "documents")
    take_steps(project, guide, now)
    check(project, stored, now)


def test_from_version_3(project: Project, guide_of: Callable[[str], Guide], others: Path, now: Path) -> None:
    guide = guide_of("3x")
    stored = begin(project, guide, others)
    project.use(guide.files("after"))
    steps = Guide("4x", guide.buckets, guide.server)
    assert uploaded(take_steps(project, steps, now)) == OWN_STATIC_FILES
    check(project, stored, now)


def test_from_version_4_and_back(
    project: Project, guide_of: Callable[[str], Guide], version_4: Path, now: Path, server: Server
) -> None:
    guide = guide_of("4x")
    before, after = guide.files("before"), guide.files("after")
    project.use(before)
    project.run(version_4, "manage.py", "initialize_buckets")
    stored = begin(project, guide, version_4)
    settings = {"settings.py": after.pop("settings.py")}

    project.use(settings, settings=[before["settings.py"]])
    assert "s3:ListBucket" in project.run(now, "manage.py", "initialize_buckets", "--check", expected=1)
    assert uploaded(take_steps(project, guide, now)) == OWN_STATIC_FILES
    check(project, stored, now)

    assert server.secret_key in project.migrations()
    project.use(after)
    project.convert_migrations({"private": "get_media_storage", "preview": "get_public_storage"})
    check(project, stored, now)
    assert server.secret_key not in project.migrations()

    stored |= project.store(now)
    project.use({"settings.py": before["settings.py"]})
    assert project.read(version_4) == stored
    project.run(version_4, "manage.py", "makemigrations", "--check", "--dry-run")
    project.run(version_4, "manage.py", "initialize_buckets")
    assert uploaded(project.run(version_4, *COLLECT)) == 0
