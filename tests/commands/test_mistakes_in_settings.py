"""Mistakes in the settings, as whoever types a command sees them: their lines, and nothing of Python's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.processes import run_site
from tests.support.settings import entry, made_up

if TYPE_CHECKING:
    from pathlib import Path

WRONG = entry({**made_up(), "MINIO_REGIO": "eu", "MINIO_USE_HTTPS": "yes"})
LINES = [
    "STORAGES['default']: MINIO_REGIO is not an option; did you mean MINIO_REGION?",
    "STORAGES['default']: MINIO_USE_HTTPS is 'yes', but must be True or False.",
]
PAGE = "docs: reference/options"
MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
MODELS = """
from django.db import models
from django_minio_backend import MinioBackend

class Document(models.Model):
    file = models.FileField(storage=MinioBackend(bucket_name="documents", storage_name="default"))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with manage.py, and an app whose model makes a storage while it is imported."""
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "__init__.py").touch()
    (tmp_path / "documents" / "models.py").write_text(MODELS)
    return tmp_path


def run(project: Path, *command: str, default: dict[str, Any] = WRONG, apps: str = "") -> tuple[int, str, str]:
    ended = run_site(*command, storages={"default": default}, apps=apps, folder=project)
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize(
    "command",
    [
        *(["check"], ["check", "--deploy"], ["migrate"], ["initialize_buckets"], ["is_minio_available"]),
        *(["shell", "-c", "pass"], ["runserver", "--noreload", "127.0.0.1:0"]),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("apps", ["", "documents"], ids=["when the app is ready", "when models are imported"])
def test_commands_print_the_mistakes_and_no_traceback(project: Path, command: list[str], apps: str) -> None:
    status, _, errors = run(project, "manage.py", *command, apps=apps)
    assert (status, sorted(errors.splitlines())) == (1, [*LINES, PAGE])


def test_so_does_django_itself(project: Path) -> None:
    status, _, errors = run(project, "-m", "django", "check")
    assert (status, sorted(errors.splitlines())) == (1, [*LINES, PAGE])


def test_the_traceback_is_there_for_those_who_ask(project: Path) -> None:
    status, _, errors = run(project, "manage.py", "check", "--traceback")
    assert status == 1
    assert errors.startswith("Traceback")
    assert f"django_minio_backend.errors.ConfigurationError: {LINES[0]}" in errors


def test_other_programs_get_the_exception(project: Path) -> None:
    script = "import django\nfrom django_minio_backend.errors import ConfigurationError\ntry: django.setup()\n"
    (project / "worker.py").write_text(f"{script}except ConfigurationError as error: print(*error.problems, sep='\\n')")
    status, output, errors = run(project, "worker.py")
    assert (status, sorted(output.splitlines()), errors) == (0, LINES, "")
    (project / "worker.py").write_text("import django\ndjango.setup()")
    status, _, errors = run(project, "worker.py")
    assert status == 1
    assert errors.startswith("Traceback")


def test_other_errors_keep_their_traceback(project: Path) -> None:
    (project / "documents" / "models.py").write_text("raise RuntimeError('of the project')")
    status, _, errors = run(project, "manage.py", "check", default=entry(made_up()), apps="documents")
    assert status == 1
    assert errors.startswith("Traceback")
    assert "RuntimeError: of the project" in errors


def test_a_hook_of_the_projects_own_is_kept(project: Path) -> None:
    hook = "import sys\nsys.excepthook = lambda kind, error, trace: print('reported', kind.__name__, file=sys.stderr)\n"
    (project / "manage.py").write_text(hook + MANAGE)
    assert run(project, "manage.py", "check") == (1, "", "reported ConfigurationError\n")
