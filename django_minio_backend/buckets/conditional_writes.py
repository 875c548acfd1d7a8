"""Probes whether a server honours conditional writes, since one that ignores them reports no error."""

from __future__ import annotations

import secrets
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from ..errors import ConditionNotSupportedError, ObjectExistsError
from ..transport.request_log import ContextThreads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..s3.client import S3Client

NAMES = 16  # MinIO with two server pools rejects about half of the second writes: all 16 once in 65,000 probes


class ConditionalWrites(Enum):
    """What a server does with If-None-Match: * on an upload."""

    HONOURED = "honours"
    UNRELIABLE = "does not always honour"
    IGNORED = "ignores"
    REJECTED = "rejects"


def probe(client: S3Client, buckets: Iterable[str], prefix: str) -> ConditionalWrites | None:
    """Upload empty objects with 16 random names twice, each only if it does not exist, and delete them.

    MinIO with several server pools may look for an existing object in a pool that does not have it, so one name is not
    enough. Buckets with versions, and so those with object lock, are skipped, since objects would remain there.

    Args:
        client: client of the server.
        buckets: existing buckets, the preferred one first.
        prefix: of keys that the account may write to.

    Returns:
        What the server does; None if every bucket has versions.

    Raises:
        Exception: one of ``s3.FAILURES``: the probe failed, or its objects could not be deleted.
    """
    bucket = next((name for name in buckets if not client.has_versions(name)), None)
    if bucket is None:
        return None
    keys = [f"{prefix}conditional-write-probe-{secrets.token_hex(16)}" for _ in range(NAMES)]
    with ContextThreads(NAMES, thread_name_prefix="conditional-write-probe") as pool:
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
ADVICE: dict[tuple[ConditionalWrites, bool | str], str] = {
    (ConditionalWrites.HONOURED, "auto"): 'True saves a request with each save, "auto" is as safe',
    (ConditionalWrites.HONOURED, True): "True is right",
    (ConditionalWrites.HONOURED, False): f'set True or "auto", or {_COLLISIONS}',
    (ConditionalWrites.UNRELIABLE, True): 'set "auto": with True some saves replace existing objects',
    (ConditionalWrites.IGNORED, True): 'set "auto": with True a save replaces an existing object',
    (ConditionalWrites.REJECTED, True): 'set "auto": with True every save fails',
}
"""Advice by what the server does and by the value of MINIO_CONDITIONAL_WRITES; all other values are right."""


def describe(result: ConditionalWrites, setting: bool | str, endpoint: str, labels: Iterable[str]) -> str:  # noqa: FBT001
    """One line on what the server does, and on the storages with this value of MINIO_CONDITIONAL_WRITES."""
    value = '"auto"' if setting else "False"
    advice = ADVICE.get((result, setting), f"{value} is right, but {_COLLISIONS}")
    example = " (MinIO with several server pools does so)" if result is ConditionalWrites.UNRELIABLE else ""
    return (
        f"The server at {endpoint} {result.value} conditional writes{example}. "
        f"MINIO_CONDITIONAL_WRITES of {', '.join(labels)} is {setting!r}: {advice}."
    )


def is_dangerous(result: ConditionalWrites, setting: object) -> bool:
    """Whether saves fail or replace objects with this value of MINIO_CONDITIONAL_WRITES."""
    return result is not ConditionalWrites.HONOURED and setting is True
