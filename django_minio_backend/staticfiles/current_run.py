"""Which run of collectstatic is open for a storage; ``NO_RUN`` where none is."""

from __future__ import annotations

from contextlib import nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from django.core.files import File

    Names = tuple[list[str], list[str]]


class Run:
    """What a static storage does with its files. This base class is the null object: all of it on the server, at once.

    Each method gets the storage's method that does so.
    """

    storage: object = None
    upload_headers: Mapping[str, str] = {}  # of the upload in progress, by which a later run compares

    def local_file(self, name: str) -> File[Any] | None:  # noqa: ARG002 - a run of collectstatic looks at it
        """The file on this machine that has this name; None where it has to be read from the server."""
        return None

    def save(self, name: str | None, content: Any, max_length: int | None, save: Callable[..., str], /) -> str:
        """Find a name for a file, store it and return the name."""
        return save(name, content, max_length)

    def store(self, name: str, content: Any, upload: Callable[[str, Any], str], /) -> str:
        """Store a file and return its name."""
        return upload(name, content)

    def delete(self, name: str, delete_object: Callable[[str], None], /) -> None:
        """Delete a file."""
        delete_object(name)

    def exists(self, name: str, object_exists: Callable[[str], bool], /) -> bool:
        """Whether there is a file or a folder of this name."""
        return object_exists(name)

    def get_modified_time(self, name: str, ask: Callable[[str], dt.datetime], /) -> dt.datetime:
        """When a file was last written."""
        return ask(name)

    def listdir(self, path: str, list_directory: Callable[[str], Names], /) -> Names:
        """Names of the folders and of the files directly in a folder."""
        return list_directory(path)

    def post_processing(self) -> AbstractContextManager[None]:
        """While it is entered, files are stored under hashed names, and at last the manifest, which names them."""
        return nullcontext()

    def before_opening(self, name: str) -> None:
        """Called before a file is opened as text, or for writing."""
        self.flush(name)

    def flush(self, name: str | None = None) -> None:
        """Wait for the uploads in progress, or for that of one name."""


NO_RUN = Run()
open_run: ContextVar[Run] = ContextVar("open_run", default=NO_RUN)


def current_run(storage: object) -> Run:
    """The run that this thread has open for a storage, or ``NO_RUN``."""
    run = open_run.get()
    return run if run.storage is storage else NO_RUN
