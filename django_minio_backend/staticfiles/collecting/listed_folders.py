"""What listings show of a bucket: each folder is listed when it is first asked about, 1,000 objects a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...s3.errors import FAILURES
from ...s3.listing import list_pages

if TYPE_CHECKING:
    from ...s3.client import S3Client
    from ...s3.listing import ListedObject


@dataclass
class _Folder:
    objects: dict[str, ListedObject | None] = field(default_factory=dict)  # None: stored since the listing
    folders: set[str] = field(default_factory=set)


class ListedFolders:
    """Objects by key, with what has been stored since they were listed.

    Args:
        metadata: whether to ask for the objects' headers, which MinIO lists.
    """

    def __init__(self, client: S3Client, bucket: str, *, metadata: bool) -> None:
        self._client = client
        self._bucket = bucket
        self._query = {"delimiter": "/", **({"metadata": "true"} if metadata else {})}
        self._folders: dict[str, _Folder] = {}
        self._uncertain: set[str] = set()
        self._can_list = True

    def exists(self, key: str) -> bool | None:
        """Whether an object or a folder has this key; None if only the server knows.

        The listing decides nothing where the object has been in doubt since, nor where there is a folder of this name,
        which ends with its last object. XML has no control characters, so servers list their keys in other forms.
        """
        folder = self._folder_of(key)
        if folder is None or key in self._uncertain or not key.isprintable():
            return None
        if key in folder.objects:
            return True
        return None if f"{key}/" in folder.folders else False

    def find(self, key: str) -> ListedObject | None:
        """The object as it was listed; None if it does not exist, or not as it was listed."""
        folder = self._folder_of(key)
        return None if folder is None or key in self._uncertain else folder.objects.get(key)

    def add(self, key: str) -> None:
        """Record that an object has been stored."""
        self._uncertain.discard(key)
        child, end = key, key.rfind("/") + 1
        while True:
            prefix = child[:end]
            if (folder := self._folders.get(prefix)) is not None and child == key:
                folder.objects[key] = None
            elif folder is not None:
                folder.folders.add(child)
            if not prefix:
                return
            child, end = prefix, prefix.rfind("/", 0, -1) + 1

    def doubt(self, key: str) -> None:
        """Record that only the server knows whether this object exists, as after a deletion."""
        self._uncertain.add(key)

    def _folder_of(self, key: str) -> _Folder | None:
        """The folder of an object; None if the server does not list it."""
        prefix = _prefix_of(key)
        if prefix not in self._folders and self._can_list:
            try:
                self._folders[prefix] = self._listed(prefix)
            except FAILURES:  # such as no permission; the storage asks for each file, as without listings
                self._can_list = False
        return self._folders.get(prefix)

    def _listed(self, prefix: str) -> _Folder:
        folder = _Folder()
        for page in list_pages(self._client, self._bucket, prefix, self._query):
            folder.objects.update((entry.key, entry) for entry in page.objects)
            folder.folders.update(page.folders)
        return folder


def _prefix_of(key: str) -> str:
    return key[: key.rfind("/") + 1]
