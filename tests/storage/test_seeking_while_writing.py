"""Files open for writing can seek and truncate as those on disk can, before and after parts of them are sent."""

from __future__ import annotations

import io
import os
import random
import wave
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from django_minio_backend.models import MinioBackend
from tests.storage.contents import MIB, some_bytes
from tests.support.buckets import unfinished_uploads
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from minio import Minio

PART = 5 * MIB
IN_PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": PART,
    "MINIO_MULTIPART_PART_SIZE": PART,
}


@pytest.fixture
def storage(minio_options: dict[str, Any]) -> MinioBackend:
    return MinioBackend(**minio_options, **IN_PARTS)


def stored(storage: MinioBackend, name: str) -> bytes:
    with storage.open(name) as file:
        data: bytes = file.read()
    return data


def header_at_the_end(file: Any) -> None:
    file.write(bytes(8))
    file.write(some_bytes(12 * MIB))
    file.seek(0)
    file.write(b"12582912")


def a_part_in_the_middle(file: Any) -> None:
    file.write(some_bytes(17 * MIB))
    file.seek(PART + 3)
    file.write(b"changed")
    file.seek(0, os.SEEK_END)
    file.write(b"more")


def over_the_end_of_a_part(file: Any) -> None:
    file.write(some_bytes(17 * MIB))
    file.seek(2 * PART - 2)
    file.write(b"changed")


def shrunk_within_a_part(file: Any) -> None:
    file.write(some_bytes(17 * MIB))
    file.truncate(7 * MIB)


def shrunk_to_the_end_of_a_part(file: Any) -> None:
    file.write(some_bytes(17 * MIB))
    file.truncate(2 * PART)


def shrunk_to_a_little(file: Any) -> None:
    file.write(some_bytes(17 * MIB))
    file.seek(3)
    file.truncate()


def shrunk_to_nothing(file: Any) -> None:
    file.write(some_bytes(12 * MIB))
    file.truncate(0)


def with_a_gap(file: Any) -> None:
    file.write(b"before")
    file.seek(13 * MIB)
    file.write(b"after")


def made_long_first(file: Any) -> None:
    file.truncate(16 * MIB)
    for number in reversed(range(16)):
        file.seek(number * MIB)
        file.write(some_bytes(MIB, number))


def anywhere(file: Any) -> None:
    chance = random.Random(5)
    file.write(some_bytes(12 * MIB))
    for number in range(20):
        file.seek(chance.randrange(16 * MIB))
        file.write(some_bytes(chance.randrange(MIB), number))


WAYS = [
    header_at_the_end,
    a_part_in_the_middle,
    over_the_end_of_a_part,
    shrunk_within_a_part,
    shrunk_to_the_end_of_a_part,
    shrunk_to_a_little,
    shrunk_to_nothing,
    with_a_gap,
    made_long_first,
    anywhere,
]


@pytest.mark.parametrize("write", WAYS, ids=lambda way: way.__name__)
def test_the_object_has_the_bytes_that_a_file_would_have(
    storage: MinioBackend, sdk: Minio, bucket: str, tmp_path: Path, write: Callable[[Any], None]
) -> None:
    with (tmp_path / "file").open("wb") as expected:
        write(expected)
    with storage.open("new.bin", "wb") as file:
        write(file)
        assert file.size == (tmp_path / "file").stat().st_size
        assert not storage.exists("new.bin")
    assert stored(storage, "new.bin") == (tmp_path / "file").read_bytes()
    assert unfinished_uploads(sdk, bucket, "new.bin") == []


@pytest.mark.parametrize("checksum", ["CRC32", "SHA256"])
@pytest.mark.needs("conditional-multipart")
def test_parts_that_are_sent_again_have_their_checksums(minio_options: dict[str, Any], checksum: str) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS, checksum=checksum)
    with storage.open("new.bin", "xb") as file:
        header_at_the_end(file)
    assert stored(storage, "new.bin") == b"12582912" + some_bytes(12 * MIB)


def test_only_the_parts_that_have_changed_are_sent_again(storage: MinioBackend) -> None:
    with requests_made() as made, storage.open("new.bin", "wb") as file:
        header_at_the_end(file)
    assert sorted(made) == ["POST", "POST", *["PUT"] * 4]


def test_a_small_file_with_a_header_is_one_request(storage: MinioBackend) -> None:
    with requests_made() as made, storage.open("new.wav", "wb") as file, wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(800))
    assert made == ["PUT"]


@pytest.mark.parametrize("write", [header_at_the_end, shrunk_to_a_little, with_a_gap], ids=lambda way: way.__name__)
@pytest.mark.parametrize("mode", ["wb", "xb"])
def test_an_exception_after_seeking_stores_nothing(
    storage: MinioBackend, sdk: Minio, bucket: str, write: Callable[[Any], None], mode: str
) -> None:
    def fail() -> None:
        with storage.open("new.bin", mode) as file:
            write(file)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not storage.exists("new.bin")
    assert unfinished_uploads(sdk, bucket, "new.bin") == []


@pytest.mark.needs("conditional-multipart")
def test_an_object_created_meanwhile_is_not_replaced_by_a_changed_file(storage: MinioBackend) -> None:
    file = storage.open("new.bin", "xb")
    header_at_the_end(file)
    with storage.open("new.bin", "wb") as other:
        other.write(b"other")
    with pytest.raises(FileExistsError):
        file.close()
    assert stored(storage, "new.bin") == b"other"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_text_can_tell_and_go_back(storage: MinioBackend, tmp_path: Path, encoding: str) -> None:
    def write(file: Any) -> int:
        file.write("Seiten: ??\n")
        position = file.tell()
        file.write("größer\n" * 900_000)
        file.seek(position)
        file.write("GRÖSSER")
        file.seek(0)
        file.write("Seiten: 42")
        return int(position)

    path = tmp_path / "file"
    with path.open("w", encoding=encoding) as expected, storage.open("new.txt", "w", encoding=encoding) as file:
        assert write(file) == write(expected)
    assert stored(storage, "new.txt") == path.read_bytes()


def test_the_size_of_a_text_that_is_being_written_is_that_of_all_of_it(storage: MinioBackend) -> None:
    with storage.open("new.txt", "w") as file:
        file.write("größer")
        assert file.size == 8
        file.seek(0)
        assert file.size == 8
    assert file.size == 8


def test_what_a_library_cannot_do_with_a_file_open_for_writing_it_cannot_do_here(storage: MinioBackend) -> None:
    with storage.open("new.bin", "wb") as file:
        assert (file.readable(), file.writable(), file.seekable()) == (False, True, True)
        with pytest.raises(io.UnsupportedOperation):
            file.read()


def test_a_zip_file_of_large_members_is_whole(storage: MinioBackend) -> None:
    members = {f"{number}.bin": some_bytes(6 * MIB, number) for number in range(3)}
    with storage.open("a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            with archive.open(name, "w") as member:
                member.write(data)
    with storage.open("a.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == members
