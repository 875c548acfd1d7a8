"""A reader takes the bytes that it asked for, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from django_minio_backend.errors import BadResponseError
from tests.support.hostile import OBJECT, head, response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django_minio_backend.models import MinioBackend
    from tests.support.hostile import HostileServer

    Start = Callable[..., HostileServer]

MIB = 1024**2
A_MINUTE = 60
CONTENT = bytes(range(256)) * 8192  # 2 MiB


def of_range(first: int, last: int, size: int, **more: str) -> dict[str, str]:
    return {**OBJECT, "Content-Range": f"bytes {first}-{last}/{size}", **more}


LONGER: Mapping[str, bytes] = {
    "more than was asked for": response(206, CONTENT, of_range(0, len(CONTENT) - 1, len(CONTENT))),
    "all of a larger object": response(200, CONTENT, OBJECT),
    "a body longer than its range": response(206, CONTENT[:2000], of_range(0, 999, 1000)),
    "a body without end": head(206, {**of_range(0, 9, 10), "Content-Length": "10", "Transfer-Encoding": "chunked"})
    + b"fffffff\r\n"
    + CONTENT,
    "another beginning": response(206, CONTENT[:1000], of_range(5, 1004, 2000)),
}


@pytest.mark.parametrize("reply", LONGER.values(), ids=LONGER)
def test_other_bytes_than_those_asked_for_are_an_error(
    hostile_server: Start, storage_at: Callable[..., MinioBackend], reply: bytes
) -> None:
    running = hostile_server(lambda _: [reply])
    with pytest.raises(BadResponseError, match=r"ignored the range.*'name\.bin'"):
        storage_at(running.endpoint).open("name.bin").read(10)
    assert len(running.received) == 1
    assert running.idle.wait(10), "the connection is closed"


@pytest.mark.parametrize(
    "content_range",
    [
        pytest.param("bytes 9-0/1000", id="backwards"),
        pytest.param("bytes 0-999/*", id="any-size"),
        pytest.param("bytes 0-999/10", id="after-the-end"),
        pytest.param("items 0-999/1000", id="items"),
        pytest.param("bytes 0-999/" + "9" * 5000, id="digits"),
        pytest.param("bytes 0-/1", id="no-end"),
        pytest.param("bytes \N{ARABIC-INDIC DIGIT ZERO}-999/1000", id="arabic"),
    ],
)
def test_a_range_that_cannot_be_is_an_error(
    hostile_server: Start, storage_at: Callable[..., MinioBackend], content_range: str
) -> None:
    body = response(206, CONTENT[:1000], {**OBJECT, "Content-Range": "@"}).replace(b"@", content_range.encode(), 1)
    running = hostile_server(lambda _: [body])
    with pytest.raises(BadResponseError, match="ignored the range"):
        storage_at(running.endpoint).open("name.bin").read(10)
