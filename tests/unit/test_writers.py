"""A writer compared with a file on disk: the same calls return the same and write the same bytes."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast
from unittest import mock

import pytest
import urllib3
from hypothesis import example, given, settings
from hypothesis import strategies as st
from minio.error import S3Error

from django_minio_backend.files import disk_copy
from django_minio_backend.files.content import PartSizes
from django_minio_backend.files.file import as_text
from django_minio_backend.files.upload import Upload, UploadTarget
from django_minio_backend.files.writer import ObjectWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django_minio_backend.s3.client import S3Client

SMALL = PartSizes(first=7, part=5, grows=False)
FULL = OSError(28, "No space left on device")


def invalid_part() -> S3Error:
    response = urllib3.HTTPResponse(status=400)
    return S3Error(
        code="InvalidPart", message="", resource="/bucket/key", request_id="1", host_id="2", response=response
    )


class Bucket:
    """What an upload needs of a server, in memory: a part that is sent again replaces the one with its number.

    Attributes:
        puts, parts: sizes of what was sent.
        loses_parts: whether the next completion fails, because the parts are no longer there.
    """

    def __init__(self, *, loses_parts: bool = False) -> None:
        self.loses_parts = loses_parts
        self.object: bytes | None = None
        self.puts: list[int] = []
        self.parts: list[int] = []
        self.unfinished: dict[int, bytes] | None = None

    @property
    def is_empty(self) -> bool:
        return self.object is None

    def put(self, _bucket: str, _key: str, body: bytes, _headers: Mapping[str, str], *, only_if_absent: bool) -> str:
        assert not only_if_absent
        self.puts.append(len(body))
        self.object = bytes(body)
        return "etag"

    def create_upload(self, _bucket: str, _key: str, _headers: Mapping[str, str]) -> str:
        self.unfinished = {}
        return "upload"

    def put_part(self, _bucket: str, _key: str, _upload: str, number: int, body: bytes, _headers: object) -> str:
        assert self.unfinished is not None
        assert body
        self.parts.append(len(body))
        self.unfinished[number] = bytes(body)
        return f"{number}-{hash(bytes(body))}"

    def complete_upload(
        self,
        _bucket: str,
        _key: str,
        _upload: str,
        parts: Sequence[Mapping[str, str]],
        _headers: object,
        *,
        only_if_absent: bool,
    ) -> str:
        assert self.unfinished is not None
        assert not only_if_absent
        if self.loses_parts:
            self.loses_parts = False
            raise invalid_part()
        listed = [(int(part["PartNumber"]), part["ETag"]) for part in parts]
        assert listed == sorted(listed)
        bodies = [self.unfinished[number] for number, _ in listed]
        expected = [f'"{number}-{hash(body)}"' for (number, _), body in zip(listed, bodies, strict=True)]
        assert [etag for _, etag in listed] == expected
        assert len({len(body) for body in bodies[1:-1]}) <= 1
        self.object, self.unfinished = b"".join(bodies), None
        return "etag"

    def head(self, _bucket: str, _key: str, _ssec: object) -> NoReturn:
        raise FileNotFoundError

    def abort_upload(self, _bucket: str, _key: str, _upload: str) -> None:
        self.unfinished = None


def writer_to(bucket: Bucket, blocks: PartSizes = SMALL) -> ObjectWriter:
    target = UploadTarget("bucket", "key", {}, condition=False, checksum=None, ssec=None, parallel=1)
    return ObjectWriter(Upload(cast("S3Client", bucket), target), blocks)


def cuts() -> st.SearchStrategy[PartSizes]:
    return st.builds(PartSizes, first=st.integers(1, 40), part=st.integers(1, 20), grows=st.booleans())


WHENCE = st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.binary(max_size=50)),
        st.tuples(st.just("writelines"), st.lists(st.binary(max_size=9), max_size=4)),
        st.tuples(st.just("seek"), st.integers(-60, 90), WHENCE),
        st.tuples(st.just("seek"), st.integers(0, 60)),
        st.tuples(st.just("truncate"), st.integers(-2, 90)),
        st.tuples(st.just("truncate")),
        st.tuples(st.just("tell")),
        st.tuples(st.just("flush")),
    ),
    max_size=14,
)


def outcome(file: Any, call: tuple[Any, ...]) -> object:
    name, *arguments = call
    try:
        return getattr(file, name)(*arguments)
    except (OSError, ValueError) as error:
        return type(error), str(error)


@pytest.mark.parametrize("loses_parts", [False, True], ids=["at once", "after its parts were lost"])
@settings(max_examples=300)
@given(calls=CALLS, blocks=cuts())
@example(calls=[("write", b"x" * 30), ("seek", 9), ("write", b"later")], blocks=SMALL)
@example(calls=[("write", b"x" * 30), ("truncate", 12), ("seek", 25), ("write", b"y")], blocks=SMALL)
@example(calls=[("write", b"x" * 30), ("truncate", 0)], blocks=SMALL)
@example(calls=[("write", b"x" * 7), ("seek", 0), ("write", b"y")], blocks=SMALL)
@example(calls=[("write", b"x" * 30), ("truncate", 27)], blocks=SMALL)
def test_a_writer_does_what_a_file_does(calls: list[tuple[Any, ...]], blocks: PartSizes, *, loses_parts: bool) -> None:
    bucket = Bucket(loses_parts=loses_parts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        with path.open("wb") as file, writer_to(bucket, blocks) as writer:
            for call in calls:
                assert outcome(writer, call) == outcome(file, call), call
                assert writer.tell() == file.tell()
                file.flush()
                assert writer.size == path.stat().st_size
            assert bucket.is_empty
        assert bucket.object == path.read_bytes()
        assert writer.size == path.stat().st_size
    assert bucket.unfinished is None


@pytest.mark.parametrize("loses_parts", [False, True], ids=["kept by the server", "lost by the server"])
@given(calls=CALLS, blocks=cuts(), kept=st.integers(0, 60))
@example(calls=[("write", b"x" * 50), ("truncate", 12)], blocks=SMALL, kept=10)
@example(calls=[("write", b"x" * 50), ("truncate", 12), ("seek", 40), ("write", b"y")], blocks=SMALL, kept=10)
@example(
    calls=[("write", b"x" * 50), ("seek", 22), ("write", b"y" * 10), ("seek", 23), ("write", b"z")],
    blocks=SMALL,
    kept=10,
)
def test_a_writer_that_has_not_kept_all_does_what_a_file_does_or_stores_nothing(
    calls: list[tuple[Any, ...]], blocks: PartSizes, kept: int, *, loses_parts: bool
) -> None:
    bucket = Bucket(loses_parts=loses_parts)
    writer = writer_to(bucket, blocks)
    with tempfile.TemporaryFile("wb+") as file, mock.patch.object(disk_copy, "ALWAYS_KEPT", kept):
        for call in calls:
            result, expected = outcome(writer, call), outcome(file, call)
            if isinstance(result, tuple) and "no copy was kept" in result[1]:
                assert_says_so_again(writer, bucket)
                return
            assert result == expected
        try:
            writer.close()
        except S3Error:
            assert loses_parts
            assert bucket.object is None
            return
        file.seek(0)
        assert bucket.object == file.read()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TEXT_CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), TEXT),
        st.tuples(st.just("seek"), st.just(0), st.sampled_from([0, 2])),
        st.tuples(st.just("tell")),
        st.tuples(st.just("back to what tell() gave")),
        st.tuples(st.just("truncate")),
    ),
    max_size=10,
)


@given(
    calls=TEXT_CALLS,
    blocks=cuts(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le", "iso2022_jp"]),
    newline=st.sampled_from([None, "", "\n", "\r\n"]),
)
def test_a_text_writer_does_what_a_text_file_does(
    calls: list[tuple[Any, ...]], blocks: PartSizes, encoding: str, newline: str | None
) -> None:
    bucket = Bucket()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        position = 0
        with (
            path.open("w", encoding=encoding, newline=newline) as file,
            as_text(writer_to(bucket, blocks), encoding=encoding, newline=newline) as writer,
        ):
            for call in calls:
                made = ("seek", position) if call[0].startswith("back") else call
                result = outcome(writer, made)
                assert result == outcome(file, made), call
                position = result if call[0] == "tell" and isinstance(result, int) else position
        assert bucket.object == path.read_bytes()


@pytest.mark.parametrize("call", [("read",), ("readline",), ("readinto", bytearray(1)), ("fileno",), ("detach",)])
def test_what_a_write_only_file_refuses_is_refused(call: tuple[Any, ...]) -> None:
    with writer_to(Bucket()) as writer, pytest.raises(io.UnsupportedOperation):
        getattr(writer, call[0])(*call[1:])


@pytest.mark.parametrize("call", [("seek", 0), ("tell",), ("truncate", 0), ("write", b"")])
def test_a_closed_writer_refuses_everything(call: tuple[Any, ...]) -> None:
    writer = writer_to(Bucket())
    writer.close()
    with pytest.raises(ValueError, match="closed file"):
        getattr(writer, call[0])(*call[1:])


@pytest.mark.usefixtures("without_a_disk")
def test_a_header_within_the_last_block_costs_nothing() -> None:
    bucket = Bucket()
    with writer_to(bucket) as writer:
        writer.write(b"??")
        writer.write(b"12345")
        writer.seek(0)
        writer.write(b"05")
    assert bucket.object == b"0512345"
    assert (bucket.puts, bucket.parts) == ([7], [])


def test_what_fits_into_one_block_makes_no_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    made = mock.Mock(side_effect=no_room)
    monkeypatch.setattr(tempfile, "TemporaryFile", made)
    with writer_to(Bucket()) as writer:
        writer.write(b"1234567")
        writer.seek(0)
        writer.write(b"0")
    assert not made.called


def test_a_text_keeps_no_more_than_bytes_do() -> None:
    with mock.patch.object(disk_copy, "ALWAYS_KEPT", 10):
        text = as_text(writer_to(Bucket(), PartSizes(first=7000, part=5000, grows=False)), encoding=None, newline=None)
        text.write("x" * 100_000)
        text.seek(7100)
        text.write("y")
        with pytest.raises(OSError, match="no copy was kept"):
            text.flush()
        with pytest.raises(OSError, match=r"An earlier write|no copy was kept"):
            text.close()


def test_only_the_parts_that_have_changed_are_sent_again() -> None:
    bucket = Bucket()
    with writer_to(bucket) as writer:
        writer.write(b"aaaaaaabbbbbcccccdddddee")
        writer.seek(12)
        writer.write(b"C")
        assert bucket.is_empty
    assert bucket.object == b"aaaaaaabbbbbCccccdddddee"
    assert sorted(bucket.parts) == sorted([7, 5, 5, 5, 5, 2])


def test_each_part_is_sent_once_more_where_the_server_loses_them() -> None:
    bucket = Bucket(loses_parts=True)
    with writer_to(bucket) as writer:
        writer.write(b"aaaaaaabbbbbcccccdd")
    assert bucket.object == b"aaaaaaabbbbbcccccdd"
    assert sorted(bucket.parts) == sorted([7, 5, 5, 2] * 2)


def test_what_shrinks_to_one_block_is_one_put() -> None:
    bucket = Bucket()
    with writer_to(bucket) as writer:
        writer.write(bytes(30))
        writer.truncate(3)
    assert bucket.object == bytes(3)
    assert bucket.puts == [3]
    assert bucket.unfinished is None


class FullDisk:
    """A temporary file on a disk that is full."""

    def write(self, _data: object) -> int:
        raise FULL

    def seek(self, _offset: int) -> int:
        return 0

    def close(self) -> None:
        """Nothing is there to be closed."""


def no_room(**_: object) -> FullDisk:
    return FullDisk()


def no_folder(**_: object) -> FullDisk:
    raise FileNotFoundError(2, "No usable temporary directory found")


@pytest.fixture(params=[no_room, no_folder])
def without_a_disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FullDisk]:
    monkeypatch.setattr(tempfile, "TemporaryFile", request.param)
    without: Callable[..., FullDisk] = request.param
    return without


@pytest.mark.usefixtures("without_a_disk")
def test_writing_in_sequence_needs_no_room_on_disk() -> None:
    bucket = Bucket()
    with writer_to(bucket) as writer:
        writer.write(b"x" * 30)
        writer.seek(-1, os.SEEK_END)
        writer.write(b"y" * 30)
    assert bucket.object == b"x" * 29 + b"y" * 30


@pytest.mark.usefixtures("without_a_disk")
def test_parts_that_the_server_loses_without_room_on_disk_are_an_error_and_nothing_is_stored() -> None:
    bucket = Bucket(loses_parts=True)
    writer = writer_to(bucket)
    writer.write(b"x" * 30)
    with pytest.raises(S3Error, match="InvalidPart"):
        writer.close()
    assert (bucket.object, bucket.unfinished) == (None, None)
    assert sorted(bucket.parts) == [3, 5, 5, 5, 5, 7]


@pytest.mark.usefixtures("without_a_disk")
def test_going_back_without_room_on_disk_is_an_error_and_stores_nothing() -> None:
    bucket = Bucket()
    writer = writer_to(bucket)
    writer.write(b"x" * 30)
    writer.seek(0)
    with pytest.raises(OSError, match=r"Bytes 0 to 1 of 'key' in bucket 'bucket' cannot .* \(\[Errno .*TMPDIR"):
        writer.write(b"y")
    assert bucket.unfinished is None
    assert_says_so_again(writer, bucket)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 10 bytes were 64 MiB: the first two blocks are kept."""
    monkeypatch.setattr(disk_copy, "ALWAYS_KEPT", 10)


