"""Files that are encrypted with a customer's key (SSE-C): streamed in every mode, as no URL can carry the key."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from tests.app.models import Document
from tests.support.customer_keys import KEY, encrypted_bucket, needs_minio
from tests.support.proxy import Proxy
from tests.support.settings import entry, storages_set
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024**2
CONTENT = bytes(range(256)) * (4 * MIB // 256)

pytestmark = [needs_minio, pytest.mark.django_db]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with encrypted_bucket(tmp_path_factory.mktemp("certificates")) as options:
        yield options


@pytest.fixture
def network(options: dict[str, Any], settings: Any) -> Iterator[Proxy]:
    """The site, with a proxy between it and the server."""
    settings.ROOT_URLCONF = "tests.serving.site"
    with (
        Proxy(options["MINIO_ENDPOINT"]) as proxy,
        storages_set(default=entry({**options, "MINIO_ENDPOINT": proxy.endpoint})),
    ):
        yield proxy


@pytest.fixture
def document(network: Proxy) -> Document:  # noqa: ARG001 - it has to be there
    document = Document()
    document.plain.save("report.txt", ContentFile(CONTENT))
    return document


@pytest.mark.parametrize("mode", ["redirect", "stream", "accel"])
def test_a_visitor_gets_the_bytes_by_one_request(document: Document, mode: str) -> None:
    with requests_made() as made:
        response = Client().get(f"/open/{document.pk}/?mode={mode}")
        assert (response.status_code, response.getvalue()) == (200, CONTENT)
    assert made == ["GET"]
    assert not {"Location", "X-Accel-Redirect"} & set(response.headers)
    assert response["Content-Length"] == str(len(CONTENT))
    shown = f"{response.headers}"
    assert base64.b64encode(KEY).decode() not in shown
    assert "ustomer" not in shown


@pytest.mark.parametrize("mode", ["redirect", "stream", "accel"])
def test_ranges_conditions_and_head_need_no_key_of_the_visitor(document: Document, mode: str) -> None:
    path = f"/open/{document.pk}/?mode={mode}"
    head = Client().head(path)
    assert (head.status_code, head["Content-Length"]) == (200, str(len(CONTENT)))
    part = Client().get(path, headers={"Range": "bytes=1000-1999", "If-Range": head["ETag"]})
    assert (part.status_code, part.getvalue()) == (206, CONTENT[1000:2000])
    end = Client().get(path, headers={"Range": "bytes=-5"})
    assert (end.status_code, end.getvalue()) == (206, CONTENT[-5:])
    several = Client().get(path, headers={"Range": "bytes=0-9,100-199"})
    assert several.status_code == 206
    assert CONTENT[100:200] in several.getvalue()
    assert Client().get(path, headers={"If-None-Match": head["ETag"]}).status_code == 304
    assert Client().get(path, headers={"Range": f"bytes={len(CONTENT)}-"}).status_code == 416


def test_a_broken_connection_is_continued_with_the_key(document: Document, network: Proxy) -> None:
    with requests_made() as made:
        network.cut(after=2 * MIB)
        assert Client().get(f"/open/{document.pk}/").getvalue() == CONTENT
    assert made == ["GET", "GET"]
    assert "Range" in made[1].headers


def test_a_missing_file_is_404(network: Proxy) -> None:  # noqa: ARG001 - it has to be there
    document = Document.objects.create(plain="missing.txt")
    assert Client().get(f"/open/{document.pk}/?mode=redirect").status_code == 404


def test_nobody_else_gets_it_by_a_url_of_the_storage(document: Document, options: dict[str, Any]) -> None:
    response = options["MINIO_HTTP_CLIENT"].request("GET", default_storage.url(str(document.plain)))
    assert response.status == 400
    assert CONTENT[:100] not in response.data
