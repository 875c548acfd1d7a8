"""Finds what opens a bucket to everyone: conditions of its policy that restrict nobody, and grants of its ACL."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from ..s3.errors import FAILURES, status_of
from ..s3.responses import XmlResponse

if TYPE_CHECKING:
    from ..s3.client import S3Client

# Condition keys, in lower case, that have the same value for everyone or that everyone can choose.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html and
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/amazon-s3-policy-keys.html
_OF_ANYBODY = frozenset(
    {"aws:currenttime", "aws:epochtime", "aws:securetransport", "s3:delimiter", "s3:max-keys", "s3:prefix"}
)
_SENT_BY_CHOICE = frozenset({"aws:referer", "aws:useragent"})  # anybody can send one, or none
# Only the server knows these: which objects are meant, or which of the cloud's own services sends the request.
_OF_THE_SERVER = (
    *("s3:existingobjecttag", "s3:objectlock", "s3:resource", "aws:resource", "aws:requestedregion"),
    *("aws:viaawsservice", "aws:principalisawsservice"),
)


@dataclass(frozen=True)
class Acl:
    """The grants of a bucket's ACL.

    Attributes:
        everyone: grants to all people or to all accounts, such as "all-users: READ".
        others: whether it grants anything to accounts that are not the owner.
    """

    everyone: tuple[str, ...]
    others: bool


def acl_of(client: S3Client, bucket: str) -> Acl | None:
    """A bucket's ACL (GetBucketAcl); None where the server has none.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html

    Raises:
        minio.error.MinioException, urllib3.exceptions.HTTPError: it cannot be read.
    """
    try:
        response = client.request("GET", bucket, {"acl": ""})
    except FAILURES as error:
        if status_of(error) in (HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED):
            return None
        raise
    acl = XmlResponse(response, "AccessControlPolicy", bucket)
    owner = next((acl.text("ID", element) for element in acl.all("Owner")), "")
    everyone, others = [], False
    for grants in acl.all("AccessControlList"):
        for grant in grants.iterfind(f"{acl.namespace}Grant"):
            grantee = grant.find(f"{acl.namespace}Grantee")
            # Versity names the group all-users by an ID, others by a URI that ends with AllUsers.
            names = [acl.text(kind, grantee) for kind in ("URI", "ID", "EmailAddress")] if grantee is not None else []
            name = "".join(names).rpartition("/")[2]
            if name.replace("-", "").lower() in ("allusers", "authenticatedusers"):
                everyone.append(f"{name}: {acl.text('Permission', grant)}")
            else:
                others = others or name not in ("", owner)
    return Acl(tuple(everyone), others)


def restricts(condition: object) -> bool:
    """Whether a statement's Condition restricts who may do what it allows; all of its parts must hold at once.

    An unknown part counts as a restriction, so that no restricted statement is ever removed.
    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    return not isinstance(condition, dict) or any(
        not _is_met_by_everyone(operator, key.lower(), _listed(values))
        for operator, keys in condition.items()
        for key, values in (keys.items() if isinstance(keys, dict) else [("", None)])
    )


def _is_met_by_everyone(operator: str, key: str, values: list[object]) -> bool:
    """Whether one part of a condition certainly restricts nobody."""
    quantifier, _, name = operator.lower().rpartition(":")
    if not key or quantifier or key.startswith(_OF_THE_SERVER):
        return False
    if key in _OF_ANYBODY:
        return True
    if key == "aws:sourceip":  # every request has one
        return name.removesuffix("ifexists") in _operators_of_everyone(values)
    # An anonymous request has none of these keys, and so meets conditions with IfExists or Not.
    if name.endswith("ifexists") or "not" in name:
        return True
    expected = [str(value).lower() for value in values]
    if name == "null":
        return expected == ["true"] or (key in _SENT_BY_CHOICE and expected == ["false"])
    return name == "stringlike" and key in _SENT_BY_CHOICE and any(set(value) == {"*"} for value in expected)


def _operators_of_everyone(values: list[object]) -> tuple[str, ...]:
    """The operator that almost every address meets: IpAddress if the networks are all there are, else NotIpAddress."""
    try:
        networks = [ipaddress.ip_network(str(value), strict=False) for value in values]
    except ValueError:
        return ()
    v4 = [network for network in networks if isinstance(network, ipaddress.IPv4Network)]
    v6 = [network for network in networks if isinstance(network, ipaddress.IPv6Network)]
    together = {str(network) for network in ipaddress.collapse_addresses(v4)}
    together |= {str(network) for network in ipaddress.collapse_addresses(v6)}
    return ("notipaddress",) if together.isdisjoint({"0.0.0.0/0", "::/0"}) else ("ipaddress",)


def _listed(values: object) -> list[object]:
    return list(values) if isinstance(values, (list, tuple)) else [values]
