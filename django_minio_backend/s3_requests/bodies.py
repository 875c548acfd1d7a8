"""The content of a request's body: sent in signed or unsigned chunks, and compared with the digests that go with it."""

from __future__ import annotations

import base64
import hmac
import zlib
from functools import lru_cache
from hashlib import md5, sha1, sha256
from typing import TYPE_CHECKING

from .messages import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .messages import Request
    from .signatures import Signed

    Digest = Callable[[bytes], bytes]

CHUNKED = "STREAMING-"  # https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
_EMPTY = sha256(b"").hexdigest()


@lru_cache
def _table(polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        remainder = byte
        for _ in range(8):
            remainder = remainder >> 1 ^ (polynomial if remainder & 1 else 0)
        table.append(remainder)
    return tuple(table)


def _crc(content: bytes, polynomial: int, size: int) -> bytes:
    """A reflected cyclic redundancy check of ``size`` bytes."""
    table, ones = _table(polynomial), (1 << 8 * size) - 1
    remainder = ones
    for byte in content:
        remainder = remainder >> 8 ^ table[(remainder ^ byte) & 255]
    result: int = remainder ^ ones
    return result.to_bytes(size, "big")


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
DIGESTS: Mapping[str, Digest] = {
    "crc32": lambda content: zlib.crc32(content).to_bytes(4, "big"),
    "crc32c": lambda content: _crc(content, 0x82F63B78, 4),
    "crc64nvme": lambda content: _crc(content, 0x9A6C9329AC4BC9B5, 8),
    "sha1": lambda content: sha1(content, usedforsecurity=False).digest(),
    "sha256": lambda content: sha256(content).digest(),
}
"""The checksums of S3, by the end of their header's name."""


def checksum(algorithm: str, content: bytes) -> str:
    """A checksum as its header has it."""
    return base64.b64encode(DIGESTS[algorithm](content)).decode()


def content_of(request: Request, signed: Signed | None) -> tuple[bytes, dict[str, str]]:
    """Return the content of a body and the checksums that were sent with it, by algorithm.

    Raises:
        RequestError: it is not the content that was digested or signed.
    """
    sums = {name: request.header(f"x-amz-checksum-{name}") for name in DIGESTS}
    body, payload = request.body, request.header("x-amz-content-sha256")
    if payload.startswith(CHUNKED):
        body, trailer = _unchunked(body, signed if payload.startswith("STREAMING-AWS4") else None)
        sums |= {name: trailer[f"x-amz-checksum-{name}"] for name in DIGESTS if f"x-amz-checksum-{name}" in trailer}
        if request.header("x-amz-decoded-content-length") not in ("", str(len(body))):
            raise RequestError("IncompleteBody", "x-amz-decoded-content-length is not the number of bytes sent.")
    elif payload not in ("", "UNSIGNED-PAYLOAD") and payload != sha256(body).hexdigest():
        raise RequestError("XAmzContentSHA256Mismatch", "x-amz-content-sha256 is not that of the body.")
    expected = request.header("content-md5")
    if expected and expected != base64.b64encode(md5(body, usedforsecurity=False).digest()).decode():
        raise RequestError("BadDigest", "Content-MD5 is not that of the body.")
    sums = {name: value for name, value in sums.items() if value}
    for name, value in sums.items():
        if value != checksum(name, body):
            raise RequestError("XAmzContentChecksumMismatch", f"x-amz-checksum-{name} is not that of the body.")
    return body, sums


def _unchunked(body: bytes, signed: Signed | None) -> tuple[bytes, dict[str, str]]:
    """Return the content of an aws-chunked body and its trailer, and check the chunks' signatures.

    Raises:
        RequestError: the body has another form, or a signature does not match.
    """
    pieces, place, previous = [], 0, signed.signature if signed else ""
    while True:
        end = body.find(b"\r\n", place)
        size, _, extension = body[place:end].partition(b";")
        try:
            length = int(size, 16)
        except ValueError:
            raise RequestError("IncompleteBody", "The body is not aws-chunked.") from None
        chunk = body[end + 2 : end + 2 + length]
        if end < 0 or len(chunk) < length:
            raise RequestError("IncompleteBody", "The last chunk is missing.")
        if signed is not None:
            previous = _checked_chunk(signed, previous, chunk, extension.decode("latin-1"))
        place = end + 2 + length
        if not length:
            break
        pieces.append(chunk)
        place += 2
    lines = body[place:].decode("latin-1").splitlines()
    trailer = {name.strip().lower(): value.strip() for name, colon, value in (x.partition(":") for x in lines) if colon}
    return b"".join(pieces), trailer


def _checked_chunk(signed: Signed, previous: str, chunk: bytes, extension: str) -> str:
    """Return the signature of a chunk.

    Raises:
        RequestError: it is another one.
    """
    head = f"AWS4-HMAC-SHA256-PAYLOAD\n{signed.date}\n{signed.scope}\n{previous}\n{_EMPTY}\n"
    expected = signed.sign(head + sha256(chunk).hexdigest())
    if not hmac.compare_digest(expected, extension.rpartition("chunk-signature=")[2]):
        raise RequestError("SignatureDoesNotMatch", "The signature of a chunk does not match.")
    return expected
