"""The Server-Timing header: of sync and async pages, with other headers of the name, and only with DEBUG."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest
from asgiref.sync import iscoroutinefunction
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client
from django.urls import path

from django_minio_backend.instrumentation import ServerTimingMiddleware
from tests.support.settings import entry, storages_set

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Any

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase
    from pytest_django import Settings

TIMING = re.compile(r's3;dur=[0-9]+\.[0-9];desc="(\d+) requests?"')


def sync_page(request: HttpRequest) -> HttpResponse:
    from django.core.files.storage import default_storage

    for name in request.GET.getlist("name"):
        default_storage.exists(name)
    return HttpResponse("page")


async def async_page(request: HttpRequest) -> HttpResponse:
    from asgiref.sync import sync_to_async

    await asyncio.sleep(0)
    return await sync_to_async(sync_page)(request)


def other_header(request: HttpRequest) -> HttpResponse:
    response = sync_page(request)
    response["Server-Timing"] = "db;dur=5"
    return response


def stream(_: HttpRequest) -> StreamingHttpResponse:
    from django.core.files.storage import default_storage

    default_storage.exists("before.txt")

    def content() -> Iterator[bytes]:
        yield b"content"
        default_storage.exists("after.txt")

    return StreamingHttpResponse(content())


urlpatterns = [
    path("sync/", sync_page),
    path("async/", async_page),
    path("other-header/", other_header),
    path("stream/", stream),
]


@pytest.fixture(autouse=True)
def site(settings: Settings, minio_options: dict[str, Any]) -> Iterator[None]:
    settings.DEBUG = True
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = ["django_minio_backend.instrumentation.ServerTimingMiddleware"]
    with storages_set(default=entry(minio_options)):
        yield


def count_of(header: str) -> int:
    match = TIMING.fullmatch(header)
    assert match, header
    return int(match[1])


@pytest.mark.parametrize("page", ["sync", "async"])
@pytest.mark.parametrize("names", [[], ["a"], ["a", "b", "a"]], ids=["no request", "a request", "three requests"])
def test_pages_have_the_number_of_their_requests(page: str, names: list[str]) -> None:
    assert count_of(Client().get(f"/{page}/", {"name": names})["Server-Timing"]) == len(names)


@pytest.mark.parametrize("page", ["sync", "async"])
def test_pages_served_by_asgi_have_their_own_requests_alone(page: str) -> None:
    async def counts() -> list[int]:
        client = AsyncClient()
        pages = [client.get(f"/{page}/", {"name": ["a"] * count}) for count in range(5)]
        return [count_of(response["Server-Timing"]) for response in await asyncio.gather(*pages)]

    assert asyncio.run(counts()) == [0, 1, 2, 3, 4]


def test_another_servers_timing_stays() -> None:
    first, second = Client().get("/other-header/", {"name": "a"})["Server-Timing"].split(", ")
    assert first == "db;dur=5"
    assert count_of(second) == 1


def test_a_streaming_response_has_what_was_known_before_its_headers() -> None:
    response = Client().get("/stream/")
    assert count_of(response["Server-Timing"]) == 1
    assert response.getvalue() == b"content"


@pytest.mark.parametrize("page", ["sync", "async"])
def test_without_debug_there_is_no_header(settings: Settings, page: str) -> None:
    settings.DEBUG = False
    assert "Server-Timing" not in Client().get(f"/{page}/", {"name": "a"})


def test_without_debug_the_middleware_leaves_the_chain(settings: Settings) -> None:
    settings.DEBUG = False
    with pytest.raises(MiddlewareNotUsed):
        ServerTimingMiddleware(sync_page)


def test_django_need_not_adapt_it() -> None:
    def sync_handler(_: HttpRequest) -> HttpResponseBase:
        raise AssertionError

    async def async_handler(_: HttpRequest) -> HttpResponseBase:
        raise AssertionError

    handlers: list[Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]]
    handlers = [sync_handler, async_handler]
    kinds = [iscoroutinefunction(ServerTimingMiddleware(handler)) for handler in handlers]
    assert kinds == [False, True]
