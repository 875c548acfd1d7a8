"""The table of all options for README.md, made of the package's own table.

- `python -m tools.options_table` prints it;
- `--check README.md` compares it with what stands between the two markers, and exits with 1 and a diff;
- `--write README.md` puts it there.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django_minio_backend.options.endpoints import WrongValueError
from django_minio_backend.options.fields import FIELDS, MEBIBYTE, OTHER_SPELLINGS, REQUIRED, StorageOptions

if TYPE_CHECKING:
    from django_minio_backend.options.fields import Option

BEGIN, END = "<!-- options -->", "<!-- /options -->"
COLUMNS = ("Option", "Type", "Unit", "Default", "Meaning")


class MarkersError(ValueError):
    """The file does not have the two markers, in this order, once each."""


def table() -> str:
    """Return the whole table in Markdown, with a line break at its end."""
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    rows += [
        (_names(option), _type(option), option.unit or "–", _default(option.default), option.meaning)  # noqa: RUF001 - a dash
        for option in FIELDS.values()
    ]
    return "".join(f"| {' | '.join(_cell(text) for text in row)} |\n" for row in rows)


def replaced(text: str) -> str:
    """Return the text of a file with the table between its markers.

    Raises:
        MarkersError: the markers are not there.
    """
    before, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not (begin and end) or BEGIN in rest or END in before + after:
        raise MarkersError(f"there has to be one line '{BEGIN}' and, below it, one line '{END}'")
    # A table needs an empty line around it, or the comments become part of its paragraph.
    return f"{before}{begin}\n{table()}\n{end}{after}"


def _names(option: Option) -> str:
    spellings = [option.name, *(other for other, known in OTHER_SPELLINGS.items() if known == option.name)]
    return ", ".join(f"`{spelling}`" for spelling in spellings) + (" †" if option.top_level else "")


def _type(option: Option) -> str:
    """What the option must be, in the words of its own error; its annotation if it takes any value."""
    try:
        option.parse(object())
    except WrongValueError as error:
        return str(error)
    kind = str(StorageOptions.__annotations__[option.attribute]).removesuffix(" | None")
    return "an object" if kind == "Any" else f"`{kind}`"


def _default(value: object) -> str:
    if value is REQUIRED:
        return "required"
    if value is None or value == ():
        return "none"
    if isinstance(value, timedelta):
        return f"{value.days} days"
    if isinstance(value, int) and value >= MEBIBYTE:
        return f"{value // MEBIBYTE} MiB"
    return "empty" if value == "" else f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main() -> int:
    """Do what the command line asks for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.options_table", description="Make the table of options.")
    parser.add_argument("--check", type=Path, metavar="FILE", help="exit with 1 if the file has another table")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into the file")
    arguments = parser.parse_args()
    file = arguments.write or arguments.check
    if file is None:
        print(table(), end="")
        return 0
    old = file.read_text(encoding="utf-8")
    try:
        new = replaced(old)
    except MarkersError as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 1
    if arguments.write:
        file.write_text(new, encoding="utf-8")
        return 0
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), str(file), "the package's table", lineterm="")
    diff = "\n".join(lines)
    if diff:
        print(diff)
        print(f"\nTo mend it: python -m tools.options_table --write {file}", file=sys.stderr)
    return 1 if diff else 0


if __name__ == "__main__":
    sys.exit(main())
