"""Bucket policies: which one a bucket should have, and whether two are equal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import exposure

if TYPE_CHECKING:
    from collections.abc import Mapping

Policy = dict[str, Any]
_EVERYONE = ("*", {"AWS": "*"}, {"AWS": ["*"]})


def public_policy(bucket: str, staging_prefix: str = "") -> Policy:
    """The policy of a public bucket: anyone may get an object, and nobody may list the bucket.

    Objects with ``staging_prefix`` are excluded, unless it is empty.
    """
    objects = f"arn:aws:s3:::{bucket}/"
    resource = {"NotResource": [f"{objects}{staging_prefix}*"]} if staging_prefix else {"Resource": [f"{objects}*"]}
    return _policy(_get_object("Allow", **resource))


def public_policy_with_denial(bucket: str, staging_prefix: str) -> Policy:
    """The same policy for a server without NotResource, such as Versity: unsigned requests are denied."""
    objects = f"arn:aws:s3:::{bucket}/"
    unsigned = {"Null": {"aws:userid": "true"}}
    return _policy(
        _get_object("Allow", Resource=[f"{objects}*"]),
        _get_object("Deny", Resource=[f"{objects}{staging_prefix}*"], Condition=unsigned),
    )


def _policy(*statements: Policy) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _get_object(effect: str, **elements: Any) -> Policy:
    return {"Effect": effect, "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], **elements}


def private_policy(current: Policy | None) -> Policy | None:
    """The policy without everything that lets everyone in; None for none."""
    statements = [] if current is None else map(_closed, _list(current.get("Statement")))
    kept = [statement for statement in statements if statement]
    return {**(current or {}), "Statement": kept} if kept else None


def is_same_policy(first: Policy | None, second: Policy | None) -> bool:
    """Whether two policies are equal, however a server formats them."""
    return _comparable(first) == _comparable(second)


def has_an_ineffective_condition(policy: Policy | None) -> bool:
    """Whether a statement lets everyone in although it has a condition."""
    statements = _list((policy or {}).get("Statement"))
    return any(statement.get("Condition") and _closed(statement) != statement for statement in statements)


def _closed(statement: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The statement without principals that are everyone; None if it has no other.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-bucket-user-policy-specifying-principal-intro.html
    """
    if statement.get("Effect") != "Allow" or exposure.restricts(statement.get("Condition") or {}):
        return statement
    principal = statement.get("Principal")
    if "NotPrincipal" in statement or "*" in _list(principal):  # NotPrincipal: everyone but some
        return None
    if not isinstance(principal, dict):
        return statement
    named = {kind: [name for name in _list(names) if name != "*"] for kind, names in principal.items()}
    if named == {kind: _list(names) for kind, names in principal.items()}:
        return statement
    remaining = {kind: names for kind, names in named.items() if names}
    return {**statement, "Principal": remaining} if remaining else None


def _comparable(policy: Policy | None) -> object:
    """Statements with every value as a sorted list, since S3 takes a string for a list of one."""
    if policy is None:
        return None
    statements = [dict(statement) for statement in _list(policy.get("Statement"))]
    for statement in statements:
        if statement.get("Principal") in _EVERYONE:
            statement["Principal"] = {"AWS": ["*"]}
    return sorted(json.dumps(_sorted(statement), sort_keys=True) for statement in statements)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(inner) for name, inner in value.items() if inner not in ("", None, [], {})}
    return sorted(str(inner) for inner in value) if isinstance(value, (list, tuple)) else [str(value)]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
