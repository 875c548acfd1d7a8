"""Values in the headers of S3's responses."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import unescape

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from minio.time import from_http_header

from django_minio_backend.s3.responses import TruncatedResponse, XmlResponse, content_range, etag_of, size_of, time_of

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001


def response(**headers: str) -> urllib3.BaseHTTPResponse:
    return urllib3.HTTPResponse(headers={name.replace("_", "-"): value for name, value in headers.items()})


@given(TIMES)
def test_a_time_is_parsed_as_the_sdk_does(time: datetime) -> None:
    value = format_datetime(time, usegmt=True)
    assert time_of({"date": value}, "date") == from_http_header(value) == time


@pytest.mark.parametrize(
    "value",
    ["Wed, 31 Feb 2026 03:14:58 GMT", "Sun, 01 Nov 99999 12:00:00 GMT", "2026-11-25T03:14:58Z", "now", ""],
    ids=["no-such-day", "no-such-year", "iso-8601", "word", "empty"],
)
def test_an_invalid_time_is_an_error(value: str) -> None:
    with pytest.raises(TruncatedResponse, match="no valid date header"):
        time_of({"date": value}, "date")


@pytest.mark.parametrize(
    "value", ["", "-1", "1.5", "9" * 5000, "\u0661"], ids=["empty", "sign", "point", "huge", "script"]
)
def test_an_invalid_length_is_an_error(value: str) -> None:
    with pytest.raises(TruncatedResponse, match="Content-Length"):
        size_of(response(content_length=value))


@pytest.mark.parametrize(("value", "etag"), [('"abc"', "abc"), ('W/"abc"', "abc"), ("abc", "abc"), ("", "")])
def test_an_etag_has_no_quotes(value: str, etag: str) -> None:
    assert etag_of(response(etag=value)) == etag


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 0-4/5", (0, 5, 5)),
        ("bytes 2-3/10", (2, 4, 10)),
        ("bytes 3-2/10", None),
        ("bytes 0-10/10", None),
        ("bytes 0-4/*", None),
        ("", None),
    ],
)
def test_a_content_range_is_valid_or_none(value: str, expected: tuple[int, int, int] | None) -> None:
    assert content_range(response(content_range=value)) == expected


ROW = "<Contents><Key>{}</Key><ETag>&#34;{}&#34;</ETag><Size>{}</Size></Contents>"
PLAIN = ROW.format("a b", "f00", 1) + ROW.format("\u00e9\U0001f4c4", "", 22)
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def columns(document: bytes, rows: str) -> list[list[str]]:
    xml = XmlResponse(urllib3.HTTPResponse(document), "List", "bucket", rows=rows)
    keys, etags, *others = xml.columns("Contents", "Key", "ETag", "Size", "Owner")
    return [keys, [etag.strip('"') for etag in etags], *others]


def page(rows: str, *, head: str = '<?xml version="1.0" encoding="UTF-8"?>', xmlns: str = NAMESPACE) -> str:
    return f'{head}<List xmlns="{xmlns}"><IsTruncated>false</IsTruncated>{rows}<Name>bucket</Name></List>'


@pytest.mark.parametrize(
    "document",
    [
        page(PLAIN),
        page(PLAIN, head="", xmlns=""),
        page(""),
        page(PLAIN.replace("&#34;", "&quot;")),
        page(PLAIN.replace("&#34;", '"')),
        page(PLAIN.replace("><", ">\n<")),
        page(PLAIN + ROW.format("a &amp; b", "", 1)),
        page(PLAIN + ROW.format("line\r\nbreak", "", 1)),
        page(PLAIN + "<Contents><Size>1</Size><Key>another order</Key></Contents>"),
        page("<Contents><Size>1</Size><Key>one</Key></Contents><Contents><Key>two</Key><Size>2</Size></Contents>"),
        page(PLAIN + "<Contents><Key>k</Key><Owner><ID>nested</ID></Owner></Contents>"),
        page(PLAIN + "<Contents><Key/></Contents><Contents/>"),
        page(PLAIN + '<Contents a="1"><Key>k</Key></Contents>'),
        page(f"<!-- {PLAIN} -->{PLAIN}"),
        page(f"<![CDATA[{PLAIN}]]>{PLAIN}"),
        page(f"<?note {PLAIN}?>{PLAIN}"),
        page(ROW.format("<![CDATA[a]]>", "", 1)),
    ],
)
def test_rows_are_read_as_by_the_parser(document: str) -> None:
    assert columns(document.encode(), "Contents") == columns(document.encode(), "")


@pytest.mark.parametrize(
    ("etag", "is_fast"), [("&#34;f00&#34;", True), ("&quot;&quot;", True), ('"f00"', True), ("a&amp;#34;", False)]
)
def test_rows_with_quoted_etags_are_not_left_to_the_parser(etag: str, *, is_fast: bool) -> None:
    """It takes several times as long for the thousand rows of a page."""
    document = page(ROW.format("a", "", 1).replace("&#34;&#34;", etag)).encode()
    xml = XmlResponse(urllib3.HTTPResponse(document), "List", "bucket", rows="Contents")
    assert xml.columns("Contents", "Key", "ETag") == [["a"], [unescape(etag, {"&#34;": '"', "&quot;": '"'})]]
    assert (list(xml.all("Contents")) == []) == is_fast


def test_rows_in_another_encoding_are_read_as_by_the_parser() -> None:
    document = page(PLAIN, head='<?xml version="1.0" encoding="ISO-8859-1"?>')
    for encoded in (document.encode("latin-1", "xmlcharrefreplace"), document.encode()):
        assert columns(encoded, "Contents") == columns(encoded, "")


@pytest.mark.parametrize("place", [0, 60, 130, 160, 200, 240, 300, -9, -1])
def test_a_page_with_rows_that_is_cut_off_is_an_error(place: int) -> None:
    with pytest.raises(TruncatedResponse):
        columns(page(PLAIN).encode()[:place], "Contents")


@pytest.mark.parametrize("broken", ["\x01", "\ufffe", "&", "<b>"])
def test_text_that_no_xml_has_is_an_error(broken: str) -> None:
    with pytest.raises(TruncatedResponse):
        columns(page(PLAIN + ROW.format(broken, "", 1)).encode(), "Contents")
