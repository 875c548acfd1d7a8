"""Files far larger than memory should be go through a process in pieces."""

from __future__ import annotations

import pytest

from tests.support.memory import peak_memory
from tests.support.scripts import WITH_STORAGE

LIMIT = 64  # MiB above the process's baseline
PARTS_IN_MEMORY = 5 * 8  # MiB: four are sent, one is read
PREPARE = (
    WITH_STORAGE
    + """
storage.exists("warm up")
SIZE = 512 * 1024**2
file = tempfile.TemporaryFile()
file.truncate(SIZE)
"""
)

pytestmark = pytest.mark.needs("conditional-multipart", "sockets")  # a stand-in keeps all of it in memory


def test_half_a_gibibyte_is_saved_from_disk_and_read_back_in_chunks_with_little_memory(bucket: str) -> None:
    saving = peak_memory(
        PREPARE
        + """
with measured():
    storage.save("large.bin", File(file))
""",
        BUCKET=bucket,
    )
    reading = peak_memory(
        PREPARE
        + """
with measured():
    read = sum(len(chunk) for chunk in storage.open("large.bin").chunks())
assert read == SIZE == storage.size("large.bin"), read
""",
        BUCKET=bucket,
    )
    assert saving.growth < LIMIT
    assert reading.growth < LIMIT


def test_half_a_gibibyte_is_saved_from_a_stream_without_size_with_little_memory(bucket: str) -> None:
    saving = peak_memory(
        PREPARE
        + """
class Stream:
    def read(self, size=-1):
        return file.read(size)
with measured():
    storage.save("large.bin", Stream())
""",
        BUCKET=bucket,
    )
    assert saving.growth < LIMIT


@pytest.mark.parametrize("content", ["Pipe()", "Chunks()"], ids=["short-reads", "chunks"])
def test_pieces_of_a_stream_are_not_in_memory_twice(bucket: str, content: str) -> None:
    saving = peak_memory(
        PREPARE
        + f"""
class Pipe:
    def read(self, size=-1):
        return file.read(min(size, 65_536))
class Chunks:
    def chunks(self):
        while chunk := file.read(65_536):
            yield chunk
with measured():
    storage.save("large.bin", {content})
""",
        BUCKET=bucket,
    )
    assert saving.growth < PARTS_IN_MEMORY + 11  # what else the process needs


@pytest.mark.parametrize("size", [16, 32, 33])
def test_a_file_of_a_few_parts_is_saved_with_little_memory(bucket: str, size: int) -> None:
    saving = peak_memory(
        PREPARE
        + f"""
file.truncate({size} * 1024**2)
with measured():
    storage.save("medium.bin", File(file))
""",
        BUCKET=bucket,
    )
    assert saving.growth < LIMIT


def test_a_long_text_is_saved_with_little_memory(bucket: str) -> None:
    saving = peak_memory(
        PREPARE
        + """
file.seek(0)
for _ in range(128):
    file.write("\\U0001F600".encode() * (256 * 1024))
text = open(file.fileno(), encoding="utf-8", closefd=False)
with measured():
    storage.save("text.txt", File(text, name="text.txt"))
""",
        BUCKET=bucket,
    )
    assert saving.growth < LIMIT


@pytest.mark.parametrize("header", ["", "file.seek(0); file.write(b'header'); file.seek(0, 2); file.write(piece)"])
def test_half_a_gibibyte_is_written_with_little_memory(bucket: str, header: str) -> None:
    writing = peak_memory(
        PREPARE
        + f"""
piece = bytes(1024**2)
with measured(), storage.open("large.bin", "wb") as file:
    for _ in range(512):
        file.write(piece)
    {header}
""",
        BUCKET=bucket,
    )
    assert writing.growth < LIMIT


def test_a_change_in_every_part_of_what_is_written_takes_little_memory(bucket: str) -> None:
    writing = peak_memory(
        PREPARE
        + """
piece = bytes(1024**2)
with measured(), storage.open("large.bin", "wb") as file:
    file.seek(0)
    for _ in range(256):
        file.write(piece)
    for start in range(0, 256 * 1024**2, 3 * 1024**2):
        file.seek(start)
        file.write(b"changed")
""",
        BUCKET=bucket,
    )
    assert writing.growth < LIMIT
