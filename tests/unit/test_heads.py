"""Times in headers: whole ones are read, and everything else is refused, since it is what a cut answer looks like."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minio.time import from_http_header

from django_minio_backend.s3.response_headers import http_date

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))  # noqa: DTZ001


@given(TIMES)
def test_a_time_is_read_as_the_sdk_reads_it(time: datetime) -> None:
    written = format_datetime(time, usegmt=True)
    assert http_date(written) == from_http_header(written) == time


@given(TIMES, st.integers(0, 28))
def test_a_time_that_is_cut_is_refused(time: datetime, length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        http_date(format_datetime(time, usegmt=True)[:length])


@pytest.mark.parametrize(
    "value",
    [
        "Tue, 25 Nov 2026 03:14:58 GMT",  # a Wednesday
        "Wed, 25 Nov 2026 03:14:58 UTC",
        "Wed, 25 Nov 2026 03:14:58 +0000",
        "Wed, 31 Feb 2026 03:14:58 GMT",
        "2026-11-25T03:14:58Z",
        "now",
    ],
)
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        http_date(value)
