"""Assertions on the requests that storages send, to a real server or to one in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..instrumentation import StorageRequests


def assert_storage_requests(
    expected: int | None = None,
    *,
    max: int | None = None,  # noqa: A002
) -> AbstractContextManager[StorageRequests, None]:
    """Assert that the block sends so many requests to servers, also by the threads that a storage starts in it.

    Args:
        expected: the exact number; or
        max: the greatest number.

    Returns:
        A context manager, which yields the requests so far.

    Raises:
        AssertionError: it sends another number; the message lists them.
        TypeError: neither of the two is given, or both are.
    """
    if (expected is None) == (max is None):
        raise TypeError("assert_storage_requests takes either the number of requests or max=.")
    return _Counted(expected, max)


class _Counted:
    """A block whose requests are counted: a class, as contextlib fails for the frozen errors of some SDKs."""

    def __init__(self, expected: int | None, most: int | None) -> None:
        from ..instrumentation import storage_requests

        self._expected = expected
        self._most = most
        self._block = storage_requests()

    def __enter__(self) -> StorageRequests:
        self._requests = self._block.__enter__()
        return self._requests

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        self._block.__exit__(None, None, None)
        count = len(self._requests)
        if kind is not None or count == self._expected or (self._most is not None and count <= self._most):
            return
        limit = str(self._expected) if self._most is None else f"at most {self._most}"
        listed = "".join(f"\n{number}. {request}" for number, request in enumerate(self._requests, 1))
        raise AssertionError(f"{count} requests to storage servers instead of {limit}:{listed or ' none'}")
