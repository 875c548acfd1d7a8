"""Buckets: what is, what the settings say, the difference, and its correction."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import PoliciesNotSupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .s3 import S3Client

logger = logging.getLogger(__name__)

Policy = dict[str, Any]
WORKERS = 16  # buckets looked at in parallel
_EVERYONE = ("*", {"AWS": "*"}, {"AWS": ["*"]})


@dataclass(frozen=True)
class WantedBucket:
    """What one bucket should be.

    Attributes:
        public: anyone may download its objects; a private bucket lets nobody in without a signature.
        hook: a policy of MINIO_POLICY_HOOKS, which wins over both.
    """

    name: str
    public: bool
    hook: Policy | None = None


@dataclass(frozen=True)
class BucketReport:
    """What was found, and what was done or is to be done.

    Attributes:
        changes: one sentence for each difference; empty if all is as it should be.
    """

    wanted: WantedBucket
    changes: tuple[str, ...]


def public_policy(bucket: str) -> Policy:
    """The policy of a public bucket: anyone may get an object, and nothing else; names cannot be listed."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": ["*"]},
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{bucket}/*"],
            }
        ],
    }


def ensure(client: S3Client, wanted: WantedBucket, *, change: bool = True) -> BucketReport:
    """Make a bucket what it should be; with ``change=False`` only tell the difference.

    Object lock, versioning and statements that do not concern anonymous readers are left as they are.
    """
    changes = []
    exists = client.sdk.bucket_exists(wanted.name)
    if not exists:
        changes.append("made" if change else "is missing")
        if change:
            client.make_bucket(wanted.name)
    current = _current_policy(client, wanted) if exists else None
    policy = wanted_policy(wanted, current)
    if not same_policy(policy, current):
        kind = "hook's" if wanted.hook is not None else "public" if wanted.public else "private"
        changes.append(f"{kind} policy {'set' if change else 'is not set'} (the policy was: {_shown(current)})")
        if change:
            client.set_bucket_policy(wanted.name, policy)
    return BucketReport(wanted, tuple(changes))


def ensure_all(
    client: S3Client, wanted: Iterable[WantedBucket], *, change: bool = True
) -> dict[str, BucketReport | Exception]:
    """Do ``ensure`` for many buckets in parallel; the failure of one does not stop the others."""
    from .s3 import FAILURES

    def attempt(bucket: WantedBucket) -> BucketReport | Exception:
        try:
            return ensure(client, bucket, change=change)
        except FAILURES as error:
            return error

    buckets = list(wanted)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        return dict(zip((bucket.name for bucket in buckets), pool.map(attempt, buckets), strict=True))


def _current_policy(client: S3Client, wanted: WantedBucket) -> Policy | None:
    """The policy that a bucket has; none on a server without policies, where every bucket is private.

    Raises:
        PoliciesNotSupportedError: such a server is to have a public bucket, or one with a policy.
    """
    try:
        return client.bucket_policy(wanted.name)
    except PoliciesNotSupportedError:
        if wanted.public or wanted.hook is not None:
            raise
        return None


def wanted_policy(wanted: WantedBucket, current: Policy | None) -> Policy | None:
    """The policy that a bucket should have, given the one it has; None for none."""
    if wanted.hook is not None:
        return wanted.hook
    if wanted.public:
        return public_policy(wanted.name)
    if current is None:
        return None
    kept = [closed for statement in _list(current.get("Statement")) if (closed := _closed_to_everyone(statement))]
    return {**current, "Statement": kept} if kept else None


def same_policy(one: Policy | None, other: Policy | None) -> bool:
    """Whether two policies say the same, however a server has spelled them."""
    return _comparable(one) == _comparable(other)


def _closed_to_everyone(statement: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The statement, less what lets everyone in without a condition; None if nothing is left of it.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-bucket-user-policy-specifying-principal-intro.html
    """
    if statement.get("Effect") != "Allow" or statement.get("Condition"):
        return statement
    if "NotPrincipal" in statement:  # everyone but some
        return None
    principal = statement.get("Principal")
    if not isinstance(principal, dict):
        return None if "*" in _list(principal) else statement
    named = {kind: [name for name in _list(found) if name != "*"] for kind, found in principal.items()}
    if all(len(named[kind]) == len(_list(found)) for kind, found in principal.items()):
        return statement
    left = {kind: found for kind, found in named.items() if found}
    return {**statement, "Principal": left} if left else None


def _comparable(policy: Policy | None) -> object:
    """Statements with every value as a sorted list, since S3 takes a string for a list of one."""
    if policy is None:
        return None
    statements = [dict(statement) for statement in _list(policy.get("Statement"))]
    for statement in statements:
        if statement.get("Principal") in _EVERYONE:
            statement["Principal"] = {"AWS": ["*"]}
    return sorted(json.dumps(_plain(statement), sort_keys=True) for statement in statements)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items() if inner not in ("", None, [], {})}
    return sorted(str(inner) for inner in value) if isinstance(value, (list, tuple)) else [str(value)]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]


def _shown(policy: Policy | None) -> str:
    return "none" if policy is None else json.dumps(policy)
