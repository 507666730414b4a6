"""Whether a policy lets a service do something: as IAM decides it, and undecided where only the moment could tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.doctor.policies import allows

SNS, SEND, QUEUE = "sns.amazonaws.com", "sqs:SendMessage", "arn:aws:sqs:eu-west-1:123456789012:jobs"
CONTEXT = {"aws:sourcearn": "arn:aws:sns:eu-west-1:123456789012:alarms", "aws:securetransport": "true"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Statement": list(statements)})


def allow(**members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"Service": SNS}, "Action": SEND, "Resource": QUEUE, **members}


CASES: dict[str, tuple[str, bool | None]] = {
    "allowed": (policy(allow()), True),
    "a wildcard": (policy(allow(Action="sqs:*", Resource="*")), True),
    "whatever the case of the action": (policy(allow(Action="SQS:sendmessage")), True),
    "everybody": (policy(allow(Principal="*")), True),
    "everybody, as an account": (policy(allow(Principal={"AWS": "*"})), True),
    "another service": (policy(allow(Principal={"Service": "events.amazonaws.com"})), False),
    "an account only": (policy(allow(Principal={"AWS": "arn:aws:iam::123456789012:root"})), False),
    "another action": (policy(allow(Action="sqs:ReceiveMessage")), False),
    "another queue": (policy(allow(Resource="arn:aws:sqs:eu-west-1:123456789012:other")), False),
    "from this topic": (policy(allow(Condition={"ArnEquals": {"aws:SourceArn": CONTEXT["aws:sourcearn"]}})), True),
    "from topics like this": (policy(allow(Condition={"ArnLike": {"AWS:SourceArn": ["x", "arn:aws:sns:*:alarms"]}})), True),
    "from another topic": (policy(allow(Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:sns:eu-west-1:1:x"}})), False),
    "where it depends": (policy(allow(Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})), None),
    "by an operator that is not known": (policy(allow(Condition={"DateLessThan": {"aws:SourceArn": "x"}})), None),
    "denied": (policy(allow(), allow(Effect="Deny")), False),
    "denied without TLS": (
        policy(allow(), allow(Effect="Deny", Principal="*", Action="*", Condition={"Bool": {"aws:SecureTransport": "false"}})),
        True,
    ),
    "perhaps denied": (policy(allow(), allow(Effect="Deny", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})), None),
    "nothing": ("{}", False),
    "no JSON": ("<policy>", None),
}


@pytest.mark.parametrize("case", CASES)
def test_a_policy_is_read_as_iam_reads_it(case: str) -> None:
    text, expected = CASES[case]
    assert allows(text, SNS, SEND, QUEUE, CONTEXT) is expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Statement", "Effect", "Principal", "Action", "Condition", "Allow"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_a_policy_holds_it_allows_nothing_by_accident(value: Any) -> None:
    assert allows(json.dumps(value), SNS, SEND, QUEUE, {}) is not True
