"""open(): modes as Python spells them, errors as Python and the SDK know them, files that open again."""

from __future__ import annotations

import errno
import io
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from minio.error import S3Error

from django_minio_backend.models import MinioBackend
from tests.support.wire import requests_made

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "Grüße 🌍\nsecond line\r\nthird"


@pytest.fixture
def name(storage: MinioBackend) -> str:
    return storage.save("text.txt", ContentFile(TEXT))


@pytest.mark.parametrize("mode", ["rb", "br"])
def test_bytes_are_read(storage: MinioBackend, name: str, mode: str) -> None:
    with storage.open(name, mode) as file:
        assert file.read() == TEXT.encode()
        assert file.readable()
        assert not file.writable()


@pytest.mark.parametrize("mode", ["r", "rt", "tr"])
def test_text_is_read_as_open_reads_it(storage: MinioBackend, name: str, mode: str) -> None:
    with storage.open(name, mode) as file:
        assert file.read() == TEXT.replace("\r\n", "\n")
    with storage.open(name, mode, newline="") as file:
        assert file.read() == TEXT


@pytest.mark.parametrize("mode", ["wb", "bw", "xb", "bx"])
def test_bytes_are_written(storage: MinioBackend, mode: str) -> None:
    with storage.open("new.bin", mode) as file:
        assert file.writable()
        assert not file.readable()
        assert file.write(b"\x00\xff") == 2
        file.write(bytearray(b"two"))
        file.write(memoryview(b"three"))
    with storage.open("new.bin") as file:
        assert file.read() == b"\x00\xfftwothree"


@pytest.mark.parametrize("mode", ["w", "wt", "tw", "x", "xt", "tx"])
def test_text_is_written(storage: MinioBackend, mode: str) -> None:
    with storage.open("new.txt", mode, newline="") as file:
        file.write(TEXT)
    with storage.open("new.txt") as file:
        assert file.read() == TEXT.encode()


def test_text_has_the_encoding_and_line_ends_that_were_asked_for(storage: MinioBackend) -> None:
    with storage.open("new.txt", "w", encoding="utf-16-le", newline="\r\n") as file:
        file.writelines(["größer\n", "zweite\n"])
    with storage.open("new.txt") as file:
        assert file.read() == "größer\r\nzweite\r\n".encode("utf-16-le")
    with storage.open("new.txt", "r", encoding="utf-16-le") as file:
        assert file.readlines() == ["größer\n", "zweite\n"]


@pytest.mark.parametrize("mode", ["r+", "rb+", "r+b", "w+", "w+b", "+w", "a", "ab", "at", "a+", "x+"])
def test_appending_and_changing_in_place_are_refused_by_name(storage: MinioBackend, name: str, mode: str) -> None:
    with requests_made() as made, pytest.raises(ValueError, match="append"):
        storage.open(name, mode)
    assert made == []


@pytest.mark.parametrize("mode", ["", "b", "t", "rw", "rx", "wx", "rbt", "rr", "rbb", "U", "rU", "z"])
def test_what_is_no_mode_is_refused(storage: MinioBackend, name: str, mode: str) -> None:
    with requests_made() as made, pytest.raises(ValueError, match="mode"):
        storage.open(name, mode)
    assert made == []


def test_mode_x_refuses_an_existing_name(storage: MinioBackend, name: str) -> None:
    for mode in ("x", "xb"):
        with pytest.raises(FileExistsError):
            storage.open(name, mode)
    with storage.open(name) as file:
        assert file.read() == TEXT.encode()


@pytest.mark.needs("conditional-writes")
@pytest.mark.parametrize("condition", ["auto", True])
def test_mode_x_refuses_a_name_that_was_created_while_it_was_open(
    minio_options: dict[str, Any], condition: object
) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    file = storage.open("new.txt", "xb")
    file.write(b"late")
    storage.save("new.txt", ContentFile(b"first"))
    with pytest.raises(FileExistsError):
        file.close()
    assert storage.listdir("") == ([], ["new.txt"])
    with storage.open("new.txt") as file:
        assert file.read() == b"first"


def test_w_replaces(storage: MinioBackend, name: str) -> None:
    with storage.open(name, "wb") as file:
        file.write(b"other")
    assert storage.listdir("") == ([], [name])
    with storage.open(name) as file:
        assert file.read() == b"other"


@pytest.mark.parametrize(
    "operation",
    [
        MinioBackend.open,
        MinioBackend.size,
        MinioBackend.get_modified_time,
        MinioBackend.stat,
        lambda storage, name: storage.open(name, "r"),
        lambda storage, name: storage.open(name, "rb").read(),
    ],
)
def test_a_missing_object_raises_an_error_of_python_and_of_the_sdk(
    storage: MinioBackend, operation: Callable[[MinioBackend, str], object]
) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        operation(storage, "folder/missing.txt")
    error = caught.value
    assert isinstance(error, S3Error)
    assert error.code == "NoSuchKey"
    assert error.errno == errno.ENOENT
    assert "folder/missing.txt" in str(error)


def test_the_error_for_a_missing_object_can_be_pickled(storage: MinioBackend) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        storage.open("missing.txt")
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert isinstance(error, FileNotFoundError)
    assert isinstance(error, S3Error)
    assert (error.code, error.errno) == ("NoSuchKey", errno.ENOENT)
    assert str(error) == str(caught.value)


@pytest.mark.parametrize("mode", ["rb", "r"])
def test_a_closed_file_opens_again(storage: MinioBackend, name: str, mode: str) -> None:
    file = storage.open(name, mode)
    first = file.read()
    file.close()
    assert file.closed
    with pytest.raises(ValueError, match="closed"):
        file.read()
    with file.open() as again:
        assert again.read() == first
    assert file.closed
    file.open()
    assert file.read() == first
    file.close()


def test_an_open_file_opens_at_its_start(storage: MinioBackend, name: str) -> None:
    with storage.open(name) as file:
        first = file.read()
        assert file.open().read() == first
        assert file.open("rb").read() == first


def test_a_file_opens_again_in_another_mode(storage: MinioBackend, name: str) -> None:
    file = storage.open(name)
    file.read(2)
    with file.open("r") as again:
        assert again.read() == TEXT.replace("\r\n", "\n")
    with file.open("wb") as again:
        again.write(b"other")
    with file.open("rb") as again:
        assert again.read() == b"other"


def test_a_file_knows_its_name_and_mode(storage: MinioBackend, name: str) -> None:
    with storage.open(name) as file:
        assert file.name == name
        assert file.mode == "rb"
        assert bool(file)


def test_reading_what_is_open_for_writing_and_the_reverse_is_refused(storage: MinioBackend, name: str) -> None:
    with storage.open(name) as file, pytest.raises(io.UnsupportedOperation):
        file.write(b"x")
    writer = storage.open("new.bin", "wb")
    with pytest.raises(io.UnsupportedOperation):
        writer.read()
    writer.close()


def test_closing_twice_is_fine(storage: MinioBackend, name: str) -> None:
    file = storage.open(name)
    file.close()
    file.close()
    assert file.closed
