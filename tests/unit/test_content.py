"""Whatever is saved becomes blocks that joined are its bytes, from its start, each as long as was asked for."""

from __future__ import annotations

import gzip
import io
import itertools
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import InMemoryUploadedFile, SimpleUploadedFile, TemporaryUploadedFile
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.files.content import SINGLE_PUT, ContentReader, PartSizes, TruncatedContentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SMALL = PartSizes(first=7, part=5, grows=False)


class Stream:
    """Readable, and nothing else: what a socket gives, a few bytes at a time."""

    def __init__(self, data: bytes | str, step: int = 3) -> None:
        self._data = data
        self._step = step

    def read(self, size: int = -1) -> bytes | str:
        count = self._step if size < 0 else min(size, self._step)
        piece, self._data = self._data[:count], self._data[count:]
        return piece


class Sized(Stream):
    """A stream that says how long it is, rightly or not."""

    def __init__(self, data: bytes, size: Any) -> None:
        super().__init__(data)
        self.size = size


class Unwilling(Stream):
    """Has a seek() that it cannot do."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int) -> None:
        raise io.UnsupportedOperation(f"seek to {offset}")


class Chunked:
    """Has chunks() and nothing else."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def chunks(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), 4):
            yield self._data[start : start + 4]


class Mirrored(File):  # type: ignore[type-arg]
    """Its chunks() gives other bytes than its file has, as one that encrypts does; and more of them."""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        for chunk in super().chunks(chunk_size):
            yield bytes(chunk)[::-1]
        yield b"."


def mirrored(data: bytes) -> Mirrored:
    """A file whose chunks are the data, if that ends in a full stop."""
    return Mirrored(io.BytesIO(data[:-1][::-1]), "name")


class OnlyOnce(ContentFile):  # type: ignore[type-arg]
    """It can seek, but its chunks() cannot be called a second time."""

    def __init__(self, data: bytes) -> None:
        super().__init__(b"not this")
        self._once = iter([data[:5], b"", data[5:]])

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:  # noqa: ARG002 - Django's signature
        yield from self._once


def with_chunks_of_the_instance(data: bytes) -> ContentFile[bytes]:
    content = ContentFile(b"not this")
    content.chunks = lambda *_: iter([data])  # type: ignore[method-assign]
    return content


def moved(data: bytes) -> io.BytesIO:
    stream = io.BytesIO(data)
    stream.seek(0, io.SEEK_END)
    return stream


def zipped(data: bytes) -> File[Any]:
    """A file that lies: its size is that of the compressed bytes."""
    stream: Any = gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(data)))
    return File(stream)


def temporary_upload(data: bytes) -> TemporaryUploadedFile:
    upload = TemporaryUploadedFile("name", "text/plain", len(data), None)
    upload.write(data)
    return upload


KINDS: dict[str, Callable[[bytes], Any]] = {
    "BytesIO": io.BytesIO,
    "BytesIO at its end": moved,
    "ContentFile": ContentFile,
    "File of BytesIO": lambda data: File(io.BytesIO(data)),
    "SimpleUploadedFile": lambda data: SimpleUploadedFile("name", data),
    "InMemoryUploadedFile": lambda data: InMemoryUploadedFile(io.BytesIO(data), None, "name", None, len(data), None),
    "TemporaryUploadedFile": temporary_upload,
    "stream": Stream,
    "stream with its size": lambda data: Sized(data, len(data)),
    "stream with no size": lambda data: Sized(data, None),
    "stream that counts short": lambda data: Sized(data, len(data) // 2),
    "stream with an odd size": lambda data: Sized(data, "many"),
    "stream that cannot seek": Unwilling,
    "chunks": Chunked,
    "chunks that can be had once": OnlyOnce,
    "chunks of the instance": with_chunks_of_the_instance,
    "gzip": zipped,
    "buffered": lambda data: io.BufferedReader(io.BytesIO(data)),
}
LENGTH_KNOWN = {
    *("BytesIO", "BytesIO at its end", "ContentFile", "File of BytesIO", "SimpleUploadedFile", "InMemoryUploadedFile"),
    *("TemporaryUploadedFile", "stream with its size", "buffered"),
}
TEXTS: dict[str, Callable[[str], Any]] = {
    "StringIO": lambda text: io.StringIO(text, newline=""),
    "ContentFile": ContentFile,
    "stream": Stream,
    "File": lambda text: File(io.StringIO(text, newline="")),
}


@contextmanager
def reader_of(content: Any, *, replayable: bool = False) -> Iterator[ContentReader]:
    with closing(ContentReader(content, replayable=replayable)) as reader:
        yield reader
    getattr(content, "close", int)()


def part_sizes() -> st.SearchStrategy[PartSizes]:
    return st.builds(PartSizes, first=st.integers(1, 40), part=st.integers(1, 20), grows=st.booleans())


def assert_blocks(blocks: list[bytes | bytearray], sizes: PartSizes, whole: bytes) -> None:
    assert b"".join(blocks) == whole
    assert [len(block) for block in blocks[:-1]] == [sizes.size(number) for number in range(len(blocks) - 1)]
    assert len(blocks[-1]) <= sizes.size(len(blocks) - 1)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.binary(max_size=200), sizes=part_sizes(), replayable=st.booleans())
