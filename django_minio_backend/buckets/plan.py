"""Plans what a bucket needs to match the settings, and applies the plan."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import PoliciesNotSupportedError
from ..s3.errors import FAILURES
from ..transport.request_log import ContextThreads
from . import exposure
from .policy import (
    Policy,
    has_an_ineffective_condition,
    is_same_policy,
    private_policy,
    public_policy,
    public_policy_with_denial,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..s3.client import S3Client

WORKERS = 16  # buckets in parallel


@dataclass(frozen=True)
class BucketSpec:
    """What the settings say of one bucket.

    Attributes:
        public: anyone may download its objects; a private bucket lets nobody in without a signature.
        hook: a policy of MINIO_POLICY_HOOKS, which wins over both.
        published_elsewhere: MINIO_PUBLIC_BASE_URL has its URL, so that a server without policies is no problem.
        staging_prefix: of direct uploads, which are private in a public bucket as well; empty if there are none.
    """

    name: str
    public: bool
    hook: Policy | None = None
    published_elsewhere: bool = False
    staging_prefix: str = ""

    @property
    def needs_policy(self) -> bool:
        """Whether a server without policies cannot have this bucket."""
        return self.hook is not None or (self.public and not self.published_elsewhere)

    def policy(self, current: Policy | None) -> Policy | None:
        """The policy that the bucket should have instead of its current one; None for none."""
        if self.hook is not None:
            return self.hook
        if not self.public:
            return private_policy(current)
        if self.staging_prefix and is_same_policy(current, public_policy_with_denial(self.name, self.staging_prefix)):
            return current
        return public_policy(self.name, self.staging_prefix)


@dataclass(frozen=True)
class BucketPlan:
    """The state of one bucket and what is to be changed; making a plan changes nothing.

    Attributes:
        spec: what the settings say.
        exists: whether the bucket exists.
        current: the policy that it has; None for none.
        policy: the policy that it should have; None for none.
        acl: of a private bucket, where the server has ACLs.
        acl_error: why the ACL of a private bucket could not be read.
    """

    spec: BucketSpec
    exists: bool
    current: Policy | None
    policy: Policy | None
    acl: exposure.Acl | None = None
    acl_error: Exception | None = None

    @property
    def sets_policy(self) -> bool:
        """Whether the policy differs from what it should be."""
        return not is_same_policy(self.policy, self.current)

    @property
    def closes_acl(self) -> bool:
        """Whether the ACL lets everyone in and has no other grants, so that it can be replaced."""
        return self.acl is not None and bool(self.acl.everyone) and not self.acl.others

    @property
    def in_sync(self) -> bool:
        """Whether nothing is to be done."""
        return self.exists and not self.sets_policy and not self.closes_acl

    @property
    def open_acl(self) -> str:
        """The ACL's grants to everyone that only its owner can remove; empty if there are none."""
        return ", ".join(self.acl.everyone) if self.acl is not None and self.acl.others else ""

    def describe(self, *, done: bool) -> str:
        """The difference in words, as done or as to be done; empty if there is none."""
        parts = []
        if not self.exists:
            parts.append("created" if done else "is missing")
        if self.sets_policy:
            kind = "hook's" if self.spec.hook is not None else "public" if self.spec.public else "private"
            current = "none" if self.current is None else json.dumps(self.current)
            parts.append(f"{kind} policy {'set' if done else 'is not set'} (the policy was: {current})")
            if kind == "private" and has_an_ineffective_condition(self.current):
                parts.append(f"the policy {'let' if done else 'lets'} everyone in by a condition that everyone meets")
        if self.acl is not None and self.closes_acl:
            words = "its ACL's grants to everyone removed" if done else "its ACL lets everyone in"
            parts.append(f"{words} ({', '.join(self.acl.everyone)})")
        return "; ".join(parts)


def plan(client: S3Client, spec: BucketSpec) -> BucketPlan:
    """Read the state of a bucket and compare it with its spec; one request if the bucket exists.

    Raises:
        PoliciesNotSupportedError: the bucket exists and needs a policy, but the server has no policies. (Every
            bucket of such a server is private.)
    """
    try:
        exists, current = client.bucket_exists_with_policy(spec.name)
    except PoliciesNotSupportedError:
        exists = client.sdk.bucket_exists(bucket_name=spec.name)
        if not spec.needs_policy:
            return BucketPlan(spec, exists, None, None)
        if exists:
            raise
        current = None
    return BucketPlan(spec, exists, current, spec.policy(current))


def apply(client: S3Client, bucket: BucketPlan) -> BucketPlan:
    """Do what a plan says, and nothing else: object lock, versioning and objects stay as they are.

    Returns:
        What was done: the plan without a policy that the server cannot have and the bucket does not need.

    Raises:
        PoliciesNotSupportedError: as ``plan``; the bucket has been created.
    """
    name = bucket.spec.name
    if not bucket.exists:
        client.make_bucket(name)
    if bucket.sets_policy:
        try:
            _set_policy(client, bucket.spec, bucket.policy)
        except PoliciesNotSupportedError:
            if bucket.spec.needs_policy:
                raise
            bucket = replace(bucket, policy=bucket.current)
    if bucket.closes_acl:
        client.set_private_acl(name)
    return bucket


def publish(client: S3Client, spec: BucketSpec) -> None:
    """Replace the policy of an existing bucket by the one of its spec, whatever it was."""
    _set_policy(client, spec, spec.policy(None))


def _set_policy(client: S3Client, spec: BucketSpec, policy: Policy | None) -> None:
    """Set the policy; that of a public bucket in the form that the server supports."""
    try:
        client.set_bucket_policy(spec.name, policy)
    except FAILURES as error:
        is_malformed = getattr(error, "code", None) == "MalformedPolicy"
        if not is_malformed or not spec.staging_prefix or spec.hook is not None or not spec.public:
            raise
        client.set_bucket_policy(spec.name, public_policy_with_denial(spec.name, spec.staging_prefix))


def apply_all(
    client: S3Client, specs: Iterable[BucketSpec], *, dry_run: bool = False
) -> dict[str, BucketPlan | Exception]:
    """Plan many buckets in parallel and apply each plan; the failure of one bucket stops no other.

    Args:
        client: of the server.
        specs: of the buckets.
        dry_run: whether to plan only.

    Returns:
        The plan of each bucket, or its failure, by bucket name.
    """

    def attempt(spec: BucketSpec) -> BucketPlan | Exception:
        try:
            bucket = _with_acl(client, plan(client, spec))
            return bucket if dry_run else apply(client, bucket)
        except FAILURES as error:
            return error

    specs = list(specs)
    with ContextThreads(max_workers=WORKERS) as pool:
        return dict(zip((spec.name for spec in specs), pool.map(attempt, specs), strict=True))


def _with_acl(client: S3Client, bucket: BucketPlan) -> BucketPlan:
    """The plan with the ACL of an existing private bucket, which takes one more request."""
    if bucket.spec.public or not bucket.exists:
        return bucket
    try:
        return replace(bucket, acl=exposure.acl_of(client, bucket.spec.name))
    except FAILURES as error:
        return replace(bucket, acl_error=error)