@pytest.mark.usefixtures("kept")
def test_a_header_can_be_changed_however_much_was_written_behind_it() -> None:
    bucket = Bucket()
    with writer_to(bucket) as writer:
        writer.write(b"x" * 50)
        writer.seek(2)
        writer.write(b"header")
        writer.seek(0, os.SEEK_END)
        writer.write(b"y" * 20)
    assert bucket.object == b"xxheader" + b"x" * 42 + b"y" * 20


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    "ask",
    [lambda file: file.seekable(), lambda file: file.tell(), lambda file: file.seek(0)],
    ids=["seekable", "tell", "seek"],
)
def test_all_can_be_changed_after_a_call_for_the_position(ask: Callable[[ObjectWriter], object]) -> None:
    bucket = Bucket()
    with writer_to(bucket) as writer:
        ask(writer)
        writer.write(b"x" * 50)
        writer.seek(30)
        writer.write(b"y")
    assert bucket.object == b"x" * 30 + b"y" + b"x" * 19


@pytest.mark.usefixtures("kept")
def test_what_was_not_kept_can_be_cut_off() -> None:
    bucket = Bucket()
    with writer_to(bucket) as writer:
        writer.write(b"x" * 50)
        writer.truncate(12)
    assert bucket.object == b"x" * 12


