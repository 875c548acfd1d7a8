"""README.md and its companions: what they name must be there, and what is there must be named."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from django_minio_backend.options.fields import FIELDS, OPTION_NAMES, StorageOptions
from tools import options_table
from tools.check_readme import ReadmeError, blocks
from tools.options_table import BEGIN, END, MarkersError, replaced, table

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = ROOT / "django_minio_backend" / "management" / "commands"

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def test_the_table_of_options_is_the_package_s() -> None:
    assert replaced(README) == README, "python -m tools.options_table --write README.md"


@pytest.mark.parametrize("name", sorted(OPTION_NAMES))
def test_every_option_is_in_the_table(name: str) -> None:
    rows = README.partition(BEGIN)[2].partition(END)[0].splitlines()
    assert any(f"`{name}`" in row.split("|")[1] for row in rows if row.startswith("|"))


def test_the_table_tells_type_unit_default_and_meaning() -> None:
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table().splitlines()]
    assert rows[0] == ["Option", "Type", "Unit", "Default", "Meaning"]
    units = {row[0].split("`")[1]: row[2] for row in rows[2:]}
    assert (
        units.items()
        >= {
            "MINIO_URL_EXPIRY_HOURS": "hours",
            "MINIO_URL_CACHE_TIMEOUT": "seconds",
            "MINIO_MULTIPART_THRESHOLD": "bytes",
            "MINIO_MULTIPART_PART_SIZE": "bytes",
            "num_parallel_uploads": "parts",
        }.items()
    )


def test_every_option_whose_value_is_a_number_has_a_unit() -> None:
    for name, option in FIELDS.items():
        if re.search(r"\b(int|float)\b", str(StorageOptions.__annotations__[option.attribute])):
            assert option.unit, name


def test_every_cell_of_the_table_says_something() -> None:
    for row in table().splitlines()[2:]:
        assert all(cell.strip() for cell in row.replace("\\|", "").split("|")[1:-1]), row


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}\n", f"{BEGIN}\n{END}\n{BEGIN}\n{END}\n"])
def test_a_file_without_the_markers_is_refused(text: str) -> None:
    with pytest.raises(MarkersError):
        replaced(text)


def test_another_table_is_told_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "README.md"
    file.write_text(f"before\n{BEGIN}\n| old |\n{END}\nafter\n", encoding="utf-8")

    def call(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["options_table", *arguments])
        return options_table.main()

    assert call("--check", str(file)) == 1
    assert "-| old |" in capsys.readouterr().out
    assert call("--write", str(file)) == 0
    assert call("--check", str(file)) == 0
    assert file.read_text(encoding="utf-8").startswith("before\n")


@pytest.mark.parametrize("name", ["README", "MIGRATIONS", "CHANGELOG", "CONTRIBUTE", "CONTRIBUTE.Docker"])
def test_links_lead_to_files_and_headings_that_exist(name: str) -> None:
    page = ROOT / f"{name}.md"
    text = page.read_text(encoding="utf-8")
    broken = []
    for link in (inline or reference for inline, reference in LINK.findall(FENCED.sub("", text))):
        if link.startswith(("http://", "https://")):
            continue
        path, _, heading = link.partition("#")
        target = ROOT / path if path else page
        if not target.exists() or (heading and heading not in headings(target)):
            broken.append(link)
    assert not broken


def headings(file: Path) -> set[str]:
    """Return the anchors of a file's headings, as they are made for Markdown on the web."""
    text = FENCED.sub("", file.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("command", sorted(file.stem for file in COMMANDS.glob("[a-z]*.py")))
def test_every_command_has_a_section_with_all_its_flags(command: str) -> None:
    section = README.partition(f"### {command}\n")[2].partition("\n##")[0]
    flags = re.findall(r'add_argument\(\s*"(--[a-z-]+)"', (COMMANDS / f"{command}.py").read_text(encoding="utf-8"))
    assert flags
    assert set(re.findall(r"^\| `(--[a-z-]+)", section, re.MULTILINE)) == set(flags)


def test_what_is_marked_can_be_run() -> None:
    marks = [block.mark for block in blocks(README)]
    assert {"settings.py", "storages.py", "models.py", "run", "session"} == set(marks)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(README.replace("manage.py collectstatic", "manage.py collect"), id="a command is not shown"),
        pytest.param(README.replace("<!-- session -->", ""), id="no session"),
        pytest.param(README.replace("<!-- models.py -->\n", "<!-- models.py -->\n\n"), id="a marker before no block"),
    ],
)
def test_a_text_that_shows_too_little_is_refused(text: str) -> None:
    with pytest.raises(ReadmeError):
        blocks(text)
