"""Buckets: what is, what the settings say, the difference, and its correction."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import PoliciesNotSupportedError
from . import exposure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..s3.client import S3Client

Policy = dict[str, Any]
WORKERS = 16  # buckets looked at in parallel
_EVERYONE = ("*", {"AWS": "*"}, {"AWS": ["*"]})


@dataclass(frozen=True)
class WantedBucket:
    """What one bucket should be.

    Attributes:
        public: anyone may download its objects; a private bucket lets nobody in without a signature.
        hook: a policy of MINIO_POLICY_HOOKS, which wins over both.
        published_elsewhere: MINIO_PUBLIC_BASE_URL gives its address, so that a server without policies is no problem.
        staging_prefix: of direct uploads, which are not public even in a public bucket; empty if there are none.
    """

    name: str
    public: bool
    hook: Policy | None = None
    published_elsewhere: bool = False
    staging_prefix: str = ""

    @property
    def needs_policy(self) -> bool:
        """Whether a server without policies cannot make the bucket what it should be."""
        return self.hook is not None or (self.public and not self.published_elsewhere)


@dataclass(frozen=True)
class BucketPlan:
    """What one bucket is, what it should be, and so what is to be done; making a plan changes nothing.

    Attributes:
        exists: whether the bucket is there.
        current: the policy that it has; None for none.
        policy: the policy that it should have; None for none.
        acl: of a private bucket, where the server has ACLs and was asked.
        acl_error: why the ACL of a private bucket could not be read.
    """

    wanted: WantedBucket
    exists: bool
    current: Policy | None
    policy: Policy | None
    acl: exposure.Acl | None = None
    acl_error: Exception | None = None

    @property
    def sets_policy(self) -> bool:
        """Whether the policy differs from what it should be."""
        return not same_policy(self.policy, self.current)

    @property
    def closes_acl(self) -> bool:
        """Whether the ACL lets everyone in, and that can be taken back without taking anything from others."""
        return self.acl is not None and bool(self.acl.everyone) and not self.acl.others

    @property
    def is_right(self) -> bool:
        """Whether nothing is to be done."""
        return self.exists and not self.sets_policy and not self.closes_acl

    @property
    def open_acl(self) -> str:
        """The ACL's grants to everyone that only its owner can take back; empty if there are none."""
        return ", ".join(self.acl.everyone) if self.acl is not None and self.acl.others else ""

    def told(self, *, done: bool) -> str:
        """The difference in words: as what was done, or as what is to be done. Empty if there is none."""
        parts = []
        if not self.exists:
            parts.append("made" if done else "is missing")
        if self.sets_policy:
            kind = "hook's" if self.wanted.hook is not None else "public" if self.wanted.public else "private"
            parts.append(f"{kind} policy {'set' if done else 'is not set'} (the policy was: {_shown(self.current)})")
            if kind == "private" and _has_an_empty_condition(self.current):
                parts.append(f"the policy {'let' if done else 'lets'} everyone in by a condition that everyone meets")
        if self.acl is not None and self.closes_acl:
            words = "its ACL's grants to everyone taken back" if done else "its ACL lets everyone in"
            parts.append(f"{words} ({', '.join(self.acl.everyone)})")
        return "; ".join(parts)


def public_policy(bucket: str, staging_prefix: str = "") -> Policy:
    """The policy of a public bucket: anyone may get an object, and nothing else; names cannot be listed.

    Objects below ``staging_prefix`` are left out.
    """
    objects = f"arn:aws:s3:::{bucket}/"
    resource = {"NotResource": [f"{objects}{staging_prefix}*"]} if staging_prefix else {"Resource": [f"{objects}*"]}
    return _policy(_get_object("Allow", **resource))


def _public_policy_with_denial(bucket: str, staging_prefix: str) -> Policy:
    """The same for a server without NotResource, such as Versity: a denial for requests without a signature."""
    objects = f"arn:aws:s3:::{bucket}/"
    unsigned = {"Null": {"aws:userid": "true"}}
    return _policy(
        _get_object("Allow", Resource=[f"{objects}*"]),
        _get_object("Deny", Resource=[f"{objects}{staging_prefix}*"], Condition=unsigned),
    )


