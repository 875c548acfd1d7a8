"""The panel of Django Debug Toolbar, with the newest version and with 5.2: in Chromium, and of async pages."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.integrations.project import required
from tests.support.chromium import missing_programs
from tests.support.processes import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integrations.project import Project

required("debug_toolbar")

FOLDER = ROOT / ".cache" / "toolbars"
SETTINGS = """
import sys
if "TOOLBAR": sys.path.insert(0, "TOOLBAR")
DEBUG = True
INSTALLED_APPS += ["debug_toolbar"]
MIDDLEWARE.insert(0, "debug_toolbar.middleware.DebugToolbarMiddleware")
MIGRATION_MODULES = {}  # the newest toolbar adds to it
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
DEBUG_TOOLBAR_PANELS = [
    "debug_toolbar.panels.timer.TimerPanel",
    "debug_toolbar.panels.history.HistoryPanel",
    "django_minio_backend.instrumentation.panel.StoragePanel",
]
DEBUG_TOOLBAR_CONFIG = {"IS_RUNNING_TESTS": False, "SHOW_TOOLBAR_CALLBACK": lambda request: True}
"""
URLS = """
from asgiref.sync import sync_to_async
from django.core.files.storage import default_storage
from django.http import HttpResponse

NAMES = ["a.txt", "<b>b</b>.txt", "a.txt", "line\\nbreak.txt", "a.txt"]

def page(request):
    for name in NAMES:
        default_storage.exists(name)
    return HttpResponse("<html><body>page</body></html>")

async def async_page(request):
    return await sync_to_async(page)(request)

def listings(request):
    default_storage.listdir("a")
    default_storage.listdir("b")
    return HttpResponse("<html><body>page</body></html>")

def quiet_page(request):
    return HttpResponse("<html><body>page</body></html>")

urlpatterns += [
    path("__debug__/", include("debug_toolbar.urls")),
    path("page/", page),
    path("async/", async_page),
    path("listings/", listings),
    path("quiet/", quiet_page),
]
"""
PAGES = """
import asyncio
import debug_toolbar
from django.test import AsyncClient

assert debug_toolbar.VERSION == "{VERSION}", debug_toolbar.VERSION
pages = [Client().get("/page/"), Client().get("/async/"), asyncio.run(AsyncClient().get("/async/"))]
for page in pages:
    text = page.content.decode()
    assert "5 requests in " in text and " ms, 2 repeated" in text, text
    assert 'StoragePanel_requests;dur=' in page["Server-Timing"], page["Server-Timing"]
listings = Client().get("/listings/").content.decode()
assert "2 requests in " in listings and "repeated" not in listings, listings
assert "0 requests in 0.0 ms<" in Client().get("/quiet/").content.decode()
assert "0 requests in 0.0 ms<" in asyncio.run(AsyncClient().get("/quiet/")).content.decode()
"""
VISIT = '''
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.test.testcases import LiveServerThread
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from tests.support.chromium import browser

FIND = """
const root = document.querySelector("#djDebugRoot");  // since version 7 the toolbar is in a shadow tree
return [...((root && root.shadowRoot) || document).querySelectorAll(arguments[0])];
"""
site = LiveServerThread("127.0.0.1", StaticFilesHandler)
site.daemon = True
site.start()
site.is_ready.wait()
assert site.error is None, site.error
with browser() as chrome:
    def find(selector):
        return chrome.execute_script(FIND, selector)

    def visible(selector):
        return WebDriverWait(chrome, 30).until(lambda _: [each for each in find(selector) if each.is_displayed()])[0]

    chrome.get(f"http://127.0.0.1:{site.port}/page/")
    handle = visible("#djShowToolBarButton, #djdt-StoragePanel a")
    if handle.get_attribute("id"):  # the toolbar is closed
        handle.click()
    button = visible("#djdt-StoragePanel a")
    assert "5 requests in" in button.text and "2 repeated" in button.text, button.text
    button.click()
    visible("#StoragePanel table")
    rows = [[cell.text for cell in row.find_elements(By.TAG_NAME, "td")] for row in find("#StoragePanel tbody tr")]
    names = ["a.txt", "<b>b</b>.txt", "a.txt", r"line\\nbreak.txt", "a.txt"]
    assert [row[0] for row in rows] == ["HeadObject"] * 5, rows
    assert [row[1] for row in rows] == [f"{settings.PRIVATE}/{name}" for name in names], rows
    assert [row[3] for row in rows] == ["404"] * 5, rows
    assert [row[8] for row in rows] == ["\xd73", "", "\xd73", "", "\xd73"], rows
    colours = [row.value_of_css_property("background-color") for row in find("#StoragePanel tbody tr")]
    assert colours[0] == colours[2] == colours[4] not in colours[1::2], colours
    assert "2 of 5 requests repeat an earlier one" in visible("#StoragePanel").text
    if folder := os.environ.get("SCREENSHOTS"):
        chrome.save_screenshot(folder + "/storage-panel-{VERSION}.png")
    errors = [each["message"] for each in chrome.get_log("browser") if each["level"] == "SEVERE"]
    assert not [error for error in errors if "favicon" not in error], errors
site.terminate()
'''


def toolbar(version: str) -> str:
    """The folder of another version than the installed one, which pip makes when it is first needed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = FOLDER / version
    with (FOLDER / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be making it
        if not folder.exists():
            install(version, folder)
    return str(folder)


def install(version: str, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*pip, "--target", str(folder), f"django-debug-toolbar=={version}"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, check=False)
    if done.returncode:
        reason = f"pip cannot install django-debug-toolbar {version}: {done.stderr.strip()[-500:]}"
        if os.environ.get("REQUIRE_INTEGRATIONS") == "1":
            pytest.fail(f"{reason}\nREQUIRE_INTEGRATIONS=1", pytrace=False)
        pytest.skip(reason)


@pytest.fixture(params=["5.2.0", "8.0.0"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings_of_project(version: str) -> str:
    import debug_toolbar

    return SETTINGS.replace("TOOLBAR", "" if version == debug_toolbar.VERSION else toolbar(version), 2)


def test_pages_show_the_number_of_their_requests(project: Project, version: str, settings_of_project: str) -> None:
    script = PAGES.replace("{VERSION}", version)
    project.run(script, settings=settings_of_project, urls=URLS, tables=False)


def test_the_panel_lists_the_requests_in_a_browser(project: Project, version: str, settings_of_project: str) -> None:
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: apt-get install chromium chromium-driver)")
    project.run(VISIT.replace("{VERSION}", version), settings=settings_of_project, urls=URLS, tables=False)
