"""Names become keys: by Django's own rules, inside of the storage, within the bounds of S3."""

from __future__ import annotations

import mimetypes
import pathlib
import posixpath
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.utils import validate_file_name
from hypothesis import assume, given
from hypothesis import strategies as st

from django_minio_backend.files import keys, upload_headers

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = st.text(st.sampled_from("ab.é/\\ #?%+&~'\U0001f600"), max_size=20) | st.text(max_size=20)
PARTS = st.text(st.characters(exclude_characters="/\\\0", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda part: part not in (".", "..")
)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
LOCATIONS = st.just("") | PATHS


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("photo.png", "photo.png"),
        ("a/b/c.txt", "a/b/c.txt"),
        ("./a.txt", "a.txt"),
        ("a//b.txt", "a/b.txt"),
        ("a/./b.txt", "a/b.txt"),
        ("a/../b.txt", "b.txt"),
        ("a\\b.txt", "a/b.txt"),
        ("folder/", "folder"),
        (pathlib.PurePosixPath("a/b.txt"), "a/b.txt"),
        ("", ""),
        (".", ""),
        ("a/..", ""),
        ("..a/b..", "..a/b.."),
        ("~/x", "~/x"),
        (" a ", " a "),
    ],
)
def test_a_name_is_normalised(name: object, cleaned: str) -> None:
    assert keys.clean(name) == cleaned


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "..", "../a", "a/../../b", "\\a", "..\\a", "//a", "a/b/../../../c", "/"]
)
def test_a_name_outside_of_the_storage_is_suspicious(name: str) -> None:
    with pytest.raises(SuspiciousFileOperation, match="outside of the storage"):
        keys.clean(name)


@given(name=NAMES)
def test_a_cleaned_name_stays_inside_and_stays_as_it_is(name: str) -> None:
    try:
        cleaned = keys.clean(name)
    except (SuspiciousFileOperation, ValueError):
        return
    assert keys.clean(cleaned) == cleaned
    assert ".." not in cleaned.split("/")
    assert not cleaned.startswith("/")
    assert "\\" not in cleaned


@given(name=NAMES)
def test_every_name_outside_of_the_storage_is_refused_as_by_django(name: str, tmp_path_factory: Any) -> None:
    assume("\0" not in name and "\\" not in name)
    storage = FileSystemStorage(location=tmp_path_factory.getbasetemp() / "files")
    try:
        storage.path(name)
    except SuspiciousFileOperation:
        with pytest.raises(SuspiciousFileOperation):
            keys.clean(name)


@given(path=PATHS, location=LOCATIONS)
def test_the_key_of_a_plain_name_is_that_name_below_the_location(path: str, location: str) -> None:
    expected = f"{location}/{path}" if location else path
    assume(len(expected.encode()) <= 1024)
    assert keys.key_of(path, location) == expected


@pytest.mark.parametrize(("name", "location"), [("a" * 1024, ""), ("é" * 512, ""), ("a" * 1018, "media")])
def test_a_key_of_1024_bytes_is_accepted_and_one_more_is_too_long(name: str, location: str) -> None:
    assert len(keys.key_of(name, location).encode()) == 1024
    with pytest.raises(ValueError, match="too long for the key of an object: 1025 of at most 1,024"):
        keys.key_of(f"{name}a", location)


@pytest.mark.parametrize("name", ["", ".", "a/..", "./"])
def test_no_name_names_no_object(name: str) -> None:
    with pytest.raises(ValueError, match="names no object"):
        keys.key_of(name, "media")


@pytest.mark.parametrize(("name", "why"), [("a\0b", "null character"), ("\ud800", "not valid Unicode")])
def test_what_no_server_can_store_is_refused(name: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        keys.key_of(name, "")


@pytest.mark.parametrize(
    ("path", "location", "prefix"),
    [
        ("", "", ""),
        (".", "", ""),
        ("/", "", ""),
        ("a", "", "a/"),
        ("/a/b/", "", "a/b/"),
        ("a//b", "", "a/b/"),
        ("\\a", "", "a/"),
        ("", "media", "media/"),
        ("a", "media/2026", "media/2026/a/"),
    ],
)
def test_a_folder_is_a_prefix_whatever_slashes_it_has(path: str, location: str, prefix: str) -> None:
    assert keys.folder_prefix(path, location) == prefix


def test_a_folder_outside_of_the_storage_is_suspicious() -> None:
    with pytest.raises(SuspiciousFileOperation):
        keys.folder_prefix("../a", "media")


@given(path=PATHS, location=LOCATIONS)
def test_a_key_lies_below_the_prefix_of_its_folder(path: str, location: str) -> None:
    assume(len(f"{location}/{path}".encode()) <= 1024)
    prefix = keys.folder_prefix(posixpath.dirname(path), location)
    assert keys.key_of(path, location) == prefix + posixpath.basename(path)


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("photo.png", "image/png"),
        ("style.css", "text/css"),
        ("page.HTML", "text/html"),
        ("letter.txt", "text/plain"),
        ("unknown.quux", "application/octet-stream"),
        ("noextension", "application/octet-stream"),
        ("archive.tar.gz", "application/gzip"),
        ("dump.sql.bz2", "application/x-bzip2"),
        ("data.xz", "application/x-xz"),
        ("page.html.br", "application/x-brotli"),
    ],
)
def test_the_content_type_is_guessed_by_the_name(name: str, content_type: str) -> None:
    assert upload_headers.content_type(name, ContentFile(b"")) == content_type


