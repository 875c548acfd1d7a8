"""A listing of names as folders: what is directly in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Folders:
    """Names of files and the folders that they make; a folder is there while something is in it."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._files: dict[str, dict[str, None]] = {}
        self._folders: dict[str, dict[str, None]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Take a file in."""
        folder, _, file = name.rpartition("/")
        self._files.setdefault(folder, {})[file] = None
        while folder:
            parent, _, child = folder.rpartition("/")
            known = self._folders.setdefault(parent, {})
            if child in known:
                break
            known[child] = None
            folder = parent

    def remove(self, name: str) -> None:
        """Take a file out, and the folders that are empty then."""
        folder, _, file = name.rpartition("/")
        self._files.get(folder, {}).pop(file, None)
        while folder and not self._files.get(folder) and not self._folders.get(folder):
            parent, _, child = folder.rpartition("/")
            self._folders.get(parent, {}).pop(child, None)
            folder = parent

    def has_file(self, name: str) -> bool:
        """Whether there is a file of this name."""
        folder, _, file = name.rpartition("/")
        return file in self._files.get(folder, {})

    def has_folder(self, name: str) -> bool:
        """Whether anything is in a folder; the empty name is the outermost one."""
        return bool(self._files.get(name) or self._folders.get(name))

    def content(self, folder: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files directly in a folder."""
        return list(self._folders.get(folder, {})), list(self._files.get(folder, {}))
