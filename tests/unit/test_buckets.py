"""Policies: what a bucket should have, and whether two say the same."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_minio_backend.buckets.plan import BucketPlan, BucketSpec
from django_minio_backend.buckets.policy import is_same_policy, public_policy

PRIVATE = BucketSpec("papers", public=False)
PUBLIC = BucketSpec("papers", public=True)
ANNA = "arn:aws:iam::1:user/anna"
EVERYONE: list[Any] = ["*", ["*"], {"AWS": "*"}, {"AWS": ["*"]}, {"AWS": ["*"], "CanonicalUser": "*"}]


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject"],
        "Resource": ["arn:aws:s3:::papers/*"],
        **changes,
    }


def policy(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", **more, "Statement": list(statements)}


KEPT: list[dict[str, Any]] = [
    statement(Effect="Deny"),
    statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
    statement(Principal={"AWS": [ANNA]}),
    statement(Principal={"AWS": ANNA}),
    statement(Principal={"Service": "logging.s3.amazonaws.com"}),
]


def test_a_public_bucket_lets_anyone_get_an_object_and_nothing_else() -> None:
    assert public_policy("papers") == policy(statement())
    assert PUBLIC.policy(None) == public_policy("papers")
    assert PUBLIC.policy(policy(statement(Action=["s3:*"]))) == public_policy("papers")


def test_a_hook_wins_over_public_and_private() -> None:
    hook = policy(statement(Effect="Deny"))
    for public in (True, False):
        assert BucketSpec("papers", public, hook).policy(policy(statement())) == hook


def test_a_private_bucket_without_a_policy_needs_none() -> None:
    assert PRIVATE.policy(None) is None


@pytest.mark.parametrize("principal", EVERYONE)
@pytest.mark.parametrize("action", [["s3:GetObject"], "s3:*", ["s3:ListBucket"]])
def test_what_opens_a_private_bucket_to_everyone_is_removed(principal: object, action: object) -> None:
    opened = policy(statement(Principal=principal, Action=action))
    assert PRIVATE.policy(opened) is None


def test_those_who_are_named_beside_everyone_keep_what_they_have() -> None:
    opened = policy(statement(Principal={"AWS": [ANNA, "*"]}))
    assert PRIVATE.policy(opened) == policy(statement(Principal={"AWS": [ANNA]}))


def test_everyone_but_some_is_everyone() -> None:
    opened = {name: value for name, value in statement(NotPrincipal={"AWS": [ANNA]}).items() if name != "Principal"}
    assert PRIVATE.policy(policy(opened)) is None


def test_an_empty_condition_is_none() -> None:
    assert PRIVATE.policy(policy(statement(Condition={}))) is None


def test_a_statement_alone_need_not_stand_in_a_list() -> None:
    assert PRIVATE.policy({"Version": "2012-10-17", "Statement": statement()}) is None


@pytest.mark.parametrize("kept", KEPT)
def test_other_statements_of_a_private_bucket_are_kept(kept: dict[str, Any]) -> None:
    current = policy(kept, statement(), Id="mine")
    before = copy.deepcopy(current)
    assert PRIVATE.policy(current) == policy(kept, Id="mine")
    assert current == before


@pytest.mark.parametrize("kept", KEPT)
def test_a_private_bucket_that_nobody_has_opened_stays_as_it_is(kept: dict[str, Any]) -> None:
    assert is_same_policy(PRIVATE.policy(policy(kept)), policy(kept))


SPELLINGS: list[dict[str, Any]] = [
    statement(),
    statement(Principal="*"),
    statement(Principal={"AWS": "*"}),
    statement(Action="s3:GetObject"),
    statement(Resource="arn:aws:s3:::papers/*"),
    statement(Sid=""),
    statement(Condition={}),
]


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_a_policy_is_the_same_however_a_server_spells_it(spelled: dict[str, Any]) -> None:
    assert is_same_policy(policy(spelled), public_policy("papers"))
    assert is_same_policy(public_policy("papers"), {"Statement": spelled, "Version": "2012-10-17"})


@pytest.mark.parametrize(
    "other",
    [
        None,
        policy(),
        policy(statement(Effect="Deny")),
        policy(statement(Action=["s3:GetObject", "s3:ListBucket"])),
        policy(statement(Action=["s3:ListBucket"])),
        policy(statement(Resource=["arn:aws:s3:::papers"])),
        policy(statement(Principal={"AWS": [ANNA]})),
        policy(statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
        policy(statement(), statement(Action=["s3:PutObject"])),
    ],
)
def test_a_policy_that_says_something_else_is_another(other: dict[str, Any] | None) -> None:
    assert not is_same_policy(public_policy("papers"), other)
    assert not is_same_policy(other, public_policy("papers"))


def test_no_policy_is_no_policy() -> None:
    assert is_same_policy(None, None)


ACTIONS = st.lists(st.sampled_from(["s3:GetObject", "s3:PutObject", "s3:ListBucket"]), min_size=1, unique=True)
STATEMENTS = st.builds(
    statement,
    Effect=st.sampled_from(["Allow", "Deny"]),
    Principal=st.sampled_from([*EVERYONE, {"AWS": ANNA}, {"AWS": [ANNA, "*"]}]),
    Action=ACTIONS,
)


@given(statements=st.lists(STATEMENTS, min_size=1, max_size=4), data=st.data())
def test_order_says_nothing(statements: list[dict[str, Any]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(statements))
    turned = [{**one, "Action": data.draw(st.permutations(one["Action"]))} for one in shuffled]
    assert is_same_policy(policy(*statements), policy(*turned))


@given(statements=st.lists(STATEMENTS, max_size=4))
def test_a_corrected_private_bucket_needs_no_second_correction(statements: list[dict[str, Any]]) -> None:
    once = PRIVATE.policy(policy(*statements))
    assert is_same_policy(PRIVATE.policy(once), once)
    for kept in once["Statement"] if once else []:
        assert kept["Effect"] == "Deny" or "*" not in str(kept["Principal"])


# Plans


def planned(spec: BucketSpec, current: dict[str, Any] | None, *, exists: bool = True) -> BucketPlan:
    return BucketPlan(spec, exists, current, spec.policy(current))


@pytest.mark.parametrize(
    ("plan", "to_do", "done"),
    [
        pytest.param(planned(PRIVATE, None), "", "", id="a private bucket"),
        pytest.param(planned(PUBLIC, public_policy("papers")), "", "", id="a public bucket"),
        pytest.param(planned(PRIVATE, policy(statement(Effect="Deny"))), "", "", id="a private bucket with a policy"),
        pytest.param(planned(PRIVATE, None, exists=False), "is missing", "created", id="a missing private bucket"),
        pytest.param(
            planned(PUBLIC, None, exists=False),
            "is missing; public policy is not set (the policy was: none)",
            "created; public policy set (the policy was: none)",
            id="a missing public bucket",
        ),
        pytest.param(
            planned(PUBLIC, None),
            "public policy is not set (the policy was: none)",
            "public policy set (the policy was: none)",
            id="a public bucket without policy",
        ),
        pytest.param(
            planned(BucketSpec("papers", public=True, hook=policy(statement(Effect="Deny"))), None),
            "hook's policy is not set (the policy was: none)",
            "hook's policy set (the policy was: none)",
            id="a bucket with a hook",
        ),
    ],
)
def test_a_plan_describes_the_difference_and_nothing_else(plan: BucketPlan, to_do: str, done: str) -> None:
    assert (plan.describe(done=False), plan.describe(done=True)) == (to_do, done)
    assert plan.in_sync == (not to_do)


def test_a_plan_shows_the_policy_that_it_replaces() -> None:
    opened = policy(statement())
    assert json.dumps(opened) in planned(PRIVATE, opened).describe(done=False)


@pytest.mark.parametrize(
    ("spec", "needed"),
    [
        pytest.param(PRIVATE, False, id="private"),
        pytest.param(PUBLIC, True, id="public"),
        pytest.param(BucketSpec("papers", public=True, published_elsewhere=True), False, id="public with its own URL"),
        pytest.param(BucketSpec("papers", public=False, hook=policy()), True, id="private with a hook"),
        pytest.param(
            BucketSpec("papers", public=True, hook=policy(), published_elsewhere=True),
            True,
            id="public with its own URL and a hook",
        ),
    ],
)
def test_who_needs_a_server_with_policies(spec: BucketSpec, *, needed: bool) -> None:
    assert spec.needs_policy == needed
