"""The least IAM policy: what a row names, nothing wider, cut to the size that IAM takes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remediation_world import SCALE_API, SCALE_CONSUMERS, SCALE_FUNCTION, api_alarm, policy, queue_alarm

from alarms.domain.action import ActionSpec, Parameter, ParameterKind, Permission, Risk
from alarms.domain.alarm import Alarm
from alarms.domain.errors import CannotRun
from remediators.permissions.grants import DIAGNOSE, Grant, Names, fill, grants
from remediators.permissions.policy_document import Statement, documents, size, statements
from remediators.registry import registry

NAMES = Names("tocsin", "dev", "aws", "ap-northeast-2", "123456789012")
ECS = "arn:aws:ecs:ap-northeast-2:123456789012:service/image/"


def of(*alarms: Alarm, specs: Any = None) -> dict[str, set[str]]:
    """Return the resources of each IAM action that the rows need, without the engine's own."""
    found: dict[str, set[str]] = {}
    rows_only = {name: spec for name, spec in registry().specs().items() if name != DIAGNOSE}
    for grant in grants(alarms, specs or rows_only, NAMES):
        if not grant.sid:
            found.setdefault(grant.action, set()).add(grant.resource)
    return found


def spec(*permissions: Permission, parameters: tuple[Parameter, ...] = ()) -> dict[str, ActionSpec]:
    return {"probe": ActionSpec("probe", "", Risk.READ_ONLY, False, parameters, permissions, "")}


def test_two_rows_name_two_services_and_no_third() -> None:
    found = of(api_alarm(), queue_alarm())

    assert found["ecs:UpdateService"] == {ECS + "image-api", ECS + "image-consumer"}
    assert found["sqs:GetQueueAttributes"] == {"arn:aws:sqs:ap-northeast-2:123456789012:image-jobs"}


def test_a_row_needs_nothing_for_the_parameter_that_it_leaves_out() -> None:
    ecs, function = of(queue_alarm(SCALE_CONSUMERS)), of(queue_alarm(SCALE_FUNCTION))

    assert not any(action.startswith("lambda:") for action in ecs)
    assert not any(action.startswith(("ecs:", "application-autoscaling:")) for action in function)
    assert "lambda:UpdateEventSourceMapping" in function


def test_the_steps_that_follow_a_policy_count_too() -> None:
    steps = policy("escalate", {}, otherwise=(policy("escalate", {}, otherwise=(SCALE_API,)),))

    assert of(api_alarm(steps))["ecs:UpdateService"] == {ECS + "image-api"}


def test_the_mapping_of_one_function_is_changed_and_no_other() -> None:
    (grant,) = [one for one in grants([queue_alarm(SCALE_FUNCTION)], registry().specs(), NAMES) if "UpdateEvent" in one.action]

    function = "arn:aws:lambda:ap-northeast-2:123456789012:function:thumbnails"
    assert grant.condition == (("ArnEquals", "lambda:FunctionArn", function),)


def test_a_name_that_no_row_says_is_an_error_that_names_the_row() -> None:
    needs = spec(Permission("rds:ModifyDBCluster", "arn:{partition}:rds:{region}:{account}:cluster:{database}", "why"))

    with pytest.raises(
        CannotRun, match=r"image-processing/ecs/cpu-high: probe: rds:ModifyDBCluster .* 'database' stands nowhere"
    ):
        of(api_alarm(policy("probe", {})), specs=needs)


def test_a_diagnosis_may_look_at_what_the_service_has_and_nothing_it_lacks() -> None:
    permissions = (
        Permission("sqs:GetQueueAttributes", "arn:{partition}:sqs:{region}:{account}:{queue}", "depth"),
        Permission("elasticloadbalancing:DescribeTargetHealth", "{load_balancer}", "health"),
    )
    diagnose = {"diagnose": replace(spec(*permissions)["probe"], name="diagnose")}
    alarm = api_alarm(resources={"sqs": ({"QueueName": "image-jobs"}, {"QueueName": "image-dead"})})

    base = "arn:aws:sqs:ap-northeast-2:123456789012:"
    assert of(alarm, specs=diagnose) == {"sqs:GetQueueAttributes": {base + "image-jobs", base + "image-dead"}}


@pytest.mark.parametrize(
    "said", ["partner/token", "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:partner/token-a1B2c3"]
)
def test_a_secret_is_the_same_by_its_name_and_by_its_arn(said: str) -> None:
    permission = Permission("secretsmanager:DescribeSecret", "arn:aws:secretsmanager:::secret:{secret}-??????", "dates")
    diagnose = {DIAGNOSE: replace(spec(permission)["probe"], name=DIAGNOSE)}

    found = of(api_alarm(resources={"secrets": ({"SecretId": said},)}), specs=diagnose)

    assert found == {"secretsmanager:DescribeSecret": {"arn:aws:secretsmanager:::secret:partner/token-??????"}}


@pytest.mark.parametrize("value", ["*", "image-*", "a?", "${aws:username}", "a b", "", "x:role/admin", "a\nb"])
def test_a_rows_value_can_neither_widen_nor_forge_a_resource(value: str) -> None:
    with pytest.raises(CannotRun, match="cannot stand in"):
        fill("arn:aws:ecs:r:a:service/{cluster}", {"cluster": value})


def test_a_list_of_names_is_a_list_of_resources() -> None:
    names = Parameter("tables", ParameterKind.TEXTS, "")
    needs = spec(Permission("dynamodb:GetItem", "arn:{partition}:dynamodb:::table/{tables}", "why"), parameters=(names,))

    found = of(api_alarm(policy("probe", {"tables": ["a", "b"]})), specs=needs)
    assert found == {"dynamodb:GetItem": {"arn:aws:dynamodb:::table/a", "arn:aws:dynamodb:::table/b"}}


NAME = st.text("abcdefghij-", min_size=1, max_size=40)
GRANTS = st.builds(
    Grant,
    action=st.sampled_from(["ecs:UpdateService", "ecs:DescribeServices", "sqs:SendMessage"]),
    resource=NAME.map(lambda name: f"arn:aws:ecs:r:a:service/{name}"),
    condition=st.sampled_from([(), (("ArnEquals", "ecs:cluster", "arn:c"),)]),
    why=st.just("why"),
    sid=st.sampled_from(["", "Own"]),
)


def allowed(document: Any) -> set[tuple[str, str, str]]:
    """Return what a document allows: action, resource, condition."""
    return {
        (action, resource, str(statement.get("Condition", "")))
        for statement in document["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@settings(max_examples=80, deadline=None)
@given(st.lists(GRANTS, min_size=1, max_size=60), st.integers(300, 2000))
def test_however_it_is_cut_the_policies_allow_exactly_what_was_granted(found: list[Grant], longest: int) -> None:
    shown = documents(statements(found), longest)

    wanted = {
        (grant.action, grant.resource, str({op: {key: value} for op, key, value in grant.condition} or "")) for grant in found
    }
    assert set().union(*(allowed(document) for document in shown)) == wanted
    assert all(size(document) <= longest for document in shown)
    sids = [statement["Sid"] for document in shown for statement in document["Statement"]]
    assert len(sids) == len(set(sids))


def test_one_statement_too_long_for_any_policy_says_so() -> None:
    with pytest.raises(CannotRun, match="longer than a managed policy may be"):
        documents([Statement("Own", ("ecs:UpdateService",), ("arn:" + "x" * 7000,), ())])
