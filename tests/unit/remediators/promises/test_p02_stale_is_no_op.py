"""P2: what was true at the alarm is read again before anything is done; stale or untrusted means no change."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hostile_world import after
from people import allow, answer
from remediation_world import API, SCALE_API, World, api_alarm, policy

from alarms.domain.alarm import Mode
from alarms.domain.event import State


def test_an_alarm_that_recovered_while_it_settled_changes_nothing(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    story.recover(API)
    story.wait(120)

    assert story.changes() == []
    assert "acted" not in story.phases()


@pytest.mark.parametrize("evaluation", ["PARTIAL_DATA", "EVALUATION_ERROR", "EVALUATION_FAILURE"])
def test_a_signal_that_cloudwatch_itself_distrusts_only_tells_people(story: World, evaluation: str) -> None:
    story.apply(api_alarm())
    describe = story.aws.cloudwatch.operations["DescribeAlarms"]

    def distrusted(params: Any, request: Any) -> Any:
        found = dict(describe(params, request) or {})
        return {**found, "MetricAlarms": [{**alarm, "EvaluationState": evaluation} for alarm in found.get("MetricAlarms", ())]}

    story.aws.seam.serve("cloudwatch", {"DescribeAlarms": distrusted})
    story.ring(API)
    story.wait(120)

    assert story.changes() == []
    assert story.reasons() == ["stale"]
    assert story.phases() == ["skipped"]


def test_a_row_that_changed_between_the_question_and_the_yes_is_not_acted_on(story: World) -> None:
    allow(story, "U0OWNER00")
    asking = policy("scale-service", SCALE_API.parameters, mode=Mode.APPROVE)
    story.apply(api_alarm(asking))
    story.ring(API)
    story.wait(60)
    lower = policy("scale-service", {**SCALE_API.parameters, "max_tasks": 5}, mode=Mode.APPROVE)
    row = api_alarm(lower)
    item = {"alarm": {"S": row.key}, "version": {"S": "current"}, "document": {"S": json.dumps(row.to_document())}}
    story.client("dynamodb").put_item(TableName="tocsin-dev-catalogue", Item=item)
    answer(story)

    assert story.changes() == []


def test_a_deployment_that_began_after_the_look_is_found_right_before_the_change(story: World) -> None:
    """The resource is read in the same delivery as it is changed, after the switch and the alarm."""
    story.apply(api_alarm())

    def deployed() -> None:
        with story.aws.seam.internal():  # a person's call, not the handler's
            story.client("ecs").update_service(cluster="image", service="image-api", forceNewDeployment=True)

    after(story, "GetParameter", deployed)
    story.ring(API)
    story.wait(40)

    assert story.changes() == []
    assert "yields" in story.reasons()


def test_an_older_ok_does_not_end_a_newer_alarm(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    story.ring(API)
    story.pump()
    story.state(API, State.OK)
    (old,) = story.receive()
    story.ring(API)
    story.wait(60)
    story.handle([dict(old)])
    story.wait(3 * 3600, step=120)

    assert story.floor() == 6, "an OK of the episode before gave back what this one still needs"
