"""The keys of objects and of references in a temporary SQLite file: which of them have no counterpart."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ..errors import CleaningError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Row = TypeVar("Row")

KEEP_ONLY = -1
CACHE = 32 * 1024  # KiB of pages kept in memory, and the most that one sorted run of an index takes

_TABLES = """
CREATE TABLE reference (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, source INTEGER NOT NULL, row TEXT NOT NULL, name TEXT
);
CREATE TABLE unreferenced (key TEXT PRIMARY KEY, size INTEGER NOT NULL, is_deletable INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE missing (id INTEGER PRIMARY KEY);
"""
_INDEX = "CREATE INDEX reference_by_key ON reference (key)"
_BETWEEN = "SELECT id, key FROM reference INDEXED BY reference_by_key WHERE key BETWEEN ? AND ?"
_ORPHANS = "FROM unreferenced WHERE is_deletable"
_MISSING = """
SELECT key, source, row, name FROM missing CROSS JOIN reference USING (id) WHERE source >= 0 ORDER BY key
"""


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


class KeyStore:
    """Holds keys in bounded memory. Add references, index them, add objects, find the orphans; then iterate.

    Objects come by pages of a listing, whose keys are near to each other: each page is compared with the references
    between its first and its last key, so that only the keys without a counterpart are stored.

    SQLite creates the temporary file in SQLITE_TMPDIR or TMPDIR. The file has no name, so a killed process leaves
    nothing behind.

    Raises:
        CleaningError: from every method, if the file cannot be written or read.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("")  # the file is created later
        self._has_object = bytearray()  # for each reference by its id, whether an object has its key
        with self._database() as database:
            database.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
                f"PRAGMA cache_size = -{CACHE}; {_TABLES}"
            )

    def close(self) -> None:
        """Remove the file."""
        self._connection.close()

    def add_references(self, references: Iterable[Reference]) -> None:
        """Add references; one key may have several."""
        with self._database() as database:
            database.executemany(
                "INSERT INTO reference (key, source, row, name) VALUES (?, ?, ?, ?)", map(tuple, references)
            )

    def index_references(self) -> None:
        """Sort the references by key, after all have been added."""
        with self._database() as database:
            database.execute(_INDEX)
            (last,) = database.execute("SELECT coalesce(max(id), 0) FROM reference").fetchone()
        self._has_object = bytearray(last + 1)

    def add_objects(self, objects: Iterable[tuple[str, int, bool]]) -> None:
        """Add objects: key, size, and whether it may be deleted as an orphan. A key that comes twice counts once."""
        unreferenced = {row[0]: row for row in objects}
        if not unreferenced:
            return
        keys, has_object = frozenset(unreferenced), self._has_object
        with self._database() as database:
            for number, key in database.execute(_BETWEEN, (min(keys), max(keys))):
                if key in keys:
                    has_object[number] = 1
                    unreferenced.pop(key, None)
            database.executemany("INSERT OR REPLACE INTO unreferenced VALUES (?, ?, ?)", unreferenced.values())

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
            database.executemany("INSERT OR IGNORE INTO missing VALUES (?)", self._ids_without_object())
        return self._batches(Reference, _MISSING, batch_size)

    def _ids_without_object(self) -> Iterator[tuple[int]]:
        number = self._has_object.find(0, 1)
        while number > 0:
            yield (number,)
            number = self._has_object.find(0, number + 1)

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
