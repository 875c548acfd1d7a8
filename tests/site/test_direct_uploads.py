"""The example site's page for large files, in a real browser and straight into a real server."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest
from django.core import signing
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tools.demo_check import Browser
from tools.demo_site import client_of

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

    from django_minio_backend import MinioBackend
    from tools.demo_check import Answer
    from tools.demo_site import Site

# MinIO allows pages of every origin to upload; the others need a CORS rule, see docs/how-to/direct-uploads.md on CORS.
pytestmark = pytest.mark.needs("minio-health", "signatures")

MIB = 1024**2

WATCH_PROGRESS = """
window.seen = [];
const bar = document.getElementById("progress");
new MutationObserver(() => { if (seen.at(-1) !== bar.value) seen.push(bar.value); })
    .observe(bar, {attributes: true, childList: true, subtree: true});
"""

LIE_ABOUT_THE_FILE = """
Object.defineProperty(File.prototype, "size", {get: () => 1000});
Object.defineProperty(File.prototype, "type", {get: () => "application/pdf"});
"""

CHANGE_THE_TYPE = """
const append = FormData.prototype.append;
FormData.prototype.append = function (name, value) {
    return append.call(this, name, name === "Content-Type" ? "text/html" : value);
};
"""


def element(chrome: Chrome, name: str) -> WebElement:
    return chrome.find_element(By.ID, name)


def upload(chrome: Chrome, site: Site, file: Path, *, title: str, script: str = "") -> None:
    """Fill the form in and send it, as a visitor does, until the page shows the result."""
    chrome.get(f"{site.address}direct/")
    chrome.execute_script(WATCH_PROGRESS + script)
    element(chrome, "title").send_keys(title)
    element(chrome, "file").send_keys(str(file))
    element(chrome, "send").click()
    WebDriverWait(chrome, 90).until(
        lambda _: element(chrome, "error").is_displayed() or element(chrome, "done").is_displayed()
    )


def error_of(chrome: Chrome) -> str:
    error = element(chrome, "error")
    assert error.is_displayed()
    assert error.get_attribute("role") == "alert"
    assert element(chrome, "send").is_enabled()
    return error.text


def objects(site: Site) -> list[str]:
    found = client_of(site.server).list_objects(f"{site.prefix}-private", recursive=True)
    return [str(one.object_name) for one in found]


def ask(site: Site, browser: Browser, step: str, fields: dict[str, str]) -> Answer:
    """Ask what the page's script asks."""
    page = f"{site.address}direct/"
    return browser.submit(page, fields, to=f"{page}{step}/")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "Ferien in Zürich.mp4"
    with path.open("wb") as file:
        for _ in range(50):
            file.write(os.urandom(MIB))
    return path


