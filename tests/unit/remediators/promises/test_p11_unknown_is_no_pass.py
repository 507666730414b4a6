"""P11: what cannot be read, is absent, empty or nought is never a yes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from remediation_world import API, SCALE_API, World, api_alarm

from alarms.domain.alarm import Policy
from alarms.domain.bounds import Limit

UNREADABLE = [
    ("ssm", "GetParameter"),
    ("cloudwatch", "DescribeAlarms"),
    ("ecs", "DescribeServices"),
    ("application-autoscaling", "DescribeScalableTargets"),
    ("dynamodb", "Query"),
    ("dynamodb", "BatchGetItem"),
]


@pytest.mark.parametrize(("service", "operation"), UNREADABLE)
@pytest.mark.parametrize("code", ["AccessDeniedException", "timeout"])
def test_whatever_cannot_be_read_stops_it(story: World, service: str, operation: str, code: str) -> None:
    story.apply(api_alarm())
    story.pump()
    story.aws.seam.fail(service, operation, code, times=None, when=lambda _: story.handling)
    story.ring(API)
    story.wait(600, step=60)

    assert story.changes() == []


def changed(**members: Any) -> Policy:
    return replace(SCALE_API, **members)


@pytest.mark.parametrize(
    "policy",
    [
        changed(limits=()),
        changed(limits=(Limit(0, 3600),)),
        changed(revert=None),
        changed(parameters={**SCALE_API.parameters, "max_tasks": None}),
        changed(parameters={**SCALE_API.parameters, "max_tasks": 0}),
        changed(parameters={**SCALE_API.parameters, "cluster": ""}),
        changed(parameters={}),
    ],
    ids=["no limits", "limit 0", "no revert", "no ceiling", "ceiling 0", "empty name", "nothing"],
)
def test_nothing_unset_empty_or_nought_ever_means_everything(story: World, policy: Policy) -> None:
    story.apply(api_alarm(policy))
    story.ring(API)
    story.wait(120)

    assert story.changes() == []
    assert "invalid" in story.reasons()


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "paused", '{"paused": "no"}', '{"mode": "everything"}', '{"paused": null, "mode": "auto"}']
)
def test_a_switch_that_does_not_clearly_say_auto_is_no_auto(story: World, text: str) -> None:
    story.apply(api_alarm())
    story.client("ssm").put_parameter(Name="/tocsin/dev/switch", Value=text or " ", Type="String", Overwrite=True)
    story.ring(API)
    story.wait(120)

    assert story.changes() == []


def test_a_switch_that_is_gone_is_no_auto(story: World) -> None:
    story.apply(api_alarm())
    story.client("ssm").delete_parameter(Name="/tocsin/dev/switch")
    story.ring(API)
    story.wait(120)

    assert story.changes() == []
    assert story.reasons() == ["mode-observe"]
