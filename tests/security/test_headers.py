"""A header is sent as it was meant, or refused by its name before anything is sent; no error shows its value."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackend, MinioBackendStatic
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3

NAME = "X-Amz-Meta-Origin"
SECRET = "top-secret"
UNSENDABLE = [
    pytest.param(f"{SECRET}\r\nX-Evil: 1", id="crlf"),
    pytest.param(f"{SECRET}\r", id="cr"),
    pytest.param(f"{SECRET}\nX-Evil: 1", id="lf"),
    pytest.param(f"{SECRET}\0", id="nul"),
    pytest.param(f"{SECRET}\t", id="tab"),
    pytest.param(f"{SECRET}\x7f", id="delete"),
    pytest.param(f"{SECRET}\x85", id="next-line"),
    pytest.param(f"{SECRET}\u2028", id="line-separator"),
    pytest.param(f"{SECRET} ü", id="latin-1"),
    pytest.param(f"{SECRET} 世界", id="other-script"),
    pytest.param(f"{SECRET} \ud800", id="half-a-character"),
]

OPTIONS: dict[str, Callable[[str], dict[str, Any]]] = {
    "headers": lambda value: {"headers": {NAME: value}},
    "metadata": lambda value: {"metadata": {"Origin": value}},
    "metadata-list": lambda value: {"metadata": {"Origin": ["fine", value]}},
    "user-metadata": lambda value: {"user_metadata": {"Origin": value}},
    "object-headers": lambda value: {"MINIO_OBJECT_HEADERS": {NAME: value}},
}

USES: dict[str, Callable[[MinioBackend], object]] = {
    "save": lambda storage: storage.save("a.txt", ContentFile(b"content")),
    "open": lambda storage: storage.open("a.txt", "w"),
    "form": lambda storage: storage.presigned_upload("a.txt", max_size=10),
    "put": lambda storage: storage.presigned_upload("a.txt", max_size=10, size=7, method="PUT"),
}


@pytest.mark.parametrize("value", UNSENDABLE)
@pytest.mark.parametrize("option", OPTIONS)
def test_options_with_a_header_that_cannot_be_sent_are_refused(
    minio_options: dict[str, Any], option: str, value: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match="Origin") as refused:
        MinioBackend(**minio_options, **OPTIONS[option](value))
    assert SECRET not in f"{refused.value!r}"


@pytest.mark.parametrize("value", UNSENDABLE)
@pytest.mark.parametrize("use", USES)
def test_headers_of_a_function_that_cannot_be_sent_are_refused(
    minio_options: dict[str, Any], use: str, value: str
) -> None:
    storage = MinioBackend(**minio_options, MINIO_OBJECT_HEADERS=lambda _: {NAME: value}, MINIO_LOCATION="inner")
    with requests_made() as made, pytest.raises(ValueError, match=rf"'inner/a\w*\.txt'.*'{NAME}'") as refused:
        USES[use](storage)
    assert SECRET not in f"{refused.value!r}"
    assert [request for request in made if request != "HEAD"] == []


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"X-Evil\r\nX": SECRET}, id="crlf"),
        pytest.param({"X Evil": SECRET}, id="space"),
        pytest.param({"X-Evil:": SECRET}, id="colon"),
        pytest.param({"": SECRET}, id="empty"),
        pytest.param({"X-Ü": SECRET}, id="not-ascii"),
        pytest.param({5: SECRET}, id="number"),
        pytest.param({"X-Evil": 5}, id="value-of-another-type"),
        pytest.param({"X-Evil": None}, id="no-value"),
        pytest.param([("X-Evil", SECRET)], id="list"),
        pytest.param(SECRET, id="text"),
    ],
)
def test_names_that_no_header_has_are_refused(minio_options: dict[str, Any], given: Any) -> None:
    storage = MinioBackend(**minio_options, MINIO_OBJECT_HEADERS=lambda _: given)
    with pytest.raises(ValueError, match=r"Object 'a\.txt' cannot be uploaded") as refused:
        storage.save("a.txt", ContentFile(b"content"))
    assert SECRET not in f"{refused.value!r}"
    if not callable(given) and given != SECRET:
        with pytest.raises(ImproperlyConfigured) as wrong:
            MinioBackend(**minio_options, headers=given)
        assert SECRET not in f"{wrong.value!r}"


def test_a_static_storages_own_headers_are_checked_too(minio_options: dict[str, Any]) -> None:
    class Storage(MinioBackendStatic):
        def default_headers(self, name: str) -> dict[str, str]:
            return {NAME: f"{SECRET}\r\n{name}"}

    options = {**minio_options, "MINIO_STATIC_FILES_BUCKET": minio_options["MINIO_DEFAULT_BUCKET"]}
    options.pop("MINIO_PRIVATE_BUCKETS")
    with pytest.raises(ValueError, match=rf"Object 'a\.css'.*'{NAME}'") as refused:
        Storage(**options).save("a.css", ContentFile(b"content"))
    assert SECRET not in f"{refused.value!r}"


@pytest.mark.parametrize("value", UNSENDABLE)
def test_a_type_that_a_visitor_made_up_is_not_sent(storage: MinioBackend, value: str) -> None:
    """It is the visitor's doing and not the site's, so the upload goes on with the type of the name."""
    content = ContentFile(b"content")
    content.content_type = f"text/{value}"  # type: ignore[attr-defined]  # as an uploaded file has it
    assert storage.stat(storage.save("a.csv", content)).content_type == "text/csv"
    with pytest.raises(ValueError, match="content_type must be") as refused:
        storage.presigned_upload("a.csv", max_size=10, content_type=f"text/{value}")
    assert SECRET not in f"{refused.value!r}"


@pytest.mark.parametrize("value", UNSENDABLE)
def test_response_headers_that_cannot_be_sent_are_refused(storage: MinioBackend, value: str) -> None:
    with pytest.raises(ValueError, match="response-content-type") as refused:
        storage.url("a.txt", response_headers={"response-content-type": value})
    assert SECRET not in f"{refused.value!r}"


def test_files_are_saved_with_a_download_name_in_any_script(
    minio_options: dict[str, Any], http: urllib3.PoolManager
) -> None:
    disposition = {"Content-Disposition": 'attachment; filename="../Grüße 世界.txt"'}
    sent = "attachment; filename=\"__Gru_e __.txt\"; filename*=UTF-8''__Gr%C3%BC%C3%9Fe%20%E4%B8%96%E7%95%8C.txt"
    for given in ({"headers": disposition}, {"MINIO_OBJECT_HEADERS": lambda _: disposition}, {"metadata": disposition}):
        storage = MinioBackend(**minio_options, **given)
        form = storage.presigned_upload("b.txt", max_size=10)
        upload = storage.presigned_upload("c.txt", max_size=10, size=7, method="PUT")
        fields: list[tuple[str, Any]] = [*form.fields.items(), ("file", ("a", b"content", "text/plain"))]
        assert http.request("POST", form.url, fields=fields).status == 204
        assert http.request("PUT", upload.url, body=b"content", headers=upload.headers).status == 200
        for name in (storage.save("a.txt", ContentFile(b"content")), form.name, upload.name):
            assert http.request("GET", storage.url(name)).headers["Content-Disposition"] == sent


@pytest.mark.parametrize("filename", ["../../a.txt", "..\\a.txt", "/etc/a.txt", "ü/../a.txt"])
def test_no_download_is_named_with_a_way_to_another_folder(
    storage: MinioBackend, http: urllib3.PoolManager, filename: str
) -> None:
    storage.save("a.txt", ContentFile(b"content"))
    escaped = filename.replace("\\", "\\\\")
    asked = {"response-content-disposition": f'attachment; filename="{escaped}"'}
    sent = http.request("GET", storage.url("a.txt", response_headers=asked)).headers["Content-Disposition"]
    for way in ("/", "\\", "..", "%2F", "%5C"):
        assert way not in sent.replace("UTF-8''", "")


LONG = """
from django_minio_backend.transport.headers import HeaderError, checked_value, content_disposition
for filling in (" ", '"', "\\\\", ";", "=", "\\xfc ", '\\\\"', "..", "/"):
    for pattern in ("inline; filename={}\\xfc", 'inline; filename="{}', "{}inline; filename=\\xfc", "inline{}"):
        try:
            checked_value("Content-Disposition", pattern.format(filling * 100_000))
        except HeaderError:
            pass
    content_disposition(filling * 100_000)
"""


def test_no_download_name_keeps_a_server_busy() -> None:
    """A visitor may have chosen it. What tries all ways to read 100,000 spaces would take years."""
    subprocess.run([sys.executable, "-c", LONG], timeout=120, check=True)


def test_values_with_spaces_are_signed_as_they_are_sent(
    minio_options: dict[str, Any], http: urllib3.PoolManager
) -> None:
    storage = MinioBackend(**minio_options, headers={NAME: "two  spaces,   three"})
    upload = storage.presigned_upload("a.txt", max_size=10, size=7, method="PUT")
    assert http.request("PUT", upload.url, body=b"content", headers=upload.headers).status == 200
