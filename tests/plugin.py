"""pytest plugin: one S3 server for the whole run, and the tests that it cannot serve are named at the end.

It is loaded by `-p` in pyproject.toml, since the server's address must be in the environment before pytest-django
imports `tests.settings`, which is earlier than any conftest.py is read.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tools.servers import ALL_CAPABILITIES, CAPABILITIES, Server, ServerError, best_server, minio_required

if TYPE_CHECKING:
    from collections.abc import Generator

SERVER = pytest.StashKey[Server]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server-only", action="store_true", help="leave out the tests that do not use the S3 server of the run"
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    options = early_config.known_args_namespace
    if not (options.help or options.version or options.collectonly):
        running = ExitStack()
        early_config.add_cleanup(running.close)
        try:
            server = running.enter_context(best_server())
        except ServerError as error:
            raise pytest.UsageError(str(error)) from error
        early_config.stash[SERVER] = server
        # The workers of pytest-xdist inherit these and take the same server instead of starting their own.
        os.environ.update(server.environment())
    return (yield)


def pytest_report_header(config: pytest.Config) -> list[str]:
    server = config.stash.get(SERVER, None)
    return f"server: {server.describe()}".splitlines() if server else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With --server-only, keep the tests that use the fixture `server`, by themselves or through other fixtures."""
    if not config.getoption("--server-only"):
        return
    with_server = [item for item in items if "server" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(with_server)])
    items[:] = with_server


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what is marked `needs(...)` and not to be had here."""
    needed = {capability for marker in item.iter_markers("needs") for capability in marker.args}
    if unknown := needed - ALL_CAPABILITIES:
        pytest.fail(f"needs({', '.join(sorted(unknown))}): no such capability, see tools/servers.py", pytrace=False)
    server = item.config.stash[SERVER]
    missing = needed - server.capabilities
    if not missing:
        return
    reason = f"{server.kind} has no {', '.join(sorted(missing))}"
    if minio_required() and missing & CAPABILITIES["minio"]:
        pytest.fail(f"{reason}, and REQUIRE_MINIO=1", pytrace=False)
    item.user_properties.append(("lacking", ", ".join(sorted(missing))))
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    lacking = Counter(value for report in skipped for name, value in report.user_properties if name == "lacking")
    if lacking:
        tests = "; ".join(f"{count} for want of {what}" for what, count in sorted(lacking.items()))
        terminalreporter.write_line(f"left untested on {config.stash[SERVER].kind}: {tests}", yellow=True)
