"""Libraries that write file formats: what they make in a bucket is what they make on a disk, byte for byte."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import random
import tarfile
import wave
import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import soundfile
from PIL import Image

from django_minio_backend.models import MinioBackend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[Any], None]

MIB = 1024 * 1024
PART = 5 * MIB
IN_PARTS: dict[str, Any] = {
    "MINIO_MULTIPART_UPLOAD": True,
    "MINIO_MULTIPART_THRESHOLD": PART,
    "MINIO_MULTIPART_PART_SIZE": PART,
}
SIDES = {"small": 40, "in-parts": 1900}  # of a square picture: 5 KB, and 10.8 MB
SECONDS = {"small": 0.1, "in-parts": 75}  # of sound


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def picture(side: int, seed: int = 0) -> Image.Image:
    return Image.frombytes("RGB", (side, side), random.Random(seed).randbytes(3 * side * side))


def picture_as(kind: str, **options: Any) -> Callable[[str], Write]:
    def of(size: str) -> Write:
        return lambda file: picture(SIDES[size]).save(file, kind, **options)

    return of


def pages_as(kind: str, **options: Any) -> Callable[[str], Write]:
    def of(size: str) -> Write:
        side = SIDES[size] // 2
        pages = [picture(side, number) for number in range(5)]
        return lambda file: pages[0].save(file, kind, save_all=True, append_images=pages[1:], **options)

    return of


def wave_file(size: str) -> Write:
    def write(file: Any) -> None:
        with wave.open(file, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(44_100)
            for number in range(int(SECONDS[size] * 10)):
                sound.writeframes(noise(8820 + 2 * (number % 2)))

    return write


def sound_as(kind: str, subtype: str) -> Callable[[str], Write]:
    def of(size: str) -> Write:
        frames = np.frombuffer(noise(2 * int(SECONDS[size] * 44_100)), dtype=np.int16)

        def write(file: Any) -> None:
            with soundfile.SoundFile(file, "w", 44_100, 1, subtype=subtype, format=kind) as sound:
                for start in range(0, len(frames), 100_000):
                    sound.write(frames[start : start + 100_000])

        return write

    return of


def hdf5(size: str) -> Write:
    def write(file: Any) -> None:
        with h5py.File(file, "w") as data:
            for number in range(3):
                values = data.create_dataset(
                    f"group/{number}", (SIDES[size], 500), chunks=True, dtype="i4", track_times=False
                )
                for row in reversed(range(0, SIDES[size], 10)):
                    values[row] = row
            del data["group/1"]

    return write


def zip_file(size: str) -> Write:
    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(3):
                with archive.open(zipfile.ZipInfo(f"{number}.bin"), "w") as member:
                    member.write(noise(SIDES[size] ** 2 * 2))

    return write


def tar_file(size: str) -> Write:
    def write(file: Any) -> None:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for number in range(3):
                member = tarfile.TarInfo(f"{number}.bin")
                member.size = SIDES[size] ** 2
                archive.addfile(member, io.BytesIO(noise(member.size)))

    return write


def array(size: str) -> Write:
    values = np.arange(SIDES[size] ** 2, dtype=np.int64)
    return lambda file: np.save(file, values)


def arrays(size: str) -> Write:
    values = np.arange(SIDES[size] ** 2, dtype=np.int64)
    return lambda file: np.savez(file, first=values, second=values)


def packed(opener: Any, **options: Any) -> Callable[[str], Write]:
    def of(size: str) -> Write:
        def write(file: Any) -> None:
            with opener(file, mode="wb", **options) as stream:
                stream.write(noise(SIDES[size] ** 2 * 3))

        return write

    return of


def pickled(size: str) -> Write:
    return lambda file: pickle.dump([noise(SIDES[size] ** 2), noise(SIDES[size] ** 2 + 1)] * 2, file)


FORMATS: dict[str, Callable[[str], Write]] = {
    "TIFF": picture_as("TIFF"),
    "compressed TIFF": picture_as("TIFF", compression="tiff_lzw"),
    "PNG": picture_as("PNG", compress_level=1),
    "moving PNG": pages_as("PNG", compress_level=1),
    "GIF": pages_as("GIF"),
    "JPEG": picture_as("JPEG", quality=100, subsampling=0),
    "progressive JPEG": picture_as("JPEG", quality=100, progressive=True, optimize=True),
    "JPEG of many pages": pages_as("MPO", quality=100),
    "JPEG 2000": picture_as("JPEG2000"),
    "BMP": picture_as("BMP"),
    "ICO": picture_as("ICO", sizes=[(16, 16), (32, 32)]),
    "PDF": picture_as("PDF", title="-", quality=100, creationDate=None, modDate=None),
    "PCX": picture_as("PCX"),
    "TGA": picture_as("TGA"),
    "WebP": picture_as("WEBP", lossless=True, quality=0, method=0),
    "wave": wave_file,
    "WAV": sound_as("WAV", "PCM_16"),
    "AIFF": sound_as("AIFF", "PCM_16"),
    "FLAC": sound_as("FLAC", "PCM_16"),
    "HDF5": hdf5,
    "zip": zip_file,
    "tar": tar_file,
    "npy": array,
    "npz": arrays,
    "gzip": packed(lambda file, mode: gzip.GzipFile("", mode, 1, file, 0)),
    "bzip2": packed(bz2.open, compresslevel=1),
    "xz": packed(lzma.open, preset=0),
    "pickle": pickled,
}
SLOW = {"GIF", "JPEG 2000", "PNG", "moving PNG", "bzip2", "xz"}  # with noise, by the megabyte


@pytest.fixture
def storage(minio_options: dict[str, Any]) -> MinioBackend:
    return MinioBackend(**minio_options, **IN_PARTS)


@pytest.mark.parametrize(
    ("kind", "size"), [(kind, size) for kind in FORMATS for size in SIDES if size == "small" or kind not in SLOW]
)
def test_a_file_in_a_bucket_is_that_on_a_disk(storage: MinioBackend, tmp_path: Path, kind: str, size: str) -> None:
    write = FORMATS[kind](size)
    with (tmp_path / "file").open("wb") as expected:
        write(expected)
    with storage.open("file", "wb") as file:
        write(file)
    with storage.open("file") as stored:
        assert stored.read() == (tmp_path / "file").read_bytes()


def test_a_library_that_reads_what_it_has_written_fails_as_with_a_file_on_disk(
    storage: MinioBackend, tmp_path: Path
) -> None:
    """Pillow does with a TIFF of many pages: it is written to memory, and that is saved."""
    write = pages_as("TIFF")("small")
    for file in ((tmp_path / "file").open("wb"), storage.open("file", "wb")):
        with pytest.raises(io.UnsupportedOperation, match="read"), file:
            write(file)
    assert not storage.exists("file")
    memory = io.BytesIO()
    write(memory)
    storage.save("file", memory)
    with storage.open("file") as file, Image.open(file) as pages:
        assert getattr(pages, "n_frames", 1) == 5
