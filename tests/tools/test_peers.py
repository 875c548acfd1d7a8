"""The comparison with other libraries: its pages are what its results say, and every job of it runs."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks.peers import page
from tests.benchmarks.peers.__main__ import compare
from tests.benchmarks.peers.libraries import LIBRARIES, OURS
from tests.benchmarks.peers.measure import Sizes, Subject
from tests.benchmarks.peers.metrics import IN_THE_CHART, METRICS, OPERATIONS
from tests.benchmarks.peers.results import Measured, Results, load
from tools.check_documents import DOCS, ROOT

if TYPE_CHECKING:
    from tools.servers import Server

SVG = "{http://www.w3.org/2000/svg}"
OTHERS = r"django-storages|django-s3-storage|django-minio-storage|django-minio-backend 4|\b4\.(?:x|4)|\bSDK\b|boto3"
SPEED = r"\d\s?(?:ms|µs|us|s)\b|\d\s?MiB/s|\d\S* times (?:as|faster|slower)|of CPU"


@pytest.fixture
def tiny(server: Server) -> Results:
    """A run with small sizes, by this package in this environment."""
    sizes = Sizes(large_mib=1, small_files=2, urls=10, static_files=5, startups=1)
    return compare([Subject(LIBRARIES[OURS], Path(sys.executable), server, sizes)], 2)


@pytest.mark.parametrize(
    ("path", "text"), dict(page.files(load())).items(), ids=["comparison.md", "README.md", "comparison.svg"]
)
def test_pages_show_the_kept_results(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, f"run make bench-peers BENCH=--render to write {path.name}"


def test_kept_results_are_of_all_libraries_and_have_all_figures() -> None:
    results = load()
    assert list(results.libraries) == list(LIBRARIES)
    for key, measured in results.libraries.items():
        assert set(measured.figures) == {metric.figure for metric in METRICS}
        assert {len(values) for values in measured.figures.values()} == {results.rounds}
        assert set(measured.requests) | set(LIBRARIES[key].lacks) == set(OPERATIONS)


@pytest.mark.parametrize("path", [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))], ids=lambda path: path.name)
def test_no_figure_about_another_library_is_written_by_hand(path: Path) -> None:
    by_hand = page.PART.sub("", path.read_text(encoding="utf-8"))
    rows = [line for line in by_hand.splitlines() if re.search(OTHERS, line) and re.search(SPEED, line)]
    assert rows == []


def test_every_part_is_shown_once() -> None:
    shown = [name for path in page.FILLED for _, name, _ in page.PART.findall(path.read_text(encoding="utf-8"))]
    assert sorted(shown) == sorted(page.PARTS)


def test_an_unknown_part_of_a_page_is_refused() -> None:
    with pytest.raises(KeyError):
        page.filled("<!-- figures: everything -->\n<!-- end of figures -->\n", load())


@pytest.mark.needs("sockets")
def test_a_run_measures_every_figure_and_operation(tiny: Results) -> None:
    ours = tiny.libraries[OURS]
    assert set(ours.figures) == {metric.figure for metric in METRICS}
    assert {len(values) for values in ours.figures.values()} == {2}
    assert set(ours.requests) == set(OPERATIONS)
    assert ours.requests["save"] == ["HEAD", "PUT"]
    assert ours.versions["Django"]
    assert page.requests(tiny).count("\n") == 2 + len(OPERATIONS)
    assert page.figures(tiny).count("\n") == 2 + len(METRICS)


def test_a_library_that_lacks_an_operation_has_a_dash_and_the_reason() -> None:
    results = load()
    [row] = [line for line in page.requests(results).splitlines() if line.startswith(f"| {OPERATIONS['write']} |")]
    lacking = [library for library in LIBRARIES.values() if "write" in library.lacks]
    assert row.count("| - ") == len(lacking) > 0
    for library in lacking:
        assert f"- {library.title} has no {OPERATIONS['write']}: {library.lacks['write']}." in page.requests(results)


def test_a_round_that_left_a_library_out_does_not_count() -> None:
    figures: dict[str, list[float | None]] = {OURS: [1.0, 10.0, 100.0], "django-storages": [4.0, None, 200.0]}
    libraries = {key: Measured({}, {}, {"urls.cpu": values}) for key, values in figures.items()}
    results = Results("2026-11-27", "MinIO", "2 cores", 0.0, 3, {}, libraries)
    assert results.libraries["django-storages"].median("urls.cpu") == 102
    assert results.ratio("django-storages", "urls.cpu") == 3  # of 4 and 2


def test_the_chart_has_a_title_and_says_its_figures_in_words() -> None:
    results = load()
    [chart] = [text for path, text in page.files(results) if path == page.CHART]
    root = ET.fromstring(chart)  # noqa: S314 - our own
    title, description = root.findtext(f"{SVG}title"), root.findtext(f"{SVG}desc")
    assert results.date in str(title)
    assert all(library.title in str(description) for library in LIBRARIES.values())
    assert len(root.findall(f"{SVG}rect")) == 1 + len(IN_THE_CHART) * len(LIBRARIES)
    assert "prefers-color-scheme: dark" in chart
