"""The health view: what it shows to whom, and that nobody can load the server or pile up threads by it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import path

from django_minio_backend.instrumentation import health_view, storage_health
from tests.support.processes import run_python
from tests.support.rewriting_proxy import rewriting_proxy
from tests.support.settings import entry, made_up, storages_set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import Settings

    from tests.support.rewriting_proxy import RewritingProxy
    from tools.servers import Server

urlpatterns = [path("health/storage/", storage_health)]
URL = "/health/storage/"
LIMIT = 20  # seconds that a test waits for a thread at most
NOWHERE = {"MINIO_ENDPOINT": "127.0.0.1:1", "MINIO_DEFAULT_BUCKET": "secret-bucket"}


@pytest.fixture(autouse=True)
def site(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def proxy(server: Server) -> Iterator[RewritingProxy]:
    with rewriting_proxy(server) as proxy:
        yield proxy


def staff() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_user("staff", is_staff=True))
    return client


def test_everybody_sees_that_all_is_well(minio_options: dict[str, Any]) -> None:
    with storages_set(default=entry(minio_options)):
        response = Client().get(URL)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Cache-Control"] == "no-store"


def test_one_server_that_is_down_is_enough_for_503(minio_options: dict[str, Any]) -> None:
    with storages_set(default=entry(minio_options), archive=entry(made_up(**NOWHERE))):
        response = Client().get(URL)
    assert (response.status_code, response.json()) == (503, {"status": "unavailable"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_staff_see_each_alias(minio_options: dict[str, Any]) -> None:
    with storages_set(default=entry(minio_options), archive=entry(made_up(**NOWHERE))):
        response = staff().get(URL)
    body = response.json()
    assert (response.status_code, body["status"]) == (503, "unavailable")
    assert list(body["storages"]) == ["default", "archive"]
    up, down = body["storages"].values()
    assert (up["available"], isinstance(up["http_status"], int)) == (True, True)
    assert (down["available"], down["http_status"]) == (False, None)
    assert "127.0.0.1:1" in down["details"]
    assert "Cookie" in response["Vary"]


@pytest.mark.django_db
@pytest.mark.parametrize("flags", [{}, {"is_staff": True, "is_active": False}], ids=["a user", "inactive staff"])
def test_users_that_are_not_staff_see_what_anonymous_users_see(
    minio_options: dict[str, Any], flags: dict[str, Any]
) -> None:
    client = Client()
    client.force_login(get_user_model().objects.create_user("someone", **flags))
    with storages_set(default=entry(minio_options)):
        assert client.get(URL).json() == {"status": "ok"}


def test_it_needs_no_authentication_middleware(settings: Settings, minio_options: dict[str, Any]) -> None:
    settings.MIDDLEWARE = []
    with storages_set(default=entry(minio_options)):
        assert Client().get(URL).json() == {"status": "ok"}


def test_load_balancers_need_no_login() -> None:
    assert storage_health.login_required is False  # type: ignore[attr-defined]


def test_without_minio_storages_all_is_well() -> None:
    with storages_set(default={"BACKEND": "django.core.files.storage.InMemoryStorage"}):
        assert Client().get(URL).json() == {"status": "ok"}


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("PUT", 405), ("DELETE", 405)])
def test_it_is_read_only(minio_options: dict[str, Any], method: str, status: int) -> None:
    with storages_set(default=entry(minio_options)):
        assert Client().generic(method, URL).status_code == status


def test_a_result_is_used_for_seconds(
    proxy: RewritingProxy, minio_options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint})):
        statuses = {Client().get(URL).status_code for _ in range(20)}
        sent = len(proxy.requests)
        assert (statuses, sent in {1, 2}) == ({200}, True)  # MinIO's URL, and that of other servers
        monkeypatch.setattr(health_view, "SECONDS", 0.0)
    with storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint})):
        Client().get(URL)
        Client().get(URL)
    assert len(proxy.requests) == 3 * sent


class TestStampede:
    """A hundred requests while the server's response is awaited."""

    @pytest.fixture
    def go_on(self, proxy: RewritingProxy) -> threading.Event:
        """The server's responses wait for it once it is cleared."""
        go_on = threading.Event()
        go_on.set()

        def wait(_: object) -> None:
            go_on.wait(LIMIT)

        proxy.rule = wait
        return go_on

    @pytest.fixture
    def first(self) -> Iterator[threading.Thread]:
        """A request whose thread checks."""
        thread = threading.Thread(target=Client().get, args=(URL,))
        yield thread
        thread.join(LIMIT)

    def crowd(self, proxy: RewritingProxy, first: threading.Thread) -> set[tuple[int, str]]:
        asked = len(proxy.requests)
        first.start()
        until = time.monotonic() + LIMIT
        while len(proxy.requests) == asked and time.monotonic() < until:
            time.sleep(0.005)
        threads = threading.active_count()
        responses = [Client().get(URL) for _ in range(100)]  # one by one: none of them waits
        assert len(proxy.requests) == asked + 1
        assert threading.active_count() <= threads
        return {(response.status_code, response.json()["status"]) for response in responses}

    def test_nobody_waits_for_the_first_check(
        self, proxy: RewritingProxy, minio_options: dict[str, Any], go_on: threading.Event, first: threading.Thread
    ) -> None:
        with storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint})):
            go_on.clear()
            assert self.crowd(proxy, first) == {(503, "checking")}
            assert Client().get(URL)["Retry-After"] == "1"
            go_on.set()
            first.join(LIMIT)
            assert Client().get(URL).json() == {"status": "ok"}

    def test_everybody_gets_the_last_result_during_the_next_check(
        self,
        proxy: RewritingProxy,
        minio_options: dict[str, Any],
        go_on: threading.Event,
        first: threading.Thread,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(health_view, "SECONDS", 0.0)
        with storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint})):
            assert Client().get(URL).status_code == 200
            go_on.clear()
            assert self.crowd(proxy, first) == {(200, "ok")}
            go_on.set()
            first.join(LIMIT)


def test_a_child_that_was_forked_during_a_check_can_check() -> None:
    script = """
import os
from django.conf import settings
settings.configure()
from django_minio_backend.instrumentation.health_view import _checks
with _checks._lock:
    if not (pid := os.fork()):
        os._exit(0 if _checks.results() == {} else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    run = run_python("-c", script)
    assert run.stdout == "0\n", run.stderr
