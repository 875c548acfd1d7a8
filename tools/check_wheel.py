"""Check that a wheel holds what users need and nothing else: `python -m tools.check_wheel dist/*.whl`."""

from __future__ import annotations

import email.parser
import re
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message

PACKAGE = "django_minio_backend"
COMMANDS = ("initialize_buckets", "is_minio_available", "clean_orphaned_minio_files")
NEEDED_FILES = {
    f"{PACKAGE}/__init__.py",
    f"{PACKAGE}/py.typed",
    f"{PACKAGE}/static/{PACKAGE}/direct_upload.css",
    f"{PACKAGE}/static/{PACKAGE}/direct_upload.js",
    f"{PACKAGE}/templates/{PACKAGE}/storage_panel.html",
    f"{PACKAGE}/locale/de/LC_MESSAGES/django.mo",
    f"{PACKAGE}/management/__init__.py",
    f"{PACKAGE}/management/commands/__init__.py",
    *(f"{PACKAGE}/management/commands/{command}.py" for command in COMMANDS),
}
REQUIREMENTS = {"django", "minio", "urllib3", "certifi"}


def problems(wheel: Path) -> list[str]:
    """Return what is wrong with the wheel, one line each."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = next(name.partition("/")[0] for name in names if ".dist-info/" in name)
        metadata = email.parser.Parser().parsestr(archive.read(f"{info}/METADATA").decode())
    found = [f"{name} is missing" for name in sorted(NEEDED_FILES - names)]
    foreign = sorted(name for name in names if not name.startswith((f"{PACKAGE}/", f"{info}/")))
    found += [f"{name} does not belong here" for name in foreign]
    if not any(name.startswith(f"{info}/licenses/") for name in names):
        found.append("the licence is missing")
    return found + _metadata_problems(metadata)


def _metadata_problems(metadata: Message) -> list[str]:
    found = []
    requirements = [str(line) for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    required = {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in requirements}
    if required != REQUIREMENTS:
        found.append(f"it requires {sorted(required)} instead of {sorted(REQUIREMENTS)}")
    if metadata["Name"] != "django-minio-backend":
        found.append(f"it is named {metadata['Name']}")
    if metadata["Requires-Python"] != ">=3.11":
        found.append(f"it requires Python {metadata['Requires-Python']}")
    if not metadata.get_payload():
        found.append("it has no description")
    return found


def main() -> None:
    """Print the problems of each wheel that is named; exit with 1 if there are any."""
    wheels = [Path(argument) for argument in sys.argv[1:]]
    if not wheels:
        sys.exit("name at least one wheel")
    lines = [f"{wheel.name}: {problem}" for wheel in wheels for problem in problems(wheel)]
    if lines:
        sys.exit("\n".join(lines))
    for wheel in wheels:
        print(f"{wheel.name}: complete, and nothing else in it")


if __name__ == "__main__":
    main()
