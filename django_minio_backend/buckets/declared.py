"""The buckets that a storage's options declare, and how each should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..transport.request_log import ContextThreads
from .plan import WORKERS, BucketSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..options.fields import StorageOptions
    from ..s3.client import S3Client


def declared_buckets(
    options: StorageOptions, public: Sequence[str], private: Sequence[str], static: Sequence[str]
) -> list[BucketSpec]:
    """Return the public and private buckets and those with policy hooks, each once, as they should be.

    Those in ``static`` hold static files, and no direct uploads.
    """
    published = options.public_base_url
    hooks = dict(options.policy_hooks)
    return [
        BucketSpec(
            bucket,
            public=bucket in public,
            hook=hooks.get(bucket),
            published_elsewhere=isinstance(published, str) or bucket in (published or {}),
            staging_prefix="" if bucket in static else options.uploads_prefix,
        )
        for bucket in dict.fromkeys([*public, *private, *hooks])
    ]


def create_missing(client: S3Client, buckets: Iterable[str], workers: int | None = None) -> None:
    """Create those of the buckets that do not exist, several at a time, without any policy."""

    def create(bucket: str) -> None:
        if not client.sdk.bucket_exists(bucket):
            client.make_bucket(bucket)

    with ContextThreads(max_workers=workers or WORKERS) as pool:
        list(pool.map(create, buckets))
