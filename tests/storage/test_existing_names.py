"""No save() replaces another, however many there are at once, unless the user wants that."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from django_minio_backend.models import MinioBackend
from tests.storage.contents import MIB, Pipe, some_bytes
from tests.support.buckets import unfinished_uploads

if TYPE_CHECKING:
    from minio import Minio

CONDITIONS = [
    pytest.param("auto"),
    pytest.param(True, marks=pytest.mark.needs("conditional-writes")),
    pytest.param(False),
]
IN_PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": 5 * MIB,
    "MINIO_MULTIPART_PART_SIZE": 5 * MIB,
}


def contents_of(storage: MinioBackend, folder: str = "") -> list[bytes]:
    found = []
    for name in storage.listdir(folder)[1]:
        with storage.open(f"{folder}/{name}" if folder else name) as file:
            found.append(file.read())
    return sorted(found)


def save_at_once(storages: list[MinioBackend], contents: list[Any], name: str = "same.txt") -> list[str]:
    """Save all contents under one name, at the same moment as far as threads can."""
    barrier = threading.Barrier(len(contents))

    def save(number: int) -> str:
        barrier.wait(30)
        return storages[number % len(storages)].save(name, contents[number])

    with ThreadPoolExecutor(len(contents)) as pool:
        return list(pool.map(save, range(len(contents))))


@pytest.mark.needs("conditional-writes")
@pytest.mark.parametrize("condition", ["auto", True])
def test_fifty_threads_that_save_one_name_make_fifty_objects(minio_options: dict[str, Any], condition: object) -> None:
    storages = [MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=condition) for _ in range(5)]
    contents = sorted(f"content {number}".encode() for number in range(50))
    names = save_at_once(storages, [ContentFile(content) for content in contents])
    assert len(set(names)) == 50
    assert "same.txt" in names
    assert contents_of(storages[0]) == contents


@pytest.mark.needs("conditional-writes")
def test_unseekable_contents_that_are_refused_are_stored_whole_under_another_name(
    minio_options: dict[str, Any],
) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=True)
    contents = sorted(some_bytes(3_000_000, seed) for seed in range(5))
    names = save_at_once([storage], [Pipe(content) for content in contents])
    assert len(set(names)) == 5
    assert contents_of(storage) == contents


@pytest.mark.needs("conditional-multipart")
def test_uploads_in_parts_do_not_replace_each_other_either(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS)
    contents = sorted(some_bytes(6 * MIB, seed) for seed in range(6))
    names = save_at_once([storage], [Pipe(content) for content in contents])
    assert len(set(names)) == 6
    assert contents_of(storage) == contents


@pytest.mark.needs("conditional-multipart")
def test_a_refused_upload_in_parts_leaves_nothing_unfinished(
    minio_options: dict[str, Any], sdk: Minio, bucket: str
) -> None:
    storage = MinioBackend(**minio_options, **IN_PARTS, MINIO_CONDITIONAL_WRITES=True)
    storage.save("same.bin", ContentFile(b"first"))
    assert storage.save("same.bin", ContentFile(some_bytes(11 * MIB))) != "same.bin"
    assert unfinished_uploads(sdk, bucket, "same.bin") == []


@pytest.mark.parametrize("condition", CONDITIONS)
def test_an_existing_name_gets_djangos_alternative(minio_options: dict[str, Any], condition: object) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    names = [storage.save("folder/same.tar.gz", ContentFile(f"{number}".encode())) for number in range(3)]
    assert names[0] == "folder/same.tar.gz"
    for name in names[1:]:
        assert re.fullmatch(r"folder/same(?:\.tar)?_[A-Za-z0-9]{7}(?:\.tar)?\.gz", name)
    assert contents_of(storage, "folder") == [b"0", b"1", b"2"]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_max_length_is_kept_for_the_alternatives_too(minio_options: dict[str, Any], condition: object) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    names = [storage.save("a-long-name-of-a-file.txt", ContentFile(b"%d" % n), max_length=25) for n in range(4)]
    assert names[0] == "a-long-name-of-a-file.txt"
    assert len(set(names)) == 4
    assert all(len(name) <= 25 and name.endswith(".txt") for name in names)
    assert contents_of(storage) == [b"0", b"1", b"2", b"3"]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_name_that_is_too_long_is_shortened(minio_options: dict[str, Any], condition: object) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    name = storage.save("much-too-long-a-name.txt", ContentFile(b""), max_length=20)
    assert len(name) <= 20
    assert storage.exists(name)
    assert not storage.exists("much-too-long-a-name.txt")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_where_no_name_is_short_enough_nothing_is_stored(minio_options: dict[str, Any], condition: object) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    storage.save("abc.txt", ContentFile(b"first"))
    with pytest.raises(SuspiciousFileOperation):
        storage.save("abc.txt", ContentFile(b"second"), max_length=7)
    assert contents_of(storage) == [b"first"]


def test_a_name_is_available_until_an_object_has_it(storage: MinioBackend) -> None:
    assert storage.is_name_available("a.txt")
    assert storage.get_available_name("a.txt") == "a.txt"
    storage.save("a.txt", ContentFile(b""))
    assert not storage.is_name_available("a.txt")
    assert storage.get_available_name("a.txt") != "a.txt"
    assert not storage.is_name_available("b.txt", max_length=4)


def test_replacing_leaves_one_object_with_one_of_the_contents(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, replace_existing=True)
    contents = [some_bytes(100_000, seed) for seed in range(10)]
    assert set(save_at_once([storage], [ContentFile(content) for content in contents])) == {"same.txt"}
    (left,) = contents_of(storage)
    assert left in contents


def test_while_an_object_is_replaced_readers_see_the_old_or_the_new_one(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, replace_existing=True)
    contents = [bytes([number]) * 100_000 for number in range(20)]
    storage.save("same.bin", ContentFile(contents[0]))
    done = threading.Event()
    seen: list[bytes] = []

    def read() -> None:
        while not done.is_set():
            assert storage.exists("same.bin")
            with storage.open("same.bin") as file:
                seen.append(file.read())

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for content in contents:
            storage.save("same.bin", ContentFile(content))
        done.set()
        for reader in readers:
            reader.result(30)
    assert len(seen) > 2
    assert set(seen) <= set(contents)


class Overwriting(MinioBackend):
    """As countless projects write it."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:  # noqa: ARG002
        return name


