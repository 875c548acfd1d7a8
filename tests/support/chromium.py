"""A headless Chromium, driven by Selenium."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAMS = ("chromium", "chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # the sandbox refuses to run as root, as continuous integration does
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1100,900",
)


def missing_programs() -> list[str]:
    """What has to be installed first; Debian's packages are chromium and chromium-driver."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


@contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """A fresh browser for the length of the block; its console is kept."""
    chromium, driver = (shutil.which(program) for program in PROGRAMS)
    options = webdriver.ChromeOptions()
    options.binary_location = str(chromium)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        chrome = webdriver.Chrome(options=options, service=Service(str(driver)))
        try:
            yield chrome
        finally:
            chrome.quit()
