"""The example site as a visitor sees it: at every width, light and dark, under its Content-Security-Policy."""

from __future__ import annotations

import html
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tools.demo_check import Browser, linked, noise
from tools.demo_site import USERNAME
from tools.servers import MINIO_INSTALL

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from tools.demo_site import Site

pytestmark = pytest.mark.needs("stored-policies")  # without public buckets there is no style sheet

OVERFLOW = "return document.documentElement.scrollWidth - window.innerWidth"
WHOLE_PAGE = "return document.documentElement.scrollHeight"


@pytest.fixture(scope="module")
def filled(site: Site) -> Site:
    """The example site with an administrator, its four sample pictures, a picture with notes, and a file."""
    site.manage("createsuperuser", "--no-input")
    site.manage("add_sample_pictures")
    files = {"picture": ("Ferien in Zürich.png", noise()), "notes": ("notes.png", noise())}
    Browser().submit(site.address, {"title": "Holidays", "visibility": "private"}, files)
    Browser().submit(f"{site.address}files/", {"title": "Report"}, {"file": ("report.pdf", b"%PDF-")})
    return site


def emulate(chrome: Chrome, width: int, scheme: str, height: int = 900) -> None:
    """Give the browser a screen and a preferred colour scheme."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def problems(chrome: Chrome) -> list[str]:
    """Errors and warnings in the console, violations of the Content-Security-Policy included."""
    console: list[dict[str, str]] = chrome.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium's
    bad = [entry["message"] for entry in console if entry["level"] in ("SEVERE", "WARNING")]
    return [message for message in bad if "/favicon.ico" not in message]


def text_of(chrome: Chrome) -> str:
    return chrome.find_element(By.TAG_NAME, "body").text


def log_in(chrome: Chrome, site: Site) -> None:
    chrome.get(f"{site.address}admin/")
    chrome.find_element(By.NAME, "username").send_keys(USERNAME)
    chrome.find_element(By.NAME, "password").send_keys(site.password)
    chrome.find_element(By.CSS_SELECTOR, "[type=submit]").click()
    WebDriverWait(chrome, 30).until(lambda _: chrome.find_elements(By.ID, "user-tools"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways_or_breaks_its_policy(filled: Site, chrome: Chrome, width: int, scheme: str) -> None:
    emulate(chrome, width, scheme)
    delete = linked(Browser().get(filled.address), "Delete Holidays").removeprefix("/")
    pages = {"gallery": "", "files": "files/", "delete": delete}
    wide = {}
    for name, path in pages.items():
        chrome.get(filled.address + path)
        if (overflow := chrome.execute_script(OVERFLOW)) > 0:
            wide[name] = overflow
        if folder := os.environ.get("SCREENSHOTS"):
            emulate(chrome, width, scheme, chrome.execute_script(WHOLE_PAGE))
            time.sleep(0.5)  # for pictures that load when they come into view
            chrome.save_screenshot(str(Path(folder, f"{name}-{width}-{scheme}.png")))
            emulate(chrome, width, scheme)
    assert (wide, problems(chrome)) == ({}, [])


def test_the_admin_keeps_the_policy_and_shows_thumbnails_of_their_size(filled: Site, chrome: Chrome) -> None:
    log_in(chrome, filled)
    for path in ("", "gallery/publicpicture/add/", "auth/user/add/", "gallery/privatepicture/"):
        chrome.get(f"{filled.address}admin/{path}")
    thumbnail = chrome.find_element(By.CSS_SELECTOR, ".gallery-thumbnail")
    WebDriverWait(chrome, 30).until(lambda _: thumbnail.size["height"] > 1)
    assert thumbnail.size["height"] <= 48
    assert problems(chrome) == []


def test_a_card_shows_the_time_left_and_copies_the_link(filled: Site, chrome: Chrome) -> None:
    allowed = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": filled.address}
    chrome.execute_cdp_cmd("Browser.grantPermissions", allowed)
    chrome.get(filled.address)
    card = chrome.find_element(By.XPATH, "//li[.//img[@alt='Moon above the sea']]")
    facts = card.find_element(By.CSS_SELECTOR, ".facts").text
    assert all(fact in facts for fact in ("presigned", "1 h 5", f"{filled.prefix}-private")), facts
    button = card.find_element(By.CSS_SELECTOR, "[data-copy]")
    button.click()
    WebDriverWait(chrome, 10).until(lambda _: button.text == "Copied")
    copied = chrome.execute_async_script("navigator.clipboard.readText().then(arguments[0], arguments[0])")
    assert copied == card.find_element(By.TAG_NAME, "img").get_attribute("src")
    WebDriverWait(chrome, 10).until(lambda _: button.text == "Copy link")


def test_a_download_has_the_original_name_and_missing_notes_no_link(filled: Site) -> None:
    page = Browser().get(filled.address)
    answer = Browser().get(linked(page, "Download Holidays as Ferien in Zürich.png"))
    assert "filename*=UTF-8''Ferien%20in%20Z%C3%BCrich.png" in answer.disposition
    assert [label for label in page.page.links if label.startswith("Notes of")] == ["Notes of Holidays"]


def test_deleting_asks_and_leaves_the_object(filled: Site, chrome: Chrome) -> None:
    Browser().submit(filled.address, {"title": "To delete", "visibility": "public"}, {"picture": ("a.png", noise())})
    chrome.get(filled.address)
    url = str(chrome.find_element(By.XPATH, "//img[@alt='To delete']").get_attribute("src"))
    chrome.find_element(By.CSS_SELECTOR, "[aria-label='Delete To delete']").click()
    assert "clean_orphaned_minio_files" in text_of(chrome)
    chrome.find_element(By.CSS_SELECTOR, "form .danger").click()
    WebDriverWait(chrome, 30).until(lambda _: chrome.find_elements(By.CSS_SELECTOR, ".messages a"))
    assert chrome.find_elements(By.XPATH, "//img[@alt='To delete']") == []
    assert chrome.find_element(By.CSS_SELECTOR, ".messages a").get_attribute("href") == url
    assert Browser().get(url).status == 200


def test_an_unknown_kind_of_upload_cannot_be_deleted(filled: Site) -> None:
    assert Browser().get(f"{filled.address}delete/session/1/").status == 404


def test_the_banner_and_the_list_fit_the_server(filled: Site) -> None:
    page = Browser().get(filled.address).body.decode()
    things = [line.partition(". ")[2] for line in filled.manage("things_to_try").splitlines()]
    assert [thing for thing in things if thing and html.escape(thing) not in page] == []
    is_stand_in = "signatures" not in filled.server.capabilities
    assert ("Signatures are not checked here." in page) is (MINIO_INSTALL in page) is is_stand_in
    assert ("a real server responds with 403" in page) is is_stand_in


def test_the_printed_command_runs_from_any_folder_and_is_for_its_owner_alone(filled: Site, tmp_path: Path) -> None:
    command = Path(filled.variables["MANAGE_COMMAND"])
    assert command.stat().st_mode & 0o077 == 0
    done = subprocess.run([command, "check"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "no issues" in done.stdout
