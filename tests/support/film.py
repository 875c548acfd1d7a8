"""A film of any length as an MP4 that browsers play, made without an encoder.

Every picture is an H.264 key frame of uncompressed macroblocks (I_PCM), so the file is large and seeking is easy.
Source: ITU-T H.264, 7.3 (syntax) and 9.1 (Exp-Golomb codes); ISO/IEC 14496-12 (boxes) and 14496-15 (avcC).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH, HEIGHT = 40, 23  # in macroblocks of 16 pixels
PICTURES_A_SECOND = 10
MACROBLOCK = 384  # bytes: 16 x 16 of brightness and two times 8 x 8 of colour
TIMESCALE = 1000


class _Bits:
    def __init__(self) -> None:
        self._text = ""

    def fixed(self, value: int, size: int) -> _Bits:
        self._text += f"{value:0{size}b}"
        return self

    def golomb(self, *values: int) -> _Bits:
        """Append unsigned Exp-Golomb codes."""
        for value in values:
            code = f"{value + 1:b}"
            self._text += "0" * (len(code) - 1) + code
        return self

    def aligned(self, *, stop: bool) -> bytes:
        text = self._text + ("1" if stop else "")
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def _parameters() -> tuple[bytes, bytes]:
    sequence = _Bits().fixed(66, 8).fixed(0xC0, 8).fixed(40, 8).golomb(0, 0, 2, 0).fixed(0, 1)
    sequence.golomb(WIDTH - 1, HEIGHT - 1).fixed(1, 1).fixed(1, 1).fixed(0, 1).fixed(0, 1)
    picture = _Bits().golomb(0, 0).fixed(0, 1).fixed(0, 1).golomb(0, 0, 0).fixed(0, 1).fixed(0, 2).golomb(0, 0, 0)
    picture.fixed(0, 3)
    return b"\x67" + sequence.aligned(stop=True), b"\x68" + picture.aligned(stop=True)


def _picture(number: int) -> bytes:
    """A grey picture, whose brightness is that of its number; no byte is 0, which would need to be escaped."""
    header = _Bits().golomb(0, 7, 0).fixed(0, 4).golomb(number % 2).fixed(0, 2).golomb(0)
    first = header.golomb(25).aligned(stop=False)  # I_PCM
    pixels = bytes([16 + number % 200]) * 256 + bytes([128]) * 128
    return b"\x65" + first + pixels + (b"\x0d\x00" + pixels) * (WIDTH * HEIGHT - 1) + b"\x80"


def _box(kind: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind.encode()) + body


def _full_box(kind: str, *parts: bytes, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", flags), *parts)


def _sample_tables(sizes: list[int], offset: int) -> bytes:
    sps, pps = _parameters()
    config = struct.pack(">BBBBBBH", 1, sps[1], sps[2], sps[3], 0xFF, 0xE1, len(sps)) + sps
    config += struct.pack(">BH", 1, len(pps)) + pps
    entry = _box(
        "avc1",
        struct.pack(">6xH16xHHIIIH32xHh", 1, WIDTH * 16, HEIGHT * 16, 0x480000, 0x480000, 0, 1, 24, -1),
        _box("avcC", config),
    )
    count = len(sizes)
    return _box(
        "stbl",
        _full_box("stsd", struct.pack(">I", 1), entry),
        _full_box("stts", struct.pack(">III", 1, count, TIMESCALE // PICTURES_A_SECOND)),
        _full_box("stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        _full_box("stsz", struct.pack(">II", 0, count), struct.pack(f">{count}I", *sizes)),
        _full_box("stco", struct.pack(">I", count), struct.pack(f">{count}I", *_offsets(sizes, offset))),
    )


def _offsets(sizes: list[int], offset: int) -> Iterator[int]:
    for size in sizes:
        yield offset
        offset += size


def _movie(sizes: list[int], offset: int) -> bytes:
    duration = len(sizes) * TIMESCALE // PICTURES_A_SECOND
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    header = struct.pack(">IIIIIH10x", 0, 0, TIMESCALE, duration, 0x10000, 0x100) + matrix
    track = struct.pack(">IIIII8xHHHH", 0, 0, 1, 0, duration, 0, 0, 0, 0) + matrix
    media_information = _box(
        "minf",
        _full_box("vmhd", bytes(8), flags=1),
        _box("dinf", _full_box("dref", struct.pack(">I", 1), _full_box("url ", flags=1))),
        _sample_tables(sizes, offset),
    )
    return _box(
        "moov",
        _full_box("mvhd", header, bytes(24), struct.pack(">I", 2)),
        _box(
            "trak",
            _full_box("tkhd", track, struct.pack(">II", WIDTH << 20, HEIGHT << 20), flags=3),
            _box(
                "mdia",
                _full_box("mdhd", struct.pack(">IIIIHH", 0, 0, TIMESCALE, duration, 0x55C4, 0)),
                _full_box("hdlr", struct.pack(">I4s12x", 0, b"vide"), b"film\0"),
                media_information,
            ),
        ),
    )


def film(seconds: int) -> Iterator[bytes]:
    """The bytes of a film, picture by picture."""
    kind = _box("ftyp", b"isom", bytes(4), b"isomavc1")
    pictures = [_picture(number) for number in range(2)]
    sizes = [len(pictures[number % 2]) + 4 for number in range(seconds * PICTURES_A_SECOND)]
    start = len(kind) + len(_movie(sizes, 0)) + 8
    yield kind + _movie(sizes, start) + struct.pack(">I4s", sum(sizes) + 8, b"mdat")
    for number in range(len(sizes)):
        picture = _picture(number)
        yield struct.pack(">I", len(picture)) + picture
