from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth import get_user_model
from django.core.signals import request_started
from django.db import connection
from pytest_django.live_server_helper import LiveServer

from tests import settings as site_settings
from tests.support.chromium import browser, missing_programs
from tools.demo_site import Site, delete_buckets, prepared, served

MIB = 1024**2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from pytest_django import Settings
    from selenium.webdriver import Chrome

    from tests.support.proxy import Proxy
    from tools.servers import Server


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The example site, empty, in a process of its own."""
    site = prepared(server, tmp_path_factory.mktemp("site"))
    try:
        site.manage("initialize_buckets")
        site.manage("migrate", "--no-input", "--verbosity", "0")
        site.manage("collectstatic", "--no-input")
        with served(site):
            yield site
    finally:
        delete_buckets(site)


@pytest.fixture
def chrome(request: pytest.FixtureRequest) -> Iterator[Chrome]:
    """A browser. With SCREENSHOTS=folder a picture of its last page is left there, to look at."""
    if missing := missing_programs():
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: apt-get install chromium chromium-driver)")
    with browser() as chrome:
        yield chrome
        if folder := os.environ.get("SCREENSHOTS"):
            chrome.save_screenshot(str(Path(folder, f"{request.node.name}.png")))


@dataclass
class Films:
    """A site whose forms upload directly, and what has been requested of it and of the S3 server.

    Attributes:
        url: where the site is.
        proxy: between the browser and the S3 server.
        requests: of the site, as the method and the path.
        bodies: bytes of each request's body.
    """

    url: str
    proxy: Proxy
    requests: list[str]
    bodies: list[int]

    def count(self, endpoint: str) -> int:
        """How often an endpoint has been called."""
        return sum(request.endswith(f"/uploads/{endpoint}/") for request in self.requests)


@pytest.fixture
def films(
    settings: Settings,
    proxy: Proxy,
    site_buckets: None,  # noqa: ARG001 - order
    transactional_db: None,  # noqa: ARG001 - order
) -> Iterator[Films]:
    """A site with CSRF protection and a strict Content-Security-Policy, with its tables, served by a thread."""
    requests: list[str] = []
    bodies: list[int] = []

    def note(*, environ: dict[str, str], **_: object) -> None:
        requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        bodies.append(int(environ.get("CONTENT_LENGTH") or 0))

    use_film_settings(settings, proxy)
    from tests.site.films.models import TABLES

    with connection.schema_editor() as editor:
        for model in TABLES:
            editor.create_model(model)
    connection.inc_thread_sharing()  # for good: the browser's connections outlive the server
    live = LiveServer("127.0.0.1")
    request_started.connect(note)
    yield Films(live.url, proxy, requests, bodies)
    request_started.disconnect(note)
    live.stop()
    with connection.schema_editor() as editor:
        for model in reversed(TABLES):
            editor.delete_model(model)


def use_film_settings(settings: Settings, proxy: Proxy) -> None:
    """Install the app. Its browsers reach the S3 server through the proxy; its style sheets come from the site."""
    options = {
        **site_settings.SERVER_OPTIONS,
        "MINIO_DEFAULT_BUCKET": site_settings.PRIVATE_BUCKET,
        "MINIO_PUBLIC_BUCKETS": [site_settings.PUBLIC_BUCKET],
        "MINIO_EXTERNAL_ENDPOINT": proxy.endpoint,
        "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": False,
    }
    settings.STORAGES = {
        "default": {"BACKEND": "django_minio_backend.models.MinioBackend", "OPTIONS": options},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    settings.INSTALLED_APPS = [*site_settings.INSTALLED_APPS, "tests.site.films"]
    settings.MIDDLEWARE = [
        "tests.site.films.views.strict_policy",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        *site_settings.MIDDLEWARE,
    ]
    settings.ROOT_URLCONF = "tests.site.films.urls"


@pytest.fixture(scope="session")
def npm() -> Path:
    """The folder of npm packages."""
    folder = Path(__file__).parent.parent / "npm" / "node_modules"
    if not folder.is_dir():
        pytest.skip("not installed: the npm packages (make npm)")
    return folder


@pytest.fixture
def make_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of random bytes; beyond the first and the last MiB it is sparse."""

    def make(name: str = "Ferien in Zürich.mp4", size: int = 3 * MIB) -> Path:
        path = tmp_path / name
        with path.open("wb") as file:
            file.write(os.urandom(min(size, MIB)))
            file.truncate(size)
            if size > 2 * MIB:
                file.seek(size - MIB)
                file.write(os.urandom(MIB))
        return path

    return make


@pytest.fixture
def staff(chrome: Chrome, films: Films, client: Any) -> None:
    """The browser is logged in as an administrator."""
    client.force_login(get_user_model().objects.create_superuser("admin"))
    chrome.get(f"{films.url}/done/")
    chrome.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value, "path": "/"})
