"""save(): what is stored is the content, all of it and from its start, or nothing."""

from __future__ import annotations

import gzip
import io
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import InMemoryUploadedFile, SimpleUploadedFile, TemporaryUploadedFile

from django_minio_backend.models import MinioBackend
from tests.storage.contents import (
    MIB,
    BreakingPipe,
    Chunks,
    ContentBrokeError,
    Pipe,
    SizedPipe,
    some_bytes,
)
from tests.support.buckets import unfinished_uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from minio import Minio

DATA = some_bytes(200_000)
TEXT = "Grüße, 世界 🌍\nsecond line\r\n"
IN_PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": 6 * MIB,
    "MINIO_MULTIPART_PART_SIZE": 5 * MIB,
}


def stored(storage: MinioBackend, name: str) -> bytes:
    with storage.open(name) as file:
        data: bytes = file.read()
    return data


def names_in(sdk: Minio, bucket: str) -> list[str]:
    return [str(found.object_name) for found in sdk.list_objects(bucket_name=bucket, recursive=True)]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: ContentFile(DATA), id="ContentFile"),
        pytest.param(lambda: io.BytesIO(DATA), id="BytesIO"),
        pytest.param(lambda: File(io.BytesIO(DATA)), id="File"),
        pytest.param(lambda: SimpleUploadedFile("upload.bin", DATA), id="SimpleUploadedFile"),
        pytest.param(
            lambda: InMemoryUploadedFile(io.BytesIO(DATA), "file", "upload.bin", None, len(DATA), None),
            id="InMemoryUploadedFile",
        ),
        pytest.param(lambda: Pipe(DATA), id="read-only"),
        pytest.param(lambda: Pipe(DATA, piece=1000), id="read-only-in-small-pieces"),
        pytest.param(lambda: SizedPipe(DATA, len(DATA)), id="read-and-size"),
        pytest.param(lambda: Chunks(DATA[:10], b"", DATA[10:150_000], DATA[150_000:]), id="chunks-only"),
        pytest.param(lambda: Chunks(*[DATA[i : i + 7_000] for i in range(0, len(DATA), 7_000)]), id="many-chunks"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"replace_existing": True}], ids=["new", "replace_existing"])
def test_any_kind_of_content_is_stored_as_it_is(
    minio_options: dict[str, Any], make: Callable[[], Any], options: dict[str, Any]
) -> None:
    storage = MinioBackend(**minio_options, **options)
    name = storage.save("content.bin", make())
    expected = DATA
    if isinstance(content := make(), Chunks):
        expected = b"".join(content.chunks())
    assert stored(storage, name) == expected
    assert storage.size(name) == len(expected)


def test_a_file_on_disk_is_stored(storage: MinioBackend, tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_bytes(DATA)
    with path.open("rb") as handle:
        assert stored(storage, storage.save("handle", handle)) == DATA
        assert stored(storage, storage.save("file", File(handle))) == DATA


def test_a_temporary_upload_is_stored(storage: MinioBackend) -> None:
    with TemporaryUploadedFile("upload.bin", "application/x-test", len(DATA), None) as upload:
        upload.write(DATA)
        upload.flush()
        assert stored(storage, storage.save("upload.bin", upload)) == DATA


def test_a_pipe_of_the_system_is_stored(storage: MinioBackend) -> None:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as sink:
            sink.write(DATA)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reading, "rb") as source:
        name = storage.save("piped.bin", source)
    thread.join()
    assert stored(storage, name) == DATA


def test_content_is_stored_from_its_start_wherever_it_stands(storage: MinioBackend) -> None:
    stream = io.BytesIO(DATA)
    stream.seek(1000)
    assert stored(storage, storage.save("stream", stream)) == DATA
    content = ContentFile(DATA)
    content.read()
    assert stored(storage, storage.save("content", content)) == DATA


