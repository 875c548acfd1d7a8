"""Checksums that travel with an upload and that the server keeps, by S3's names for them.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import hashlib
import zlib


def header(algorithm: str | None, body: bytes | bytearray) -> dict[str, str]:
    """Request header with the checksum of ``body``; empty without an algorithm."""
    return {f"x-amz-checksum-{algorithm.lower()}": _digest(algorithm, body)} if algorithm else {}


def element(algorithm: str | None, body: bytes | bytearray) -> dict[str, str]:
    """XML element of a part in CompleteMultipartUpload, by name; empty without an algorithm."""
    return {f"Checksum{algorithm}": _digest(algorithm, body)} if algorithm else {}


def _digest(algorithm: str, body: bytes | bytearray) -> str:
    if algorithm == "CRC32":
        raw = zlib.crc32(body).to_bytes(4, "big")
    else:
        raw = hashlib.new(algorithm.lower(), body, usedforsecurity=False).digest()
    return base64.b64encode(raw).decode()
