"""How a stream is cut: within the bounds of S3, and as the settings say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.files.content import PARTS_BEFORE_GROWTH, SINGLE_PUT, PartSizes, plan_parts
from django_minio_backend.transport.limits import MAX_PARTS
from tests.support.settings import read

MEBIBYTE = 1024**2
GIBIBYTE = 1024**3
TEBIBYTE = 1024**4
LARGEST = 5 * TEBIBYTE  # an object of S3
LENGTHS = st.one_of(st.integers(0, LARGEST), st.integers(0, 100 * MEBIBYTE), st.just(LARGEST))
PART_SIZES = st.integers(5 * MEBIBYTE, 5 * GIBIBYTE) | st.just(5 * MEBIBYTE)
THRESHOLDS = st.integers(1, 5 * GIBIBYTE) | st.integers(1, 50 * MEBIBYTE)
OURS = read()


def sizes(blocks: PartSizes, length: int) -> list[int]:
    """Bytes of each block of a stream of this length."""
    found: list[int] = []
    while length > 0 or not found:
        found.append(min(blocks.size(len(found)), length))
        length -= found[-1]
    return found


def assert_fits(found: list[int]) -> None:
    """S3's bounds: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""
    assert len(found) <= MAX_PARTS
    assert max(found) <= 5 * GIBIBYTE
    if len(found) > 1:
        assert min(found[:-1]) >= 5 * MEBIBYTE


@given(length=LENGTHS)
def test_a_stream_of_known_length_fits_into_the_parts_of_s3(length: int) -> None:
    found = sizes(plan_parts(length, OURS), length)
    assert_fits(found)
    assert sum(found) == length


@given(length=LENGTHS, part_size=PART_SIZES, threshold=THRESHOLDS)
def test_a_stream_cut_by_settings_fits_into_the_parts_of_s3(length: int, part_size: int, threshold: int) -> None:
    options = read(
        MINIO_MULTIPART_UPLOAD=True, MINIO_MULTIPART_PART_SIZE=part_size, MINIO_MULTIPART_THRESHOLD=threshold
    )
    found = sizes(plan_parts(length, options), length)
    assert_fits(found)
    if length < threshold:
        assert len(found) == 1
    elif length > max(part_size, threshold):
        assert len(found) > 1
        assert found[0] == max(part_size, -(-length // MAX_PARTS))


@given(length=LENGTHS)
def test_a_stream_of_unknown_length_fits_into_the_parts_of_s3(length: int) -> None:
    assert_fits(sizes(plan_parts(None, OURS), length))


@given(length=st.integers(0, LARGEST))
def test_a_stream_of_unknown_length_fits_into_the_smallest_parts_that_settings_allow(length: int) -> None:
    options = read(MINIO_MULTIPART_UPLOAD=True, MINIO_MULTIPART_PART_SIZE=5 * MEBIBYTE)
    assert_fits(sizes(plan_parts(None, options), length))


@given(length=st.integers(0, SINGLE_PUT))
def test_what_fits_into_memory_is_one_block(length: int) -> None:
    assert plan_parts(length, OURS).first >= length


@given(length=st.integers(SINGLE_PUT + 1, 50 * GIBIBYTE))
def test_parts_of_a_known_length_are_small_enough_for_memory(length: int) -> None:
    found = sizes(plan_parts(length, OURS), length)
    assert max(found) * (OURS.num_parallel_uploads + 1) < 64 * MEBIBYTE


def test_parts_begin_at_the_threshold() -> None:
    options = read(
        MINIO_MULTIPART_UPLOAD=True,
        MINIO_MULTIPART_THRESHOLD=20 * MEBIBYTE,
        MINIO_MULTIPART_PART_SIZE=6 * MEBIBYTE,
    )
    assert sizes(plan_parts(20 * MEBIBYTE - 1, options), 20 * MEBIBYTE - 1) == [20 * MEBIBYTE - 1]
    assert sizes(plan_parts(20 * MEBIBYTE, options), 20 * MEBIBYTE) == [*[6 * MEBIBYTE] * 3, 2 * MEBIBYTE]


def test_the_settings_of_parts_count_only_where_they_are_switched_on() -> None:
    options = read(MINIO_MULTIPART_THRESHOLD=MEBIBYTE, MINIO_MULTIPART_PART_SIZE=5 * MEBIBYTE)
    assert plan_parts(30 * MEBIBYTE, options) == plan_parts(30 * MEBIBYTE, OURS)


@given(first=st.integers(1, 100), part=st.integers(1, 100), number=st.integers(1, PARTS_BEFORE_GROWTH - 1))
def test_the_first_parts_are_of_the_size_that_was_asked_for(first: int, part: int, number: int) -> None:
    for grows in (True, False):
        blocks = PartSizes(first=first, part=part, grows=grows)
        assert (blocks.size(0), blocks.size(number)) == (first, part)