def test_the_same_content_can_be_saved_twice(storage: MinioBackend) -> None:
    content = ContentFile(DATA)
    names = {storage.save("twice", content) for _ in range(2)}
    assert len(names) == 2
    assert [stored(storage, name) for name in names] == [DATA, DATA]


def test_text_is_stored_as_utf_8(storage: MinioBackend) -> None:
    assert stored(storage, storage.save("text", ContentFile(TEXT))) == TEXT.encode()
    assert stored(storage, storage.save("stream", io.StringIO(TEXT, newline=""))) == TEXT.encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_a_text_handle_is_stored_as_utf_8_whatever_its_own_encoding(
    storage: MinioBackend, tmp_path: Path, encoding: str
) -> None:
    text = "Grüße für größere Maße\n" * 1000
    path = tmp_path / "text.txt"
    path.write_text(text, encoding=encoding)
    with path.open(encoding=encoding) as handle:
        assert stored(storage, storage.save("handle", handle)) == text.encode()
    with path.open(encoding=encoding) as handle:
        assert stored(storage, storage.save("file", File(handle))) == text.encode()


def test_long_text_is_stored_in_parts(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS)
    text = "größer\n" * (2 * MIB)
    assert stored(storage, storage.save("text", io.StringIO(text, newline=""))) == text.encode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ContentFile(b""),
        lambda: ContentFile(""),
        io.BytesIO,
        lambda: Pipe(b""),
        lambda: SizedPipe(b"", 0),
        Chunks,
        lambda: Chunks(b""),
    ],
)
@pytest.mark.parametrize("options", [{}, IN_PARTS], ids=["default", "in-parts"])
def test_nothing_is_stored_as_an_empty_object(
    minio_options: dict[str, Any], options: dict[str, Any], make: Callable[[], Any]
) -> None:
    storage = MinioBackend(**minio_options, **options)
    name = storage.save("empty", make())
    assert storage.size(name) == 0
    assert stored(storage, name) == b""


class Encrypted(File):  # type: ignore[type-arg]
    """Gives other bytes in chunks than its file has: a random beginning, and each byte changed."""

    changed = bytes(byte ^ 0x5A for byte in range(256))

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield os.urandom(16)
        for chunk in super().chunks(chunk_size):
            yield chunk.translate(self.changed)


@pytest.mark.parametrize(
    "options",
    [{}, {"MINIO_CONDITIONAL_WRITES": True}, {"replace_existing": True}, IN_PARTS],
    ids=["auto", "conditional", "replacing", "in-parts"],
)
@pytest.mark.parametrize("size", [0, 5000, 6 * MIB], ids=["empty", "small", "large"])
def test_a_file_that_changes_its_bytes_in_chunks_is_stored_as_these_give_it(
    minio_options: dict[str, Any], tmp_path: Path, options: dict[str, Any], size: int
) -> None:
    plain = some_bytes(size)
    storage = MinioBackend(**minio_options, **options)
    local = FileSystemStorage(tmp_path)
    expected = plain.translate(Encrypted.changed)
    for _ in range(2):  # the name of the second exists
        content = Encrypted(io.BytesIO(plain), "secret.bin")
        name = storage.save("secret.bin", content)
        assert stored(storage, name)[16:] == expected
        assert (tmp_path / local.save("secret.bin", content)).read_bytes()[16:] == expected


@pytest.mark.parametrize(
    "data", [b"\0" * 3 * MIB, b"x", some_bytes(100)], ids=["larger-than-stated", "smaller-than-stated", "random"]
)
def test_a_gzip_file_that_gives_its_compressed_size_is_stored_whole(
    storage: MinioBackend, tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(data))
    with gzip.open(path) as handle:
        file = File(handle)  # type: ignore[arg-type]  # users do hand it to File
        assert file.size != len(data)
        assert stored(storage, storage.save("unpacked", file)) == data


