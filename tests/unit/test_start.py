"""When the check on start runs: whenever Django serves or works, and not when it only tells something."""

from __future__ import annotations

import pytest

from django_minio_backend.apps import _is_a_start

MANAGE = "manage.py"


@pytest.fixture(autouse=True)
def no_reloader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUN_MAIN", raising=False)


@pytest.mark.parametrize(
    "argv",
    [
        [MANAGE, "check"],
        [MANAGE, "migrate"],
        [MANAGE, "collectstatic", "--noinput"],
        [MANAGE, "shell"],
        [MANAGE, "runserver", "--noreload"],
        [MANAGE, "my_own_command", "help"],
        ["/usr/bin/gunicorn", "site.wsgi"],
        ["/usr/bin/gunicorn"],
        ["worker.py"],
        [],
    ],
)
def test_a_start(argv: list[str]) -> None:
    assert _is_a_start(argv)


@pytest.mark.parametrize(
    "argv",
    [
        [MANAGE, "help"],
        [MANAGE, "help", "check"],
        [MANAGE, "--help"],
        [MANAGE, "-h"],
        [MANAGE, "check", "--help"],
        [MANAGE, "migrate", "-h"],
        [MANAGE, "--version"],
        [MANAGE, "version"],
        [MANAGE, "check", "--version"],
        [MANAGE, "makemigrations"],
        [MANAGE, "makemigrations", "app", "--dry-run"],
        [MANAGE, "initialize_buckets"],
        [MANAGE, "is_minio_available"],
        [MANAGE, "clean_orphaned_minio_files", "--dry-run"],
        [MANAGE, "runserver"],
        [MANAGE, "runserver", "0.0.0.0:8000"],
        [MANAGE],  # tells the commands that there are
        ["/usr/bin/django-admin"],
    ],
)
def test_no_start(argv: list[str]) -> None:
    assert not _is_a_start(argv)


def test_the_reloaders_child_is_a_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUN_MAIN", "true")
    assert _is_a_start([MANAGE, "runserver"])
