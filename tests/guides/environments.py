"""The environments in which the guides' projects run: the old libraries, and this package without them.

They are made by pip in `.cache/guides` when first needed, and made anew when their requirements change.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CONSTRAINTS = ROOT / "constraints-guides.txt"
FOLDER = ROOT / ".cache" / "guides"
TIME_LIMIT = 300  # seconds for one environment

# Libraries that can live together share an environment. 4.4.4 pins a version of minio that no other library works with.
REQUIREMENTS = {
    "now": ["--editable", str(ROOT), "minio==7.2.20"],
    "others": [
        "django-minio-backend==3.8.1",
        "django-minio-storage",
        "django-s3-storage",
        "django-storages[s3]",
        "minio==7.2.20",
    ],
    "4x": ["django-minio-backend==4.4.4"],
}


def python_of(name: str) -> Path:
    """Return the interpreter of an environment; without it, skip the test, or fail it if REQUIRE_GUIDES asks so."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be making it
        folder = FOLDER / name
        made_of = folder / "made-of.json"
        wanted = json.dumps([sys.version, REQUIREMENTS[name], CONSTRAINTS.read_text(encoding="utf-8")])
        if not made_of.exists() or made_of.read_text(encoding="utf-8") != wanted:
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder)
            install(name, folder / "bin" / "python")
            made_of.write_text(wanted, encoding="utf-8")
    return folder / "bin" / "python"


def install(name: str, python: Path) -> None:
    """Install the requirements of an environment by this environment's pip."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    done = subprocess.run(
        [*command, "--constraint", str(CONSTRAINTS), *REQUIREMENTS[name]],
        capture_output=True,
        encoding="utf-8",
        timeout=TIME_LIMIT,
        check=False,
    )
    if done.returncode:
        reason = f"pip cannot install the environment {name!r} of the guides: {done.stderr.strip()[-500:]}"
        if os.environ.get("REQUIRE_GUIDES", "0") not in {"", "0"}:
            pytest.fail(f"{reason}\nREQUIRE_GUIDES=1", pytrace=False)
        pytest.skip(reason)
