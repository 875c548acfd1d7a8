"""How much memory a piece of code takes, measured in a process of its own."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.processes import run_python

if TYPE_CHECKING:
    from collections.abc import Iterator

RESET_PEAK = "5"  # see proc(5), clear_refs


class Memory(NamedTuple):
    """Resident memory in MiB: when the measured section began, and its highest point within it."""

    baseline: float
    peak: float

    @property
    def growth(self) -> float:
        return self.peak - self.baseline


def peak_memory(script: str, **environment: str) -> Memory:
    """Run `script` in a fresh process and measure what it does inside `with measured():`."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("only Linux tells a process's peak memory")
    result = run_python(
        "-c", f"from tests.support.memory import measured\n{script}", environment=environment, timeout=600
    )
    assert result.returncode == 0, result.stderr
    return Memory(*json.loads(result.stdout.splitlines()[-1]))


@contextmanager
def measured() -> Iterator[None]:
    """Measure the block, inside the script of `peak_memory`."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    baseline = _resident("VmRSS")
    yield
    print(json.dumps([baseline, _resident("VmHWM")]))  # noqa: T201 - the parent process reads it


def _resident(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    kibibytes = next(line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return int(kibibytes) / 1024
