"""Probes whether a server honours conditional writes: one that ignores them says nothing."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from ..errors import ConditionNotSupportedError, ObjectExistsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..s3.client import S3Client

NAMES = 16  # MinIO with two server pools refuses about half of the second writes: all 16 once in 65,000 probes


class ConditionalWrites(Enum):
    """What a server does with If-None-Match: * on an upload."""

    HONOURED = "honours"
    UNRELIABLE = "does not always honour"
    IGNORED = "ignores"
    REJECTED = "rejects"


def conditional_writes(client: S3Client, buckets: Iterable[str], location: str) -> ConditionalWrites | None:
    """Store empty objects under 16 random names twice, on the condition that there is none, and delete them.

    Of 16 names, since MinIO with several server pools may look for an existing object in another pool than the one
    that has it. Buckets with versions, and so those with object lock, are skipped: what is stored there stays.

    Args:
        client: client of the server.
        buckets: existing buckets, the preferred one first.
        location: key prefix that the account may write to.

    Returns:
        What the server does; None if no bucket is without versions.

    Raises:
        Exception: one of ``s3.FAILURES``: the probe failed, or its objects could not be deleted.
    """
    bucket = next((name for name in buckets if not client.has_versions(name)), None)
    if bucket is None:
        return None
    keys = [
        "/".join(filter(None, [location, f"conditional-write-probe-{secrets.token_hex(16)}"])) for _ in range(NAMES)
    ]
    with ThreadPoolExecutor(NAMES, thread_name_prefix="conditional-write-probe") as pool:
        results = set(pool.map(partial(_store_twice, client, bucket), keys))
    if ConditionalWrites.REJECTED in results:
        return ConditionalWrites.REJECTED
    return results.pop() if len(results) == 1 else ConditionalWrites.UNRELIABLE


def _store_twice(client: S3Client, bucket: str, key: str) -> ConditionalWrites:
    try:
        for _ in range(2):
            client.put(bucket, key, b"", {}, only_if_absent=True)
    except ObjectExistsError:
        return ConditionalWrites.HONOURED
    except ConditionNotSupportedError:
        return ConditionalWrites.REJECTED
    else:
        return ConditionalWrites.IGNORED
    finally:
        client.delete(bucket, key)


_COLLISIONS = "two processes that save one name at once can replace each other's objects"
ADVICE = {
    (ConditionalWrites.HONOURED, "auto"): 'True saves a request with each save, "auto" is as safe',
    (ConditionalWrites.HONOURED, True): "True is right",
    (ConditionalWrites.HONOURED, False): f'set True or "auto", or {_COLLISIONS}',
    (ConditionalWrites.UNRELIABLE, "auto"): f'"auto" is right, but {_COLLISIONS}',
    (ConditionalWrites.UNRELIABLE, True): 'set "auto": with True some saves replace what is there',
    (ConditionalWrites.UNRELIABLE, False): f"False is right, but {_COLLISIONS}",
    (ConditionalWrites.IGNORED, "auto"): f'"auto" is right, but {_COLLISIONS}',
    (ConditionalWrites.IGNORED, True): 'set "auto": with True a save replaces what is there',
    (ConditionalWrites.IGNORED, False): f"False is right, but {_COLLISIONS}",
    (ConditionalWrites.REJECTED, "auto"): f'"auto" is right, but {_COLLISIONS}',
    (ConditionalWrites.REJECTED, True): 'set "auto": with True every save fails',
    (ConditionalWrites.REJECTED, False): f"False is right, but {_COLLISIONS}",
}
"""What to say of a value of MINIO_CONDITIONAL_WRITES, once the server is known."""


def is_dangerous(found: ConditionalWrites, setting: object) -> bool:
    """Whether saves fail or replace objects with this value of MINIO_CONDITIONAL_WRITES."""
    return found is not ConditionalWrites.HONOURED and setting is True
