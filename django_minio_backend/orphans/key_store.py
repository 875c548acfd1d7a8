"""Two sets of keys, objects and references, and what they have not in common: exact, in bounded memory."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ..errors import CleaningError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROTECTS = -1
CACHE = 32 * 1024  # KiB of pages kept in memory, and what one sorted run of an index may take

_TABLES = """
CREATE TABLE reference (key TEXT NOT NULL, source INTEGER NOT NULL, row TEXT NOT NULL, name TEXT);
CREATE TABLE object (key TEXT PRIMARY KEY, size INTEGER NOT NULL, may_go INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE orphan (number INTEGER PRIMARY KEY, key TEXT NOT NULL, size INTEGER NOT NULL);
"""
_INDEX = "CREATE INDEX reference_by_key ON reference (key)"
_ORPHANS = """
INSERT INTO orphan (key, size) SELECT key, size FROM object
WHERE may_go AND NOT EXISTS (SELECT 1 FROM reference WHERE reference.key = object.key) ORDER BY key
"""
_MISSING = """
SELECT key, source, row, name FROM reference INDEXED BY reference_by_key
WHERE source >= 0 AND NOT EXISTS (SELECT 1 FROM object WHERE object.key = reference.key) ORDER BY key
"""


class Orphan(NamedTuple):
    """An object that nothing refers to."""

    key: str
    size: int


class Referred(NamedTuple):
    """A reference to an object.

    Attributes:
        key: of the object.
        source: a number for the field; ``PROTECTS`` keeps the object but is never told as missing.
        row: the row's primary key as text.
        name: what stands in the row, if not the key as it is.
    """

    key: str
    source: int = PROTECTS
    row: str = ""
    name: str | None = None


class Difference:
    """Add references, index them, add objects, compare; then ask for what is on one side only.

    The tables lie in a temporary file that SQLite makes where SQLITE_TMPDIR or TMPDIR says and that has no name, so
    that a killed process leaves nothing behind.

    Raises:
        CleaningError: from every method, if the file cannot be written or read.
    """

    def __init__(self) -> None:
        with self._using() as database:
            database.executescript(
                f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;"
                f"PRAGMA cache_size = -{CACHE}; {_TABLES}"
            )

    def close(self) -> None:
        """Remove the file."""
        self._database.close()

    def add_references(self, references: Iterable[Referred]) -> None:
        """Add references; several to one key all count."""
        with self._using() as database:
            database.executemany("INSERT INTO reference VALUES (?, ?, ?, ?)", references)

    def index_references(self) -> None:
        """Sort the references by key, once all are there."""
        with self._using() as database:
            database.execute(_INDEX)

    def add_objects(self, objects: Iterable[tuple[str, int, bool]]) -> None:
        """Add objects: key, size, and whether it may be deleted if nothing refers to it; a key counts once."""
        with self._using() as database:
            database.executemany("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", objects)

    def compare(self) -> tuple[int, int]:
        """Find the orphans; return how many there are, and their bytes together."""
        with self._using() as database:
            database.execute(_ORPHANS)
            count, size = database.execute("SELECT count(*), total(size) FROM orphan").fetchone()
            return count, int(size)

    def orphans(self, at_once: int) -> Iterator[list[Orphan]]:
        """The orphans in the order of their keys, in batches."""
        last = 0
        while True:
            with self._using() as database:
                batch = database.execute(
                    "SELECT number, key, size FROM orphan WHERE number > ? ORDER BY number LIMIT ?", (last, at_once)
                ).fetchall()
            if not batch:
                return
            last = batch[-1][0]
            yield [Orphan(key, size) for _, key, size in batch]

    def missing(self, at_once: int) -> Iterator[list[Referred]]:
        """The references without an object in the order of their keys, in batches."""
        with self._using() as database:
            found = database.execute(_MISSING)
        while True:
            with self._using():
                batch = found.fetchmany(at_once)
            if not batch:
                return
            yield [Referred(*one) for one in batch]

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._connected()
        except sqlite3.Error as error:
            raise CleaningError(
                f"The temporary file that objects and references are compared in failed: {error}. It needs some "
                "150 bytes for each of them; SQLITE_TMPDIR or TMPDIR names its folder. Nothing more was deleted."
            ) from error

    def _connected(self) -> sqlite3.Connection:
        if not hasattr(self, "_database"):
            self._database = sqlite3.connect("")
        return self._database
