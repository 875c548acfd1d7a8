"""Forms and the admin with direct uploads, in a real browser and straight into a real server."""

from __future__ import annotations

import hashlib
import os
import random
import time
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests import settings as site_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from django.db.models.fields.files import FieldFile
    from minio import Minio
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

    from tests.site.conftest import Films

# MinIO allows pages of every origin to upload; the others have to be told.
pytestmark = pytest.mark.needs("minio-health", "signatures")

MIB = 1024**2
LARGE = int(os.environ.get("DIRECT_UPLOAD_SIZE", 100 * MIB))
"""Bytes of the largest file; 1500000000 takes some minutes."""

COUNT_PARTS = """
window.sentParts = [];
const send = XMLHttpRequest.prototype.open;
XMLHttpRequest.prototype.open = function (method, url) {
    this.addEventListener("load", () => sentParts.push(new URL(url).searchParams.get("partNumber")));
    return send.apply(this, arguments);
};
"""
NOTE_EVENTS = """
window.events = [];
const note = (name, event) => events.push([name, event.target.id, event.detail.loaded]);
for (const name of ["start", "progress", "error", "end"])
    document.addEventListener(`direct-upload:${name}`, (event) => note(name, event));
"""
DROP = """
const [selector, ...names] = arguments;
const data = new DataTransfer();
names.forEach((name) => data.items.add(new File([name], name, {type: "text/plain"})));
const target = document.querySelector(selector);
for (const type of ["dragenter", "dragover", "drop"])
    target.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
"""


def by_id(chrome: Chrome, name: str) -> WebElement:
    return chrome.find_element(By.ID, name)


def until(chrome: Chrome, condition: Callable[[], Any], seconds: float = 60) -> Any:
    return WebDriverWait(chrome, seconds, poll_frequency=0.1).until(lambda _: condition())


def states(chrome: Chrome) -> list[str]:
    """What the page shows of each file: running, failed or done."""
    return [str(item.get_attribute("data-state")) for item in chrome.find_elements(By.CSS_SELECTOR, "[data-state]")]


def text_of(chrome: Chrome) -> str:
    return " ".join(element.text for element in chrome.find_elements(By.CSS_SELECTOR, ".direct-upload-text"))


def uploaded(chrome: Chrome, count: int = 1, seconds: float = 120) -> None:
    until(chrome, lambda: states(chrome) == ["done"] * count or "failed" in states(chrome), seconds)
    assert states(chrome) == ["done"] * count, text_of(chrome)


def button(chrome: Chrome, kind: str) -> WebElement:
    return chrome.find_element(By.CSS_SELECTOR, f".direct-upload-{kind}")


def save(chrome: Chrome) -> None:
    by_id(chrome, "save").click()
    until(chrome, lambda: chrome.title == "Done")


def slow_down(chrome: Chrome, mebibytes: float) -> None:
    """Limit how much this browser sends in a second."""
    chrome.set_network_conditions(offline=False, latency=0, throughput=int(mebibytes * MIB))


def same(stored: FieldFile, file: Path) -> bool:
    """Whether these are the same bytes."""
    with stored.open() as content, file.open("rb") as original:
        digests = [hashlib.file_digest(stream, "sha256").digest() for stream in (content, original)]
    return digests[0] == digests[1]


def film() -> Any:
    from tests.site.films.models import Film

    return Film.objects.get()


def problems(chrome: Chrome) -> list[str]:
    """What the console complains of, broken Content-Security-Policies included."""
    console = chrome.get_log("browser")  # type: ignore[no-untyped-call]  # Selenium's
    return [entry["message"] for entry in console if entry["level"] == "SEVERE" and "favicon" not in entry["message"]]


def objects(sdk: Minio) -> list[str]:
    found = sdk.list_objects(bucket_name=site_settings.PRIVATE_BUCKET, recursive=True)
    return [str(each.object_name) for each in found]


@pytest.mark.parametrize("size", [0, 1, 3 * MIB, 17 * MIB], ids=["empty", "one byte", "one request", "two parts"])
def test_a_form_uploads_a_chosen_file_at_once_and_saves_it(
    chrome: Chrome, films: Films, make_file: Callable[..., Path], size: int
) -> None:
    file = make_file(size=size)
    chrome.get(f"{films.url}/add/")
    by_id(chrome, "id_file").send_keys(str(file))
    uploaded(chrome)
    by_id(chrome, "id_title").send_keys("Zürich")
    if size == 0:
        by_id(chrome, "save").click()
        until(chrome, lambda: "The submitted file is empty." in chrome.page_source)
        return
    save(chrome)
    assert film().title == "Zürich"
    assert str(film().file).startswith("films/Ferien_in_Zürich")
    assert same(film().file, file)
    assert films.count("begin") == films.count("complete") == 1
    assert films.count("sign") == int(size > 16 * MIB)
    assert problems(chrome) == []


