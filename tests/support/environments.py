"""Environments with other libraries, made by pip in `.cache/` when first needed, and anew when requirements change."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent.parent
CONSTRAINTS = ROOT / "constraints-guides.txt"
TIME_LIMIT = 300  # seconds for one environment


class InstallationError(Exception):
    """pip cannot install an environment."""


def make_environment(folder: Path, requirements: Sequence[str]) -> Path:
    """Return the interpreter of the environment in `folder`, which is made if it is not there or has changed.

    Raises:
        InstallationError: pip cannot install the requirements.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be making it
        made_of = folder / "made-of.json"
        wanted = json.dumps([sys.version, requirements, CONSTRAINTS.read_text(encoding="utf-8")])
        if not made_of.exists() or made_of.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder)
            _install(requirements, folder / "bin" / "python")
            made_of.write_text(wanted, encoding="utf-8")
    return folder / "bin" / "python"


def _install(requirements: Sequence[str], python: Path) -> None:
    """Install the requirements by this environment's pip."""
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        # Compiled whatever the environment says: the projects run in many short processes, which keep nothing.
        [*pip, "--compile", "--constraint", str(CONSTRAINTS), *requirements],
        capture_output=True,
        encoding="utf-8",
        timeout=TIME_LIMIT,
        check=False,
    )
    if done.returncode:
        name, reason = python.parts[-3], done.stderr.strip()[-500:]
        raise InstallationError(f"pip cannot install the environment {name!r}: {reason}")
