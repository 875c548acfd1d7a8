"""A process that used the storage and forks: parent and children all see right data.

Sharing one socket would mix up their responses: the worst of it is another object's bytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.forking import SCENARIOS

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("pool", ["default", "own"])
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(name, marks=pytest.mark.needs("conditional-writes") if name == "one_name" else ())
        for name in SCENARIOS
    ],
)
def test_forked_processes_see_right_data(minio_options: dict[str, Any], scenario: str, pool: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.faults.forking", scenario, pool],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "STORAGE_OPTIONS": json.dumps(minio_options),
        },
        capture_output=True,
        text=True,
        timeout=240,  # two read timeouts of the default pool fit in
        check=False,
    )
    assert result.returncode == 0, result.stderr