class DeletingFirst(MinioBackend):
    def get_available_name(self, name: str, max_length: int | None = None) -> str:  # noqa: ARG002
        self.delete(name)
        return name


@pytest.mark.parametrize("kind", [Overwriting, DeletingFirst])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_subclass_that_insists_on_a_name_replaces(
    minio_options: dict[str, Any], kind: type[MinioBackend], condition: object
) -> None:
    storage = kind(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    for content in (b"first", b"second", b"third"):
        assert storage.save("same.txt", ContentFile(content)) == "same.txt"
        assert contents_of(storage) == [content]


def test_a_subclass_that_insists_on_a_name_replaces_by_unseekable_content(minio_options: dict[str, Any]) -> None:
    storage = Overwriting(**minio_options)
    content = some_bytes(3_000_000)
    storage.save("same.txt", ContentFile(b"first"))
    storage.save("same.txt", Pipe(content))
    assert contents_of(storage) == [content]


class Foldering(MinioBackend):
    def _save(self, name: str, content: Any) -> str:
        return super()._save(f"folder/{name.lower()}", content)


@pytest.mark.parametrize("condition", CONDITIONS[:2])
@pytest.mark.needs("conditional-writes")
def test_a_subclass_that_changes_the_name_while_saving_loses_nothing(
    minio_options: dict[str, Any], condition: object
) -> None:
    storage = Foldering(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    names = [storage.save("Same.TXT", ContentFile(f"{number}".encode())) for number in range(3)]
    assert names[0] == "folder/same.txt"
    assert len(set(names)) == 3
    assert contents_of(storage, "folder") == [b"0", b"1", b"2"]


class TooManyAttemptsError(Exception):
    pass


class Renaming(MinioBackend):
    """Gives every file one name, as a storage that names files by their content does with equal ones."""

    attempts = 0

    def _save(self, name: str, content: Any) -> str:  # noqa: ARG002
        self.attempts += 1
        if self.attempts > 30:
            raise TooManyAttemptsError
        return super()._save("fixed.txt", content)


@pytest.mark.needs("conditional-writes")
def test_a_subclass_that_always_saves_under_one_name_comes_to_an_end(minio_options: dict[str, Any]) -> None:
    storage = Renaming(**minio_options)
    assert storage.save("a.txt", ContentFile(b"first")) == "fixed.txt"
    try:
        name = storage.save("b.txt", ContentFile(b"second"))
    except FileExistsError:
        assert contents_of(storage) == [b"first"]
    else:
        assert name != "fixed.txt"
        assert contents_of(storage) == [b"first", b"second"]


class WithThumbnail(MinioBackend):
    def _save(self, name: str, content: Any) -> str:
        if not name.startswith("thumb"):
            content.seek(0)
            self.save("thumb.txt", ContentFile(b"thumb of " + content.read()))
        return super()._save(name, content)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_save_within_a_save_is_one_of_its_own(minio_options: dict[str, Any], condition: object) -> None:
    storage = WithThumbnail(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    storage.save("a.txt", ContentFile(b"first"))
    storage.save("a.txt", ContentFile(b"second"))
    assert set(contents_of(storage)) == {b"first", b"second", b"thumb of first", b"thumb of second"}


class Doubling(MinioBackend):
    """Changes the content on its way, as storages that compress or encrypt do."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(name, ContentFile(content.read() * 2))


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_subclass_that_changes_the_content_gets_all_of_it_for_a_second_attempt_too(
    minio_options: dict[str, Any], condition: object
) -> None:
    storage = Doubling(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    for content in (b"1st", b"2nd"):
        storage.save("a.txt", ContentFile(content))
    assert contents_of(storage) == [b"1st1st", b"2nd2nd"]


@pytest.mark.needs("conditional-writes")
def test_threads_that_change_their_contents_lose_none(minio_options: dict[str, Any]) -> None:
    storage = Doubling(**minio_options)
    contents = sorted(f"content {number} ".encode() for number in range(10, 30))
    save_at_once([storage], [ContentFile(content) for content in contents])
    assert contents_of(storage) == [content * 2 for content in contents]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_saving_past_save_finds_a_free_name_as_file_system_storage_does(
    minio_options: dict[str, Any], condition: object
) -> None:
    storage = MinioBackend(**minio_options, MINIO_CONDITIONAL_WRITES=condition)
    assert storage._save("manifest.json", ContentFile(b"first")) == "manifest.json"
    assert storage._save("manifest.json", ContentFile(b"second")) != "manifest.json"
    assert contents_of(storage) == [b"first", b"second"]


def test_saving_past_save_replaces_where_that_is_wanted(minio_options: dict[str, Any]) -> None:
    storage = MinioBackend(**minio_options, replace_existing=True)
    for content in (b"first", b"second"):
        assert storage._save("manifest.json", ContentFile(content)) == "manifest.json"
    assert contents_of(storage) == [b"second"]
