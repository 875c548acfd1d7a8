"""Mode "stream" compared with nginx, which serves the same file from disk (RFC 9110)."""

from __future__ import annotations

import email
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.utils.http import http_date

from tests.support.nginx import nginx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import urllib3
    from django.test import Client

    from tests.app.models import Document

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)
COMPARED = ("Content-Range", "Content-Length", "Content-Type")
ETAG, WEAK, DATE = "{etag}", "W/{etag}", "{date}"
OTHER, OLD, NEW = '"other"', "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"

# What a client sends. In values "{etag}" and "{date}" are the server's own of this file.
CASES: dict[str, dict[str, str]] = {
    "nothing": {},
    "the first bytes": {"Range": "bytes=0-99"},
    "one byte": {"Range": "bytes=0-0"},
    "bytes in the middle": {"Range": "bytes=300-4000"},
    "an open end": {"Range": "bytes=10000-"},
    "everything as a range": {"Range": "bytes=0-"},
    "the last bytes": {"Range": "bytes=-100"},
    "more last bytes than there are": {"Range": "bytes=-999999"},
    "an end after the file": {"Range": "bytes=10000-999999"},
    "a start after the file": {"Range": f"bytes={SIZE}-"},
    "a start far after the file": {"Range": "bytes=999999999999-"},
    "no last bytes": {"Range": "bytes=-0"},
    "another unit": {"Range": "pages=1-2"},
    "spaces around": {"Range": "bytes=0-1, 4-5"},
    "two ranges": {"Range": "bytes=0-9,20-29"},
    "ranges in another order": {"Range": "bytes=20-29,0-9,-5"},
    "two ranges, one after the file": {"Range": f"bytes=0-9,{SIZE}-"},
    "two ranges, both after the file": {"Range": f"bytes={SIZE}-,{SIZE + 5}-{SIZE + 9}"},
    "overlapping ranges": {"Range": "bytes=0-99,50-149"},
    "more bytes than the file": {"Range": "bytes=0-,0-,0-"},
    "If-None-Match, the same": {"If-None-Match": ETAG},
    "If-None-Match, the same, weak": {"If-None-Match": WEAK},
    "If-None-Match, one of several": {"If-None-Match": f'"a", {ETAG}, "b"'},
    "If-None-Match, another": {"If-None-Match": OTHER},
    "If-None-Match, any": {"If-None-Match": "*"},
    "If-None-Match, the same, and a range": {"If-None-Match": ETAG, "Range": "bytes=0-9"},
    "If-None-Match, the same, and an impossible range": {"If-None-Match": ETAG, "Range": f"bytes={SIZE}-"},
    "If-None-Match, another, and a range": {"If-None-Match": OTHER, "Range": "bytes=0-9"},
    "If-Modified-Since, the same": {"If-Modified-Since": DATE},
    "If-Modified-Since, older": {"If-Modified-Since": OLD},
    "If-Modified-Since, no time": {"If-Modified-Since": "yesterday"},
    "If-None-Match, another, and If-Modified-Since": {"If-None-Match": OTHER, "If-Modified-Since": DATE},
    "If-Match, the same": {"If-Match": ETAG},
    "If-Match, one of several": {"If-Match": f'"a", {ETAG}'},
    "If-Match, another": {"If-Match": OTHER},
    "If-Match, any": {"If-Match": "*"},
    "If-Match, the same, weak": {"If-Match": WEAK},
    "If-Match, another, and a range": {"If-Match": OTHER, "Range": "bytes=0-9"},
    "If-Match, another, and an impossible range": {"If-Match": OTHER, "Range": f"bytes={SIZE}-"},
    "If-Unmodified-Since, the same": {"If-Unmodified-Since": DATE},
    "If-Unmodified-Since, older": {"If-Unmodified-Since": OLD},
    "If-Unmodified-Since, older, and a range": {"If-Unmodified-Since": OLD, "Range": "bytes=0-9"},
    "If-Range, the same": {"If-Range": ETAG, "Range": "bytes=0-9"},
    "If-Range, another": {"If-Range": OTHER, "Range": "bytes=0-9"},
    "If-Range, another, and an impossible range": {"If-Range": OTHER, "Range": f"bytes={SIZE}-"},
    "If-Range, the same, weak": {"If-Range": WEAK, "Range": "bytes=0-9"},
    "If-Range, another time": {"If-Range": OLD, "Range": "bytes=0-9"},
    "If-Range, a later time": {"If-Range": NEW, "Range": "bytes=0-9"},
    "If-Range without a range": {"If-Range": ETAG},
    "If-Range, the same, and several ranges": {"If-Range": ETAG, "Range": "bytes=0-9,20-29"},
    "If-Range, another, and several ranges": {"If-Range": OTHER, "Range": "bytes=0-9,20-29"},
    "If-Range and If-None-Match, both the same": {"If-Range": ETAG, "If-None-Match": ETAG, "Range": "bytes=0-9"},
}