def test_blocks_have_the_planned_sizes(kind: str, data: bytes, sizes: PartSizes, *, replayable: bool) -> None:
    with reader_of(KINDS[kind](data), replayable=replayable) as reader:
        assert_blocks(list(reader.blocks(sizes)), sizes, data)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_a_block_in_pieces_may_be_larger_than_a_request_of_the_default_size(extra: int) -> None:
    data = bytes(range(251)) * (SINGLE_PUT // 251)
    data += bytes(SINGLE_PUT + extra - len(data))
    sizes = PartSizes(first=SINGLE_PUT + 7, part=20, grows=False)
    with reader_of(Stream(data, step=1_000_003)) as reader:
        assert_blocks(list(reader.blocks(sizes)), sizes, data)


@pytest.mark.parametrize("kind", TEXTS)
@given(text=st.text(max_size=100), sizes=part_sizes(), replayable=st.booleans())
def test_text_is_encoded_as_utf_8_before_it_is_measured(
    kind: str, text: str, sizes: PartSizes, *, replayable: bool
) -> None:
    with reader_of(TEXTS[kind](text), replayable=replayable) as reader:
        assert_blocks(list(reader.blocks(sizes)), sizes, text.encode())


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.binary(max_size=100), sizes=part_sizes(), before=st.integers(0, 20))
def test_content_can_be_read_a_second_time(kind: str, data: bytes, sizes: PartSizes, before: int) -> None:
    """However much of it was read before: a multipart upload finds its bucket missing after two blocks."""
    with reader_of(KINDS[kind](data), replayable=True) as reader:
        assert_replays(reader, sizes, data, before)


@pytest.mark.parametrize("kind", TEXTS)
@given(text=st.text(max_size=60), sizes=part_sizes(), before=st.integers(0, 20))
def test_text_can_be_read_a_second_time(kind: str, text: str, sizes: PartSizes, before: int) -> None:
    with reader_of(TEXTS[kind](text), replayable=True) as reader:
        assert_replays(reader, sizes, text.encode(), before)


def assert_replays(reader: ContentReader, sizes: PartSizes, whole: bytes, before: int) -> None:
    list(itertools.islice(reader.blocks(sizes), before))
    for _ in range(2):
        reader.rewind()
        assert_blocks(list(reader.blocks(sizes)), sizes, whole)


@pytest.mark.parametrize("kind", sorted(LENGTH_KNOWN))
def test_the_length_is_known_where_the_content_has_one(kind: str) -> None:
    with reader_of(KINDS[kind](b"twelve bytes")) as reader:
        assert reader.length == 12


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - LENGTH_KNOWN - {"stream that counts short", "gzip"}))
def test_the_length_is_unknown_where_the_content_has_none(kind: str) -> None:
    with reader_of(KINDS[kind](b"twelve bytes")) as reader:
        assert reader.length is None


def test_a_size_that_lies_is_not_believed_where_the_content_can_seek() -> None:
    content = ContentFile(b"twelve bytes")
    content.size = 3
    with reader_of(content) as reader:
        assert reader.length == 12
        assert b"".join(reader.blocks(SMALL)) == b"twelve bytes"


@given(data=st.binary(max_size=200), sizes=part_sizes(), replayable=st.booleans())
def test_a_file_that_changes_its_bytes_in_chunks_is_what_these_give(
    data: bytes, sizes: PartSizes, *, replayable: bool
) -> None:
    with reader_of(mirrored(data + b"."), replayable=replayable) as reader:
        assert reader.length is None
        assert_blocks(list(reader.blocks(sizes)), sizes, data + b".")


def test_content_of_no_bytes_is_one_empty_block() -> None:
    with reader_of(io.BytesIO()) as reader:
        assert list(reader.blocks(SMALL)) == [b""]


@pytest.mark.parametrize("claimed", [13, 14, 10_000_000_000])
def test_content_that_ends_before_the_size_it_gave_is_an_error(claimed: int) -> None:
    with (
        reader_of(Sized(b"twelve bytes", claimed)) as reader,
        pytest.raises(TruncatedContentError, match=rf"ended after 12 of {claimed} bytes; nothing was stored"),
    ):
        list(reader.blocks(SMALL))


def test_content_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(bytes(100_000))
    with reader_of(path.open("rb", buffering=0)) as reader:
        blocks = reader.blocks(PartSizes(first=10_000, part=10_000, grows=False))
        next(blocks)
        path.write_bytes(bytes(20_000))
        with pytest.raises(TruncatedContentError, match="ended after 20000 of 100000 bytes"):
            list(blocks)


def test_a_closed_file_is_an_error() -> None:
    content = io.BytesIO(b"twelve bytes")
    content.close()
    with pytest.raises(ValueError, match="closed"):
        ContentReader(content, replayable=False)


def test_content_that_fails_passes_its_error_on() -> None:
    class Broken(Stream):
        def read(self, size: int = -1) -> bytes | str:
            if not self._data:
                raise TimeoutError("no more")
            return super().read(size)

    with reader_of(Broken(b"twelve bytes")) as reader, pytest.raises(TimeoutError, match="no more"):
        list(reader.blocks(SMALL))


def test_the_content_stays_open() -> None:
    content = io.BytesIO(b"twelve bytes")
    reader = ContentReader(content, replayable=True)
    list(reader.blocks(SMALL))
    reader.close()
    assert not content.closed


def test_a_text_file_is_read_whatever_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Größe: 5 €\n" * 100, encoding="utf-16")
    with reader_of(path.open(encoding="utf-16")) as reader:
        assert b"".join(reader.blocks(SMALL)) == ("Größe: 5 €\n" * 100).encode()