_extensions = st.sampled_from(sorted({*mimetypes.types_map, ".Z", ".BIN", ".svgz", ".tgz", ".gz", ".py", ".a:b"}))


@given(_extensions | st.text(st.characters(exclude_characters="/:"), max_size=4).map(".{}".format))
def test_the_content_type_of_a_rare_extension_is_that_of_mimetypes(extension: str) -> None:
    guessed, encoding = mimetypes.guess_type(f"name{extension}")
    known = upload_headers.WEB_TYPES.get(extension.lower())
    if encoding is None:
        assert upload_headers.type_of_name(f"a{extension}") == (known or guessed or upload_headers.UNKNOWN)


def test_threads_that_ask_first_get_the_right_types() -> None:
    """The first call reads the machine's tables."""
    code = (
        "import mimetypes, threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from django_minio_backend.files.upload_headers import type_of_name\n"
        "mimetypes.knownfiles = [KNOWN]\n"
        "barrier = threading.Barrier(6)\n"
        "def type_of(number): barrier.wait(); return type_of_name(f'a.made-up-{number}')\n"
        "with ThreadPoolExecutor(6) as threads: found = list(threads.map(type_of, range(6)))\n"
        "assert found == [f'text/made-up-{number}' for number in range(6)], found\n"
    )
    with tempfile.NamedTemporaryFile("w", suffix=".types") as known:
        known.writelines(f"text/other-{number} other-{number}\n" for number in range(20_000))
        known.writelines(f"text/made-up-{number} made-up-{number}\n" for number in range(6))
        known.flush()
        code = code.replace("KNOWN", repr(known.name))
        subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_types_that_a_project_adds_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(mimetypes.suffix_map, ".quuz", ".svg")
    mimetypes.add_type("text/x-quux", ".quux-of-a-project")
    assert upload_headers.type_of_name("a.QUUX-of-a-project") == "text/x-quux"
    assert upload_headers.type_of_name("a.quuz") == "image/svg+xml"


def test_the_content_type_that_the_content_has_comes_first() -> None:
    content = SimpleUploadedFile("letter.txt", b"", content_type="application/x-letter")
    assert upload_headers.content_type("letter.txt", content) == "application/x-letter"


@pytest.mark.parametrize("stated", [None, "", "nonsense", "text/plain\r\nX-Evil: 1", 5])
def test_an_invalid_content_type_is_ignored(stated: Any) -> None:
    content = ContentFile(b"")
    content.content_type = stated  # type: ignore[attr-defined]
    assert upload_headers.content_type("photo.png", content) == "image/png"


_parts = st.lists(st.sampled_from(["", ".", "..", "a", "b.txt", "..a", "a\\b", "\\", "ä", " "]), min_size=1, max_size=5)


@given(_parts.map("/".join))
def test_names_are_validated_as_django_validates_them(name: str) -> None:
    assert _outcome(keys.validate, name) == _outcome(validate_file_name, name, allow_relative_path=True)


@given(_parts.map("/".join))
def test_plain_names_are_those_that_django_takes_as_they_are(name: str) -> None:
    if keys.is_plain(name):
        assert _Empty().get_available_name(name) == name


class _Empty(Storage):
    def exists(self, _name: str) -> bool:
        return False


def _outcome(validate: Callable[..., object], *arguments: str, **options: bool) -> str:
    try:
        validate(*arguments, **options)
    except SuspiciousFileOperation as error:
        return str(error)
    return "valid"


@given(names=st.lists(NAMES, min_size=1, max_size=4), location=st.sampled_from(["", "a", "é/b", "c" * 1_020]))
def test_keys_of_many_names_are_those_of_each(names: list[str], location: str) -> None:
    together = keys.keys_of(names, location)
    if together is not None:
        assert together == [keys.key_of(name, location) for name in names]
        assert all(name and keys.clean(name) == name for name in names)


@pytest.mark.parametrize("name", ["", "a//b", "./a", "a/..", "a\\b", "a\0b", "\ud800", "é" * 600])
def test_a_name_with_another_key_or_none_is_left_to_key_of(name: str) -> None:
    assert keys.keys_of(["a", name, "b"], "") is None
    assert keys.keys_of(["a", "é b", "b"], "") == ["a", "é b", "b"]
