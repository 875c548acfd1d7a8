"""Reading: an object is a file like any other, whatever reads it, and costs little."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from django_minio_backend.errors import ObjectChangedError
from django_minio_backend.models import MinioBackend
from tests.storage.contents import KIB, MIB, some_bytes
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from minio import Minio

    from tests.support.proxy import Proxy

TEXT = "".join(f"line {number}: größer 🌍\n" for number in range(5000))

Operation = tuple[str, Any]


def operations(size: int) -> st.SearchStrategy[list[Operation]]:
    """Sequences of operations on a reader, with offsets near, far and after the end."""
    places = st.one_of(
        st.integers(0, size + 10_000),
        st.sampled_from([0, 1, size - 1, size, size + 1, size // 2, 128 * KIB, 512 * KIB, size - 256 * KIB]),
    ).map(lambda offset: max(offset, 0))
    lengths = st.one_of(st.integers(0, 300), st.integers(0, size), st.sampled_from([-1, 64 * KIB, 128 * KIB]))
    one: st.SearchStrategy[Operation] = st.one_of(
        st.tuples(st.just("read"), lengths),
        st.tuples(st.just("readinto"), lengths.map(abs)),
        st.tuples(st.just("readline"), st.one_of(st.just(-1), st.integers(0, 500))),
        st.tuples(st.just("seek to"), places),
        st.tuples(st.just("seek from here to"), places),
        st.tuples(st.just("seek from the end to"), places),
        st.tuples(st.just("tell"), st.none()),
    )
    return st.lists(one, min_size=1, max_size=12)


def results(file: Any, size: int, operations: Iterable[Operation]) -> list[Any]:
    found: list[Any] = []
    for question, value in operations:
        if question == "read":
            found.append(file.read(value))
        elif question == "readline":
            found.append(file.readline(value))
        elif question == "readinto":
            buffer = bytearray(value)
            found.append((file.readinto(buffer), bytes(buffer)))
        elif question == "seek to":
            found.append(file.seek(value))
        elif question == "seek from here to":
            found.append(file.seek(value - file.tell(), io.SEEK_CUR))
        elif question == "seek from the end to":
            found.append(file.seek(value - size, io.SEEK_END))
        found.append(file.tell())
    return found


@pytest.mark.parametrize(("size", "examples"), [(300_000, 60), (5 * MIB + 123, 40)], ids=["one-window", "many-windows"])
def test_any_sequence_of_calls_returns_what_bytes_io_returns(storage: MinioBackend, size: int, examples: int) -> None:
    data = bytearray(some_bytes(size))
    data[size // 3 : 2 * size // 3] = bytes(size // 3) if size % 3 == 0 else bytes(2 * size // 3 - size // 3)
    content = bytes(data)  # with long lines in the middle, and short ones around
    name = storage.save("data.bin", ContentFile(content))

    @settings(max_examples=examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(operations(size))
    def compare(operations: list[Operation]) -> None:
        with storage.open(name) as file:
            found = results(file, size, operations)
        expected = results(io.BytesIO(content), size, operations)
        assert len(found) == len(expected)
        for position, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
            assert ours == theirs, f"result {position} of {operations}"

    compare()


@pytest.mark.parametrize("size", [0, 1, 128 * KIB, 512 * KIB - 1, 512 * KIB, 512 * KIB + 1, 3 * MIB])
@pytest.mark.parametrize("step", [1000, 100_000, -1])
def test_an_object_is_read_to_its_end_in_any_steps(storage: MinioBackend, size: int, step: int) -> None:
    data = some_bytes(size)
    name = storage.save("data.bin", ContentFile(data))
    with storage.open(name) as file:
        assert b"".join(iter(lambda: file.read(step), b"")) == data
        assert file.read() == b""
        assert file.tell() == size
        assert file.size == size


def test_the_size_can_be_asked_for_at_any_time(storage: MinioBackend) -> None:
    name = storage.save("data.bin", ContentFile(bytes(700_000)))
    file = storage.open(name)
    assert file.size == 700_000
    file.read(10)
    assert (file.size, file.tell()) == (700_000, 10)
    file.seek(0, io.SEEK_END)
    assert file.size == 700_000
    assert len(file) == 700_000
    file.close()


@pytest.mark.parametrize("whence", [io.SEEK_SET, io.SEEK_CUR, io.SEEK_END])
def test_places_before_the_start_are_refused(storage: MinioBackend, whence: int) -> None:
    name = storage.save("data.bin", ContentFile(bytes(100)))
    with storage.open(name) as file:
        with pytest.raises(ValueError, match="negative"):
            file.seek(-101, whence)
        assert file.read() == bytes(100)


def test_chunks_and_lines(storage: MinioBackend) -> None:
    name = storage.save("text.txt", ContentFile(TEXT))
    with storage.open(name) as file:
        assert b"".join(file.chunks(1000)) == TEXT.encode()
        assert file.multiple_chunks()
        file.seek(0)
        assert list(file) == TEXT.encode().splitlines(keepends=True)
        file.seek(0)
        assert file.readlines() == TEXT.encode().splitlines(keepends=True)
    with storage.open(name, "r") as file:
        assert file.readline() == "line 0: größer 🌍\n"
        offset = file.tell()
        rest = file.read()
        file.seek(offset)
        assert file.read() == rest
        file.seek(0)
        assert file.read() == TEXT


def zip_of(path: Path, members: int, size: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(members):
            archive.writestr(f"member-{number}", bytes([number]) * size)
    return path


def test_zipfile_reads_it(storage: MinioBackend, tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", 30, 100_000)
    with path.open("rb") as handle:
        name = storage.save("a.zip", handle)
    with storage.open(name) as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.read("member-29") == bytes([29]) * 100_000
        assert archive.read("member-3") == bytes([3]) * 100_000


def test_zipfile_writes_it(storage: MinioBackend) -> None:
    with storage.open("a.zip", "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", TEXT)
    with storage.open("a.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("a.txt") == TEXT.encode()


@pytest.mark.parametrize(
    ("mode", "writing", "reading"), [("plain", "w", "r:"), ("gzip", "w:gz", "r:gz"), ("stream", "w|gz", "r|*")]
)
def test_tarfile_writes_and_reads_it(storage: MinioBackend, mode: str, writing: Any, reading: Any) -> None:
    data = some_bytes(700_000)
    with storage.open(f"{mode}.tar", "wb") as file, tarfile.open(fileobj=file, mode=writing) as archive:
        for number in range(3):
            member = tarfile.TarInfo(f"member-{number}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    with storage.open(f"{mode}.tar") as file, tarfile.open(fileobj=file, mode=reading) as archive:
        for number, found in enumerate(archive):
            assert found.name == f"member-{number}"
            content = archive.extractfile(found)
            assert content is not None
            assert content.read() == data
        assert number == 2


def test_csv_writes_and_reads_it(storage: MinioBackend) -> None:
    rows = [[f"row {number}", "two\nlines", 'a "quote", a comma', "größer"] for number in range(500)]
    with storage.open("a.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    with storage.open("a.csv", "r", newline="") as file:
        assert list(csv.reader(iter(file.readline, ""))) == rows
    with storage.open("a.csv", "r", newline="") as file:
        assert list(csv.reader(file)) == rows


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_json_reads_it(storage: MinioBackend, mode: str) -> None:
    value = {"lines": TEXT.splitlines()}
    with storage.open("a.json", "w") as file:
        json.dump(value, file)
    with storage.open("a.json", mode) as file:
        assert json.load(file) == value


def test_pillow_writes_and_reads_it(storage: MinioBackend) -> None:
    picture = Image.effect_noise((600, 400), 80)
    for kind in ("PNG", "JPEG", "GIF"):
        with storage.open(f"a.{kind}", "wb") as file:
            picture.save(file, kind)
        with storage.open(f"a.{kind}") as file, Image.open(file) as found:
            found.load()
            assert (found.format, found.size) == (kind, (600, 400))


def test_gzip_writes_and_reads_it(storage: MinioBackend) -> None:
    with storage.open("a.gz", "wb") as file, gzip.open(file, "wb") as unpacked:
        unpacked.write(TEXT.encode())
    with storage.open("a.gz") as file, gzip.open(file) as unpacked:
        assert unpacked.read() == TEXT.encode()


def test_stored_bytes_are_given_whatever_their_content_encoding(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, MINIO_OBJECT_HEADERS={"Content-Encoding": "gzip"})
    packed = gzip.compress(TEXT.encode())
    name = storage.save("a.txt", ContentFile(packed))
    with storage.open(name) as file:
        assert file.size == len(packed)
        assert file.read() == packed
        file.seek(100)
        assert file.read(50) == packed[100:150]


def put(sdk: Minio, bucket: str, name: str, data: bytes) -> None:
    sdk.put_object(bucket_name=bucket, object_name=name, data=io.BytesIO(data), length=len(data))


def remove(sdk: Minio, bucket: str, name: str) -> None:
    sdk.remove_object(bucket_name=bucket, object_name=name)


def read_into(got: bytearray, file: Any, step: int) -> None:
    while piece := file.read(step):
        got += piece


def put_other(sdk: Minio, bucket: str, name: str) -> None:
    put(sdk, bucket, name, some_bytes(5 * MIB, seed=2))


def put_shorter(sdk: Minio, bucket: str, name: str) -> None:
    put(sdk, bucket, name, b"short")


@pytest.mark.parametrize("change", [put_other, put_shorter, remove])
@pytest.mark.parametrize("step", [1000, 300_000, -1])
def test_an_object_that_changes_while_it_is_read_is_an_error_and_never_a_mixture(
    storage: MinioBackend, sdk: Minio, bucket: str, change: Callable[[Minio, str, str], None], step: int
) -> None:
    data = some_bytes(5 * MIB)
    put(sdk, bucket, "data.bin", data)
    with storage.open("data.bin") as file:
        got = bytearray(file.read(100))
        change(sdk, bucket, "data.bin")
        with pytest.raises(ObjectChangedError, match=r"data\.bin"):
            read_into(got, file, step)
    assert data.startswith(got)


@pytest.mark.parametrize("change", [put_other, put_shorter, remove])
@pytest.mark.parametrize("offset", [5 * MIB - 100, 3 * MIB, 0])
def test_a_jump_in_an_object_that_has_changed_is_an_error(
    storage: MinioBackend, sdk: Minio, bucket: str, change: Callable[[Minio, str, str], None], offset: int
) -> None:
    put(sdk, bucket, "data.bin", some_bytes(5 * MIB))
    with storage.open("data.bin") as file:
        file.seek(2 * MIB)
        file.read(100)
        change(sdk, bucket, "data.bin")
        file.seek(offset)
        with pytest.raises(ObjectChangedError):
            file.read()


def test_opening_again_after_a_change_reads_the_new_object(storage: MinioBackend, sdk: Minio, bucket: str) -> None:
    put(sdk, bucket, "data.bin", some_bytes(5 * MIB))
    file = storage.open("data.bin")
    file.read(100)
    put(sdk, bucket, "data.bin", b"new")
    file.close()
    with file.open() as again:
        assert again.size == 3
        assert again.read() == b"new"


@pytest.fixture
def through_proxy(minio_options: dict[str, Any], proxy: Proxy) -> MinioBackend:
    return MinioBackend(**{**minio_options, "MINIO_ENDPOINT": proxy.endpoint})


@pytest.fixture
def large(storage: MinioBackend) -> str:
    return storage.save("large.bin", ContentFile(bytes(50 * MIB)))


def test_the_first_kib_of_a_large_object_is_one_request_of_at_most_a_mib(
    through_proxy: MinioBackend, proxy: Proxy, large: str
) -> None:
    with requests_made() as made, through_proxy.open(large) as file:
        assert file.read(KIB) == bytes(KIB)
    assert made == ["GET"]
    assert proxy.transferred["down"] <= MIB


def test_opening_and_closing_a_large_object_moves_little(through_proxy: MinioBackend, proxy: Proxy, large: str) -> None:
    with requests_made() as made:
        through_proxy.open(large).close()
    assert len(made) <= 1
    assert proxy.transferred["down"] <= MIB


def test_the_last_kib_of_a_large_object_is_two_requests_of_at_most_two_mib(
    through_proxy: MinioBackend, proxy: Proxy, large: str
) -> None:
    with requests_made() as made, through_proxy.open(large) as file:
        file.seek(-KIB, io.SEEK_END)
        assert file.read(KIB) == bytes(KIB)
        assert file.read() == b""
    assert len(made) <= 2
    assert proxy.transferred["down"] <= 2 * MIB


def test_jumping_about_moves_little(through_proxy: MinioBackend, proxy: Proxy, large: str) -> None:
    with requests_made() as made, through_proxy.open(large) as file:
        for offset in range(10):
            file.seek((7 * offset % 10) * 5 * MIB)
            assert file.read(100) == bytes(100)
    assert len(made) <= 11
    assert proxy.transferred["down"] <= 3 * MIB


def test_reading_a_large_object_from_start_to_end_takes_few_requests(
    through_proxy: MinioBackend, proxy: Proxy, large: str
) -> None:
    total = 0
    with requests_made() as made, through_proxy.open(large) as file:
        while piece := file.read(64 * KIB):
            total += len(piece)
    assert total == 50 * MIB
    assert len(made) <= 3 + 6, "three one by one up to 8 MiB, and one for each 8 MiB that are read ahead"
    assert proxy.transferred["down"] <= 51 * MIB


def test_listing_a_large_archive_takes_few_requests_and_bytes(
    storage: MinioBackend, through_proxy: MinioBackend, proxy: Proxy, tmp_path: Path
) -> None:
    path = zip_of(tmp_path / "large.zip", 50, 4 * MIB)
    with path.open("rb") as handle:
        name = storage.save("large.zip", handle)
    path.unlink()
    with requests_made() as made, through_proxy.open(name) as file, zipfile.ZipFile(file) as archive:
        assert archive.namelist() == [f"member-{number}" for number in range(50)]
    assert len(made) <= 4
    assert proxy.transferred["down"] <= 4 * MIB
