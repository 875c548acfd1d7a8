"""README.md and docs/: what they name exists, what exists is named, and every block is run or says why not."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
import pytest
import urllib3
from django.core.files.storage import FileSystemStorage
from minio.commonconfig import GOVERNANCE
from minio.retention import Retention
from minio.sse import SseS3

from django_minio_backend import errors
from django_minio_backend.options.fields import FIELDS, StorageOptions
from tools import reference
from tools.check_documents import DOCS, QUICK_START, README, DocumentError, blocks, require_commands
from tools.servers import ALL_CAPABILITIES

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = ROOT / "django_minio_backend" / "management" / "commands"
REPOSITORY = re.compile(r"https://github\.com/theriverman/django-minio-backend/(?:blob|tree)/main/")
PAGES = sorted(DOCS.rglob("*.md"))

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$", re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


class UploadProgress:
    """As the example of `progress` has it."""

    def set_meta(self, object_name: str, total_length: int) -> None: ...

    def update(self, length: int) -> None: ...


EXAMPLE_NAMES = {
    "BASE_DIR": Path("/srv/mysite"),
    "FileSystemStorage": FileSystemStorage,
    "GOVERNANCE": GOVERNANCE,
    "Retention": Retention,
    "SseS3": SseS3,
    "UTC": UTC,
    "UploadProgress": UploadProgress,
    "certifi": certifi,
    "datetime": datetime,
    "os": os,
    "timedelta": timedelta,
    "urllib3": urllib3,
}


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def section_of(name: str) -> str:
    return reference.options().partition(f"### {name}\n")[2].partition("\n### ")[0]


def headings(text: str) -> set[str]:
    """Return the anchors of headings, as they are made for Markdown on the web."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(FENCED.sub("", text))}


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_option_has_a_section_with_type_unit_default_example_and_version(name: str) -> None:
    rows = dict(re.findall(r"^\| (\w+) \| (.+) \|$", section_of(name), re.MULTILINE))
    assert list(rows) == ["Type", "Unit", "Default", "Example", "Since"]
    assert section_of(name).strip().partition("\n")[0].endswith(".")


def test_units_are_those_of_the_table_of_options() -> None:
    units = {name: re.findall(r"^\| Unit \| (.+) \|$", section_of(name), re.MULTILINE) for name in FIELDS}
    assert units["MINIO_URL_EXPIRY_HOURS"] == ["hours"]
    assert units["MINIO_URL_CACHE_TIMEOUT"] == ["seconds"]
    assert units["MINIO_MULTIPART_PART_SIZE"] == ["bytes"]


def test_every_option_whose_value_is_a_number_has_a_unit() -> None:
    for name, option in FIELDS.items():
        if re.search(r"\b(int|float)\b", str(StorageOptions.__annotations__[option.attribute])):
            assert option.unit, name


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_the_example_of_every_option_is_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(variable, "made-up")
    value = eval(reference.EXAMPLES[name], EXAMPLE_NAMES)  # noqa: S307 - our own
    FIELDS[name].parse(value)


def test_options_of_4_x_exist() -> None:
    assert set(FIELDS) >= reference.OF_4_X


def test_every_capability_of_servers_is_described() -> None:
    assert set(reference.CAPABILITY_TEXTS) == ALL_CAPABILITIES


@pytest.mark.parametrize("command", sorted(file.stem for file in COMMANDS.glob("[a-z]*.py")))
def test_every_command_has_a_section_with_all_its_flags(command: str) -> None:
    section = reference.commands().partition(f"### {command}\n")[2].partition("\n### ")[0]
    flags = re.findall(r'add_argument\(\s*"(--[a-z-]+)"', text_of(COMMANDS / f"{command}.py"))
    assert flags
    assert set(re.findall(r"`(--[a-z-]+)", section)) >= set(flags)


def test_every_system_check_is_listed_once() -> None:
    source = text_of(ROOT / "django_minio_backend" / "checks.py")
    listed = re.findall(r"`(minio\.W\d+)`", reference.checks())
    assert sorted(listed) == sorted(set(re.findall(r'id="(minio\.W\d+)"', source)))


