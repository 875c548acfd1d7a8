"""A bucket listed in several parts at once, each from one key to another."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from . import bulk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .s3 import S3Client


class OutOfOrderError(Exception):
    """The server does not list keys in the order of their bytes, so a part cannot tell where it ends."""


class _Part(NamedTuple):
    """The keys below ``prefix`` behind ``after``, up to ``until`` ("": to the end)."""

    prefix: str
    after: str
    until: str


def list_in_parallel(
    client: S3Client,
    bucket: str,
    boundaries: Mapping[str, Sequence[str]],
    add: Callable[[bulk.Page], None],
    *,
    workers: int,
) -> None:
    """List everything below the prefixes, cut at the boundaries of each, and ``add`` each page.

    By boundaries and not by folders, since a folder costs a request however little is in it.

    Raises:
        OutOfOrderError: the pages that were added are of no use.
    """
    parts = [
        _Part(prefix, after, until)
        for prefix, cuts in boundaries.items()
        for after, until in zip(["", *cuts], [*cuts, ""], strict=True)
    ]
    stop = threading.Event()

    def work(part: _Part) -> None:
        try:
            _list_part(client, bucket, part, add, stop)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, part) for part in parts]:
            done.result()


def _list_part(
    client: S3Client, bucket: str, part: _Part, add: Callable[[bulk.Page], None], stop: threading.Event
) -> None:
    last = part.after
    for page in bulk.pages(client, bucket, part.prefix, after=part.after):
        for found in page.objects:
            if found.key <= last:  # code points are in the order of their UTF-8 bytes
                raise OutOfOrderError
            last = found.key
        inside = [found for found in page.objects if not part.until or found.key <= part.until]
        add(bulk.Page(page.served_at, inside))
        if len(inside) < len(page.objects) or stop.is_set():
            return
