"""The keys of objects and of references in a temporary SQLite file: which of them have no counterpart."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..errors import CleaningError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

Row = TypeVar("Row")

KEEP_ONLY = -1
CACHE = 32 * 1024  # KiB of pages kept in memory, and the most that one sorted run of an index takes

_TABLES = """
CREATE TABLE reference (id INTEGER PRIMARY KEY, key TEXT NOT NULL);
CREATE TABLE origin (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, columns TEXT NOT NULL);
CREATE TABLE unreferenced (key TEXT PRIMARY KEY, size INTEGER NOT NULL, is_deletable INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE missing (id INTEGER PRIMARY KEY, source INTEGER NOT NULL, row TEXT NOT NULL, name TEXT);
"""
_INSERT = "INSERT INTO reference (id, key) SELECT ? + key, value FROM json_each(?)"  # twice as fast as executemany()
_INDEX = "CREATE INDEX reference_by_key ON reference (key)"
_AT_ONCE = 5_000
# Joined, as each row that comes to Python takes longer than SQLite's search for it.
_NEXT = """
SELECT group_concat(id), group_concat(key, char(0)) FROM (
    SELECT id, key FROM reference INDEXED BY reference_by_key WHERE key = ?1 AND id > ?2
    UNION ALL SELECT id, key FROM reference INDEXED BY reference_by_key WHERE key > ?1 AND key <= ?3
    ORDER BY key, id LIMIT ?4)
"""  # not (key, id) > (?, ?), of which the index serves the key only: one key may have a million references
_ORPHANS = "FROM unreferenced WHERE is_deletable"
_MISSING = "SELECT key, source, row, name FROM missing CROSS JOIN reference USING (id) ORDER BY key"


class Orphan(NamedTuple):
    """An object that no reference names."""

    key: str
    size: int


class Reference(NamedTuple):
    """A reference to an object.

    Attributes:
        key: of the object.
        source: number of the field; with ``KEEP_ONLY`` the reference keeps the object, but is never missing.
        row: the row's primary key as text.
        name: the name in the row, unless it follows from the key.
    """

    key: str
    source: int = KEEP_ONLY
    row: str = ""
    name: str | None = None


@dataclass(frozen=True)
class References:
    """Many references: a column for each attribute of ``Reference``."""

    keys: Sequence[str]
    sources: Sequence[int]
    rows: Sequence[str]
    names: Sequence[str | None]

    @classmethod
    def of(cls, references: Sequence[Reference]) -> References:
        """Return the columns of these references."""
        return cls(*zip(*references, strict=True)) if references else cls((), (), (), ())

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Reference]:
        return map(Reference, self.keys, self.sources, self.rows, self.names)

    def below(self, prefixes: tuple[str, ...]) -> References:
        """Return the references to keys that start with one of these."""
        return self if "" in prefixes else self.of([each for each in self if each.key.startswith(prefixes)])


class KeyStore:
    """Holds keys in bounded memory. Add references, index them, add objects, find the orphans; then iterate.

    Objects come by pages of a listing, whose keys are near to each other: each page is compared with the references
    between its first and its last key, so that only the keys without a counterpart are stored.

    SQLite creates the temporary file in SQLITE_TMPDIR or TMPDIR. The file has no name, so a killed process leaves
    nothing behind. A store may be used by several threads, one after the other.

    Raises:
        CleaningError: from every method, if the file cannot be written or read.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", check_same_thread=False)  # the file is created later
        self._has_object = bytearray()  # for each reference in the order of addition, whether an object has its key
        with self._database() as database:
            database.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
                f"PRAGMA cache_size = -{CACHE}; {_TABLES}"
            )

    def close(self) -> None:
        """Remove the file."""
        self._connection.close()

    def add_references(self, references: References) -> None:
        """Add references; one key may have several.

        Raises:
            CleaningError: a key has a null character, at which SQLite ends strings of JSON.
        """
        if not references:
            return
        first, count = len(self._has_object), len(references)
        columns = (references.sources, references.rows, references.names)
        origins = json.dumps([column[:1] if len(set(column)) == 1 else column for column in columns])
        keys = json.dumps(references.keys, ensure_ascii=False)
        invalid = next((key for key in references.keys if "\0" in key), None) if "\\u0000" in keys else None
        if invalid is not None:
            raise CleaningError(
                f"A storage's key() has returned {invalid!r}, which no object can have as its key: it contains a null "
                "character. Nothing was deleted."
            )
        with self._database() as database:
            database.execute(_INSERT, (first, keys))
            database.execute("INSERT INTO origin VALUES (?, ?, ?)", (first, count, origins))
        self._has_object += bytes(count)

    def index_references(self) -> None:
        """Sort the references by key, after all have been added."""
        with self._database() as database:
            database.execute(_INDEX)

    def add_objects(self, sizes: Mapping[str, int], kept: Container[str] = ()) -> None:
        """Add objects. A key that comes twice counts once.

        Args:
            sizes: bytes, by key.
            kept: keys of those that may not be deleted, even if nothing refers to them.
        """
        if not sizes:
            return
        keys, has_object, referenced = sizes.keys(), self._has_object, set()
        with self._database() as database:
            for number, key in self._between(min(keys), max(keys)):
                if key in keys:
                    has_object[number] = 1
                    referenced.add(key)
            database.executemany(
                "INSERT OR REPLACE INTO unreferenced VALUES (?, ?, ?)",
                [(key, sizes[key], key not in kept) for key in keys - referenced],
            )

    def _between(self, first: str, last: str) -> Iterator[tuple[int, str]]:
        """Return number and key of the references from one key to another, by key."""
        number = -1
        while True:
            numbers, keys = self._connection.execute(_NEXT, (first, number, last, _AT_ONCE)).fetchone()
            if numbers is None:
                return
            found = list(zip(map(int, numbers.split(",")), keys.split("\0"), strict=True))
            yield from found
            if len(found) < _AT_ONCE:
                return
            number, first = found[-1]

    def find_orphans(self) -> tuple[int, int]:
        """Return the number of orphans and their bytes together."""
        with self._database() as database:
            count, size = database.execute(f"SELECT count(*), total(size) {_ORPHANS}").fetchone()
            return count, int(size)

    def orphans(self, batch_size: int) -> Iterator[list[Orphan]]:
        """Return the orphans by key, in batches."""
        return self._batches(Orphan, f"SELECT key, size {_ORPHANS} ORDER BY key", batch_size)

    def missing(self, batch_size: int) -> Iterator[list[Reference]]:
        """Return the references without an object by key, in batches."""
        with self._database() as database:
            for first, count in database.execute("SELECT first, count FROM origin").fetchall():
                missing = list(self._without_object(first, first + count))
                database.executemany("INSERT OR IGNORE INTO missing VALUES (?, ?, ?, ?)", missing)
        return self._batches(Reference, _MISSING, batch_size)

    def _without_object(self, first: int, end: int) -> Iterator[tuple[int, int, str, str | None]]:
        """Return the references whose keys no object has, among those that were added together."""
        number = self._has_object.find(0, first, end)
        if number < 0:
            return
        (origins,) = self._connection.execute("SELECT columns FROM origin WHERE first = ?", (first,)).fetchone()
        columns = json.loads(origins)
        while number >= 0:
            source, row, name = (column[number - first if len(column) > 1 else 0] for column in columns)
            if source != KEEP_ONLY:
                yield number, source, row, name
            number = self._has_object.find(0, number + 1, end)

    def _batches(self, row_type: Callable[..., Row], query: str, size: int) -> Iterator[list[Row]]:
        with self._database() as database:
            cursor = database.execute(query)
        while True:
            with self._database():
                rows = cursor.fetchmany(size)
            if not rows:
                return
            yield [row_type(*row) for row in rows]

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connection
        except sqlite3.Error as error:
            raise CleaningError(
                f"The temporary file of keys cannot be used: {error}. It needs about 150 bytes for each "
                "reference, and for each object without one, in the folder that SQLITE_TMPDIR or TMPDIR names. Nothing "
                "more was deleted."
            ) from error
