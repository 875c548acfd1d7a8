"""Names of files as a tree of folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class NameTree:
    """Names of files and of the folders that contain them. A folder exists while it contains anything."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._files: dict[str, dict[str, None]] = {}
        self._folders: dict[str, dict[str, None]] = {}
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Add a file, and its folders."""
        folder, _, file = name.rpartition("/")
        self._files.setdefault(folder, {})[file] = None
        while folder:
            parent, _, child = folder.rpartition("/")
            siblings = self._folders.setdefault(parent, {})
            if child in siblings:
                break
            siblings[child] = None
            folder = parent

    def remove(self, name: str) -> None:
        """Remove a file, and the folders that are empty without it."""
        folder, _, file = name.rpartition("/")
        self._files.get(folder, {}).pop(file, None)
        while folder and not self._files.get(folder) and not self._folders.get(folder):
            parent, _, child = folder.rpartition("/")
            self._folders.get(parent, {}).pop(child, None)
            folder = parent

    def has_file(self, name: str) -> bool:
        """Whether a file has this name."""
        folder, _, file = name.rpartition("/")
        return file in self._files.get(folder, {})

    def has_folder(self, name: str) -> bool:
        """Whether a folder contains anything; the empty name is the root."""
        return bool(self._files.get(name) or self._folders.get(name))

    def content(self, folder: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files directly in a folder."""
        return list(self._folders.get(folder, {})), list(self._files.get(folder, {}))
