"""The difference of objects and references is exact, whatever the keys and their order."""

from __future__ import annotations

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.errors import CleaningError
from django_minio_backend.orphans import key_store
from django_minio_backend.orphans.key_store import KEEP_ONLY, KeyStore, Reference, References
from tests.support.memory import peak_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

# Few letters, so that keys meet; among them some whose order differs between encodings, and quotes.
KEYS = st.text(alphabet="ab/'%_ \u00e9\uffee\U0001f4c4", min_size=1, max_size=3)


def open_files() -> Iterator[str]:
    for opened in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that iterdir() had open
            yield str(opened.readlink())


@pytest.fixture
def compared() -> Iterator[KeyStore]:
    with closing(KeyStore()) as made:
        yield made


@given(
    objects=st.lists(st.tuples(KEYS, st.integers(0, 9), st.booleans()), unique_by=lambda one: one[0]),
    references=st.lists(st.tuples(KEYS, st.integers(KEEP_ONLY, 2), st.sampled_from(["1", "2"]))),
    at_once=st.integers(1, 4),
)
def test_both_directions_are_those_of_sets(
    objects: list[tuple[str, int, bool]], references: list[tuple[str, int, str]], at_once: int
) -> None:
    with closing(KeyStore()) as compared:
        compared.add_references(References.of([Reference(*one) for one in references]))
        compared.index_references()
        for first in range(0, len(objects), at_once):  # pages in any order, as servers differ in it
            page = objects[first : first + at_once]
            kept = {key for key, _, may_go in page if not may_go}
            compared.add_objects({key: size for key, size, _ in page}, kept)
        count, size = compared.find_orphans()
        found = [orphan for batch in compared.orphans(at_once) for orphan in batch]
        missing = [one for batch in compared.missing(at_once) for one in batch]
    referred = {key for key, _, _ in references}
    expected = sorted((key, size) for key, size, may_go in objects if may_go and key not in referred)
    assert found == expected
    assert (count, size) == (len(expected), sum(size for _, size in expected))
    there = {key for key, _, _ in objects}
    assert sorted(missing) == sorted(Reference(*one) for one in references if one[0] not in there and one[1] >= 0)
    assert [one.key for one in missing] == sorted(one.key for one in missing)


def test_an_object_that_is_listed_twice_counts_once(compared: KeyStore) -> None:
    compared.index_references()
    compared.add_objects({"a": 1})
    compared.add_objects({"a": 2})
    assert compared.find_orphans() == (1, 2)


def test_a_key_with_a_null_character_is_not_that_of_its_beginning(compared: KeyStore) -> None:
    """SQLite ends strings of JSON there, and joined keys are separated by it."""
    compared.add_references(References.of([Reference("a", 0, "1")]))
    compared.index_references()
    compared.add_objects({"a\0b": 1, "c": 2, "\0": 4})
    assert [orphan.key for batch in compared.orphans(9) for orphan in batch] == ["\0", "a\0b", "c"]
    assert [one.key for batch in compared.missing(9) for one in batch] == ["a"]


def test_a_reference_with_a_null_character_is_refused(compared: KeyStore) -> None:
    with pytest.raises(CleaningError, match="null character"):
        compared.add_references(References.of([Reference("a"), Reference("a\0b")]))
    compared.add_references(References.of([Reference("a\\u0000")]))
    compared.index_references()
    compared.add_objects({"a\\u0000": 1, "a": 2})
    assert compared.find_orphans() == (1, 2)


@given(st.lists(KEYS, max_size=12), st.sets(KEYS, min_size=1, max_size=4))
def test_references_are_read_in_pieces(references: list[str], objects: set[str]) -> None:
    with pytest.MonkeyPatch.context() as patch, closing(KeyStore()) as compared:
        patch.setattr(key_store, "_AT_ONCE", 2)
        compared.add_references(References.of([Reference(key, 0, "1") for key in references]))
        compared.index_references()
        compared.add_objects(dict.fromkeys(objects, 1))
        assert {orphan.key for batch in compared.orphans(9) for orphan in batch} == objects - set(references)
        missing = [one.key for batch in compared.missing(9) for one in batch]
        assert missing == sorted(key for key in references if key not in objects)


def _steps(count: int) -> int:
    """SQLite's steps to compare one object with so many references to it."""
    steps = 0

    def count_steps() -> None:
        nonlocal steps
        steps += 1

    with closing(KeyStore()) as compared:
        compared.add_references(References.of([Reference("a", 0, str(number)) for number in range(count)]))
        compared.index_references()
        compared._connection.set_progress_handler(count_steps, 100)
        compared.add_objects({"a": 1, "b": 2})
        compared._connection.set_progress_handler(None, 0)
        assert compared.find_orphans() == (1, 2)
    return steps


def test_the_time_for_references_to_one_key_is_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million users may have the same default picture."""
    monkeypatch.setattr(key_store, "_AT_ONCE", 100)
    assert _steps(8_000) < 2.5 * _steps(4_000)


def test_a_full_disk_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of few pages stands for the disk: SQLite gives the same error for both."""
    monkeypatch.setattr(key_store, "_TABLES", f"PRAGMA max_page_count = 8;{key_store._TABLES}")
    with (
        closing(KeyStore()) as compared,
        pytest.raises(CleaningError, match=r"disk is full.*TMPDIR.*Nothing more was deleted"),
    ):
        compared.add_references(References.of([Reference(f"{number:0900}") for number in range(1_000)]))


def test_the_file_has_no_name(compared: KeyStore) -> None:
    """So a process that is killed leaves nothing behind."""
    before = set(open_files())
    compared.add_references(References.of([Reference(f"{number:0900}") for number in range(50_000)]))
    (opened,) = set(open_files()) - before
    assert opened.endswith("(deleted)")


def test_an_error_of_sqlite_is_one_of_cleaning(compared: KeyStore) -> None:
    compared.close()
    with pytest.raises(CleaningError) as failed:
        compared.find_orphans()
    assert isinstance(failed.value.__cause__, sqlite3.Error)


def test_memory_is_bounded() -> None:
    """The keys alone would take 140 MiB as Python strings in a set and a dictionary."""
    memory = peak_memory(
        "from django_minio_backend.orphans.key_store import KeyStore, Reference, References\n"
        "with measured():\n"
        "    compared = KeyStore()\n"
        "    for first in range(0, 500_000, 5_000):\n"
        "        numbers = range(first, first + 5_000)\n"
        "        made = [Reference(f'{n * 7919 % 500_000:060}', 0, str(n)) for n in numbers]\n"
        "        compared.add_references(References.of(made))\n"
        "    compared.index_references()\n"
        "    for first in range(0, 500_000, 1_000):\n"
        "        compared.add_objects({f'{n + 5:060}': 1 for n in range(first, first + 1_000)})\n"
        "    assert compared.find_orphans() == (5, 5)\n"
        "    assert sum(map(len, compared.missing(1_000))) == 5\n"
        "    compared.close()\n"
    )
    assert memory.growth < 100
