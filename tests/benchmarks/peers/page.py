"""Fills the parts of README.md and docs/ that show figures of the comparison, and writes its chart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.benchmarks.peers.chart import chart
from tests.benchmarks.peers.libraries import LIBRARIES, OURS
from tests.benchmarks.peers.metrics import BY_FIGURE, IN_THE_README, METRICS, OPERATIONS, Metric
from tests.support.environments import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.benchmarks.peers.libraries import Library
    from tests.benchmarks.peers.results import Results

PAGE = ROOT / "docs" / "background" / "comparison.md"
CHART = PAGE.with_suffix(".svg")
FILLED = (PAGE, ROOT / "README.md")
PART = re.compile(r"^(<!-- figures: ([a-z-]+) -->\n).*?^(<!-- end of figures -->)$", re.MULTILINE | re.DOTALL)


def files(results: Results) -> Iterator[tuple[Path, str]]:
    """Each file that shows figures, with the text that it should have."""
    for path in FILLED:
        yield path, filled(path.read_text(encoding="utf-8"), results)
    yield CHART, chart(results)


def filled(text: str, results: Results) -> str:
    """Replace what is between the marks of each part.

    Raises:
        KeyError: there is no part of that name.
    """
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]](results)}\n{part[3]}", text)


def _table(rows: Iterable[Iterable[str]]) -> str:
    head, *rest = [f"| {' | '.join(row)} |\n" for row in rows]
    return "".join((head, "|" + " --- |" * (head.count(" | ") + 1) + "\n", *rest))


def _known(results: Results) -> list[Library]:
    return [LIBRARIES[key] for key in results.libraries]


def run(results: Results) -> str:
    """Describe when, where and how often was measured."""
    return (
        f"- Date: {results.date}\n- Rounds: {results.rounds}, shown are medians\n"
        f"- Server: {results.server}, on the same machine\n- Machine: {results.machine}\n"
        f"- Load average at the beginning: {results.load:.1f}\n"
    )


def libraries(results: Results) -> str:
    """List the libraries with their versions and settings."""
    rows = [("library", "version", "Django", "SDK", "set besides endpoint, keys, region and buckets")]
    for library in _known(results):
        versions = results.libraries[library.key].versions
        sdk = f"{library.sdk} {versions[library.sdk]}"
        rows.append((library.title, versions[library.distribution], versions["Django"], sdk, library.settings))
    return _table(rows)


def requests(results: Results) -> str:
    """List the requests of each operation."""
    rows = [["", *(library.title for library in _known(results))]]
    for operation, title in OPERATIONS.items():
        sent = [results.libraries[library.key].requests.get(operation) for library in _known(results)]
        rows.append([title, *("-" if methods is None else _methods(methods) for methods in sent)])
    lacks = [
        f"- {library.title} has no {OPERATIONS[operation]}: {reason}.\n"
        for library in _known(results)
        for operation, reason in library.lacks.items()
    ]
    return _table(rows) + ("\n" + "".join(lacks) if lacks else "")


def _methods(methods: list[str]) -> str:
    return f"{len(methods)}: {', '.join(methods)}" if methods else "0"


def figures(results: Results) -> str:
    """List all figures."""
    return _figures(results, METRICS)


def summary(results: Results) -> str:
    """List the figures of the README."""
    return _figures(results, [BY_FIGURE[figure] for figure in IN_THE_README])


def _figures(results: Results, metrics: Iterable[Metric]) -> str:
    rows = [["", *(library.title for library in _known(results))]]
    rows += [
        [metric.name(results), *(_cell(results, metric, library.key) for library in _known(results))]
        for metric in metrics
    ]
    return _table(rows)


def _cell(results: Results, metric: Metric, key: str) -> str:
    text = metric.text(metric.value(results, key))
    if key == OURS:
        return f"**{text}**"
    return f"{text} ({results.ratio(key, metric.figure):.1f}x)" if metric.has_ratio else text


PARTS = {"run": run, "libraries": libraries, "requests": requests, "all": figures, "summary": summary}
