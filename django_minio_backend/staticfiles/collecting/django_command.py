"""Finds the run of Django's collectstatic that is open in a thread.

Django's command is used where this app comes after ``django.contrib.staticfiles`` in INSTALLED_APPS, or where a package
has a subclass of that command. It announces no run to a storage. While it collects, though, the frame of its
``collect`` is on the stack of its thread, with ``found_files``, a dictionary of its own for each run.
"""

from __future__ import annotations

import sys
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.contrib.staticfiles.management.commands.collectstatic import Command

from ..current_run import NO_RUN, Run
from .django_run import DjangoCommandRun, code_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from .django_run import StaticStorage

_COLLECT = code_of(Command, "collect")


class _OtherThread(Run):
    """Not part of the runs that are open for a storage; what it changes, they have to ask for."""

    def __init__(self, runs: list[DjangoCommandRun]) -> None:
        self._runs = runs

    def store(self, name: str, content: Any, upload: Callable[[str, Any], str], /) -> str:
        """Store a file and return its name."""
        saved = upload(name, content)
        self._changed(saved)
        return saved

    def delete(self, name: str, delete_object: Callable[[str], None], /) -> None:
        """Delete a file."""
        delete_object(name)
        self._changed(name)

    def _changed(self, name: str) -> None:
        for run in self._runs:
            run.doubt(name)


_runs: WeakKeyDictionary[Command, dict[int, DjangoCommandRun]] = WeakKeyDictionary()  # by id() of their found_files
_lock = RLock()


def find_run(storage: StaticStorage) -> Run:
    """The run of Django's command in this thread that collects into this storage, or ``NO_RUN``.

    With ``--clear`` the run begins when everything is deleted: there is no ``found_files`` before.
    """
    frame = _frame_of_collect()
    found_files = frame.f_locals.get("found_files") if frame is not None else None
    with _lock:
        if frame is not None and found_files is not None:
            command: Command = frame.f_locals["self"]
            if vars(command.storage).get("_wrapped", command.storage) is storage:  # it is a lazy object of Django's
                runs = _runs.setdefault(command, {})
                if id(found_files) not in runs:
                    runs[id(found_files)] = DjangoCommandRun(storage, found_files)
                return runs[id(found_files)]
        others = [run for runs in _runs.values() for run in runs.values() if run.storage is storage]
    return _OtherThread(others) if others else NO_RUN


def _frame_of_collect() -> FrameType | None:
    """The frame of the command's ``collect`` in this thread."""
    frame: FrameType | None = sys._getframe()  # noqa: SLF001 - the way to the stack
    while frame is not None and frame.f_code is not _COLLECT:
        frame = frame.f_back
    return frame
