"""Names: FileSystemStorage is the model; whatever is a name makes the round trip."""

from __future__ import annotations

import posixpath
import secrets
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_minio_backend.models import MinioBackend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import urllib3

ODD_NAMES = [
    "with space.txt",
    " leading and trailing .txt ",
    "two  spaces.txt",
    "plus+and%20percent.txt",
    "100%.txt",
    "%2F.txt",
    "%2e%2e.txt",
    "hash#question?.txt",
    "a=b&c=d;e,f.txt",
    "?versionId=null",
    "brackets[1]{2}(3)<4>.txt",
    "quotes'\"`.txt",
    "~tilde!star*at@dollar$.txt",
    "colon:pipe|caret^.txt",
    ".hidden",
    "..two dots",
    "three...dots",
    "folder.with.dots/file",
    "deep/er/and/deep/er.txt",
    "Grüße/größe.txt",
    "decomposed u\u0308.txt",
    "世界/こんにちは.txt",
    "عربى/ملف.txt",
    "emoji 🌍👩‍👩‍👧.png",
    "no\u00a0break\u2028separators.txt",
    "-dash",
    "x" * 240,  # the alternative to an existing name has to fit as well
]


def round_trip(storage: MinioBackend, http: urllib3.PoolManager, name: str) -> None:
    """Save, look at, download, list and delete an object."""
    content = name.encode()
    assert storage.save(name, ContentFile(content)) == name
    assert storage.exists(name)
    assert storage.size(name) == len(content)
    with storage.open(name) as file:
        assert file.read() == content
    response = http.request("GET", storage.url(name))
    assert (response.status, response.data) == (200, content)
    folder, base = posixpath.split(name)
    assert storage.listdir(folder) == ([], [base])
    assert storage.save(name, ContentFile(b"second")) != name
    storage.delete(name)
    assert not storage.exists(name)
    for second in storage.listdir(folder)[1]:
        storage.delete(posixpath.join(folder, second))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_make_the_round_trip(storage: MinioBackend, http: urllib3.PoolManager, name: str) -> None:
    round_trip(storage, http, name)


SEGMENTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=40
).filter(lambda text: text.strip() not in ("", ".", ".."))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(segments=st.lists(SEGMENTS, min_size=1, max_size=4))
def test_any_name_makes_the_round_trip(storage: MinioBackend, http: urllib3.PoolManager, segments: list[str]) -> None:
    folder = secrets.token_hex(4)  # one for each example: SeaweedFS goes on to list folders whose files are gone
    round_trip(storage, http, "/".join([folder, *segments]))


NAMES = ["a.txt", "./a.txt", "a//b.txt", "a/./b.txt", "a\\b.txt", ".\\a\\\\b.txt", "a/b/"]


@pytest.mark.parametrize("name", NAMES[:-1])
def test_names_are_normalised_as_file_system_storage_does(storage: MinioBackend, tmp_path: Path, name: str) -> None:
    expected = FileSystemStorage(tmp_path).save(name, ContentFile(b""))
    assert storage.save(name, ContentFile(b"")) == expected
    assert storage.exists(name)
    assert storage.exists(expected)
    storage.delete(name)
    assert not storage.exists(expected)


def test_two_spellings_of_a_name_are_one_name(storage: MinioBackend) -> None:
    first = storage.save("a/b.txt", ContentFile(b"first"))
    second = storage.save("a//./b.txt", ContentFile(b"second"))
    assert first != second
    with storage.open("a\\b.txt") as file:
        assert file.read() == b"first"


def save(storage: MinioBackend, name: str) -> None:
    storage.save(name, ContentFile(b""))


OPERATIONS = [
    save,
    MinioBackend.exists,
    MinioBackend.open,
    MinioBackend.size,
    MinioBackend.delete,
    MinioBackend.get_modified_time,
    MinioBackend.stat,
]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "name", ["..", "../a", "a/../../b", "..\\a", "/a", "/", "\\a", "//a", "/etc/passwd", "a/b/../../../c"]
)
def test_names_that_leave_the_storage_are_suspicious(
    storage: MinioBackend, operation: Callable[[MinioBackend, str], object], name: str
) -> None:
    with pytest.raises(SuspiciousFileOperation):
        operation(storage, name)


