"""The buckets of a storage: which its options name, how each should be, and what makes them so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .base import ConfiguredStorage

if TYPE_CHECKING:
    from .buckets.plan import WantedBucket


class BucketStorage(ConfiguredStorage):
    """A storage that looks after its buckets."""

    def check_bucket_existence(self) -> None:
        """Make this storage's bucket if it is missing."""
        self._make_if_missing(self.bucket)

    def check_bucket_existences(self, max_workers: int | None = None) -> None:
        """Make every bucket of this storage's settings that is missing, ``max_workers`` at a time."""
        from .buckets import plan  # here and below, as few processes need it

        with ThreadPoolExecutor(max_workers=max_workers or plan.WORKERS) as pool:
            list(pool.map(self._make_if_missing, [*self.PUBLIC_BUCKETS, *self.PRIVATE_BUCKETS]))

    def set_bucket_policy(self, bucket: str, policy: dict[str, Any]) -> None:
        """Replace a bucket's policy."""
        self.s3.set_bucket_policy(bucket, policy)

    def set_bucket_to_public(self) -> None:
        """Let anyone download this bucket's objects; their names cannot be listed."""
        from .buckets import plan

        static = self.bucket in self.static_buckets
        staging_prefix = "" if static else self.options.uploads_prefix
        plan.ensure(self.s3, plan.WantedBucket(self.bucket, public=True, staging_prefix=staging_prefix))

    @property
    def static_buckets(self) -> list[str]:
        """Buckets of this storage that hold static files, which are never cleaned: none."""
        return []

    def wanted_buckets(self) -> list[WantedBucket]:
        """Every bucket of this storage's settings, as it should be."""
        from .buckets import plan

        hooks = dict(self.options.policy_hooks)
        wanted = [*self.PUBLIC_BUCKETS, *self.PRIVATE_BUCKETS, self.bucket, *hooks]
        public, address = self.PUBLIC_BUCKETS, self.options.public_base_url
        return [
            plan.WantedBucket(
                name,
                public=name in public,
                hook=hooks.get(name),
                published_elsewhere=isinstance(address, str) or name in (address or {}),
                staging_prefix="" if name in self.static_buckets else self.options.uploads_prefix,
            )
            for name in dict.fromkeys(wanted)
        ]

    def _ensure_bucket(self) -> None:
        from .buckets import plan

        for wanted in self.wanted_buckets():
            if wanted.name == self.bucket:
                plan.ensure(self.s3, wanted)

    def _make_if_missing(self, bucket: str) -> None:
        if not self.client.bucket_exists(bucket):
            self.s3.make_bucket(bucket)
