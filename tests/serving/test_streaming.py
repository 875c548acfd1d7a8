"""Mode "stream": requests to the server, encoded files, changes and failures on the way."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any, cast

import pytest
import urllib3
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from django_minio_backend.errors import BadResponseError, ObjectChangedError
from django_minio_backend.models import MinioBackend
from tests.app.models import Document
from tests.support.hostile import hostile, response
from tests.support.rewriting_proxy import Received, Response, rewriting_proxy, s3_error
from tests.support.settings import entry, storages_set
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.support.proxy import Proxy
    from tools.servers import Server

MIB = 1024**2
LARGE = bytes(range(256)) * (12 * 1024)  # 3 MiB
SAME = "{etag}"


@pytest.mark.parametrize(
    ("headers", "budget"),
    [
        pytest.param({}, ["GET"], id="whole"),
        pytest.param({"Range": "bytes=2-4"}, ["GET"], id="range"),
        pytest.param({"Range": "bytes=-4"}, ["GET"], id="last bytes"),
        pytest.param({"If-None-Match": SAME}, ["GET"], id="not modified"),
        pytest.param({"If-None-Match": f'"a", {SAME}'}, ["GET"], id="not modified, of several"),
        pytest.param({"If-Match": '"a"'}, ["GET"], id="precondition failed"),
        pytest.param({"Range": "bytes=2-4", "If-Range": SAME}, ["GET"], id="range of this version"),
        pytest.param({"Range": "bytes=2-4", "If-Range": '"a"'}, ["GET", "GET"], id="range of another version"),
        pytest.param({"Range": "bytes=99-"}, ["GET", "HEAD"], id="impossible range"),
        pytest.param({"Range": "bytes=0-1,4-5"}, ["HEAD", "GET", "GET"], id="two ranges"),
        pytest.param({"Range": "bytes=0-1,99-"}, ["HEAD", "GET"], id="two ranges, one impossible"),
    ],
)
@pytest.mark.needs("conditions")
def test_requests_to_the_server_for_each_response(
    browser: Client, document: Document, headers: dict[str, str], budget: list[str]
) -> None:
    etag = browser.head(f"/open/{document.pk}/")["ETag"]
    with requests_made() as made:
        response = browser.get(
            f"/open/{document.pk}/", headers={name: value.replace(SAME, etag) for name, value in headers.items()}
        )
        response.getvalue()
    assert made == budget


def test_head_is_one_head(browser: Client, document: Document) -> None:
    with requests_made() as made:
        response = browser.head(f"/open/{document.pk}/", headers={"Range": "bytes=0-1"})
    assert made == ["HEAD"]
    assert (response.status_code, response["Content-Length"]) == (200, "10")


@pytest.mark.needs("conditions")
def test_the_server_decides_what_it_can_so_that_it_sends_nothing_in_vain(
    browser: Client, make_document: Callable[..., Document]
) -> None:
    document = make_document(LARGE)
    etag = browser.head(f"/open/{document.pk}/")["ETag"]
    with requests_made() as made:
        assert browser.get(f"/open/{document.pk}/", headers={"If-None-Match": f"W/{etag}"}).status_code == 304
        stale = {"If-Range": '"a"', "Range": "bytes=0-"}
        assert browser.get(f"/open/{document.pk}/", headers=stale).getvalue() == LARGE
    assert [request.status for request in made] == [304, 412, 200]


def test_the_connection_is_reused_after_a_whole_file(
    browser: Client, make_document: Callable[..., Document], proxy: Proxy, minio_options: dict[str, Any]
) -> None:
    with storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint})):
        document = make_document(LARGE)
        before = proxy.connections
        for _ in range(3):
            assert default_storage.exists(str(document.plain.name))
        needed = proxy.connections - before  # some servers close each
        for _ in range(3):
            assert browser.get(f"/open/{document.pk}/").getvalue() == LARGE
        assert proxy.connections - before == 2 * needed


def test_a_response_that_is_closed_early_ends_the_request_to_the_server(
    browser: Client, make_document: Callable[..., Document], proxy: Proxy, minio_options: dict[str, Any]
) -> None:
    with storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint})):
        content = bytes(64 * MIB)
        document = make_document(content)
        received = proxy.transferred["down"]
        for take in (0, 1):  # also one of which nothing was read
            response = browser.get(f"/open/{document.pk}/")
            for _ in range(take):
                next(iter(response.streaming_content))  # type: ignore[attr-defined]
            response.close()
        assert browser.get(f"/open/{document.pk}/", headers={"Range": "bytes=0-0"}).getvalue() == b"\0"
        assert proxy.transferred["down"] - received < 48 * MIB


# Encoded files


GZIPPED = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
TEXT = b"".join(b"line %d\n" % number for number in range(100_000))
STORED = gzip.compress(TEXT, mtime=0)


@pytest.fixture
def gzipped(make_document: Callable[..., Document]) -> Document:
    document = make_document(b"", "log.txt")
    storage = cast("MinioBackend", document.plain.storage)
    storage.s3.put(storage.bucket, storage.key(document.plain.name), STORED, GZIPPED)
    return document


@pytest.mark.parametrize("accept", ["gzip", "br, gzip;q=0.5", "GZIP", "x-gzip", "deflate,gzip ; q=1"])
def test_a_gzipped_file_is_sent_as_it_is_stored(browser: Client, gzipped: Document, accept: str) -> None:
    response = browser.get(f"/open/{gzipped.pk}/", headers={"Accept-Encoding": accept})
    assert response.getvalue() == STORED
    assert (response["Content-Encoding"], response["Vary"]) == ("gzip", "Accept-Encoding")
    assert response["Content-Length"] == str(len(STORED))


def test_ranges_of_a_gzipped_file_are_of_the_stored_bytes(browser: Client, gzipped: Document) -> None:
    headers = {"Accept-Encoding": "gzip", "Range": "bytes=10-19"}
    response = browser.get(f"/open/{gzipped.pk}/", headers=headers)
    assert (response.status_code, response.getvalue()) == (206, STORED[10:20])
    assert response["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("accept", ["", "br", "gzip;q=0", "gzip; q=0.0", "notgzip"])
@pytest.mark.parametrize("wanted", ["", "bytes=10-19", "bytes=0-1,5-9"])
def test_for_others_it_is_decoded_and_has_no_ranges(
    browser: Client, gzipped: Document, accept: str, wanted: str
) -> None:
    response = browser.get(f"/open/{gzipped.pk}/", headers={"Accept-Encoding": accept, "Range": wanted})
    assert (response.status_code, response.getvalue()) == (200, TEXT)
    assert not {"Content-Encoding", "Content-Length", "Accept-Ranges"} & set(response.headers)
    assert response["ETag"].startswith("W/")
    assert response["Vary"] == "Accept-Encoding"
    repeated = browser.get(f"/open/{gzipped.pk}/", headers={"If-None-Match": response["ETag"]})
    assert repeated.status_code == 304


def test_head_of_a_decoded_file_names_no_size(browser: Client, gzipped: Document) -> None:
    assert browser.head(f"/open/{gzipped.pk}/").get("Content-Length", "0") == "0"
    assert browser.head(f"/open/{gzipped.pk}/", headers={"Accept-Encoding": "gzip"})["Content-Length"] == str(
        len(STORED)
    )


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        pytest.param(gzip.compress(b"one") + gzip.compress(b"two"), b"onetwo", id="two members"),
        pytest.param(STORED[:-20], OSError, id="cut short"),
        pytest.param(b"no gzip at all", zlib.error, id="not gzip"),
    ],
)
def test_gzip_of_any_form_is_decoded_or_an_error(
    browser: Client, gzipped: Document, stored: bytes, expected: bytes | type[Exception]
) -> None:
    storage = cast("MinioBackend", default_storage)
    storage.s3.put(storage.bucket, storage.key(gzipped.plain.name), stored, GZIPPED)
    response = browser.get(f"/open/{gzipped.pk}/")
    if isinstance(expected, bytes):
        assert response.getvalue() == expected
    else:
        with pytest.raises(expected):
            response.getvalue()


def test_a_file_that_decodes_to_very_much_is_sent_in_small_blocks(browser: Client, gzipped: Document) -> None:
    storage = cast("MinioBackend", default_storage)
    bomb = gzip.compress(bytes(300 * MIB), compresslevel=1)
    storage.s3.put(storage.bucket, storage.key(gzipped.plain.name), bomb, GZIPPED)
    sizes = [len(block) for block in browser.get(f"/open/{gzipped.pk}/").streaming_content]  # type: ignore[attr-defined]
    assert sum(sizes) == 300 * MIB
    assert max(sizes) <= 4 * MIB


def test_djangos_gzip_middleware_leaves_parts_as_they_are(
    browser: Client, make_document: Callable[..., Document], settings: Any
) -> None:
    settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]
    document = make_document(TEXT)
    headers = {"Accept-Encoding": "gzip", "Range": "bytes=0-999"}
    response = browser.get(f"/open/{document.pk}/", headers=headers)
    assert (response.status_code, response.getvalue()) == (206, TEXT[:1000])
    assert "Content-Encoding" not in response.headers
    whole = browser.get(f"/open/{document.pk}/", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(whole.getvalue()) == TEXT


# Changes and failures on the way


def test_a_broken_connection_is_continued(
    browser: Client, make_document: Callable[..., Document], proxy: Proxy, minio_options: dict[str, Any]
) -> None:
    with storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint})):
        document = make_document(LARGE)
        proxy.cut(after=MIB)
        proxy.cut(after=MIB // 2)
        with requests_made() as made:
            assert browser.get(f"/open/{document.pk}/").getvalue() == LARGE
    assert made == ["GET", "GET", "GET"]


def test_a_server_that_fails_for_good_makes_the_response_incomplete(
    browser: Client, make_document: Callable[..., Document], proxy: Proxy, minio_options: dict[str, Any]
) -> None:
    with storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint})):
        document = make_document(LARGE)
        proxy.cut(after=MIB)
        response = browser.get(f"/open/{document.pk}/")
        proxy.stop()
        received = 0
        with pytest.raises(Exception, match="Connection"):  # noqa: PT012 - what came before counts
            for block in response.streaming_content:  # type: ignore[attr-defined]
                received += len(block)
        assert received < int(response["Content-Length"]) == len(LARGE)


def test_a_file_that_is_replaced_on_the_way_makes_the_response_incomplete(
    browser: Client, make_document: Callable[..., Document], proxy: Proxy, minio_options: dict[str, Any]
) -> None:
    with storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": proxy.endpoint, "replace_existing": True})):
        document = make_document(LARGE)
        proxy.cut(after=MIB)
        response = browser.get(f"/open/{document.pk}/")
        blocks = iter(response.streaming_content)  # type: ignore[attr-defined]
        next(blocks)
        default_storage.save(str(document.plain.name), ContentFile(LARGE[::-1]))
        with pytest.raises(ObjectChangedError):
            list(blocks)


def test_parts_of_several_ranges_are_of_one_version(
    browser: Client, make_document: Callable[..., Document], minio_options: dict[str, Any]
) -> None:
    with storages_set(default=entry({**minio_options, "replace_existing": True})):
        document = make_document(LARGE)
        response = browser.get(f"/open/{document.pk}/", headers={"Range": "bytes=0-9,20-29"})
        default_storage.save(str(document.plain.name), ContentFile(LARGE[::-1]))
        with pytest.raises(ObjectChangedError):
            response.getvalue()


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        pytest.param("bytes=0-1", b"0123456789", id="a server that ignores ranges"),
        pytest.param("bytes=0-1,4-5", b"0123456789", id="a server that ignores several"),
    ],
)
def test_a_server_without_ranges_gives_the_whole_file(
    server: Server, browser: Client, document: Document, minio_options: dict[str, Any], wanted: str, answer: bytes
) -> None:
    whole = Response(200, b"0123456789", "text/plain", '"some"')

    def rule(asked: Received) -> Response | None:
        return whole if asked.method == "GET" else None

    with (
        rewriting_proxy(server) as rewriter,
        storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": rewriter.endpoint})),
    ):
        rewriter.rule = rule
        response = browser.get(f"/open/{document.pk}/", headers={"Range": wanted})
        assert (response.status_code, response.getvalue()) == (200, answer)


@pytest.mark.parametrize("status", [403, 500])
def test_an_error_of_the_server_is_an_error(
    server: Server, browser: Client, document: Document, minio_options: dict[str, Any], status: int
) -> None:
    pool = {"MINIO_HTTP_CLIENT": urllib3.PoolManager(retries=False)}
    with (
        rewriting_proxy(server) as rewriter,
        storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": rewriter.endpoint, **pool})),
    ):
        rewriter.rule = lambda _: s3_error(status, "AccessDenied")
        with pytest.raises(Exception, match="made up"):
            browser.get(f"/open/{document.pk}/")


def test_not_modified_counts_only_if_it_was_asked_for(
    server: Server, browser: Client, document: Document, minio_options: dict[str, Any]
) -> None:
    with (
        rewriting_proxy(server) as rewriter,
        storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": rewriter.endpoint})),
    ):
        rewriter.rule = lambda _: Response(304)
        with pytest.raises(Exception, match="304"):
            browser.get(f"/open/{document.pk}/")


def test_another_range_than_the_requested_one_is_an_error(
    browser: Client, document: Document, minio_options: dict[str, Any]
) -> None:
    sent = {"ETag": '"a"', "Last-Modified": "Sun, 01 Nov 2026 12:00:00 GMT", "Content-Range": "bytes 5-9/10"}
    with (
        hostile(lambda _: [response(206, b"56789", sent)]) as running,
        storages_set(default=entry({**minio_options, "MINIO_ENDPOINT": running.endpoint, "MINIO_USE_HTTPS": False})),
        pytest.raises(BadResponseError, match="another range of 'report"),
    ):
        browser.get(f"/open/{document.pk}/", headers={"Range": "bytes=0-4"})


# Other storages


OTHERS = {
    "on disk": "django.core.files.storage.FileSystemStorage",
    "in memory": "django.core.files.storage.InMemoryStorage",
}


@pytest.mark.parametrize("backend", OTHERS.values(), ids=list(OTHERS))
@pytest.mark.parametrize("mode", ["stream", "redirect", "accel"])
@pytest.mark.django_db
def test_files_of_other_storages_are_streamed_in_every_mode(
    browser: Client,
    settings: Any,
    tmp_path: object,
    backend: str,
    mode: str,
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    with storages_set(default={"BACKEND": backend}):
        document = Document(title="Bericht.txt")
        document.plain.save("a.txt", ContentFile(LARGE))
        url = f"/open/{document.pk}/?mode={mode}"
        whole = browser.get(url)
        assert (whole.status_code, whole.getvalue()) == (200, LARGE)
        assert whole["Content-Disposition"] == 'inline; filename="Bericht.txt"'
        part = browser.get(url, headers={"Range": "bytes=-5", "If-Range": whole["ETag"]})
        assert (part.status_code, part.getvalue()) == (206, LARGE[-5:])
        several = browser.get(url, headers={"Range": "bytes=0-1,4-5"})
        assert (several.status_code, several.getvalue().count(b"Content-Range")) == (206, 2)
        assert browser.get(url, headers={"If-None-Match": whole["ETag"]}).status_code == 304
        assert browser.get(url, headers={"If-Match": '"a"'}).status_code == 412
        assert browser.get(url, headers={"Range": f"bytes={len(LARGE)}-"}).status_code == 416
        assert browser.head(url)["Content-Length"] == str(len(LARGE))
        document.plain.storage.delete(str(document.plain.name))
        assert browser.get(url).status_code == 404


class ShoutingStorage(MinioBackend):
    """A storage that changes what it reads, as one that decrypts does."""

    def _open(self, name: str, mode: str = "rb", **text: str | None) -> Any:
        with super()._open(name, mode, **text) as file:
            return ContentFile(file.read().upper())


@pytest.mark.django_db
def test_a_subclass_that_opens_files_in_its_own_way_is_asked_to(
    browser: Client,
    minio_options: dict[str, Any],
) -> None:
    with storages_set(default=entry(minio_options, f"{__name__}.ShoutingStorage")):
        document = Document()
        document.plain.save("a.txt", ContentFile(b"quiet"))
        assert browser.get(f"/open/{document.pk}/").getvalue() == b"QUIET"
