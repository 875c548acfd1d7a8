"""The results of a run, as results.json has them: where, when, of what, and each figure of each round."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.benchmarks.peers.libraries import OURS

FILE = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class Measured:
    """What was measured of one library.

    Attributes:
        versions: Of the library, Django and the SDK, by distribution.
        requests: The methods of the requests that each operation sends.
        figures: The value of each figure in each round; None in the rounds that have left it out.
    """

    versions: dict[str, str]
    requests: dict[str, list[str]]
    figures: dict[str, list[float | None]] = field(default_factory=dict)

    def median(self, figure: str) -> float:
        """The median of all rounds."""
        return statistics.median(value for value in self.figures[figure] if value is not None)


@dataclass(frozen=True)
class Results:
    """A run.

    Attributes:
        date: When it began, as YYYY-MM-DD.
        server: Kind and version.
        machine: Processor, memory, system and Python.
        load: The load average of a minute when the run began.
        rounds: How often everything was measured.
        sizes: How much a run does, see `Sizes`.
        libraries: What was measured, by the keys of `LIBRARIES`.
    """

    date: str
    server: str
    machine: str
    load: float
    rounds: int
    sizes: dict[str, int]
    libraries: dict[str, Measured]

    def ratio(self, key: str, figure: str) -> float:
        """How many times the figure of this package is that of a library: the median of the rounds that have both."""
        pairs = zip(self.libraries[key].figures[figure], self.libraries[OURS].figures[figure], strict=True)
        return statistics.median(theirs / ours for theirs, ours in pairs if theirs is not None and ours is not None)

    def save(self) -> None:
        """Write the file."""
        FILE.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def load() -> Results:
    """Read the file."""
    fields = json.loads(FILE.read_text(encoding="utf-8"))
    libraries = {key: Measured(**measured) for key, measured in fields.pop("libraries").items()}
    return Results(**fields, libraries=libraries)