def test_a_seekable_stream_is_measured_whatever_its_size_attribute_says(storage: MinioBackend) -> None:
    for stated in (0, 10, 10 * len(DATA)):
        content = File(io.BytesIO(DATA))
        content.size = stated
        assert stored(storage, storage.save(f"stated-{stated}", content)) == DATA


@pytest.mark.parametrize("stated", [0, 1, 199_999])
def test_nothing_that_is_longer_than_stated_is_truncated(storage: MinioBackend, stated: int) -> None:
    assert stored(storage, storage.save("longer", SizedPipe(DATA, stated))) == DATA


@pytest.mark.parametrize("stated", [5 * MIB, 6 * MIB, 11 * MIB])
def test_nothing_in_parts_that_is_longer_than_stated_is_truncated(minio_options: dict[str, Any], stated: int) -> None:
    data = some_bytes(12 * MIB + 5)
    storage = MinioBackend(**minio_options, **IN_PARTS)
    assert stored(storage, storage.save("longer", SizedPipe(data, stated))) == data


@pytest.mark.parametrize("size", [0, 100, 200_000])
def test_content_that_fails_leaves_no_object(storage: MinioBackend, sdk: Minio, bucket: str, size: int) -> None:
    with pytest.raises(ContentBrokeError):
        storage.save("broken", BreakingPipe(DATA[:size]))
    assert names_in(sdk, bucket) == []


def test_content_that_fails_after_parts_were_sent_leaves_nothing_unfinished(
    minio_options: dict[str, Any], sdk: Minio, bucket: str
) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS)
    seen: list[object] = []
    broken = BreakingPipe(some_bytes(17 * MIB), before=lambda: seen.extend(unfinished_uploads(sdk, bucket, "broken")))
    with pytest.raises(ContentBrokeError):
        storage.save("broken", broken)
    assert len(seen) == 1  # it had been begun
    assert unfinished_uploads(sdk, bucket, "broken") == []
    assert names_in(sdk, bucket) == []


def test_content_that_fails_keeps_the_object_that_was_to_be_replaced(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS, replace_existing=True)
    storage.save("kept", ContentFile(DATA))
    for size in (100, 17 * MIB):
        with pytest.raises(ContentBrokeError):
            storage.save("kept", BreakingPipe(some_bytes(size)))
        assert stored(storage, "kept") == DATA


@pytest.mark.parametrize("size", [0, 100, 5 * MIB, 12 * MIB])
def test_content_that_ends_before_its_size_is_an_error_and_leaves_nothing(
    minio_options: dict[str, Any], sdk: Minio, bucket: str, size: int
) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS)
    with pytest.raises(OSError, match=str(size + 1)):
        storage.save("short", SizedPipe(some_bytes(size), size + 1))
    assert names_in(sdk, bucket) == []
    assert unfinished_uploads(sdk, bucket, "short") == []


def test_closed_content_is_an_error(storage: MinioBackend, sdk: Minio, bucket: str) -> None:
    content = io.BytesIO(DATA)
    content.close()
    with pytest.raises(ValueError, match="closed"):
        storage.save("closed", content)
    assert names_in(sdk, bucket) == []


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", SimpleUploadedFile("b", b"", content_type="image/x-stated"), "image/x-stated"),
        ("a.png", ContentFile(b""), "image/png"),
        ("A.PNG", ContentFile(b""), "image/png"),
        ("folder.png/a", ContentFile(b""), "application/octet-stream"),
        ("a.unknown-ending", ContentFile(b""), "application/octet-stream"),
        ("a.tar.gz", ContentFile(b""), "application/gzip"),
        ("a.txt", InMemoryUploadedFile(io.BytesIO(), "f", "f", None, 0, None), "text/plain"),
        ("a.txt", InMemoryUploadedFile(io.BytesIO(), "f", "f", "", 0, None), "text/plain"),
    ],
)
def test_the_content_type_comes_from_the_content_else_from_the_name(
    storage: MinioBackend, name: str, content: Any, expected: str
) -> None:
    assert storage.stat(storage.save(name, content)).content_type == expected
