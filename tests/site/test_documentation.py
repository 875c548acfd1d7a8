"""The documentation site: builds without a warning, fits every screen, loads nothing from elsewhere, is searchable."""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tools.check_documents import DOCS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

ROOT = Path(__file__).resolve().parents[2]
MKDOCS = ROOT / ".venv-docs" / "bin" / "mkdocs"
PAGES = sorted(path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md"))

OVERFLOW = "return document.documentElement.scrollWidth - window.innerWidth"
LOADED = "return performance.getEntriesByType('resource').map(entry => entry.name)"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
        """Log nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on the loopback interface and return its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def documentation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of MkDocs, such as a broken link or anchor, fails the build."""
    if not MKDOCS.exists():
        assert not os.environ.get("REQUIRE_DOCS"), "not installed: run `make docs` first"
        pytest.skip("not installed: MkDocs (run `make docs` once)")
    folder = tmp_path_factory.mktemp("documentation")
    done = subprocess.run(
        [MKDOCS, "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder


def test_every_page_is_built(documentation: Path) -> None:
    assert [page for page in PAGES if not (documentation / page).is_file()] == []


def emulate(chrome: Chrome, width: int, scheme: str) -> None:
    """Give the browser a screen and a preferred colour scheme."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways_or_loads_from_another_host(
    documentation: Path, chrome: Chrome, width: int, scheme: str
) -> None:
    with served(documentation) as url:
        emulate(chrome, width, scheme)
        wide, foreign = {}, set()
        for page in PAGES:
            chrome.get(url + page)
            if (overflow := chrome.execute_script(OVERFLOW)) > 0:
                wide[page] = overflow
            foreign |= {name for name in chrome.execute_script(LOADED) if not name.startswith((url, "data:", "blob:"))}
        shown = chrome.find_element(By.TAG_NAME, "body").get_attribute("data-md-color-scheme")
    assert (wide, foreign, shown) == ({}, set(), {"light": "default", "dark": "slate"}[scheme])


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("overwrite", "how-to/files.html"),
        ("presigned", "reference/urls.html"),
        ("self-signed", "how-to/networking.html"),
        ("login", "how-to/private-files.html"),
        ("async", "how-to/concurrency.html"),
        ("Celery", "how-to/concurrency.html"),
        ("tenant", "how-to/tenants.html"),
        ("mock", "how-to/testing.html"),
        ("R2", "start/servers.html"),
    ],
)
def test_the_search_finds_the_page_that_explains(documentation: Path, chrome: Chrome, words: str, page: str) -> None:
    with served(documentation) as url:
        emulate(chrome, 1280, "light")
        chrome.get(url + "reference/servers.html")
        field = chrome.find_element(By.CSS_SELECTOR, "input.md-search__input")
        field.click()
        field.send_keys(words)
        selector = ".md-search-result__item > a"

        def first_pages(browser: Chrome) -> list[str]:
            links = [link.get_attribute("href") or "" for link in browser.find_elements(By.CSS_SELECTOR, selector)]
            return list(dict.fromkeys(urlsplit(link).path.lstrip("/") for link in links))[:5]

        # Results are shown and ranked while the words are typed.
        wait = WebDriverWait(chrome, 30, ignored_exceptions=[StaleElementReferenceException])
        wait.until(lambda browser: page in first_pages(browser))
