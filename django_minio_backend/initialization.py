"""Brings the buckets of storages into being: the work of initialize_buckets and of the check on start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import buckets
from .configured import wanted_by_account
from .errors import BucketsNotReadyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .storage import MinioBackend


def initialize(
    found: Iterable[MinioBackend], tell: Callable[[str], None] = lambda _: None, *, change: bool = True
) -> bool:
    """Make every bucket of these storages what its settings say, the buckets of a server in parallel.

    Args:
        found: the storages.
        tell: takes one line for each bucket that was (or, without ``change``, is to be) changed.
        change: False to look only.

    Returns:
        Whether all was right already.

    Raises:
        BucketsNotReadyError: after all the others are done, with each bucket that failed and why.
    """
    failures: list[str] = []
    all_right = True
    for storage, wanted in wanted_by_account(found):
        status = storage.is_minio_available()
        if not status:
            failures.append(f"No server at {storage.base_url}: {status.details}")
            continue
        for name, outcome in buckets.ensure_all(storage.s3, wanted, change=change).items():
            if isinstance(outcome, Exception):
                failures.append(f"Bucket '{name}' at {storage.base_url}: {outcome}")
            elif outcome.changes:
                all_right = False
                tell(f"Bucket '{name}' at {storage.base_url}: {'; '.join(outcome.changes)}")
    if failures:
        raise BucketsNotReadyError("\n".join(failures))
    return all_right
