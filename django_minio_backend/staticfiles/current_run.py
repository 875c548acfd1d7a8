"""Which run of collectstatic is open for a storage; apart from the run itself, which takes long to import."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .run import Collection

open_collection: ContextVar[Collection | None] = ContextVar("open_collection", default=None)


def collection_of(storage: object) -> Collection | None:
    """The collection that this thread has open for a storage, if any."""
    found = open_collection.get()
    return found if found is not None and found.storage is storage else None
