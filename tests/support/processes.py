"""Python scripts and Django commands in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.settings import STATIC

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


def run_python(
    *arguments: str, folder: Path = ROOT, environment: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run this Python in a folder, from which and from this project it can import.

    Args:
        arguments: such as `-c` and a script, or `-m` and a module.
        folder: its current directory.
        environment: further variables; DJANGO_SETTINGS_MODULE is not inherited.
        timeout: seconds after which it is killed and the test fails.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def run_site(
    *arguments: str, storages: Mapping[str, Any], apps: str = "", folder: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run Python for a site with these STORAGES and, besides this package's app, these apps of the folder."""
    return run_python(
        *arguments,
        folder=folder,
        environment={
            "DJANGO_SETTINGS_MODULE": "tests.support.site_settings",
            "TEST_STORAGES": json.dumps({"staticfiles": STATIC, **storages}),
            "TEST_APPS": apps,
        },
    )