def test_a_form_shown_again_with_errors_keeps_the_file(
    chrome: Chrome, films: Films, make_file: Callable[..., Path]
) -> None:
    file = make_file()
    chrome.get(f"{films.url}/required/")
    by_id(chrome, "id_file").send_keys(str(file))
    uploaded(chrome)
    title = by_id(chrome, "id_title")
    chrome.execute_script("arguments[0].removeAttribute('maxlength')", title)
    title.send_keys("a title that is too long for its field")
    by_id(chrome, "save").click()
    until(chrome, lambda: chrome.find_elements(By.CSS_SELECTOR, ".errorlist"))
    assert states(chrome) == ["done"]
    assert file.name in by_id(chrome, "id_file").find_element(By.XPATH, "..").text
    by_id(chrome, "id_title").clear()
    by_id(chrome, "id_title").send_keys("Zürich")
    save(chrome)
    assert same(film().file, file)
    assert films.count("begin") == 1


def test_a_file_kept_by_the_form_can_be_removed(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    chrome.get(f"{films.url}/required/")
    by_id(chrome, "id_file").send_keys(str(make_file()))
    uploaded(chrome)
    chrome.execute_script("document.querySelector('#id_title').required = false")
    by_id(chrome, "save").click()
    until(chrome, lambda: chrome.find_elements(By.CSS_SELECTOR, ".errorlist"))
    button(chrome, "cancel").click()
    by_id(chrome, "id_title").send_keys("Zürich")
    by_id(chrome, "save").click()
    until(chrome, lambda: chrome.find_elements(By.CSS_SELECTOR, "#id_file[required]"))
    assert states(chrome) == []


def test_without_javascript_the_file_goes_through_django(
    chrome: Chrome, films: Films, make_file: Callable[..., Path]
) -> None:
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    file = make_file()
    chrome.get(f"{films.url}/add/")
    by_id(chrome, "id_title").send_keys("Zürich")
    by_id(chrome, "id_file").send_keys(str(file))
    save(chrome)
    assert same(film().file, file)
    assert films.count("begin") == 0


def test_a_listener_can_leave_the_file_to_django(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    file = make_file()
    chrome.get(f"{films.url}/add/")
    chrome.execute_script("addEventListener('direct-upload:start', (event) => event.preventDefault())")
    by_id(chrome, "id_title").send_keys("Zürich")
    by_id(chrome, "id_file").send_keys(str(file))
    save(chrome)
    assert same(film().file, file)
    assert films.count("begin") == 0


def test_events_report_the_upload(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    chrome.get(f"{films.url}/add/")
    chrome.execute_script(NOTE_EVENTS)
    slow_down(chrome, 20)
    file = make_file(size=20 * MIB)
    by_id(chrome, "id_file").send_keys(str(file))
    uploaded(chrome)
    events = chrome.execute_script("return events")
    assert events[0] == ["start", "id_file", None]
    assert events[-1] == ["end", "id_file", None]
    loaded = [event[2] for event in events if event[0] == "progress"]
    assert len(loaded) >= 3
    assert loaded == sorted(loaded)
    assert loaded[-1] == file.stat().st_size


def test_a_page_with_its_own_design_shows_errors_itself(
    chrome: Chrome, films: Films, make_file: Callable[..., Path]
) -> None:
    chrome.get(f"{films.url}/add/")
    script = "addEventListener('direct-upload:error', (e) => { e.preventDefault(); window.said = e.detail.message; })"
    chrome.execute_script(script)
    by_id(chrome, "id_file").send_keys(str(make_file("page.html")))
    assert until(chrome, lambda: chrome.execute_script("return window.said"))
    assert chrome.execute_script("return said") not in text_of(chrome)


def test_progress_is_shown_in_numbers_and_words(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    chrome.get(f"{films.url}/add/")
    slow_down(chrome, 4)
    by_id(chrome, "id_file").send_keys(str(make_file(size=20 * MIB)))
    until(chrome, lambda: "left" in text_of(chrome))
    assert "of 21 MB (" in text_of(chrome)
    bar = chrome.find_element(By.CSS_SELECTOR, "progress")
    assert bar.accessible_name == "Ferien in Zürich.mp4"
    assert until(chrome, lambda: 0 < float(str(bar.get_attribute("value"))) < 100), "whole percents"
    assert "of 21 MB" in str(chrome.find_element(By.CSS_SELECTOR, "[role=status]").get_attribute("textContent"))


def test_submitting_waits_for_the_upload(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    file = make_file(size=20 * MIB)
    chrome.get(f"{films.url}/add/")
    slow_down(chrome, 8)
    by_id(chrome, "id_title").send_keys("Zürich")
    by_id(chrome, "id_file").send_keys(str(file))
    by_id(chrome, "save").click()
    status = chrome.find_element(By.CSS_SELECTOR, "[role=status]")
    assert status.text == "The form is sent as soon as all files are uploaded."
    until(chrome, lambda: chrome.title == "Done")
    assert same(film().file, file)


def test_cancelling_removes_what_was_sent(
    chrome: Chrome, films: Films, make_file: Callable[..., Path], sdk: Minio
) -> None:
    chrome.get(f"{films.url}/add/")
    slow_down(chrome, 4)
    by_id(chrome, "id_title").send_keys("Zürich")
    file = make_file(size=20 * MIB)
    by_id(chrome, "id_file").send_keys(str(file))
    until(chrome, lambda: "left" in text_of(chrome))
    assert button(chrome, "cancel").text == "Cancel"
    button(chrome, "cancel").click()
    assert states(chrome) == []
    until(chrome, lambda: films.count("abort"))
    save(chrome)
    assert not film().file
    assert objects(sdk) == []
    assert sdk._list_multipart_uploads(bucket_name=site_settings.PRIVATE_BUCKET).uploads == []


def test_the_same_file_can_be_chosen_again_after_cancelling(
    chrome: Chrome, films: Films, make_file: Callable[..., Path]
) -> None:
    chrome.get(f"{films.url}/add/")
    slow_down(chrome, 4)
    file = make_file(size=8 * MIB)
    by_id(chrome, "id_file").send_keys(str(file))
    until(chrome, lambda: states(chrome) == ["running"])
    button(chrome, "cancel").click()
    slow_down(chrome, 100)
    by_id(chrome, "id_file").send_keys(str(file))
    uploaded(chrome)


def test_another_file_takes_the_place_of_the_first(
    chrome: Chrome, films: Films, make_file: Callable[..., Path]
) -> None:
    second = make_file("second.webm")
    chrome.get(f"{films.url}/add/")
    by_id(chrome, "id_title").send_keys("Zürich")
    for file in (make_file(), second):
        by_id(chrome, "id_file").send_keys(str(file))
        uploaded(chrome)
    save(chrome)
    assert same(film().file, second)


def test_a_refused_file_stops_the_form_and_can_be_removed(
    chrome: Chrome, films: Films, make_file: Callable[..., Path]
) -> None:
    chrome.get(f"{films.url}/add/")
    by_id(chrome, "id_title").send_keys("Zürich")
    by_id(chrome, "id_file").send_keys(str(make_file("page.html")))
    until(chrome, lambda: states(chrome) == ["failed"])
    assert text_of(chrome)
    by_id(chrome, "save").click()
    assert chrome.title == "Film"
    assert chrome.switch_to.active_element == button(chrome, "retry")
    button(chrome, "cancel").click()
    save(chrome)
    assert not film().file


def test_everything_works_by_keyboard(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    file = make_file(size=2 * MIB)
    chrome.get(f"{films.url}/add/")
    films.proxy.stop()
    by_id(chrome, "id_file").send_keys(str(file))
    chrome.execute_script("document.querySelector('#id_file').focus()")
    until(chrome, lambda: states(chrome) == ["failed"], 120)
    films.proxy.start()
    press(chrome, Keys.TAB)
    assert chrome.switch_to.active_element == button(chrome, "retry")
    press(chrome, Keys.ENTER)
    uploaded(chrome)
    assert chrome.switch_to.active_element == button(chrome, "cancel")
    press(chrome, Keys.SPACE)
    assert states(chrome) == []
    assert chrome.switch_to.active_element == by_id(chrome, "id_file")


def press(chrome: Chrome, key: str) -> None:
    ActionChains(chrome).send_keys(key).perform()


def test_files_can_be_dropped(chrome: Chrome, films: Films) -> None:
    chrome.get(f"{films.url}/several/")
    chrome.execute_script(DROP, "direct-upload", "a.txt", "b.txt")
    uploaded(chrome, 2)
    chrome.execute_script(DROP, "direct-upload", "c.txt")
    uploaded(chrome, 3)
    save(chrome)
    from tests.app.models import private_storage

    assert sorted(private_storage().listdir("several")[1]) == ["a.txt", "b.txt", "c.txt"]
    assert private_storage().open("several/b.txt").read() == b"b.txt"


def test_a_form_takes_several_files(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    chrome.get(f"{films.url}/several/")
    names = [f"{number}.bin" for number in range(6)]
    by_id(chrome, "id_attachments").send_keys("\n".join(str(make_file(name, 20_000)) for name in names))
    uploaded(chrome, 6)
    chrome.find_elements(By.CSS_SELECTOR, ".direct-upload-cancel")[2].click()
    save(chrome)
    from tests.app.models import private_storage

    assert sorted(private_storage().listdir("several")[1]) == [name for name in names if name != "2.bin"]


def test_a_connection_cut_at_random_loses_nothing(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    file = make_file(size=LARGE)
    films.proxy.cut(lambda: random.randrange(15 * MIB), direction="up", times=20)
    chrome.get(f"{films.url}/add/")
    by_id(chrome, "id_title").send_keys("Zürich")
    by_id(chrome, "id_file").send_keys(str(file))
    uploaded(chrome, seconds=500)
    save(chrome)
    assert same(film().file, file)
    assert films.count("complete") == 1
    assert sum(films.bodies) < 100 * 1024


def test_an_upload_goes_on_when_the_browser_is_online_again(
    chrome: Chrome, films: Films, make_file: Callable[..., Path]
) -> None:
    file = make_file(size=40 * MIB)
    chrome.get(f"{films.url}/add/")
    slow_down(chrome, 10)
    by_id(chrome, "id_title").send_keys("Zürich")
    by_id(chrome, "id_file").send_keys(str(file))
    until(chrome, lambda: "left" in text_of(chrome))
    chrome.set_network_conditions(offline=True, latency=0, throughput=0)
    until(chrome, lambda: "online again" in text_of(chrome))
    slow_down(chrome, 100)
    uploaded(chrome)
    save(chrome)
    assert same(film().file, file)


def test_after_a_reload_only_missing_parts_are_sent(
    chrome: Chrome, films: Films, make_file: Callable[..., Path]
) -> None:
    file = make_file(size=6 * 16 * MIB + 1)
    chrome.get(f"{films.url}/add/")
    chrome.get(f"{films.url}/add/")
    chrome.execute_script(COUNT_PARTS)
    slow_down(chrome, 30)
    by_id(chrome, "id_file").send_keys(str(file))
    until(chrome, lambda: len(chrome.execute_script("return sentParts")) >= 2)
    before = set(chrome.execute_script("return sentParts"))
    chrome.get(f"{films.url}/add/")
    chrome.execute_script(COUNT_PARTS)
    slow_down(chrome, 300)
    by_id(chrome, "id_title").send_keys("Zürich")
    by_id(chrome, "id_file").send_keys(str(file))
    uploaded(chrome)
    after = chrome.execute_script("return sentParts")
    assert before.isdisjoint(after)
    assert len(after) <= 7 - len(before)
    save(chrome)
    assert same(film().file, file)
    assert films.count("begin") == 1


def test_two_tabs_upload_the_same_file(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    from tests.site.films.models import Film

    file = make_file(size=40 * MIB)
    tabs = [chrome.current_window_handle]
    for number in range(2):
        if number:
            chrome.switch_to.new_window("tab")
            tabs.append(chrome.current_window_handle)
        chrome.get(f"{films.url}/add/")
        slow_down(chrome, 10)
        by_id(chrome, "id_title").send_keys(f"Tab {number}")
        by_id(chrome, "id_file").send_keys(str(file))
    for tab in tabs:
        chrome.switch_to.window(tab)
        uploaded(chrome)
        save(chrome)
    stored = list(Film.objects.all())
    assert len({film.file.name for film in stored}) == 2
    assert all(same(film.file, file) for film in stored)


def test_an_expired_grant_is_explained(
    chrome: Chrome, films: Films, make_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    chrome.get(f"{films.url}/add/")
    real = time.time
    monkeypatch.setattr("django.core.signing.time.time", lambda: real() + 30 * 24 * 3600)
    by_id(chrome, "id_file").send_keys(str(make_file()))
    until(chrome, lambda: states(chrome) == ["failed"])
    assert "Reload" in text_of(chrome)


@pytest.mark.usefixtures("staff")
def test_the_admin_adds_a_film_with_inlines(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    file, first, second = make_file(), make_file("first.srt", 20_000), make_file("second.srt", 20_000)
    poster = file.with_name("poster.png")
    Image.new("RGB", (40, 30), "red").save(poster)
    chrome.get(f"{films.url}/admin/films/film/add/")
    by_id(chrome, "id_title").send_keys("Zürich")
    by_id(chrome, "id_file").send_keys(str(file))
    by_id(chrome, "id_poster").send_keys(str(poster))
    by_id(chrome, "id_subtitle_set-0-file").send_keys(str(first))
    chrome.find_element(By.CSS_SELECTOR, ".add-row a").click()
    by_id(chrome, "id_subtitle_set-1-file").send_keys(str(second))
    uploaded(chrome, 4)
    chrome.find_element(By.NAME, "_save").click()
    until(chrome, lambda: "added successfully" in chrome.page_source)
    assert same(film().file, file)
    assert same(film().poster, poster)
    subtitles = list(film().subtitle_set.order_by("pk"))
    assert len(subtitles) == 2
    assert [same(row.file, path) for row, path in zip(subtitles, (first, second), strict=True)] == [True, True]
    assert films.count("begin") == 4
    assert problems(chrome) == []


@pytest.mark.usefixtures("staff")
def test_the_admin_changes_and_clears_a_file(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    from tests.site.films.models import Film

    row = Film.objects.create(title="Zürich", file="films/old.mp4")
    change = f"{films.url}/admin/films/film/{row.pk}/change/"
    file = make_file()
    chrome.get(change)
    assert "Currently" in chrome.page_source
    by_id(chrome, "id_file").send_keys(str(file))
    uploaded(chrome)
    chrome.find_element(By.NAME, "_continue").click()
    until(chrome, lambda: "changed successfully" in chrome.page_source)
    assert same(film().file, file)
    by_id(chrome, "file-clear_id").click()
    by_id(chrome, "id_file").send_keys(str(file))
    uploaded(chrome)
    chrome.find_element(By.NAME, "_save").click()
    until(chrome, lambda: "not both" in chrome.page_source)
    button(chrome, "cancel").click()
    chrome.find_element(By.NAME, "_save").click()
    until(chrome, lambda: "changed successfully" in chrome.page_source)
    assert not film().file


@pytest.mark.usefixtures("staff")
def test_a_user_who_has_logged_out_uploads_no_more(
    chrome: Chrome, films: Films, make_file: Callable[..., Path]
) -> None:
    chrome.get(f"{films.url}/admin/films/film/add/")
    chrome.delete_cookie("sessionid")
    by_id(chrome, "id_file").send_keys(str(make_file()))
    until(chrome, lambda: states(chrome) == ["failed"])
    assert "session" in text_of(chrome)


@pytest.mark.usefixtures("staff")
@pytest.mark.parametrize("page", ["add", "admin/films/film/add"])
def test_a_phone_shows_everything(chrome: Chrome, films: Films, make_file: Callable[..., Path], page: str) -> None:
    screen = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    chrome.get(f"{films.url}/{page}/")
    slow_down(chrome, 1)
    by_id(chrome, "id_file").send_keys(str(make_file("a name that is " + "very " * 15 + "long.mp4")))
    until(chrome, lambda: "left" in text_of(chrome))
    widest = chrome.execute_script("return document.scrollingElement.scrollWidth")
    assert widest <= 360
    for element in chrome.find_elements(By.CSS_SELECTOR, ".direct-upload-item > :not([hidden])"):
        assert element.rect["x"] >= 0
        assert element.rect["x"] + element.rect["width"] <= 360


def test_a_german_page_speaks_german(chrome: Chrome, films: Films, make_file: Callable[..., Path]) -> None:
    chrome.execute_cdp_cmd("Network.enable", {})
    chrome.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": "de"}})
    chrome.get(f"{films.url}/add/")
    by_id(chrome, "id_file").send_keys(str(make_file()))
    uploaded(chrome)
    assert text_of(chrome) == "Hochgeladen."
    assert button(chrome, "cancel").text == "Entfernen"