def test_every_logging_call_is_listed() -> None:
    call = re.compile(r"^\s+logger\.(?:debug|info|warning|error|exception|critical|log)\(", re.MULTILINE)
    sources = [text_of(path) for path in (ROOT / "django_minio_backend").rglob("*.py")]
    assert len(list(reference.logged())) == sum(len(call.findall(text)) for text in sources)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_generated_parts_exist(path: Path) -> None:
    assert "<!-- generated:" not in reference.filled(text_of(path))


def test_an_unknown_generated_part_is_refused() -> None:
    with pytest.raises(KeyError):
        reference.filled("<!-- generated: everything -->\n")


def test_a_part_is_printed_by_its_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["reference", "servers"])
    assert reference.main() == 0
    assert capsys.readouterr().out == reference.servers()


def test_the_readme_is_short_and_its_links_work_anywhere() -> None:
    readme = text_of(README)
    assert len(readme.splitlines()) <= 200
    for inline, other in LINK.findall(FENCED.sub("", readme)):
        assert (inline or other).startswith("https://"), inline or other


@pytest.mark.parametrize(
    "page",
    ["README", "MIGRATIONS", "CHANGELOG", "CONTRIBUTE", "CONTRIBUTING", "CONTRIBUTE.Docker", "SECURITY"],
)
def test_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    path = ROOT / f"{page}.md"
    broken = []
    for link in (inline or other for inline, other in LINK.findall(FENCED.sub("", text_of(path)))):
        local = REPOSITORY.sub("", link)
        if local.startswith(("http://", "https://")):
            continue
        name, _, heading = local.partition("#")
        target = ROOT / name if name else path
        if not target.exists() or (heading and heading not in headings(reference.filled(text_of(target)))):
            broken.append(link)
    assert not broken


def test_errors_lead_to_pages_and_headings_that_exist() -> None:
    options = headings(reference.filled(text_of(DOCS / f"{errors.OPTIONS}.md")))
    assert {name.lower() for name in FIELDS if name.startswith("MINIO_")} <= set(options)
    assert set(errors.HEADINGS.values()) <= set(headings(text_of(DOCS / f"{errors.TROUBLESHOOT}.md")))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_links_of_pages_into_the_repository_lead_to_files_that_exist(path: Path) -> None:
    for link in re.findall(rf"{REPOSITORY.pattern}([^)#\s]+)", text_of(path)):
        assert (ROOT / link).exists(), link


@pytest.mark.parametrize("path", [README, *PAGES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_block_is_run_or_says_why_not(path: Path) -> None:
    for block in blocks(text_of(path)):
        if block.mark.startswith("not run") and block.language == "python":
            fragment = block.text.lstrip().startswith('"')
            compile(f"{{{block.text}}}" if fragment else block.text, str(path), "exec")


def test_there_is_an_index_of_twenty_questions_with_their_pages() -> None:
    questions = re.findall(r"^\d+\. .*?\?.*?\]\(([^)]+)\)", text_of(DOCS / "index.md"), re.MULTILINE | re.DOTALL)
    assert len(questions) == 20
    for link in questions:
        assert (DOCS / link.partition("#")[0]).exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("manage.py collectstatic", "manage.py collect", id="a-command-is-missing"),
        pytest.param("<!-- session -->", "<!-- not run: why -->", id="no-session"),
    ],
)
def test_a_quick_start_that_shows_too_little_is_refused(old: str, new: str) -> None:
    with pytest.raises(DocumentError):
        require_commands(blocks(text_of(QUICK_START).replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("<!-- models.py -->\n", "<!-- models.py -->\n\n", id="mark-before-no-block"),
        pytest.param("   <!-- models.py -->\n", "", id="block-without-mark"),
    ],
)
def test_a_page_with_a_block_that_nobody_runs_is_refused(old: str, new: str) -> None:
    with pytest.raises(DocumentError):
        blocks(text_of(QUICK_START).replace(old, new))


def test_the_configuration_of_uppy_is_the_tested_one() -> None:
    tested = (ROOT / "tests" / "site" / "uppy.js").read_text().partition("\n")[2]
    assert tested in (DOCS / "how-to" / "direct-uploads.md").read_text()