def _policy(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _get_object(effect: str, **more: Any) -> Policy:
    return {"Effect": effect, "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], **more}


def plan(client: S3Client, wanted: WantedBucket) -> BucketPlan:
    """Find out what a bucket is and what is to be done; by one request where it exists.

    Raises:
        PoliciesNotSupportedError: the bucket is there and should be public or have a hook's policy, but the
            server has no policies. (Every bucket of such a server is private.)
    """
    try:
        exists, current = client.bucket_exists_with_policy(wanted.name)
    except PoliciesNotSupportedError:
        exists = client.sdk.bucket_exists(bucket_name=wanted.name)
        if not wanted.needs_policy:
            return BucketPlan(wanted, exists, None, None)
        if exists:
            raise
        current = None
    return BucketPlan(wanted, exists, current, wanted_policy(wanted, current))


def carry_out(client: S3Client, what: BucketPlan) -> BucketPlan:
    """Do what a plan says, and nothing else: object lock, versioning and objects are left as they are.

    Returns:
        What was done: the plan, less a policy that the server cannot have and the bucket can do without.

    Raises:
        PoliciesNotSupportedError: as ``plan``; the bucket was made before.
    """
    if not what.exists:
        client.make_bucket(what.wanted.name)
    if what.sets_policy:
        try:
            _set_policy(client, what)
        except PoliciesNotSupportedError:
            if what.wanted.needs_policy:
                raise
            what = replace(what, policy=what.current)
    if what.closes_acl:
        client.set_private_acl(what.wanted.name)
    return what


def _set_policy(client: S3Client, what: BucketPlan) -> None:
    """Set the policy; that of a public bucket in the words that the server knows."""
    from ..s3.errors import FAILURES

    wanted = what.wanted
    try:
        client.set_bucket_policy(wanted.name, what.policy)
    except FAILURES as error:
        is_refused = getattr(error, "code", None) == "MalformedPolicy"
        if not is_refused or not wanted.staging_prefix or wanted.hook is not None or not wanted.public:
            raise
        client.set_bucket_policy(wanted.name, _public_policy_with_denial(wanted.name, wanted.staging_prefix))


def with_acl(client: S3Client, what: BucketPlan) -> BucketPlan:
    """The plan, with the ACL where that could open a private bucket: by one more request."""
    from ..s3.errors import FAILURES

    if what.wanted.public or not what.exists:
        return what
    try:
        return replace(what, acl=exposure.acl_of(client, what.wanted.name))
    except FAILURES as error:
        return replace(what, acl_error=error)


def ensure(client: S3Client, wanted: WantedBucket) -> None:
    """Make a bucket what it should be."""
    carry_out(client, plan(client, wanted))


def plan_all(
    client: S3Client, wanted: Iterable[WantedBucket], *, change: bool = True
) -> dict[str, BucketPlan | Exception]:
    """Plan for many buckets in parallel, and carry each plan out with ``change``; a failure stops no other bucket."""
    from ..s3.errors import FAILURES

    def attempt(bucket: WantedBucket) -> BucketPlan | Exception:
        try:
            made = with_acl(client, plan(client, bucket))
            return carry_out(client, made) if change else made
        except FAILURES as error:
            return error

    buckets = list(wanted)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        return dict(zip((bucket.name for bucket in buckets), pool.map(attempt, buckets), strict=True))


def wanted_policy(wanted: WantedBucket, current: Policy | None) -> Policy | None:
    """The policy that a bucket should have, given the one it has; None for none."""
    if wanted.hook is not None:
        return wanted.hook
    if wanted.public:
        if wanted.staging_prefix and same_policy(
            current, _public_policy_with_denial(wanted.name, wanted.staging_prefix)
        ):
            return current
        return public_policy(wanted.name, wanted.staging_prefix)
    if current is None:
        return None
    kept = [closed for statement in _list(current.get("Statement")) if (closed := _closed_to_everyone(statement))]
    return {**current, "Statement": kept} if kept else None


def same_policy(one: Policy | None, other: Policy | None) -> bool:
    """Whether two policies say the same, however a server has spelled them."""
    return _comparable(one) == _comparable(other)


def _closed_to_everyone(statement: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The statement, less what lets everyone in without a condition that restricts; None if nothing is left of it.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-bucket-user-policy-specifying-principal-intro.html
    """
    if statement.get("Effect") != "Allow" or exposure.restricts(statement.get("Condition") or {}):
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


def _has_an_empty_condition(policy: Policy | None) -> bool:
    """Whether a statement lets everyone in although it has a condition."""
    statements = _list((policy or {}).get("Statement"))
    return any(each.get("Condition") and _closed_to_everyone(each) != each for each in statements)


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
