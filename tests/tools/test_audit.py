"""tools/audit.py: what pip-audit reports is told in lines, and what it could not look at is no success."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tools.audit import IGNORED, PINS, REQUIREMENTS, ROOT, Report, read_report

if TYPE_CHECKING:
    from tools.audit import Dependency

SOURCES = ("django_minio_backend", "tests", "tools", "examples")
SAFE: Dependency = {"name": "django", "version": "5.2.1", "vulns": []}
WEAK: Dependency = {"name": "minio", "version": "7.2.8", "vulns": [{"id": "PYSEC-1", "fix_versions": ["7.2.9", "8.0"]}]}
LOST: Dependency = {"name": "urllib3", "vulns": [{"id": "PYSEC-2", "fix_versions": []}], "version": "2.0.0"}
UNKNOWN: Dependency = {"name": "certifi", "skip_reason": "Dependency not found: certifi (1.0)"}


def reported(*dependencies: Dependency) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


@pytest.mark.parametrize(
    ("dependencies", "expected"),
    [
        ([SAFE], Report([], [])),
        ([SAFE, WEAK], Report(["minio 7.2.8: PYSEC-1, fixed in 7.2.9, 8.0"], [])),
        ([LOST], Report(["urllib3 2.0.0: PYSEC-2, fixed in no version yet"], [])),
        ([SAFE, UNKNOWN], Report([], ["Dependency not found: certifi (1.0)"])),
    ],
    ids=["nothing", "fixed", "not-fixed", "unknown"],
)
def test_a_report_is_printed_in_lines(dependencies: list[Dependency], expected: Report) -> None:
    assert read_report(reported(*dependencies)) == expected


def test_what_is_ignored_is_not_reported() -> None:
    assert read_report(reported(WEAK, LOST), {"PYSEC-1": "only on Windows"}).findings == [
        "urllib3 2.0.0: PYSEC-2, fixed in no version yet"
    ]


def test_what_is_ignored_has_a_reason() -> None:
    assert all(reason.strip() for reason in IGNORED.values())


@pytest.mark.parametrize("text", ["", "Traceback (most recent call last):"], ids=["empty", "no-json"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting value"):
        read_report(text)


SECURITY_RULE = re.compile(r"# noqa: (?:[A-Z]+[0-9]+, )*S[0-9]+\b.*")
REASON = re.compile(r"# noqa: [A-Z0-9, ]+ - \S.*")


def test_every_exception_from_a_security_rule_has_its_reason() -> None:
    sources = [file for folder in SOURCES for file in (ROOT / folder).rglob("*.py")]
    exceptions = [found[0] for file in sources for found in SECURITY_RULE.finditer(file.read_text(encoding="utf-8"))]
    assert len(exceptions) > len(SOURCES)
    assert [text for text in exceptions if not REASON.fullmatch(text)] == []
    settings = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert [line for line in settings.splitlines() if re.match(r' *"S[0-9]+",(?! +# \S)', line)] == []


def test_every_exception_from_an_audit_of_the_workflows_has_its_reason() -> None:
    for file in (ROOT / ".github").rglob("*.yml"):
        lines = file.read_text(encoding="utf-8").splitlines()
        for before, line in pairwise(lines):
            assert "zizmor: ignore" not in line or before.strip().startswith("# "), line


def test_all_pins_are_audited() -> None:
    pinned = {path.name for path in ROOT.glob("*.txt") if "==" in path.read_text(encoding="utf-8")}
    assert pinned == set(PINS)


def test_all_requirements_of_the_package_are_audited() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {line.partition(">")[0] for line in project["dependencies"]} == set(REQUIREMENTS)
