"""Whoever uploads a file cannot make browsers run it: its type is that of its name where browsers would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.files import upload_headers
from django_minio_backend.models import MinioBackend, MinioBackendStatic

if TYPE_CHECKING:
    import urllib3

SCRIPT = b"<script>alert(document.domain)</script>"
OCTETS = "application/octet-stream"
NAMES_LIKE_URLS = {
    "data:text/html,evil.doc": "application/msword",
    "data:text/html,evil": OCTETS,
    "data:text/html": OCTETS,
    "data:,x": OCTETS,
    "data:text/html;base64,evil.png": "image/png",
    "http:/x.html?y.png": "image/png",
    "x:y.html#z.txt": "text/plain",
    "folder/data:text/html,a.gz": "application/gzip",
    "a.b:c.html": "text/html",
    "a.html:b": OCTETS,
    "//[a.doc": "application/msword",
}
ACTIVE = {
    "html": "text/html",
    "capitals": "Text/HTML",
    "charset": "text/html; charset=utf-8",
    "blank-before-the-charset": "text/html ;charset=utf-8",
    "blank-in-front": " text/html",
    "xhtml": "application/xhtml+xml",
    "svg": "image/svg+xml",
    "xml": "application/xml",
    "text-xml": "text/xml",
    "stylesheet-of-xml": "text/xsl",
    "feed": "application/rss+xml",
    "mathml": "application/mathml+xml",
    "javascript": "text/javascript",
    "older-javascript": "application/x-javascript",
    "oldest-javascript": "text/javascript1.5",
    "ecmascript": "application/ecmascript",
    "livescript": "text/livescript",
    "archive": "multipart/related; boundary=x; type=text/html",
    "replaced-parts": "multipart/x-mixed-replace; boundary=x",
    "mail": "message/rfc822",
    "anything": "*/*",
    "unknown": "unknown/unknown",
    "list": "image/png, text/html",
    "list-behind-a-parameter": "image/png; a=b, text/html",
}


def uploaded(declared: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("file", SCRIPT, content_type=declared)


@pytest.mark.parametrize(("name", "expected"), NAMES_LIKE_URLS.items(), ids=NAMES_LIKE_URLS)
def test_a_name_is_never_read_as_a_url(name: str, expected: str) -> None:
    assert upload_headers.content_type(name, ContentFile(b"")) == expected


@given(stem=st.text(max_size=30), extension=st.sampled_from(["", ".doc", ".png", ".txt", ".tar.gz", ".html"]))
def test_the_extension_alone_makes_the_type(stem: str, extension: str) -> None:
    name = f"{stem}a{extension}"
    if extension:
        assert upload_headers.type_of_name(name) == upload_headers.type_of_name(f"a{extension}")
    else:
        assert "/" in upload_headers.type_of_name(name)


@pytest.mark.parametrize("declared", ACTIVE.values(), ids=ACTIVE)
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "image/png"),
        ("a.txt", "text/plain"),
        ("a.tar.gz", "application/gzip"),
        ("a", OCTETS),
        ("a.quux", OCTETS),
        ("a.html.", OCTETS),
        (".html", OCTETS),
        ("data:text/html,a.doc", "application/msword"),
    ],
)
def test_active_content_under_the_name_of_other_content_is_none(name: str, expected: str, declared: str) -> None:
    assert upload_headers.content_type(name, uploaded(declared)) == expected


@pytest.mark.parametrize(
    ("name", "declared", "expected"),
    [
        ("a.html", "text/html; charset=latin-1", "text/html; charset=latin-1"),
        ("a.htm", "TEXT/HTML", "TEXT/HTML"),
        ("a.js", "application/x-javascript", "application/x-javascript"),
        ("a.xml", "application/rss+xml", "application/rss+xml"),
        ("a.svg", "image/svg+xml", "image/svg+xml"),
        ("a.svg", "text/html", "image/svg+xml"),
        ("a.html", "image/svg+xml", "text/html"),
        ("a.js", "text/html", "text/javascript"),
        ("a.html", "text/plain", "text/plain"),
        ("a.exe", "image/png", "image/png"),
        ("a", "application/pdf", "application/pdf"),
        ("a.csv", "application/vnd.ms-excel", "application/vnd.ms-excel"),
        (
            "a.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    ],
)
def test_what_agrees_with_the_name_or_is_not_run_is_kept(name: str, declared: str, expected: str) -> None:
    assert upload_headers.content_type(name, uploaded(declared)) == expected


def test_what_the_server_gives_browsers_is_not_active(
    storage: MinioBackend, minio_options: dict[str, Any], http: urllib3.PoolManager
) -> None:
    for name, expected in (("data:text/html,evil.doc", "application/msword"), ("photo.png", "image/png")):
        stored = storage.save(name, uploaded("text/html"))
        response = http.request("GET", storage.url(stored))
        assert (response.data, response.headers["Content-Type"]) == (SCRIPT, expected)
    static = MinioBackendStatic(**minio_options, MINIO_STATIC_FILES_BUCKET=storage.bucket)
    static.save("notes.txt", uploaded("text/html"))
    assert storage.stat("notes.txt").content_type == "text/plain"


def test_a_site_that_trusts_its_uploads_keeps_their_types(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, MINIO_TRUST_CONTENT_TYPE=True)
    assert storage.stat(storage.save("page.txt", uploaded("text/html"))).content_type == "text/html"
    assert storage.stat(storage.save("data:text/html,a.doc", ContentFile(b""))).content_type == "application/msword"


def test_the_sites_own_headers_win(minio_options: dict[str, Any]) -> None:
    wanted: list[dict[str, Any]] = [
        {"MINIO_OBJECT_HEADERS": {"Content-Type": "text/x-own"}},
        {"headers": {"content-type": "text/x-own"}},
    ]
    for own in wanted:
        storage = MinioBackend(**minio_options, **own)
        assert storage.stat(storage.save("a.txt", uploaded("text/html"))).content_type == "text/x-own"
