"""Modes "redirect" and "accel": presigned URLs for browsers, and for a real nginx as in the documentation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from django.test import Client, RequestFactory
from pytest_django.live_server_helper import LiveServer

from django_minio_backend.serving import serve
from tests.app.models import Document
from tests.support.nginx import nginx
from tests.support.settings import entry, storages_set
from tests.support.wire import requests_made
from tools.check_documents import DOCS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import urllib3

    from django_minio_backend.serving.modes import Mode
    from tools.servers import Server

CONTENT = b"0123456789" * 1000
HOSTILE_TITLES = {
    "line breaks": "a\r\nSet-Cookie: x=1\r\n\r\n<script>.pdf",
    "quotes and semicolons": 'a"; filename="b.exe',
    "a path": "../../etc/passwd",
    "backslashes": "..\\..\\boot.ini",
    "umlauts": "Grüße aus Zürich.txt",
    "another direction": "invoice\u202efdp.exe",
    "half a character": "a\udc80.txt",
    "very long": "ä" * 3000 + ".txt",
    "only a control character": "\x00",
}


def test_a_redirect_costs_no_request_and_is_not_kept(browser: Client, document: Document) -> None:
    with requests_made() as made:
        response = browser.get(f"/open/{document.pk}/?mode=redirect")
    assert made == []
    assert (response.status_code, response["Cache-Control"]) == (302, "private, no-store")
    query = parse_qs(urlsplit(response["Location"]).query)
    assert query["X-Amz-Expires"] == ["60"]


@pytest.mark.needs("signatures")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_url_is_signed_for_the_method_of_the_request(
    browser: Client, make_document: Callable[..., Document], http: urllib3.PoolManager, method: str
) -> None:
    document = make_document(CONTENT, title="Grüße.txt")
    url = browser.generic(method, f"/open/{document.pk}/?mode=redirect&attachment").headers["Location"]
    response = http.request(method, url)
    assert response.status == 200
    assert response.headers["Content-Disposition"].endswith("filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt")
    assert response.headers["Content-Type"] == "text/plain"
    part = http.request("GET", browser.get(f"/open/{document.pk}/?mode=redirect").headers["Location"], headers=PART)
    assert (part.status, part.data) == (206, CONTENT[5:10])


PART = {"Range": "bytes=5-9"}


@pytest.mark.parametrize("title", HOSTILE_TITLES.values(), ids=list(HOSTILE_TITLES))
@pytest.mark.parametrize("mode", ["stream", "redirect", "accel"])
def test_the_name_of_a_user_stays_a_name(document: Document, title: str, mode: Mode) -> None:
    response = serve(RequestFactory().get("/"), document.plain, mode=mode, filename=title)
    disposition = response.headers.get("Content-Disposition", "")
    if mode == "redirect":
        disposition = parse_qs(urlsplit(response.headers["Location"]).query)["response-content-disposition"][0]
    response.close()
    plain, _, encoded = disposition.partition("; filename*=UTF-8''")
    assert re.fullmatch(r'inline; filename="(?:[^"\\]|\\")*"', plain)
    assert re.fullmatch(r"[\w%.~-]*", encoded, re.ASCII)
    assert disposition.isascii()
    assert disposition.isprintable()
    for path in ("/", "\\", ".."):
        assert path not in plain.replace('\\"', "")
        assert path not in unquote(encoded)
    assert len(disposition) < 3000


@pytest.mark.parametrize(
    ("name", "is_inline"),
    [
        ("a.txt", True),
        ("a.pdf", True),
        ("a.png", True),
        ("a.mp4", True),
        ("a.html", False),
        ("a.HTM", False),
        ("a.xhtml", False),
        ("a.svg", False),
        ("a.xml", False),
        ("a.js", False),
        ("a.mjs", False),
        ("a.rss", False),
        ("a.xsl", False),
        ("a.mht", False),
        ("a.eml", False),
        ("a.nobody-knows", False),
        ("a", False),
    ],
)
@pytest.mark.parametrize("mode", ["stream", "redirect", "accel"])
def test_types_that_run_in_browsers_are_attachments(
    browser: Client,
    make_document: Callable[..., Document],
    name: str,
    mode: str,
    is_inline: bool,  # noqa: FBT001
) -> None:
    document = make_document(CONTENT, name)

    def disposition(query: str) -> str:
        response = browser.get(f"/open/{document.pk}/?mode={mode}{query}")
        if mode == "redirect":
            return parse_qs(urlsplit(response["Location"]).query)["response-content-disposition"][0]
        response.close()
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "sandbox"
        return str(response["Content-Disposition"])

    assert disposition("").startswith("inline; " if is_inline else "attachment; ")
    assert disposition("&active").startswith("inline; ")
    assert disposition("&attachment").startswith("attachment; ")


@pytest.mark.parametrize(
    "media_type",
    ["text/html; charset=utf-8", "TEXT/HTML", "image/svg+xml", "application/atom+xml", "multipart/related", "nonsense"],
)
def test_in_a_stream_the_stored_type_counts(browser: Client, document: Document, site: Any, media_type: str) -> None:
    site.s3.put(site.bucket, site.key(document.plain.name), b"<script>", {"Content-Type": media_type})
    response = browser.get(f"/open/{document.pk}/")
    assert response["Content-Disposition"] == 'attachment; filename="report.txt"'
    expected = "application/octet-stream" if media_type == "nonsense" else media_type
    assert response["Content-Type"] == expected
    response.close()


def test_a_redirect_goes_to_the_external_endpoint_and_nginx_to_the_own(
    browser: Client, document: Document, minio_options: dict[str, Any]
) -> None:
    external = {"MINIO_EXTERNAL_ENDPOINT": "files.test", "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": True}
    with storages_set(default=entry({**minio_options, **external})):
        redirect = browser.get(f"/open/{document.pk}/?mode=redirect")
        accel = browser.get(f"/open/{document.pk}/?mode=accel")
    assert redirect["Location"].startswith("https://files.test/")
    assert accel["X-Accel-Redirect"].startswith(f"/_minio/{minio_options['MINIO_DEFAULT_BUCKET']}/report.txt?")


def test_files_of_a_public_bucket_get_their_name_too(
    browser: Client, document: Document, minio_options: dict[str, Any]
) -> None:
    public = {"MINIO_PRIVATE_BUCKETS": [], "MINIO_PUBLIC_BUCKETS": [minio_options["MINIO_DEFAULT_BUCKET"]]}
    with storages_set(default=entry({**minio_options, **public})):
        response = browser.get(f"/open/{document.pk}/?mode=redirect&attachment")
    assert "response-content-disposition=attachment" in response["Location"]


# nginx


def block_of_documentation() -> str:
    """The location that docs/how-to/private-files.md shows."""
    page = (DOCS / "how-to" / "private-files.md").read_text(encoding="utf-8")
    block = re.search(r"^```nginx\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block
    return block[1]


@pytest.fixture
def front(
    transactional_db: None,  # noqa: ARG001 - before the server's thread
    site: Any,  # noqa: ARG001 - order
    server: Server,
    tmp_path: Path,
) -> Iterator[str]:
    """URL of nginx, before Django and MinIO."""
    from django.db import connection

    connection.inc_thread_sharing()
    live = LiveServer("127.0.0.1")
    location = block_of_documentation().replace("minio:9000", server.endpoint)
    try:
        with nginx(tmp_path, f"{location}\nlocation / {{ proxy_pass {live.url}; }}") as endpoint:
            yield f"http://{endpoint}"
    finally:
        live.stop()


@pytest.mark.needs("signatures")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nginx_sends_the_object_and_nothing_of_the_signature(
    front: str, make_document: Callable[..., Document], http: urllib3.PoolManager, method: str
) -> None:
    document = make_document(CONTENT, title="Grüße.txt")
    headers = {"Authorization": "Bearer token", "Cookie": "sessionid=1"}
    response = http.request(method, f"{front}/open/{document.pk}/?mode=accel", headers=headers)
    assert (response.status, response.data) == (200, CONTENT if method == "GET" else b"")
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert response.headers.getlist("Content-Type") == ["text/plain"]
    assert response.headers.getlist("Cache-Control") == ["private, no-cache"]
    assert response.headers.getlist("Content-Disposition") == [
        "inline; filename=\"Gru_e.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt"
    ]
    assert response.headers["Content-Security-Policy"] == "sandbox"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "amz-signature" not in str(response.headers).lower()
    assert not [name for name in response.headers if name.lower().startswith("x-accel")]


@pytest.mark.needs("signatures")
def test_nginx_serves_ranges_and_conditions(
    front: str, make_document: Callable[..., Document], http: urllib3.PoolManager
) -> None:
    url = f"{front}/open/{make_document(CONTENT).pk}/?mode=accel"
    part = http.request("GET", url, headers=PART)
    assert (part.status, part.data, part.headers["Content-Range"]) == (206, CONTENT[5:10], f"bytes 5-9/{len(CONTENT)}")
    same = {"If-None-Match": part.headers["ETag"]}
    assert http.request("GET", url, headers=same).status == 304


NAMES = [
    "a b.txt",
    "a+b%20c.txt",
    "100%.txt",
    "a#b.txt",
    "Grüße.txt",
    "a&b=c;d.txt",
    "a?b.txt",
    "%2e%2e/x.txt",
    "'().txt",
]


@pytest.mark.needs("signatures")
@pytest.mark.parametrize("name", [*NAMES, "folder/%2e%2e%2fb.txt", "a\\b.txt"])
def test_nginx_reaches_objects_of_any_name(front: str, site: Any, http: urllib3.PoolManager, name: str) -> None:
    site.s3.put(site.bucket, site.key(name), CONTENT, {"Content-Type": "text/plain"})
    document = Document.objects.create(plain=name)
    assert http.request("GET", f"{front}/open/{document.pk}/?mode=accel").data == CONTENT


@pytest.mark.needs("signatures")
@pytest.mark.parametrize("path", ["/_minio/", "/_minio/{bucket}/report.txt", "/open/../_minio/{bucket}/report.txt"])
def test_the_location_is_not_for_visitors(
    front: str, document: Document, site: Any, http: urllib3.PoolManager, path: str
) -> None:
    assert document.plain
    assert http.request("GET", front + path.format(bucket=site.bucket)).status == 404


@pytest.mark.needs("signatures")
def test_a_missing_object_is_nginx_s_own_404(
    front: str, document: Document, site: Any, http: urllib3.PoolManager
) -> None:
    site.delete(document.plain.name)
    response = http.request("GET", f"{front}/open/{document.pk}/?mode=accel")
    assert response.status == 404
    assert site.bucket.encode() not in response.data


@pytest.mark.parametrize("name", ["../other-bucket/secret.txt", "/etc/passwd", "a/../../b.txt"])
@pytest.mark.parametrize("mode", ["stream", "redirect", "accel"])
def test_a_name_that_leaves_the_storage_is_refused(browser: Client, document: Document, name: str, mode: str) -> None:
    Document.objects.update(plain=name)
    response = browser.get(f"/open/{document.pk}/?mode={mode}")
    assert response.status_code == 400
    assert "X-Accel-Redirect" not in response.headers
