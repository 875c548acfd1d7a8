"""Assertions on the requests that storages send, to a real server or to one in memory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..instrumentation import StorageRequests


@contextmanager
def assert_storage_requests(expected: int | None = None, *, max: int | None = None) -> Iterator[StorageRequests]:  # noqa: A002
    """Assert that the block sends so many requests to servers, also by the threads that a storage starts in it.

    Args:
        expected: the exact number; or
        max: the greatest number.

    Yields:
        The requests so far.

    Raises:
        AssertionError: it sends another number; the message lists them.
        TypeError: neither of the two is given, or both are.
    """
    from ..instrumentation import storage_requests

    if (expected is None) == (max is None):
        raise TypeError("assert_storage_requests takes either the number of requests or max=.")
    with storage_requests() as requests:
        yield requests
    count = len(requests)
    if count == expected or (max is not None and count <= max):
        return
    limit = str(expected) if max is None else f"at most {max}"
    listed = "".join(f"\n{number}. {request}" for number, request in enumerate(requests, 1))
    raise AssertionError(f"{count} requests to storage servers instead of {limit}:{listed or ' none'}")
