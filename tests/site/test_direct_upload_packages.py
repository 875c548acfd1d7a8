"""Direct uploads with packages of npm: Uppy sends to the same endpoints, axe finds the widget accessible."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.site.test_direct_upload_widget import MIB, by_id, film, same, save, slow_down, states, until, uploaded

if TYPE_CHECKING:
    from collections.abc import Callable

    from selenium.webdriver import Chrome

    from tests.site.conftest import Films

pytestmark = pytest.mark.needs("minio-health", "signatures")

EXAMPLE = Path(__file__).parent / "uppy.js"

UPLOAD_BY_UPPY = """
const done = arguments[0];
const input = document.querySelector("#id_file");
const uppy = new Uppy();
useDirectUploads(uppy, AwsS3, {
    url: input.dataset.directUploadUrl,
    grant: input.dataset.directUploadGrant,
    csrfToken: document.querySelector("[name=csrfmiddlewaretoken]").value,
    onReceipt: (file, receipt) => { document.querySelector("[name=file-receipt]").value = receipt; done("stored"); },
});
const {name, type} = picked;
uppy.addFile({name, type, data: picked});
uppy.upload().then(({failed}) => { if (failed.length) done(failed[0].error); }, (error) => done(String(error)));
"""
TAKE_FILE = """
document.body.insertAdjacentHTML("beforeend", '<label>Uppy <input type="file" id="uppy"></label>');
document.querySelector("#uppy").addEventListener("change", (event) => { window.picked = event.target.files[0]; });
"""


def bundle(npm: Path, folder: Path) -> str:
    """Uppy and its plugin as one script."""
    entry = folder / "entry.js"
    entry.write_text('export {default as Uppy} from "@uppy/core"; export {default as AwsS3} from "@uppy/aws-s3";')
    program = npm / ".bin" / "esbuild"
    arguments = ["--bundle", "--format=iife", "--global-name=packages", "--log-level=error"]
    environment = {"NODE_PATH": str(npm), "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run([program, entry, *arguments], env=environment, check=True, capture_output=True, text=True)
    return f"{done.stdout}; Object.assign(window, packages);"


@pytest.mark.parametrize("size", [MIB, 40 * MIB], ids=["one request", "several parts"])
def test_uppy_uploads_to_the_same_endpoints(
    chrome: Chrome, films: Films, make_file: Callable[..., Path], npm: Path, tmp_path: Path, size: int
) -> None:
    file = make_file(size=size)
    chrome.get(f"{films.url}/add/")
    chrome.execute_script(bundle(npm, tmp_path))
    chrome.execute_script(f"{EXAMPLE.read_text()}; window.useDirectUploads = useDirectUploads; {TAKE_FILE}")
    by_id(chrome, "uppy").send_keys(str(file))
    chrome.set_script_timeout(60)
    assert chrome.execute_async_script(UPLOAD_BY_UPPY) == "stored"
    by_id(chrome, "id_title").send_keys("Zürich")
    save(chrome)
    assert same(film().file, file)


def violations(chrome: Chrome, npm: Path, scope: str) -> list[str]:
    """What axe finds in a part of the page."""
    chrome.execute_script((npm / "axe-core" / "axe.min.js").read_text())
    script = "const [scope, done] = arguments; axe.run(scope).then((result) => done(result.violations))"
    found = chrome.execute_async_script(script, scope)
    return [f"{each['id']}: {json.dumps([node['html'] for node in each['nodes']])}" for each in found]


def test_axe_finds_nothing_in_a_form(chrome: Chrome, films: Films, make_file: Callable[..., Path], npm: Path) -> None:
    chrome.get(f"{films.url}/add/")
    assert violations(chrome, npm, "html") == []
    slow_down(chrome, 1)
    by_id(chrome, "id_file").send_keys(str(make_file()))
    until(chrome, lambda: "left" in by_id(chrome, "id_file").find_element(By.XPATH, "..").text)
    assert violations(chrome, npm, "html") == []
    slow_down(chrome, 100)
    uploaded(chrome)
    assert violations(chrome, npm, "html") == []
    by_id(chrome, "id_file").send_keys(str(make_file("page.html")))
    until(chrome, lambda: states(chrome) == ["failed"])
    assert violations(chrome, npm, "html") == []


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_the_admin(
    chrome: Chrome, films: Films, make_file: Callable[..., Path], npm: Path, *, dark: bool
) -> None:
    features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    chrome.get(f"{films.url}/admin/films/film/add/")
    slow_down(chrome, 1)
    by_id(chrome, "id_file").send_keys(str(make_file("page.html")))
    by_id(chrome, "id_subtitle_set-0-file").send_keys(str(make_file("first.srt")))
    WebDriverWait(chrome, 30).until(lambda _: len(states(chrome)) == 2)
    assert violations(chrome, npm, ".direct-upload-list, .direct-upload-status") == []
    slow_down(chrome, 100)
    until(chrome, lambda: "running" not in states(chrome))
    assert violations(chrome, npm, ".direct-upload-list, .direct-upload-status") == []