@pytest.mark.usefixtures("kept")
def test_what_was_not_kept_can_be_changed_once_it_is_replaced() -> None:
    bucket = Bucket()
    with writer_to(bucket) as writer:
        writer.write(b"x" * 50)
        for start, data in [(22, b"y" * 10), (24, b"z")]:  # two whole blocks, then a byte of one
            writer.seek(start)
            writer.write(data)
    assert bucket.object == b"x" * 22 + b"yyz" + b"y" * 7 + b"x" * 18


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("call", [("write", b"y"), ("truncate", 30)])
def test_changing_what_was_not_kept_is_an_error_and_stores_nothing(call: tuple[Any, ...]) -> None:
    bucket = Bucket()
    writer = writer_to(bucket)
    writer.write(b"x" * 50)
    writer.seek(30)
    with pytest.raises(OSError, match=r"Bytes 30 to \d+ of 'key' .* before seek\(\)"):
        getattr(writer, call[0])(*call[1:])
    assert_says_so_again(writer, bucket)


def test_a_write_error_that_was_ignored_is_raised_again_on_close() -> None:
    class Failing(Bucket):
        def put_part(self, *_: object) -> str:
            raise ConnectionError("gone")

    bucket = Failing()
    writer = writer_to(bucket)
    with pytest.raises(ConnectionError):
        writer.writelines([bytes(9)] * 9)
    assert_says_so_again(writer, bucket)


def assert_says_so_again(writer: ObjectWriter, bucket: Bucket) -> None:
    for call in ("write", b"more"), ("truncate", 0), ("tell",), ("seek", 0):
        with pytest.raises(
            OSError, match="An earlier write to 'key' in bucket 'bucket' failed; nothing will be stored"
        ):
            getattr(writer, str(call[0]))(*call[1:])
    with pytest.raises(OSError, match=r"gone|Errno"):
        writer.close()
    assert writer.closed
    writer.close()
    assert bucket.object is None


def test_a_failed_writer_is_discarded_without_a_second_error() -> None:
    class WithinError(Exception):
        """What goes wrong."""

    bucket = Bucket()
    writer = writer_to(bucket)
    writer.write(b"x" * 30)
    writer.seek(3)
    writer.write(b"y")
    writer.discard()
    writer.discard()
    assert bucket.object is None
    assert bucket.unfinished is None
