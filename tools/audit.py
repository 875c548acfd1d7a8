"""Look for known vulnerabilities in what is installed and pinned, and for weak spots in the workflows.

`python -m tools.audit` runs pip-audit and zizmor and fails if they find something. Where no service that knows
vulnerabilities can be asked it says SKIPPED; with --strict that is a failure too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent

# Vulnerabilities that do not matter here: their id, and the reason.
IGNORED: Mapping[str, str] = {}

REQUIREMENTS = ("certifi", "Django", "minio", "urllib3")
PINS = ("constraints-dev.txt", "constraints-guides.txt", "requirements-release.txt", "requirements-servers.txt")


class Vulnerability(TypedDict):
    """One entry of a package, as pip-audit reports it."""

    id: str
    fix_versions: list[str]


class Dependency(TypedDict, total=False):
    """A package, as pip-audit reports it: with its vulnerabilities, or why it was not looked at."""

    name: str
    version: str
    vulns: list[Vulnerability]
    skip_reason: str


class Report(NamedTuple):
    """What pip-audit has found.

    Attributes:
        findings: one line for each vulnerability.
        skipped: one line for each package that was not looked at.
    """

    findings: list[str]
    skipped: list[str]


def read_report(text: str, ignored: Mapping[str, str] = IGNORED) -> Report:
    """Read pip-audit's JSON.

    Raises:
        ValueError: it is none.
    """
    dependencies: list[Dependency] = json.loads(text)["dependencies"]
    findings = [
        f"{dependency['name']} {dependency['version']}: {vulnerability['id']}, "
        f"fixed in {', '.join(vulnerability['fix_versions']) or 'no version yet'}"
        for dependency in dependencies
        for vulnerability in dependency.get("vulns", [])
        if vulnerability["id"] not in ignored
    ]
    skipped = [dependency["skip_reason"] for dependency in dependencies if "skip_reason" in dependency]
    return Report(findings, skipped)


def ask(pins: Path) -> Report:
    """Run pip-audit; a service that cannot be reached is a report that skips everything."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    command += ["--no-deps", "--disable-pip", "--requirement", str(pins)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        return read_report(result.stdout)
    except ValueError:
        last = (result.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Report([], [f"pip-audit could not ask: {last[:300]}"])


def audit_packages() -> Report:
    """Ask about what the package needs, as it is installed, then about all that is pinned.

    What users get comes first: where the service knows nothing of that, it is not asked about the rest.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder, "installed.txt")
        file.write_text("".join(f"{name}=={version(name)}\n" for name in REQUIREMENTS), encoding="utf-8")
        reports = {"installed requirements of the package": ask(file)}
    if not any(report.skipped for report in reports.values()):
        reports |= {pins: ask(ROOT / pins) for pins in PINS}
    for title, report in reports.items():
        print(f"{title}: {len(report.findings)} vulnerabilities, {len(report.skipped)} packages unknown")
    return Report(
        [line for report in reports.values() for line in report.findings],
        [line for report in reports.values() for line in report.skipped],
    )


def audit_workflows() -> bool:
    """Run zizmor, without network; tell whether it has found nothing."""
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--quiet", "--strict-collection", ".github"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """Run both; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strict", action="store_true", help="fail if something could not be audited")
    strict = parser.parse_args().strict
    workflows_are_fine = audit_workflows()
    print(f"workflows: {'nothing found' if workflows_are_fine else 'see above'}")
    report = audit_packages()
    for line in dict.fromkeys(report.findings):
        print(f"VULNERABLE: {line}")
    for line in dict.fromkeys(report.skipped):
        print(f"{'NOT AUDITED' if strict else 'SKIPPED'}: {line}")
    failed = not workflows_are_fine or report.findings or (strict and report.skipped)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
