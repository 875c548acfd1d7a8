"""What a bucket's policy allows to anonymous requests.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from .messages import RequestError

Statement = dict[str, Any]

_NOT_EVALUATED = ("Condition", "NotAction", "NotPrincipal")


def checked(policy: bytes, bucket: str) -> list[Statement]:
    """The statements of a policy for a bucket.

    Raises:
        RequestError: it is not a policy, or is for another bucket.
    """
    try:
        document = json.loads(policy)
        statements = [dict(one) for one in _listed(document["Statement"])]
    except (ValueError, TypeError, KeyError):
        raise RequestError("MalformedPolicy", "The policy is not a JSON document with statements.") from None
    for statement in statements:
        resources = [*_listed(statement.get("Resource")), *_listed(statement.get("NotResource"))]
        actions = [*_listed(statement.get("Action")), *_listed(statement.get("NotAction"))]
        if statement.get("Effect") not in ("Allow", "Deny") or not resources or not actions:
            raise RequestError("MalformedPolicy", "A statement needs Effect, Principal, Action and Resource.")
        if not all(str(one).removeprefix("arn:aws:s3:::").split("/")[0] in (bucket, "*") for one in resources):
            raise RequestError("MalformedPolicy", f"Each resource of the policy must be of bucket '{bucket}'.")
    return statements


def allows_everyone(statements: list[Statement], action: str, bucket: str, key: str) -> bool:
    """Whether an anonymous request may do this: some statement allows it, and none denies it.

    Raises:
        RequestError: that depends on an element of the policy that the server in memory does not evaluate.
    """
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    effects = {one["Effect"] for one in statements if _is_for(one, action, resource)}
    return effects == {"Allow"}


def _is_for(statement: Statement, action: str, resource: str) -> bool:
    if "NotResource" in statement:
        is_resource = not _matches(resource, statement["NotResource"])
    else:
        is_resource = _matches(resource, statement.get("Resource"))
    principal = statement.get("Principal", "*")  # NotPrincipal may be everyone
    everyone = "*" in _listed(principal.get("AWS") if isinstance(principal, dict) else principal)
    if not (is_resource and everyone and _matches(action, statement.get("Action", "*"))):
        return False
    if unknown := [name for name in _NOT_EVALUATED if statement.get(name)]:
        raise RequestError(
            "NotImplemented", f"The server in memory does not evaluate {' and '.join(unknown)} in a bucket's policy."
        )
    return True


def _matches(text: str, patterns: object) -> bool:
    return any(fnmatchcase(text, str(pattern).replace("[", "[[]")) for pattern in _listed(patterns))


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [] if value is None else [value]
