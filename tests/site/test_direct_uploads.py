"""The example site's page for large files, and presigned uploads, in a real browser and into a real server."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tools.demo_check import Browser
from tools.demo_site import USERNAME

if TYPE_CHECKING:
    from pathlib import Path

    from selenium.webdriver import Chrome

    from django_minio_backend import MinioBackend
    from tools.demo_site import Site

# MinIO allows pages of every origin to upload; the others need a CORS rule, see docs/how-to/direct-uploads.md on CORS.
pytestmark = pytest.mark.needs("minio-health", "signatures")

MIB = 1024**2


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "Ferien in Zürich.mp4"
    with path.open("wb") as file:
        for _ in range(50):
            file.write(os.urandom(MIB))
    return path


def upload(chrome: Chrome, film: Path, button: str) -> None:
    """Fill the form in, wait for the upload, and save."""
    chrome.find_element(By.ID, "id_title").send_keys("Zürich")
    chrome.find_element(By.ID, "id_file").send_keys(str(film))
    WebDriverWait(chrome, 90).until(lambda _: chrome.find_elements(By.CSS_SELECTOR, "[data-state=done]"))
    chrome.find_element(By.CSS_SELECTOR, button).click()
    WebDriverWait(chrome, 30).until(lambda _: chrome.find_elements(By.CSS_SELECTOR, ".messages, .messagelist"))


def expect_stored(chrome: Chrome, site: Site, film: Path) -> None:
    chrome.get(f"{site.address}files/")
    address = str(chrome.find_element(By.LINK_TEXT, "Zürich").get_attribute("href"))
    assert f"{site.server.endpoint}/{site.prefix}-private/" in address
    answer = Browser().get(address)
    assert answer.content_type == "video/mp4"
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(film.read_bytes()).digest()
    console = chrome.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium's
    assert [entry for entry in console if entry["level"] == "SEVERE" and "favicon" not in entry["message"]] == []


def test_the_page_stores_a_file_without_passing_it_through_django(chrome: Chrome, site: Site, film: Path) -> None:
    chrome.get(f"{site.address}files/")
    upload(chrome, film, "form .button[type=submit]")
    assert "“Zürich” is stored." in chrome.find_element(By.CSS_SELECTOR, ".messages").text
    expect_stored(chrome, site, film)


def test_the_administration_stores_a_file_without_passing_it_through_django(
    chrome: Chrome, site: Site, film: Path
) -> None:
    site.manage("createsuperuser", "--no-input")
    chrome.get(f"{site.address}admin/gallery/privateattachment/add/")
    chrome.find_element(By.NAME, "username").send_keys(USERNAME)
    chrome.find_element(By.NAME, "password").send_keys(site.password)
    chrome.find_element(By.CSS_SELECTOR, "[type=submit]").click()
    WebDriverWait(chrome, 30).until(lambda _: chrome.find_elements(By.ID, "id_file"))
    upload(chrome, film, "[name=_save]")
    expect_stored(chrome, site, film)


SEND_BY_POST = """
const [url, fields, type, done] = arguments;
const body = new FormData();
Object.entries(fields).forEach(([name, value]) => body.append(name, name === "Content-Type" ? type : value));
body.append("file", new Blob(["content"]), "a b.txt");
fetch(url, {method: "POST", body}).then((answer) => done(answer.status), done);
"""


@pytest.mark.parametrize("content_type", ["text/plain", "text/html"])
def test_a_page_uploads_by_a_signed_form_what_was_agreed(
    chrome: Chrome, site: Site, storage: MinioBackend, content_type: str
) -> None:
    upload = storage.presigned_upload("a b.txt", max_size=7, content_type="text/plain")
    chrome.get(f"{site.address}files/")
    status = chrome.execute_async_script(SEND_BY_POST, upload.url, upload.fields, content_type)
    assert status == (204 if content_type == "text/plain" else 403)
    assert storage.exists(upload.name) is (content_type == "text/plain")


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
    chrome.get(f"{site.address}files/")
    status = chrome.execute_async_script(SEND_BY_PUT, upload.url, headers)
    assert status == (200 if left_out is None else 400)
    assert storage.exists(upload.name) is (left_out is None)
