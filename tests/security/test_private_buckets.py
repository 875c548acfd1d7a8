"""What lets everyone into a private bucket is found, named and taken back: grants of ACLs, and empty conditions."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError

from django_minio_backend.buckets.exposure import restricts
from django_minio_backend.buckets.plan import BucketSpec
from django_minio_backend.models import MinioBackend
from tests.support.rewriting_proxy import Response, rewriting_proxy, s3_error
from tests.support.settings import entry, options_of, storages_set

if TYPE_CHECKING:
    from collections.abc import Callable

    import urllib3
    from minio import Minio

    from tests.support.rewriting_proxy import Received
    from tools.servers import Server

COMMAND = "initialize_buckets"
ALL_RIGHT = "All buckets match the settings.\n"
ANNA = "arn:aws:iam::1:user/anna"

OPEN_TO_EVERYONE: dict[str, dict[str, Any]] = {
    "all-ipv4-addresses": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
    "all-ipv6-addresses": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "::/0"]}},
    "two-halves": {"IpAddress": {"AWS:SourceIP": ["0.0.0.0/1", "128.0.0.0/1"]}},
    "all-addresses-but-some": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
    "encrypted": {"Bool": {"aws:SecureTransport": "true"}},
    "not-encrypted": {"Bool": {"aws:SecureTransport": False}},
    "any-referrer": {"StringLike": {"aws:Referer": "*"}},
    "any-browser": {"StringLike": {"aws:UserAgent": ["curl", "**"]}},
    "all-referrers-but-one": {"StringNotEquals": {"aws:Referer": "https://bad.test/"}},
    "all-referrers-but-some": {"StringNotLikeIfExists": {"aws:Referer": "https://bad.test/*"}},
    "no-referrer": {"Null": {"aws:Referer": "true"}},
    "a-referrer": {"Null": {"aws:Referer": False}},
    "nobody-who-is-signed-in": {"Null": {"aws:PrincipalArn": [True]}},
    "organisation-if-there-is-one": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}},
    "everybody-but-an-organisation": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}},
    "time": {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}},
    "prefix-of-a-listing": {"StringEquals": {"s3:prefix": ["", "free/"]}},
    "two-that-say-nothing": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}, "Bool": {"aws:SecureTransport": "true"}},
}
RESTRICTED: dict[str, Any] = {
    "network": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    "half-of-all": {"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}},
    "no-address": {"NotIpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
    "not-an-address": {"IpAddress": {"aws:SourceIp": "anywhere"}},
    "address-of-a-private-network": {"IpAddress": {"aws:VpcSourceIp": "0.0.0.0/0"}},
    "address-that-every-request-has": {"IpAddressIfExists": {"aws:SourceIp": "10.0.0.0/8"}},
    "organisation": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    "users": {"StringLike": {"aws:username": "*"}},
    "network-of-a-cloud": {"StringEquals": {"aws:SourceVpce": "vpce-1"}},
    "page": {"StringLike": {"aws:Referer": "https://good.test/*"}},
    "tag": {"StringEquals": {"s3:ExistingObjectTag/public": "yes"}},
    "other-tag": {"StringNotEquals": {"s3:ExistingObjectTag/secret": "yes"}},
    "services-of-the-cloud": {"BoolIfExists": {"aws:ViaAWSService": "true"}},
    "other-owner": {"StringNotEquals": {"aws:ResourceAccount": "111122223333"}},
    "signed-in": {"Null": {"aws:PrincipalArn": "false"}},
    "each-of-many": {"ForAllValues:StringEquals": {"aws:PrincipalOrgPaths": "o-1/"}},
    "one-restricts": {"Bool": {"aws:SecureTransport": "true"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    "one-key-restricts": {"StringEquals": {"s3:prefix": "", "aws:PrincipalOrgID": "o-1"}},
    "unknown": {"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}},
    "no-mapping": "anything",
    "no-mapping-of-keys": {"Bool": "true"},
}


def statement(bucket: str, **changes: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{bucket}/*"],
        **changes,
    }


def acl(*grantees: str) -> Response:
    """An ACL as AWS writes it."""
    owner = "<Grantee><ID>me</ID></Grantee><Permission>FULL_CONTROL</Permission>"
    grants = "".join(
        f"<Grant>{grant}</Grant>"
        for grant in (owner, *(f"<Grantee>{who}</Grantee><Permission>READ</Permission>" for who in grantees))
    )
    return Response(
        200,
        f'<AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>me</ID></Owner>'
        f"<AccessControlList>{grants}</AccessControlList></AccessControlPolicy>".encode(),
    )


def group(name: str) -> str:
    return f"<URI>http://acs.amazonaws.com/groups/{name}</URI>"


def checked(*, silenced: bool = False) -> tuple[str, int]:
    """What ``initialize_buckets --check`` prints, and its exit code."""
    output = io.StringIO()
    try:
        call_command(COMMAND, "--check", silenced=silenced, stdout=output, stderr=io.StringIO())
    except SystemExit as ended:
        return output.getvalue(), int(str(ended.code))
    return output.getvalue(), 0


def run() -> str:
    output = io.StringIO()
    call_command(COMMAND, stdout=output)
    return output.getvalue()


# Grants


@pytest.mark.needs("acls")
def test_a_grant_to_everyone_is_found_reported_and_revoked(
    server: Server, bucket: str, sdk: Minio, http: urllib3.PoolManager
) -> None:
    address = f"http://{server.endpoint}/{bucket}"
    with storages_set(default=entry(options_of(server, MINIO_DEFAULT_BUCKET=bucket))):
        run()
        MinioBackend().save("a.txt", ContentFile(b"private"))
        assert http.request("GET", f"{address}/a.txt").status == 403
        rule = "<Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule>"  # Versity: or it takes no ACL
        ownership = f"<OwnershipControls>{rule}</OwnershipControls>".encode()
        sdk._execute("PUT", bucket, body=ownership, query_params={"ownershipControls": ""})
        sdk._execute("PUT", bucket, headers={"x-amz-acl": "public-read-write"}, query_params={"acl": ""})
        assert http.request("GET", f"{address}/a.txt").data == b"private"
        assert http.request("PUT", f"{address}/b.txt", body=b"written by anybody").status == 200

        output, code = checked()
        assert code == 1
        assert f"Bucket '{bucket}' at http://{server.endpoint}: its ACL lets everyone in" in output
        assert "(all-users: READ, all-users: WRITE)" in output
        assert http.request("GET", f"{address}/a.txt").status == 200  # nothing is changed

        assert f"Bucket '{bucket}' at http://{server.endpoint}: its ACL's grants to everyone removed" in run()
        assert http.request("GET", f"{address}/a.txt").status == 403
        assert http.request("PUT", f"{address}/c.txt", body=b"").status == 403
        assert checked() == (ALL_RIGHT, 0)
        assert MinioBackend().size("a.txt") == len(b"private")


@pytest.mark.parametrize("name", ["global/AllUsers", "global/AuthenticatedUsers"])
def test_so_is_one_as_aws_spells_it(server: Server, bucket: str, name: str) -> None:
    with rewriting_proxy(server) as rewriter:
        rewriter.rule = lambda request: intercepted(request, acl(group(name)))
        options = {**options_of(server, MINIO_DEFAULT_BUCKET=bucket), "MINIO_ENDPOINT": rewriter.endpoint}
        with storages_set(default=entry(options)):
            output, code = checked()
            assert code == 1
            assert f"({name.rpartition('/')[2]}: READ)" in output
            assert [request.method for request in rewriter.requests if request.query.startswith("acl")] == ["GET"]
            run()
    (put,) = [request for request in rewriter.requests if request.method == "PUT" and request.query.startswith("acl")]
    assert put.headers["x-amz-acl"] == "private"


def intercepted(request: Received, answer: Response) -> Response | None:
    if not request.query.startswith("acl"):
        return None
    return answer if request.method == "GET" else Response(200)


@pytest.mark.parametrize("other", ["<ID>anna</ID>", group("s3/LogDelivery")], ids=["account", "logs"])
def test_a_grant_beside_those_of_others_is_named_and_left_to_people(server: Server, bucket: str, other: str) -> None:
    with rewriting_proxy(server) as rewriter:
        rewriter.rule = lambda request: intercepted(request, acl(other, group("global/AllUsers")))
        options = {**options_of(server, MINIO_DEFAULT_BUCKET=bucket), "MINIO_ENDPOINT": rewriter.endpoint}
        with storages_set(default=entry(options)):
            for arguments in ([], ["--check"]):
                with pytest.raises(CommandError, match=rf"Bucket '{bucket}' .* lets everyone in \(AllUsers: READ\)"):
                    call_command(COMMAND, *arguments, stdout=io.StringIO())
    assert not [request for request in rewriter.requests if request.method == "PUT" and request.query.startswith("acl")]


@pytest.mark.parametrize(
    "answer",
    [
        s3_error(501, "NotImplemented"),
        s3_error(405, "MethodNotAllowed"),
        acl(),
        acl("<ID>anna</ID>", group("s3/LogDelivery")),
    ],
    ids=["not-implemented", "not-allowed", "owner", "others"],
)
def test_of_a_server_without_such_grants_nothing_is_said(server: Server, bucket: str, answer: Response) -> None:
    with rewriting_proxy(server) as rewriter:
        rewriter.rule = lambda request: intercepted(request, answer)
        options = {**options_of(server, MINIO_DEFAULT_BUCKET=bucket), "MINIO_ENDPOINT": rewriter.endpoint}
        with storages_set(default=entry(options)):
            assert checked() == (ALL_RIGHT, 0)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (s3_error(403, "AccessDenied"), "allow its user s3:GetBucketAcl"),
        (Response(200, b"<AccessControlPolicy><Owner>"), "is incomplete"),
        (Response(200, b"<ListBucketResult/>"), "<ListBucketResult>"),
    ],
    ids=["forbidden", "cut", "another-response"],
)
def test_an_unreadable_acl_is_reported_without_a_failure(
    server: Server, bucket_name: Callable[[], str], answer: Response, reason: str
) -> None:
    one, other = bucket_name(), bucket_name()
    with rewriting_proxy(server) as rewriter:
        rewriter.rule = lambda request: intercepted(request, answer)
        options = options_of(server, MINIO_DEFAULT_BUCKET=one, MINIO_PRIVATE_BUCKETS=[other])
        with storages_set(default=entry({**options, "MINIO_ENDPOINT": rewriter.endpoint})):
            run()
            output, code = checked()
    assert code == 0
    assert "could not be read, so it may let everyone in" in output
    assert reason in output
    assert one in output
    assert other in output


@pytest.mark.needs("stored-policies")
def test_each_private_bucket_costs_one_more_request(server: Server, bucket_name: Callable[[], str]) -> None:
    private, public = bucket_name(), bucket_name()
    with rewriting_proxy(server) as rewriter:
        options = options_of(server, MINIO_DEFAULT_BUCKET=private, MINIO_PUBLIC_BUCKETS=[public])
        with storages_set(default=entry({**options, "MINIO_ENDPOINT": rewriter.endpoint})):
            run()
            # No ACL is read: both buckets have just been created.
            assert not [request for request in rewriter.requests if request.query.startswith("acl")]
            rewriter.requests.clear()
            checked()
    acls = [
        (request.method, request.path.strip("/")) for request in rewriter.requests if request.query.startswith("acl")
    ]
    assert acls == [("GET", private)]


# Conditions


@pytest.mark.parametrize("condition", OPEN_TO_EVERYONE.values(), ids=OPEN_TO_EVERYONE)
def test_a_condition_that_everyone_meets_is_none(condition: dict[str, Any]) -> None:
    assert not restricts(condition)
    current = {"Version": "2012-10-17", "Statement": [statement("papers", Condition=condition)]}
    assert BucketSpec("papers", public=False).policy(current) is None


@pytest.mark.parametrize("condition", [*OPEN_TO_EVERYONE.values(), *RESTRICTED.values()])
def test_those_who_are_named_keep_what_they_have(condition: Any) -> None:
    kept = [
        statement("papers", Principal={"AWS": [ANNA]}, Condition=condition),
        statement("papers", Effect="Deny", Condition=condition),
    ]
    current = {"Version": "2012-10-17", "Statement": kept}
    assert BucketSpec("papers", public=False).policy(current) == current


@pytest.mark.parametrize("condition", RESTRICTED.values(), ids=RESTRICTED)
def test_a_condition_that_keeps_somebody_out_stays(condition: Any) -> None:
    assert restricts(condition)
    current = {"Version": "2012-10-17", "Statement": [statement("papers", Condition=condition)]}
    assert BucketSpec("papers", public=False).policy(current) == current


@pytest.mark.needs("policies")
@pytest.mark.parametrize(
    "condition",
    [
        {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}},
        {"Bool": {"aws:SecureTransport": "false"}},
        {"StringNotEquals": {"aws:Referer": "https://bad.test/"}},
    ],
    ids=["addresses", "transport", "referrer"],
)
def test_a_bucket_opened_by_one_is_found_named_and_closed(
    server: Server, bucket: str, sdk: Minio, http: urllib3.PoolManager, condition: dict[str, Any]
) -> None:
    address = f"http://{server.endpoint}/{bucket}/a.txt"
    inside = statement(bucket, Condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}, Action=["s3:PutObject"])
    with storages_set(default=entry(options_of(server, MINIO_DEFAULT_BUCKET=bucket))):
        MinioBackend().save("a.txt", ContentFile(b"private"))
        policy = {"Version": "2012-10-17", "Statement": [statement(bucket, Condition=condition), inside]}
        sdk.set_bucket_policy(bucket_name=bucket, policy=json.dumps(policy))
        assert http.request("GET", address).data == b"private"
        output, code = checked()
        assert code == 1
        assert f"Bucket '{bucket}'" in output
        assert "the policy lets everyone in by a condition that everyone meets" in output
        assert f"Bucket '{bucket}'" in run()
        assert http.request("GET", address).status == 403
        assert "s3:PutObject" in sdk.get_bucket_policy(bucket_name=bucket)
        assert checked() == (ALL_RIGHT, 0)
