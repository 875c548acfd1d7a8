"""The benchmark of cleaning, with few objects: that it works, not how fast."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes import ROOT


def test_the_benchmark_of_cleaning_runs() -> None:
    """It checks what the command found itself: as many objects and rows as there are, and every orphan."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.cleaning", "--objects", "2000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "2,000 listed objects and 2,000 rows" in done.stdout
