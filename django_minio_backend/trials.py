"""Finds out by a trial whether a server honours conditional writes: one that ignores them says nothing."""

from __future__ import annotations

import secrets
from enum import Enum
from typing import TYPE_CHECKING

from .errors import ConditionNotSupportedError, ObjectExistsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .s3 import S3Client


class ConditionalWrites(Enum):
    """What a server makes of If-None-Match: * at an upload."""

    HONOURED = "honours"
    IGNORED = "ignores"
    REJECTED = "rejects"


def conditional_writes(client: S3Client, buckets: Iterable[str], location: str) -> ConditionalWrites | None:
    """Store an object of a random name twice on the condition that there is none, and remove it again.

    Buckets with versions, and so those with object lock, are passed over: what is stored there stays.

    Args:
        client: of the server's.
        buckets: that are there, the one to prefer first.
        location: key prefix that the account may write to.

    Returns:
        What the server does; None if no bucket is without versions.

    Raises:
        Exception: one of ``s3.FAILURES``: the trial could not be made, or its object not be removed.
    """
    bucket = next((name for name in buckets if not client.has_versions(name)), None)
    if bucket is None:
        return None
    key = "/".join(filter(None, [location, f"conditional-write-trial-{secrets.token_hex(16)}"]))
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
