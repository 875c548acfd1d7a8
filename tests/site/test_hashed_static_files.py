"""The example site's admin in a browser, with its static files under hashed names."""

from __future__ import annotations

import dataclasses
import os
import re
from typing import TYPE_CHECKING, Any

import pytest
from PIL import ImageFont
from selenium.webdriver.common.by import By

from tests.support.static_files import write
from tools.demo_site import USERNAME, Site, delete_buckets, prepared, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

    from tools.servers import Server

pytestmark = pytest.mark.needs("policies")

SETTINGS = """
from config.settings import *
STORAGES["staticfiles"]["BACKEND"] = "django_minio_backend.models.MinioManifestStaticStorage"
STORAGES["staticfiles"]["OPTIONS"]["MINIO_STATIC_GZIP"] = {gzip}
STATICFILES_DIRS = ["{folder}"]
"""

# Returns what was loaded: the font of the style sheet, and the modules.
SCRIPT = """
const [style, script, done] = arguments;
const link = document.createElement("link");
link.rel = "stylesheet";
link.href = style;
link.onload = async () => {
    const fonts = await document.fonts.load("16px Shipped");
    const module = await import(script);
    done([fonts.length, fonts[0] && fonts[0].status, module.text]);
};
link.onerror = () => done(["no style sheet"]);
document.head.append(link);
"""


@pytest.fixture(params=[False, True], ids=["plain", "gzip"])
def site(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Site]:
    """The example site, served, with a font and two modules in addition to its static files."""
    files = tmp_path / "files"
    font: Any = ImageFont.load_default(16)
    write(
        files,
        {
            "extra/fonts/shipped.ttf": font.font_bytes,
            "extra/style.css": b'@font-face { font-family: "Shipped"; src: url("fonts/shipped.ttf"); }' + b"\n" * 200,
            "extra/main.js": b'import { part } from "./part.mjs";\nexport const text = `all of ${part}`;' + b"\n" * 200,
            "extra/part.mjs": b'export const part = "it";',
        },
    )
    (tmp_path / "hashed_settings.py").write_text(SETTINGS.format(folder=files, gzip=request.param))
    plain = prepared(server, tmp_path)
    variables = {
        **plain.variables,
        "DJANGO_SETTINGS_MODULE": "hashed_settings",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), plain.variables["PYTHONPATH"]]),
    }
    site = dataclasses.replace(plain, variables=variables)
    try:
        for command in ("initialize_buckets", "migrate", "collectstatic", "createsuperuser"):
            site.manage(command, *(["--no-input"] if command != "initialize_buckets" else []))
        with served(site):
            yield site
    finally:
        delete_buckets(site)


def static_url(site: Site, name: str) -> str:
    """The URL of a file in a template."""
    template = "from django.templatetags.static import static; print(static({name!r}))"
    return site.manage("shell", "--command", template.format(name=name)).splitlines()[-1]


def console_errors(chrome: Chrome) -> list[str]:
    """Lines of the browser's console that are warnings or errors, except for the missing /favicon.ico."""
    lines: list[dict[str, str]] = chrome.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium has no types
    bad = [line["message"] for line in lines if line["level"] in ("SEVERE", "WARNING")]
    return [message for message in bad if "/favicon.ico - Failed to load" not in message]


def test_the_admin_is_styled_and_nothing_is_missing(site: Site, chrome: Chrome, tmp_path: Path) -> None:
    chrome.get(f"{site.address}admin/")
    chrome.find_element(By.NAME, "username").send_keys(USERNAME)
    chrome.find_element(By.NAME, "password").send_keys(site.password)
    chrome.find_element(By.CSS_SELECTOR, "[type=submit]").click()
    for page in ("admin/", "admin/auth/user/", "admin/auth/user/add/", "admin/auth/group/add/"):
        chrome.get(f"{site.address}{page}")
        loaded = chrome.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
        static = [name for name in loaded if f"{site.prefix}-static/" in name]
        assert [name for name in static if name.endswith(".css")], page
        assert all(re.search(r"\.[0-9a-f]{12}\.\w+$", name) for name in static), page
        header = chrome.find_element(By.ID, "header").value_of_css_property("background-color")
        assert header == "rgba(65, 118, 144, 1)", page  # the colour in the admin's style sheets
    assert chrome.find_elements(By.CSS_SELECTOR, ".selector-chosen")  # made by a script
    assert chrome.save_screenshot(str(tmp_path / "admin.png"))
    assert console_errors(chrome) == []


def test_fonts_and_modules_load_from_the_server(site: Site, chrome: Chrome) -> None:
    chrome.get(f"{site.address}admin/")
    style, script = static_url(site, "extra/style.css"), static_url(site, "extra/main.js")
    assert site.server.endpoint in style
    assert ".css" in style
    assert not style.endswith("/style.css")
    assert chrome.execute_async_script(SCRIPT, style, script) == [1, "loaded", "all of it"]
    assert console_errors(chrome) == []
