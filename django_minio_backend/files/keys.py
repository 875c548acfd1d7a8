"""Converts Django's names to keys of objects, and back."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.utils import validate_file_name

from ..transport.limits import MAX_KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def _is_clean(name: str) -> bool:
    """Whether every part of a name is itself and begins with no dot, which normpath() finds out more slowly."""
    parts = f"/{name}/"
    return "//" not in parts and "/." not in parts and "\\" not in name and "\0" not in name


def clean(name: object) -> str:
    """Normalise a name as FileSystemStorage would: forward slashes, no ``.`` and no empty parts.

    Raises:
        SuspiciousFileOperation: for an absolute name, or one that leaves the storage by ``..``.
        ValueError: for a name that no object can have.
    """
    if type(name) is str and _is_clean(name):
        return name
    path = "" if name is None else str(name).replace("\\", "/")
    path = posixpath.normpath(path) if path else ""
    if path == ".." or path.startswith(("/", "../")):
        raise SuspiciousFileOperation(f"'{name}' is outside of the storage. Use a relative name without '..'.")
    if "\0" in path:
        raise ValueError(f"{name!r} cannot be the name of an object: it contains a null character.")
    return "" if path == "." else path


def is_plain(name: object) -> bool:
    """Whether a name is relative, without backslashes and ``..``, and ends with the name of a file."""
    if type(name) is not str or "\\" in name:
        return False
    first, *further = parts = name.split("/")
    return (first != "" or not further) and ".." not in parts and parts[-1] not in ("", ".")


def validate(name: str) -> None:
    """Validate the name of a save as Django does; plain names are valid without its slower path objects.

    Raises:
        SuspiciousFileOperation: it is absolute, has ``..``, or does not end with the name of a file.
    """
    if not is_plain(name):
        validate_file_name(name, allow_relative_path=True)


def relative(name: object) -> str:
    """A name without leading slashes and backslashes."""
    if type(name) is str and name[:1] not in "/\\":
        return name
    return str("" if name is None else name).lstrip("/\\")


def is_folder(name: object) -> bool:
    """Whether a name has a trailing slash, which means a folder; ``clean`` drops it."""
    return str(name).replace("\\", "/").endswith("/")


def is_clean(name: str) -> bool:
    """Whether a file can have this name: it is not empty, and ``clean`` does not change it."""
    try:
        return name != "" and clean(name) == name
    except (SuspiciousFileOperation, ValueError):
        return False


def key_of(name: object, location: str) -> str:
    """The key of the object with this name.

    Raises:
        SuspiciousFileOperation: for an absolute name, or one that leaves the storage by ``..``.
        ValueError: for a name that no object can have.
    """
    path = clean(name)
    if not path:
        raise ValueError(f"{name!r} names no object.")
    key = f"{location}/{path}" if location else path
    try:
        length = len(key) if key.isascii() else len(key.encode())
    except UnicodeEncodeError as error:
        raise ValueError(f"{key!r} cannot be the name of an object: it is not valid Unicode.") from error
    if length > MAX_KEY_BYTES:
        raise ValueError(f"'{key[:80]}...' is too long for the key of an object: {length} of at most 1,024 bytes.")
    return key


def keys_of(names: Sequence[str], location: str) -> list[str] | None:
    """The keys of many names at once, where each key is the location and the name as it is; None where one is not.

    Then ``key_of`` shows which name has another key or none.
    """
    together = "/".join(names)
    prefix = f"{location}/" if location else ""
    longest = max(map(len, names), default=0) * (1 if together.isascii() else 4)  # bytes of one character at most
    if not _is_clean(together) or not _is_unicode(together) or len(prefix.encode()) + longest > MAX_KEY_BYTES:
        return None
    return [prefix + name for name in names] if prefix else list(names)


def _is_unicode(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def folder_prefix(path: object, location: str) -> str:
    """Prefix of the keys of everything in a folder; leading and trailing slashes do not matter."""
    folder = clean(str(path).replace("\\", "/").strip("/"))
    parts = [part for part in (location, folder) if part]
    return "".join(f"{part}/" for part in parts)


def split_listing(keys: Iterable[str], prefix: str) -> tuple[list[str], list[str]]:
    """Return the names of folders and of files among the keys directly below a prefix, without it.

    Other programs may store keys with ``..`` or a backslash; those that are no names of a storage are left out.
    """
    folders: list[str] = []
    files: list[str] = []
    for key in keys:
        name = key[len(prefix) :].removesuffix("/")
        if is_clean(name):
            (folders if key.endswith("/") else files).append(name)
    return folders, files
