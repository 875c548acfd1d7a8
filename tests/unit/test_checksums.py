"""Checksums as S3 spells them; the expected ones are from the algorithms' own standards."""

from __future__ import annotations

import base64

import pytest

from django_minio_backend.files.checksums import checksum_element, checksum_header

KNOWN = [
    ("CRC32", b"123456789", "cbf43926"),  # the check value of CRC-32/ISO-HDLC
    ("CRC32", b"", "00000000"),
    ("SHA1", b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),  # FIPS 180
    ("SHA256", b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ("SHA256", b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
]


@pytest.mark.parametrize(("algorithm", "body", "digest"), KNOWN)
def test_a_checksum_is_a_header_and_an_element(algorithm: str, body: bytes, digest: str) -> None:
    expected = base64.b64encode(bytes.fromhex(digest)).decode()
    assert checksum_header(algorithm, body) == {f"x-amz-checksum-{algorithm.lower()}": expected}
    assert checksum_header(algorithm, bytearray(body)) == checksum_header(algorithm, body)
    assert checksum_element(algorithm, body) == {f"Checksum{algorithm}": expected}


def test_without_an_algorithm_there_is_none() -> None:
    assert checksum_header(None, b"abc") == {}
    assert checksum_element(None, b"abc") == {}
