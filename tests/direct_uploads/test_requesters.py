"""For whom a form is rendered is known without middleware, under WSGI and ASGI, and forgotten afterwards."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core.asgi import get_asgi_application
from django.test import Client

from django_minio_backend import requesters
from django_minio_backend.direct_uploads.grants import Grant

if TYPE_CHECKING:
    from tests.direct_uploads.conftest import Browser

SECRETS = [letter * 32 for letter in "abc"]


async def form_of(cookies: str, query: str = "") -> Grant:
    """The grant of the form, by a request over ASGI."""
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": "/form/",
        "query_string": query.encode(),
        "headers": [(b"host", b"testserver"), (b"cookie", cookies.encode())],
    }
    communicator: Any = ApplicationCommunicator(get_asgi_application(), scope)  # type: ignore[no-untyped-call]
    await communicator.send_input({"type": "http.request", "body": b""})
    assert (await communicator.receive_output(10))["status"] == 200
    body = await communicator.receive_output(10)
    await communicator.wait(10)
    return Grant.load(json.loads(body["body"])["grant"])


@pytest.mark.usefixtures("site")
def test_under_asgi_each_of_several_requests_has_its_own() -> None:
    async def all_forms() -> list[Grant]:
        return await asyncio.gather(*(form_of(f"csrftoken={secret}") for secret in SECRETS))

    made = asyncio.run(all_forms())
    assert [grant.requester for grant in made] == [requesters._anonymous(None, secret)[0] for secret in SECRETS]
    assert not requesters.is_serving()


def test_under_wsgi_it_is_forgotten_after_the_request(browser: Browser) -> None:
    assert Grant.load(browser.grant).requester.startswith("browser:")
    assert not requesters.is_serving()
    assert requesters.current_requesters() == []


def test_a_user_is_known_by_the_session(browser: Browser, admin_user: Any) -> None:
    browser.client.force_login(admin_user)
    assert Grant.load(browser.open_form()).requester == f"user:{admin_user.pk}"


def test_a_session_that_does_not_exist_is_nobodys(browser: Browser) -> None:
    browser.client.cookies["sessionid"] = "made-up-by-a-visitor"
    assert Grant.load(browser.open_form()).requester.startswith("browser:")


@pytest.mark.usefixtures("site", "db")
def test_the_first_visit_has_the_csrf_cookie_that_it_gets() -> None:
    client = Client(enforce_csrf_checks=True)
    grant = Grant.load(client.get("/form/").json()["grant"])
    assert grant.requester in requesters._anonymous(None, client.cookies["csrftoken"].value)


@pytest.mark.usefixtures("site")
def test_under_asgi_a_request_releases_what_it_has_claimed() -> None:
    async def two_forms() -> None:
        for _ in range(2):
            await form_of("csrftoken=" + SECRETS[0], "claim=1")

    asyncio.run(two_forms())
