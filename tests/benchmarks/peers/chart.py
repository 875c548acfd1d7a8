"""Draws the chart of the comparison as SVG, for light and dark pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tests.benchmarks.peers.libraries import LIBRARIES, OURS
from tests.benchmarks.peers.metrics import BY_FIGURE, IN_THE_CHART

if TYPE_CHECKING:
    from tests.benchmarks.peers.metrics import Metric
    from tests.benchmarks.peers.results import Results

COLUMNS = 2
WIDTH, LABEL, BAR, LINE, GAP = 420, 160, 170, 20, 24  # pixels: of a panel, its labels, its bars, between lines, panels

# The chart has a background of its own, as a page that embeds it may be light where the system is dark.
STYLE = """
  .paper { fill: #ffffff } text { fill: #24292f; font: 13px sans-serif } .title { font-weight: bold }
  .bar { fill: #9aa3b5 } .ours { fill: #3f51b5 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #1e2129 } text { fill: #e6e8ee } .bar { fill: #68718a } .ours { fill: #9fa8ff }
  }
"""


def chart(results: Results) -> str:
    """Return the SVG: a panel of bars for each figure, where shorter is better."""
    metrics = [BY_FIGURE[figure] for figure in IN_THE_CHART]
    height = (len(results.libraries) + 1) * LINE + GAP
    panels = [
        _panel(results, metric, GAP + number % COLUMNS * WIDTH, GAP + number // COLUMNS * height)
        for number, metric in enumerate(metrics)
    ]
    size = f"{COLUMNS * WIDTH + GAP} {GAP + -(-len(metrics) // COLUMNS) * height}"
    described = "; ".join(f"{_plain(results, metric)}: {_values(results, metric)}" for metric in metrics)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" aria-labelledby="title desc">\n'
        f'<title id="title">Storage libraries compared, {escape(results.date)}: shorter bars are better</title>\n'
        f'<desc id="desc">{escape(described)}</desc>\n<style>{STYLE}</style>\n'
        f'<rect class="paper" width="100%" height="100%" rx="6"/>\n{"".join(panels)}</svg>\n'
    )


def _plain(results: Results, metric: Metric) -> str:
    return metric.name(results).replace("`", "")


def _values(results: Results, metric: Metric) -> str:
    return ", ".join(f"{LIBRARIES[key].title} {metric.text(metric.value(results, key))}" for key in results.libraries)


def _panel(results: Results, metric: Metric, left: int, top: int) -> str:
    values = {key: metric.value(results, key) for key in results.libraries}
    longest = max(values.values()) or 1
    parts = [f'<text class="title" x="{left}" y="{top + 13}">{escape(_plain(results, metric))}</text>\n']
    for number, (key, value) in enumerate(values.items(), start=1):
        y, width = top + number * LINE, max(1.0, BAR * value / longest)
        kind = "bar ours" if key == OURS else "bar"
        parts += [
            f'<text x="{left}" y="{y + 13}">{escape(LIBRARIES[key].title)}</text>',
            f'<rect class="{kind}" x="{left + LABEL}" y="{y + 2}" width="{width:.1f}" height="{LINE - 6}" rx="2"/>',
            f'<text x="{left + LABEL + width + 6:.1f}" y="{y + 13}">{escape(metric.text(value))}</text>\n',
        ]
    return "".join(parts)
