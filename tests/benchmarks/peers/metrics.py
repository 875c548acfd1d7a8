"""The figures that table and chart show: how they are called, in which unit, and whether a ratio of them means much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.peers.results import Results

OPERATIONS = {
    "create": "create the storage",
    "save": "`save` of a new name",
    "save_existing": "`save` of an existing name",
    "write": '`open(name, "wb")`, write, close',
    "exists": "`exists`",
    "size": "`size`",
    "read": "`open` and read",
    "url": "`url`",
    "listdir": "`listdir`",
    "delete": "`delete`",
}


@dataclass(frozen=True)
class Metric:
    """One figure.

    Attributes:
        figure: Its name in the results.
        title: Its name for readers; names in braces are sizes.
        unit: "ms", "s", "MiB", "MiB/s" or "/s"; figures are in seconds and MiB otherwise.
        amount: What was done in the seconds of the figure, for units of something a second; the name of a size, or "1".
        has_ratio: Whether to compare it with the figure of this package; not where a figure may be next to nothing.
    """

    figure: str
    title: str
    unit: str
    amount: str = ""
    has_ratio: bool = True

    def name(self, results: Results) -> str:
        """The title with the sizes of the run."""
        return self.title.format_map({name: f"{value:,}" for name, value in results.sizes.items()})

    def value(self, results: Results, key: str) -> float:
        """The median of a library in this unit."""
        median = results.libraries[key].median(self.figure)
        if self.amount:
            return int(results.sizes.get(self.amount, 1)) / median
        return max(0.0, median * 1000 if self.unit == "ms" else median)

    def text(self, value: float) -> str:
        """A value with its unit."""
        if round(value, 2) == 0:
            return f"0 {self.unit}"
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
        return f"{value:,.{digits}f} {self.unit}" if self.unit != "/s" else f"{value:,.{digits}f} a second"


METRICS = (
    Metric("startup.setup", "`django.setup()`, CPU", "ms", has_ratio=False),
    Metric("startup.url", "`django.setup()` and the first URL, CPU", "ms"),
    Metric("urls.cpu", "{urls} presigned URLs, CPU", "ms"),
    Metric("small.save_wall", "small files saved", "/s", "1"),
    Metric("small.save_cpu", "a small file saved, CPU", "ms"),
    Metric("small.read_wall", "small files read", "/s", "1"),
    Metric("small.read_cpu", "a small file read, CPU", "ms"),
    Metric("large.save_wall", "{large_mib} MiB saved", "MiB/s", "large_mib"),
    Metric("large.save_cpu", "{large_mib} MiB saved, CPU", "s"),
    Metric("large.save_peak", "{large_mib} MiB saved, peak memory", "MiB", has_ratio=False),
    Metric("large.read_wall", "{large_mib} MiB read", "MiB/s", "large_mib"),
    Metric("large.read_cpu", "{large_mib} MiB read, CPU", "s"),
    Metric("large.read_peak", "{large_mib} MiB read, peak memory", "MiB", has_ratio=False),
    Metric("collectstatic.cold", "`collectstatic`, {static_files} files and the admin's, first run", "s"),
    Metric("collectstatic.unchanged", "`collectstatic`, the same files unchanged", "s"),
)
BY_FIGURE = {metric.figure: metric for metric in METRICS}
IN_THE_README = ("urls.cpu", "collectstatic.cold", "collectstatic.unchanged")
IN_THE_CHART = (
    "collectstatic.cold",
    "collectstatic.unchanged",
    "urls.cpu",
    "small.save_cpu",
    "large.save_peak",
    "large.read_peak",
)