def test_fifty_mebibytes_go_straight_to_the_bucket_and_are_recorded(chrome: Chrome, site: Site, film: Path) -> None:
    # A line of 40 MB/s, so that there is something to see.
    chrome.set_network_conditions(offline=False, latency=0, throughput=40 * MIB)
    upload(chrome, site, film, title="Zürich")
    assert not element(chrome, "error").is_displayed(), element(chrome, "error").text
    assert "“Zürich” is stored." in element(chrome, "done").text
    seen = chrome.execute_script("return seen")
    moved = [value for value in seen if 0 < value < 100]
    assert len(moved) >= 3, seen
    assert moved == sorted(moved)
    assert seen[-1] == 100

    element(chrome, "done").find_element(By.TAG_NAME, "a").click()
    link = WebDriverWait(chrome, 20).until(lambda _: chrome.find_element(By.LINK_TEXT, "Zürich"))
    url = str(link.get_attribute("href"))
    assert f"{site.server.endpoint}/{site.prefix}-private/" in url
    response = Browser().get(url)
    assert response.content_type == "video/mp4"
    assert hashlib.sha256(response.body).digest() == hashlib.sha256(film.read_bytes()).digest()
    console = chrome.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium's
    problems = [entry for entry in console if entry["level"] == "SEVERE"]
    assert problems == []


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(chrome: Chrome, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "large.pdf"
    with file.open("wb") as sparse:
        sparse.truncate(101 * 10**6)
    upload(chrome, site, file, title="Too large")
    assert error_of(chrome) == "This file is larger than 100 MB."
    assert element(chrome, "title").get_property("value") == "Too large"


def test_a_file_of_another_kind_is_refused_before_it_is_sent(chrome: Chrome, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<p>Hello</p>")
    upload(chrome, site, file, title="A page")
    assert error_of(chrome).startswith("This kind of file is not accepted. Please choose one of PDF, ")


def test_the_server_refuses_a_file_larger_than_agreed(chrome: Chrome, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "large.pdf"
    with file.open("wb") as sparse:
        sparse.truncate(101 * 10**6)
    before = objects(site)
    upload(chrome, site, file, title="A lie", script=LIE_ABOUT_THE_FILE)
    assert error_of(chrome) == "The server refused this file: it is too large."
    assert objects(site) == before


def test_the_server_refuses_another_type_than_agreed(chrome: Chrome, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "page.pdf"
    file.write_text("<script>alert(1)</script>")
    before = objects(site)
    upload(chrome, site, file, title="A lie", script=CHANGE_THE_TYPE)
    assert error_of(chrome).startswith("The server refused this file: it is not of the kind")
    assert objects(site) == before


SEND_BY_PUT = """
const [url, headers, done] = arguments;
fetch(url, {method: "PUT", headers, body: new Blob(["content"])}).then((response) => done(response.status), done);
"""


@pytest.mark.parametrize("left_out", [None, "x-amz-copy-source-if-match", "x-amz-tagging"])
def test_a_page_uploads_by_a_signed_put_with_all_of_its_headers(
    chrome: Chrome, site: Site, storage: MinioBackend, left_out: str | None
) -> None:
    """Browsers ask first whether they may send these headers (CORS), and send the empty ones too."""
    upload = storage.presigned_upload("a b.txt", max_size=7, size=7, method="PUT")
    headers = {name: value for name, value in upload.headers.items() if name != left_out}
    chrome.get(f"{site.address}direct/")
    status = chrome.execute_async_script(SEND_BY_PUT, upload.url, headers)
    assert status == (200 if left_out is None else 400)
    assert storage.exists(upload.name) is (left_out is None)


def test_what_is_missing_is_told(chrome: Chrome, site: Site) -> None:
    chrome.get(f"{site.address}direct/")
    element(chrome, "send").click()
    assert error_of(chrome) == "Please give the file a title."
    assert chrome.switch_to.active_element == element(chrome, "title")
    element(chrome, "title").send_keys("A title")
    element(chrome, "send").click()
    assert error_of(chrome) == "Please choose a file."


def test_the_page_is_labelled(chrome: Chrome, site: Site) -> None:
    chrome.get(f"{site.address}direct/")
    for name in ("title", "file", "progress"):
        assert chrome.find_element(By.CSS_SELECTOR, f"label[for={name}]").get_attribute("textContent")
    assert len(chrome.find_elements(By.TAG_NAME, "h1")) == 1
    assert chrome.find_elements(By.CSS_SELECTOR, "[role=status]")
    described = element(chrome, "file").get_attribute("aria-describedby")
    assert "MB" in element(chrome, str(described)).text


@pytest.mark.parametrize("salt", ["gallery.direct", "something else"])
def test_only_an_upload_that_was_begun_is_recorded(site: Site, salt: str) -> None:
    """A name of the visitor's own making is signed with another key, whatever object it names."""
    token = signing.dumps("2026-1-1/of-another-user.pdf", key="another key", salt=salt)
    response = ask(site, Browser(), "finish", {"title": "Mine", "token": token})
    assert response.status == 403
    assert "not begun here" in json.loads(response.body)["error"]


def test_what_has_not_arrived_is_not_recorded(site: Site) -> None:
    browser = Browser()
    file = {"name": "a.pdf", "content_type": "application/pdf", "size": "10"}
    begun = json.loads(ask(site, browser, "begin", file).body)
    response = ask(site, browser, "finish", {"title": "Mine", "token": begun["token"]})
    assert response.status == 409
    assert "not arrived" in json.loads(response.body)["error"]
