from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.support.settings import default_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    import urllib3

    from django_minio_backend.models import MinioBackend

MIB = 1024**2


class Browser:
    """A user's browser: cookies, CSRF tokens, and requests to the storage that carry no cookie.

    Attributes:
        client: Django's test client, with CSRF checks.
        grant: of the form that was opened last.
    """

    def __init__(self, http: urllib3.PoolManager) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.http = http
        self.grant = ""
        self.csrf = ""

    def open_form(self, **query: Any) -> str:
        """Open the page with the form; its grant."""
        page = self.client.get("/form/", query)
        assert page.status_code == 200, page.content
        self.grant, self.csrf = page.json()["grant"], page.json()["csrf"]
        return self.grant

    def call(self, endpoint: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """Call an endpoint as the script does: the status and the JSON of the response."""
        response = self.client.post(
            f"/uploads/{endpoint}/",
            json.dumps({"grant": self.grant, **body}),
            content_type="application/json",
            headers={"X-CSRFToken": self.csrf},
        )
        return response.status_code, json.loads(response.content)

    def ok(self, endpoint: str, **body: Any) -> dict[str, Any]:
        """The JSON of a response that must be one of success."""
        status, answer = self.call(endpoint, **body)
        assert status == 200, answer
        return answer

    def begin(self, content: bytes, name: str = "a.bin", media_type: str = "") -> dict[str, Any]:
        """Begin an upload of this content."""
        return self.ok("begin", name=name, type=media_type, size=len(content))

    def put(self, url: str, headers: dict[str, str], content: bytes) -> urllib3.BaseHTTPResponse:
        """Send bytes to the storage."""
        return self.http.request("PUT", url, body=content, headers=headers)

    def send_parts(self, upload: dict[str, Any], content: bytes, numbers: list[int] | None = None) -> None:
        """Sign and send parts; all if no numbers are given."""
        numbers = numbers or list(range(1, upload["parts"] + 1))
        for part in self.ok("sign", upload=upload["upload"], parts=numbers)["parts"]:
            start = (part["number"] - 1) * upload["part_size"]
            response = self.put(part["url"], part["headers"], content[start : start + part["size"]])
            assert response.status == 200, response.data

    def upload(self, content: bytes, name: str = "a.bin", media_type: str = "") -> str:
        """Upload a file; its receipt."""
        upload = self.begin(content, name, media_type)
        if upload["multipart"]:
            self.send_parts(upload, content)
        else:
            response = self.put(upload["url"], upload["headers"], content)
            assert response.status == 200, response.data
        return cast("str", self.ok("complete", upload=upload["upload"])["receipt"])

    def save(self, receipt: str, **query: Any) -> dict[str, Any]:
        """Send the form with a receipt; what the page says."""
        response = self.client.post(
            f"/form/?{urlencode(query, doseq=True)}", {"receipt": receipt, "csrfmiddlewaretoken": self.csrf}
        )
        return cast("dict[str, Any]", json.loads(response.content))


@pytest.fixture
def site(minio_options: dict[str, Any], settings: Any) -> Iterator[MinioBackend]:
    """The test site; its default storage."""
    with default_site(settings, "tests.direct_uploads.site", minio_options) as storage:
        yield storage


@pytest.fixture
def browser(site: MinioBackend, http: urllib3.PoolManager, db: None) -> Browser:  # noqa: ARG001 - both must be there
    """A browser that has opened the form."""
    browser = Browser(http)
    browser.open_form()
    return browser
