"""Checksums that servers verify.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
"""

from __future__ import annotations

import base64
import hashlib
import zlib


def checksum_header(algorithm: str | None, body: bytes | bytearray) -> dict[str, str]:
    """Request header with the checksum of a body; empty without an algorithm."""
    return {f"x-amz-checksum-{algorithm.lower()}": _checksum(algorithm, body)} if algorithm else {}


def checksum_element(algorithm: str | None, body: bytes | bytearray) -> dict[str, str]:
    """XML element of a part in CompleteMultipartUpload, by name; empty without an algorithm."""
    return {f"Checksum{algorithm}": _checksum(algorithm, body)} if algorithm else {}


def _checksum(algorithm: str, body: bytes | bytearray) -> str:
    if algorithm == "CRC32":
        digest = zlib.crc32(body).to_bytes(4, "big")
    else:
        digest = hashlib.new(algorithm.lower(), body, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
