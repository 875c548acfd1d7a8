"""Folders of static files, and runs of collectstatic."""

from __future__ import annotations

import io
import os
import random
import time
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

GENERATED = 300


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files with a modification time an hour ago."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        an_hour_ago = time.time() - 3600
        os.utime(path, (an_hour_ago, an_hour_ago))


def generated() -> dict[str, bytes]:
    """300 files of a typical site: style sheets that refer to pictures, modules, pictures and data."""
    numbers = random.Random(7)
    files = {}
    for number in range(GENERATED // 5):
        folder = f"generated/{number % 10}"
        files[f"{folder}/{number}.png"] = numbers.randbytes(numbers.randint(200, 20_000))
        files[f"{folder}/{number}.svg"] = b"<svg xmlns='http://www.w3.org/2000/svg'><!-- %d --></svg>" % number
        files[f"{folder}/{number}.css"] = b".a%d { background: url('%d.png'); }\n" % (number, number) * 40
        files[f"{folder}/{number}.js"] = b"export const number = %d; // a module\n" % number * 40
        files[f"{folder}/{number}.json"] = b'{"number": %d}' % number
    return files


def collect(*arguments: str, **options: Any) -> str:
    """Run collectstatic and return its output."""
    output = io.StringIO()
    call_command("collectstatic", "--noinput", *arguments, stdout=output, **options)
    return output.getvalue()


def found_names() -> list[str]:
    """Names of the files that collectstatic finds."""
    return [path for finder in get_finders() for path, _ in finder.list([])]
