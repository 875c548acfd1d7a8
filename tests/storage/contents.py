"""Contents as users hand them to save(): streams, lying ones and failing ones."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django_minio_backend.models import MinioBackend

KIB = 1024
MIB = 1024 * KIB
# Options by which small contents are sent in parts.
IN_PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": 5 * MIB,
    "MINIO_MULTIPART_PART_SIZE": 5 * MIB,
}


def some_bytes(size: int, seed: int = 0) -> bytes:
    """Make bytes without a pattern, the same for the same seed."""
    return random.Random(seed).randbytes(size)


class Pipe:
    """All that it can do is read(), and that gives less than was asked for."""

    def __init__(self, data: bytes, piece: int = 60_000) -> None:
        self._stream = io.BytesIO(data)
        self._piece = piece

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(self._piece if size < 0 else min(size, self._piece))


class SizedPipe(Pipe):
    """A pipe that says how long it is, rightly or not."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size


class BreakingPipe(Pipe):
    """A pipe that fails after its data."""

    def __init__(self, data: bytes, before: Callable[[], object] = bool) -> None:
        super().__init__(data)
        self._before = before

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        if not data and size:
            self._before()
            raise ContentBrokeError
        return data


class ContentBrokeError(Exception):
    """What a failing content fails of."""


class Chunks:
    """All that it can do is chunks(), once."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    def chunks(self) -> Iterator[bytes]:
        yield from self._chunks


def contents_of(storage: MinioBackend) -> dict[str, bytes]:
    """The content of every object in the root folder, by name."""
    contents = {}
    for name in storage.listdir("")[1]:
        with storage.open(name) as file:
            contents[name] = file.read()
    return contents