@pytest.mark.parametrize("name", ["..", "../a", "a/../../b", "..\\a", "/../a", "\\..\\a", "//a/../../b"])
@pytest.mark.parametrize("location", ["", "inner/most"])
@pytest.mark.parametrize("lists", ["MINIO_PRIVATE_BUCKETS", "MINIO_PUBLIC_BUCKETS"])
def test_urls_of_names_that_leave_the_storage_are_suspicious(
    minio_options: dict[str, Any], bucket: str, name: str, location: str, lists: str
) -> None:
    declared = {"MINIO_PRIVATE_BUCKETS": [], lists: [bucket]}
    storage = MinioBackend(**{**minio_options, **declared}, bucket_name=bucket, MINIO_LOCATION=location)
    with pytest.raises(SuspiciousFileOperation):
        storage.url(name)
    with pytest.raises(SuspiciousFileOperation):
        storage.urls([name])


@pytest.mark.parametrize("operation", [*OPERATIONS, MinioBackend.url])
def test_names_cannot_leave_the_location(
    minio_options: dict[str, Any], operation: Callable[[MinioBackend, str], object]
) -> None:
    storage = MinioBackend(**minio_options, MINIO_LOCATION="inner/most")
    with pytest.raises(SuspiciousFileOperation):
        operation(storage, "../secret.txt")


@pytest.mark.parametrize("name", ["", ".", "folder/", "folder/."])
def test_a_save_needs_a_file_name(storage: MinioBackend, name: str) -> None:
    with pytest.raises(SuspiciousFileOperation):
        storage.save(name, ContentFile(b""))


def long_name(size: int, letter: str = "n") -> str:
    """Make a name of so many bytes, no segment longer than file systems allow."""
    width = len(letter.encode())
    segments = []
    while size > 200 + 1:
        segments.append(letter * (200 // width))
        size -= 200 // width * width + 1
    segments.append("x" * (size % width) + letter * (size // width))
    return "/".join(segments)


@pytest.mark.parametrize("letter", ["n", "ü", "🌍"])
def test_a_key_of_1024_bytes_makes_the_round_trip(
    storage: MinioBackend, http: urllib3.PoolManager, letter: str
) -> None:
    name = long_name(1024, letter)
    assert len(name.encode()) == 1024
    assert storage.save(name, ContentFile(b"long")) == name
    assert http.request("GET", storage.url(name)).data == b"long"
    assert storage.listdir(posixpath.dirname(name)) == ([], [posixpath.basename(name)])
    storage.delete(name)
    assert not storage.exists(name)


@pytest.mark.parametrize("letter", ["n", "ü"])
def test_a_key_of_1025_bytes_is_refused(storage: MinioBackend, letter: str) -> None:
    name = long_name(1025, letter)
    assert len(name.encode()) == 1025
    with pytest.raises(ValueError, match="1025"):
        storage.save(name, ContentFile(b"too long"))


def test_the_location_counts_for_the_length_of_a_key(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, MINIO_LOCATION="media")
    with pytest.raises(ValueError, match="1025"):
        storage.save(long_name(1025 - len("media/")), ContentFile(b"too long"))
    name = long_name(1024 - len("media/"))
    assert storage.save(name, ContentFile(b"fits")) == name
    assert storage.exists(name)


@pytest.mark.parametrize("name", ["null\0.txt", "lone surrogate \ud800.txt"])
def test_names_that_no_object_can_have_are_refused(storage: MinioBackend, name: str) -> None:
    with pytest.raises(ValueError, match="name of an object"):
        storage.save(name, ContentFile(b""))


def test_without_a_name_the_content_names_itself(storage: MinioBackend) -> None:
    assert storage.save(None, ContentFile(b"", name="own name.txt")) == "own name.txt"


def test_a_path_object_is_a_name(storage: MinioBackend, tmp_path: Path) -> None:
    relative = (tmp_path / "folder" / "file.txt").relative_to(tmp_path)
    assert storage.save(relative, ContentFile(b"")) == "folder/file.txt"  # type: ignore[arg-type]  # as Django allows
    assert storage.exists("folder/file.txt")
