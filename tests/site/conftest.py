from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.chromium import browser, missing_programs
from tools.demo_site import Site, delete_buckets, prepared, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

    from tools.servers import Server


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The example site, empty, in a process of its own."""
    site = prepared(server, tmp_path_factory.mktemp("site"))
    try:
        site.manage("initialize_buckets")
        site.manage("migrate", "--no-input", "--verbosity", "0")
        site.manage("collectstatic", "--no-input")
        with served(site):
            yield site
    finally:
        delete_buckets(site)


@pytest.fixture
def chrome(request: pytest.FixtureRequest) -> Iterator[Chrome]:
    """A browser. With SCREENSHOTS=folder a picture of its last page is left there, to look at."""
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: apt-get install chromium chromium-driver)")
    with browser() as chrome:
        yield chrome
        if folder := os.environ.get("SCREENSHOTS"):
            chrome.save_screenshot(str(Path(folder, f"{request.node.name}.png")))