# Where this package differs on purpose: what it responds, what nginx does, and why.
DIFFERENCES: dict[str, tuple[dict[str, str], int, int, str]] = {
    "an invalid range": ({"Range": "bytes=5-2"}, 200, 416, "RFC 9110, 14.2 lets a server ignore or reject it"),
    "no number": ({"Range": "bytes=a-b"}, 200, 416, "the same"),
    "If-Modified-Since, newer": (
        {"If-Modified-Since": NEW},
        304,
        200,
        "RFC 9110, 13.1.3: not modified since; nginx compares for equality unless if_modified_since is 'before'",
    ),
    "If-Range, this file's time": (
        {"If-Range": DATE, "Range": "bytes=0-9"},
        200,
        206,
        "RFC 9110, 13.1.5: the object of this test is younger than a minute, so its time is no strong validator",
    ),
}


class Result(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the file, served by nginx."""
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    files = folder / "files"
    files.mkdir()
    _write(files / "report.txt", CONTENT)
    _write(files / "empty.txt", b"")
    with nginx(folder, f"location /disk/ {{ alias {files}/; }}") as endpoint:
        yield f"http://{endpoint}/disk/"


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))


def of_nginx(http: urllib3.PoolManager, url: str, method: str, headers: dict[str, str]) -> Result:
    own = http.request("HEAD", url).headers
    sent = {name: _filled(value, own["ETag"], own["Last-Modified"]) for name, value in headers.items()}
    response = http.request(method, url, headers=sent)
    return _result(response.status, dict(response.headers), response.data)


def of_django(browser: Client, url: str, method: str, headers: dict[str, str]) -> Result:
    own = browser.head(url)
    sent = {name: _filled(value, own["ETag"], own["Last-Modified"]) for name, value in headers.items()}
    response = browser.generic(method, url, headers=sent)
    return _result(response.status_code, dict(response.headers), response.getvalue())


def _filled(value: str, etag: str, date: str) -> str:
    return value.replace(ETAG, etag).replace(DATE, date)


def _result(status: int, headers: dict[str, str], body: bytes) -> Result:
    compared: dict[str, str] = {}
    if status in (200, 206):
        compared = {name: headers[name] for name in COMPARED if name in headers}
        if status == 200:  # nginx leaves it out of 206
            compared["Accept-Ranges"] = headers["Accept-Ranges"]
    elif status == 416:
        compared = {"Content-Range": headers["Content-Range"]}
    kind, _, _ = headers.get("Content-Type", "").partition(";")
    if kind != "multipart/byteranges":
        return Result(status, compared, body if status in (200, 206) else b"")
    assert headers["Content-Length"] == str(len(body))  # the boundaries differ in their length
    message = email.message_from_bytes(b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n" + body)
    assert not message.defects
    parts = [dict(part.items()) | {"body": part.get_payload(decode=True)} for part in message.walk()][1:]
    return Result(status, {"Content-Type": kind}, parts)


@pytest.fixture
def url(make_document: Callable[..., Document]) -> str:
    return f"/open/{make_document(CONTENT).pk}/"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("case", CASES)
def test_a_file_is_streamed_as_nginx_serves_it(
    browser: Client, url: str, http: urllib3.PoolManager, disk: str, case: str, method: str
) -> None:
    headers = dict(CASES[case])
    if method == "HEAD":  # RFC 9110, 14.2: Range is defined for GET only; nginx also honours it for HEAD
        headers.pop("Range", None)
    assert of_django(browser, url, method, headers) == of_nginx(http, f"{disk}report.txt", method, headers)


@pytest.mark.parametrize("case", DIFFERENCES)
def test_differences_from_nginx_are_known(
    browser: Client, url: str, http: urllib3.PoolManager, disk: str, case: str
) -> None:
    headers, ours, theirs, _reason = DIFFERENCES[case]
    assert of_django(browser, url, "GET", headers).status == ours
    assert of_nginx(http, f"{disk}report.txt", "GET", headers).status == theirs


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=5-9", "bytes=-5", "bytes=0-0,2-3"])
def test_the_ranges_of_an_empty_file_are_ignored_unless_they_are_several(
    browser: Client, make_document: Callable[..., Document], header: str
) -> None:
    """Nginx responds to some of them with 416; RFC 9110, 14.2 lets a server ignore a range."""
    response = browser.get(f"/open/{make_document(b'').pk}/", headers={"Range": header})
    assert (response.status_code, response.getvalue(), response["Content-Length"]) == (200, b"", "0")


@pytest.mark.django_db
def test_a_time_in_if_range_counts_for_a_file_that_has_not_changed_for_a_while(
    tmp_path: Path,
    settings: Any,
    browser: Client,
) -> None:
    from tests.app.models import Document
    from tests.support.settings import storages_set

    _write(tmp_path / "a.txt", CONTENT)
    settings.MEDIA_ROOT = str(tmp_path)
    with storages_set(default={"BACKEND": "django.core.files.storage.FileSystemStorage"}):
        document = Document.objects.create(plain="a.txt")
        date = http_date((tmp_path / "a.txt").stat().st_mtime)
        response = browser.get(f"/open/{document.pk}/", headers={"Range": "bytes=0-9", "If-Range": date})
        assert (response.status_code, response.getvalue()) == (206, CONTENT[:10])
