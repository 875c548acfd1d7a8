"""Values in the headers of S3's responses."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st
from minio.time import from_http_header

from django_minio_backend.s3.responses import TruncatedResponse, content_range, etag_of, size_of, time_of

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
