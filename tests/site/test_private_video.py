"""A private film of 200 MB plays and seeks in Chromium in every mode of ServeFileView."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from pytest_django.live_server_helper import LiveServer
from selenium.webdriver.support.wait import WebDriverWait

from tests.app.models import Document
from tests.serving.test_redirects_and_nginx import block_of_documentation
from tests.support.film import film
from tests.support.nginx import nginx
from tests.support.proxy import Proxy
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

    from django_minio_backend.models import MinioBackend
    from tools.servers import Server

MIB = 1024**2
SECONDS = 60
WITHIN = 60  # seconds

PLAYING = "const video = document.querySelector('video'); return video.readyState >= 3 && !video.seeking"
SEEK = "const video = document.querySelector('video'); video.pause(); video.currentTime = video.duration - 0.5"
PLAY = "document.querySelector('video').play()"
ENDED = "return document.querySelector('video').ended"
STATE = "const video = document.querySelector('video'); return [video.duration, video.videoWidth, video.currentTime]"


class _Pictures:
    """The film as a stream, so that it is never in memory as a whole."""

    def __init__(self) -> None:
        self._pictures: Iterator[bytes] = film(SECONDS)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size and (picture := next(self._pictures, b"")):
            self._rest += picture
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


@pytest.fixture
def proxies(server: Server, minio_options: dict[str, Any], settings: Any, tmp_path: Path) -> Iterator[list[Proxy]]:
    """What the browser goes through: a proxy before the site, which nginx serves, and one before the S3 server."""
    settings.ROOT_URLCONF = "tests.serving.site"
    connection.inc_thread_sharing()  # for good: the browser's connections outlive the server
    with ExitStack() as running:
        storage = running.enter_context(Proxy(server.endpoint))
        external = {"MINIO_EXTERNAL_ENDPOINT": storage.endpoint, "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": False}
        running.enter_context(storages_set(default=entry({**minio_options, **external})))
        live = LiveServer("127.0.0.1")
        running.callback(live.stop)
        locations = block_of_documentation().replace("minio:9000", server.endpoint)
        locations += f"location / {{ proxy_pass {live.url}; proxy_buffering off; proxy_http_version 1.1; }}"
        front = running.enter_context(nginx(tmp_path, locations))
        yield [running.enter_context(Proxy(front)), storage]


def transferred(proxies: list[Proxy]) -> int:
    return sum(proxy.transferred["down"] for proxy in proxies)


def transferred_when_idle(proxies: list[Proxy]) -> int:
    """Bytes once the browser has buffered what it wants: it goes on for a while after the film can be played."""
    until = time.monotonic() + WITHIN
    before = -1
    while before != (now := transferred(proxies)) and time.monotonic() < until:
        before = now
        time.sleep(1)
    return before


@pytest.mark.needs("signatures")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", ["redirect", "stream", "accel"])
def test_a_private_film_plays_and_seeks(chrome: Chrome, proxies: list[Proxy], mode: str) -> None:
    name = default_storage.save("film.mp4", cast("Any", _Pictures()))
    assert cast("MinioBackend", default_storage).size(name) > 200_000_000
    document = Document.objects.create(plain=name)
    wait = WebDriverWait(chrome, WITHIN)
    chrome.get(f"http://{proxies[0].endpoint}/video/{document.pk}/?mode={mode}")
    wait.until(lambda page: page.execute_script(PLAYING))
    assert chrome.execute_script(STATE) == [SECONDS, 640, 0]
    before = transferred_when_idle(proxies)
    chrome.execute_script(SEEK)
    wait.until(lambda page: page.execute_script(PLAYING))
    assert chrome.execute_script(STATE)[2] == SECONDS - 0.5
    chrome.execute_script(PLAY)
    wait.until(lambda page: page.execute_script(ENDED))
    assert transferred(proxies) - before < 5 * MIB
