"""Range and If-Range, for headers of any form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils.http import http_date
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.serving.ranges import MAX_RANGES, ByteRange, Span, parse_ranges, range_applies, resolve

NUMBERS = st.integers(0, 200) | st.integers(0, 10**30)
OLD = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.text())
def test_any_header_is_parsed(text: str) -> None:
    assert isinstance(parse_ranges(text), list)
    assert isinstance(parse_ranges(f"bytes={text}"), list)


@given(NUMBERS, NUMBERS, st.integers(1, 300))
def test_a_range_is_what_python_slices(first: int, last: int, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    spans = resolve(parse_ranges(f"bytes={first}-{last}"), size)
    if last < first:
        assert spans is None  # invalid, so it is ignored
    elif first >= size:
        assert spans == []
    else:
        assert spans is not None
        assert content[spans[0].first : spans[0].end] == content[first : last + 1]


@given(NUMBERS, st.integers(1, 300))
def test_a_suffix_is_the_end_of_the_file(length: int, size: int) -> None:
    spans = resolve(parse_ranges(f"bytes=-{length}"), size)
    assert spans == ([Span(max(0, size - length), size)] if length else [])


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=40), st.integers(0, 300))
def test_spans_lie_within_the_file_and_are_not_larger_together(ranges: list[tuple[int, int]], size: int) -> None:
    spans = resolve([ByteRange(min(pair), max(pair)) for pair in ranges], size)
    if spans is not None:
        assert all(0 <= span.first < span.end <= size for span in spans)
        assert sum(span.size for span in spans) <= size


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=1-2,x",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes=\u0661-2",
        "pages=1-2",
        "1-2",
    ],
)
def test_a_header_of_another_form_is_ignored(header: str | None) -> None:
    assert parse_ranges(header) == []


def test_what_rfc_9110_allows_is_read() -> None:
    assert parse_ranges("BYTES = 0-1 ,, -5 ,\t7-") == [ByteRange(0, 1), ByteRange(None, 5), ByteRange(7, None)]
    assert parse_ranges("bytes=0000-0001") == [ByteRange(0, 1)]
    assert [str(each) for each in parse_ranges("bytes=1-2,-5,7-")] == ["bytes=1-2", "bytes=-5", "bytes=7-"]


def test_numbers_that_python_refuses_are_just_large() -> None:
    spans = resolve(parse_ranges(f"bytes=1-{'9' * 10_000}"), 10)
    assert spans == [Span(1, 10)]
    assert resolve(parse_ranges(f"bytes={'9' * 10_000}-"), 10) == []


def test_too_many_ranges_get_the_whole_file() -> None:
    ranges = [ByteRange(number, number) for number in range(MAX_RANGES + 1)]
    assert resolve(ranges[:-1], 1000) is not None
    assert resolve(ranges, 1000) is None


@pytest.mark.parametrize(
    ("if_range", "applies"),
    [
        pytest.param(None, True, id="absent"),
        pytest.param('"a"', True, id="same"),
        pytest.param('"b"', False, id="another"),
        pytest.param('W/"a"', False, id="weak"),
        pytest.param(http_date(OLD.timestamp()), True, id="same time"),
        pytest.param(http_date(OLD.timestamp() + 1), False, id="later"),
        pytest.param(http_date(OLD.timestamp() - 1), False, id="earlier"),
        pytest.param("", False, id="empty"),
        pytest.param("a", False, id="nonsense"),
    ],
)
def test_if_range_names_this_version(if_range: str | None, applies: bool) -> None:  # noqa: FBT001 - a parameter
    assert range_applies(if_range, '"a"', OLD) is applies


def test_weak_etags_and_recent_times_do_not_identify_a_version() -> None:
    now = datetime.now(UTC)
    assert not range_applies('W/"a"', 'W/"a"', OLD)
    assert not range_applies(http_date(now.timestamp()), '"a"', now)
    assert range_applies(http_date((now - timedelta(minutes=2)).timestamp()), '"a"', now - timedelta(minutes=2))
    assert not range_applies(http_date(now.timestamp()), "", None)
