"""A bucket listed in several parts at once, each of them what lies below a prefix."""

from __future__ import annotations

import os.path
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from ..s3 import listing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..s3.client import S3Client


def list_in_parallel(
    client: S3Client, bucket: str, prefixes: Sequence[str], add: Callable[[listing.ListingPage], None], *, workers: int
) -> None:
    """List everything below the prefixes in several threads, and ``add`` each page.

    What is stored in a new folder after the prefixes were cut may be left out.
    """
    stop = threading.Event()

    def work(prefix: str) -> None:
        try:
            for page in listing.list_pages(client, bucket, prefix):
                add(page)
                if stop.is_set():
                    return
        except BaseException:
            stop.set()
            raise

    parts = cut(client, bucket, prefixes, 4 * workers)
    with ThreadPoolExecutor(workers) as pool:
        try:
            for done in [pool.submit(work, prefix) for prefix in parts]:
                done.result()
        except BaseException:  # Ctrl-C as well, which the other threads do not hear of
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def cut(client: S3Client, bucket: str, prefixes: Sequence[str], parts: int) -> list[str]:
    """Cut prefixes into about as many longer ones, below which everything lies that lies below them.

    Each cut costs a request, and there are at most ``parts``: folders may be nested deeply, or endlessly where a server
    makes them up. A folder with more in it than a page of a listing tells stays whole.
    """
    whole: list[str] = []
    left = list(prefixes)
    for _ in range(parts):
        if not left or len(whole) + len(left) >= parts:
            break
        prefix = left.pop(0)
        names = listing.short_directory(client, bucket, prefix)
        groups = [prefix] if names is None else groups_of(names, parts)
        for group in groups:
            is_whole = group == prefix or (group in (names or ()) and not group.endswith("/"))  # or a single file
            (whole if is_whole else left).append(group)
    return whole + left


def groups_of(names: Sequence[str], most: int) -> list[str]:
    """About so many prefixes, of which each name has exactly one.

    Folders are taken together by their first letters, since each prefix costs a request however little is below it.
    """
    done: list[str] = []
    groups = [list(names)] if names else []
    while groups and len(done) + len(groups) < most:
        largest = max(groups, key=len)
        groups.remove(largest)
        common = _beginning(largest)
        if common in largest:  # a name that others begin with cannot be told from them by a prefix
            done.append(common)
            continue
        by_letter: dict[str, list[str]] = {}
        for name in largest:
            by_letter.setdefault(name[: len(common) + 1], []).append(name)
        groups += by_letter.values()
    return done + [_beginning(group) for group in groups]


def _beginning(names: Sequence[str]) -> str:
    """What all of the names begin with."""
    return os.path.commonprefix(names)  # noqa: RUF071 - by letters is what is wanted
