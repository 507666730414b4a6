"""The template: what CloudFormation gets, that cfn-lint takes it, and what is refused in one line."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from desired_alarms import desired, math_request, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import alarms
from alarms.cloudformation import MOST_RESOURCES, logical_id, template
from alarms.desired import Desired
from alarms.domain.errors import Refused
from alarms.load import load
from remediators.registry import registry


def findings(body: dict[str, Any]) -> list[str]:
    """Return what cfn-lint says of a template, as lines."""
    with warnings.catch_warnings():  # its own dependencies' deprecations are not ours
        warnings.simplefilter("ignore")
        from cfnlint.api import ManualArgs, lint

        found = lint(json.dumps(body, ensure_ascii=False), config=ManualArgs(regions=["ap-northeast-2"]))
    return [str(match) for match in found]


def named(name: str, **changes: Any) -> Desired:
    return desired(request(AlarmName=name, **changes))


def composite(name: str, rule: str) -> Desired:
    members = {"AlarmName": name, "AlarmRule": rule, "AlarmActions": [], "ActionsEnabled": True}
    return desired(members, operation="PutCompositeAlarm", row=f"sqs/{name.rsplit('/', 1)[-1]}")


def test_an_alarm_becomes_a_resource_with_the_members_of_its_request_and_its_tags() -> None:
    item = desired()

    (resource,) = template([item])["Resources"].values()

    assert resource["Type"] == "AWS::CloudWatch::Alarm"
    tags = resource["Properties"].pop("Tags")
    assert resource["Properties"] == dict(item.request)
    assert {tag["Key"]: tag["Value"] for tag in tags} == dict(item.tags)


def test_a_composite_alarm_is_made_after_its_children() -> None:
    child, parent = named("tocsin/a"), composite("tocsin/all", 'ALARM("tocsin/a") OR ALARM("elsewhere")')

    resources = template([parent, child])["Resources"]

    assert resources[logical_id(parent)]["Type"] == "AWS::CloudWatch::CompositeAlarm"
    assert resources[logical_id(parent)]["DependsOn"] == [logical_id(child)]
    assert "DependsOn" not in resources[logical_id(child)]


def test_cfn_lint_takes_single_metrics_math_percentiles_and_composites() -> None:
    metrics = [
        {
            "Id": "m1",
            "MetricStat": {"Metric": {"Namespace": "AWS/SQS", "MetricName": "A", "Dimensions": []}, "Period": 60, "Stat": "Sum"},
            "ReturnData": False,
        },
        {"Id": "e1", "Expression": "100*m1", "Label": "rate", "ReturnData": True},
    ]
    percentile = request(
        "AWS/ApiGateway Latency",
        AlarmName="tocsin/c",
        Statistic=None,
        ExtendedStatistic="p90",
        EvaluateLowSampleCountPercentile="evaluate",
    )
    items = [
        named("tocsin/a"),
        desired(math_request(metrics, AlarmName="tocsin/b")),
        desired(percentile),
        composite("tocsin/all", 'ALARM("tocsin/a") OR ALARM("tocsin/b")'),
    ]

    assert findings(template(items)) == []


@pytest.mark.parametrize("stage", ["prod", "demo"])
def test_cfn_lint_takes_the_products_own_catalogue(stage: str) -> None:
    catalogue = Path(alarms.__file__).parent / "catalog"

    body = template(load(catalogue, stage=stage, actions=registry(), facts=None).desired)

    assert len(body["Resources"]) > 14
    assert findings(body) == []


def test_the_template_does_not_depend_on_the_order_of_the_rows() -> None:
    items = [named("tocsin/a"), named("tocsin/b"), named("tocsin/c")]

    assert json.dumps(template(items)) == json.dumps(template(items[::-1]))


def test_a_logical_id_outlives_a_new_threshold_and_differs_between_targets() -> None:
    """A changed logical id makes CloudFormation delete the alarm and make another."""
    assert logical_id(named("tocsin/a", Threshold=1.0)) == logical_id(named("tocsin/a", Threshold=2.0))
    assert logical_id(named("tocsin/a")) != logical_id(named("tocsin/b"))
    assert logical_id(named("tocsin/a")).isalnum()


def test_what_looks_like_a_variable_stays_text() -> None:
    item = named("tocsin/a", AlarmDescription="costs ${a} and ${b}")

    body = template([item])

    (resource,) = body["Resources"].values()
    separator, parts = resource["Properties"]["AlarmDescription"]["Fn::Join"]
    assert separator.join(parts) == "costs ${a} and ${b}"
    assert not any("${" in part for part in parts)
    assert findings(body) == []


def test_a_text_that_cloudformation_would_replace_is_refused() -> None:
    with pytest.raises(Refused, match="resolve"):
        template([named("tocsin/a", AlarmDescription="{{resolve:secretsmanager:prod}}")])


def test_more_alarms_than_a_stack_holds_are_refused_with_the_limit() -> None:
    with pytest.raises(Refused, match="501 alarms do not fit one stack, which holds 500 resources"):
        template([named(f"tocsin/{n}") for n in range(MOST_RESOURCES + 1)])


def test_an_empty_catalogue_and_a_name_used_twice_are_refused() -> None:
    with pytest.raises(Refused, match="no alarms"):
        template([])
    with pytest.raises(Refused, match="two alarms are called tocsin/a"):
        template([named("tocsin/a"), named("tocsin/a")])


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=60).filter(
    lambda text: "resolve:" not in text
)
REQUESTS = st.builds(
    lambda name, about, value, period, points, threshold, missing: request(
        AlarmName=f"tocsin/{name}",
        AlarmDescription=about,
        Dimensions=[{"Name": "QueueName", "Value": value}],
        Period=period,
        EvaluationPeriods=points[1],
        DatapointsToAlarm=points[0],
        Threshold=threshold,
        TreatMissingData=missing,
    ),
    name=TEXTS,
    about=TEXTS,
    value=TEXTS,
    period=st.sampled_from([60, 120, 300, 3600]),
    points=st.integers(1, 15).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))),
    threshold=st.floats(-1e9, 1e9),
    missing=st.sampled_from(["missing", "ignore", "breaching", "notBreaching"]),
)


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(REQUESTS, min_size=1, max_size=8, unique_by=lambda members: members["AlarmName"]))
def test_cfn_lint_takes_whatever_a_row_may_say(requests: list[dict[str, Any]]) -> None:
    body = template([desired(members) for members in requests])

    assert len(body["Resources"]) == len(requests)
    assert findings(body) == []
