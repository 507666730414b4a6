"""Stories of remediation, from a ring to what was given back, told on the embedded AWS in virtual time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from remediation_world import (
    API,
    API_RESOURCE,
    CONSUMER_RESOURCE,
    ESCALATE,
    QUEUE_AGE,
    SCALE_API,
    SCALE_FUNCTION,
    World,
    api_alarm,
    queue_alarm,
    world,
)

from alarms.domain.alarm import Alarm
from alarms.domain.bounds import Limit
from alarms.domain.event import State
from remediators.bootstrap import build
from remediators.registry import registry


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def test_a_service_gets_tasks_is_verified_and_gives_them_back(story: World) -> None:
    """The whole life of a run: acted once, helped, and the floor is where it was."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    assert story.floor() == 6
    assert story.phases() == ["acted"]

    story.recover(API)
    story.wait(600)
    assert story.phases() == ["acted", "helped"]

    story.wait(1500)
    assert story.phases() == ["acted", "helped", "reverted"]
    assert story.floor() == 4
    assert story.changes() == [("RegisterScalableTarget", 6), ("RegisterScalableTarget", 4)]


def test_a_backlog_is_sized_and_drained(story: World) -> None:
    """1,240 messages, 100 a minute arriving, 62 a minute drained by three: eleven tasks empty it in ten minutes."""
    story.apply(queue_alarm())
    story.ring(QUEUE_AGE)
    story.wait(60)

    assert story.floor(CONSUMER_RESOURCE) == 11
    (acted,) = story.reports()
    assert "Backlog 1,240, 100/min arrive, 3 tasks drain 62/min; 11 tasks empty it in 10 min" in acted.why.en


# --- P1: at most one execution ----------------------------------------------------------------------------------------


def test_everything_delivered_three_times_changes_everything_once(story: World) -> None:
    """Events, settle, verify and revert timers each arrive three times; the floor moves up once and down once."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(120, copies=3)
    story.recover(API)
    story.wait(3000, copies=3)

    assert story.changes() == [("RegisterScalableTarget", 6), ("RegisterScalableTarget", 4)]
    assert story.phases() == ["acted", "helped", "reverted"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_ring_duplicate_and_recovery_in_any_order_act_at_most_once(story: World, order: tuple[int, ...]) -> None:
    """SNS promises no order: whatever comes first, nothing is done twice and nothing is done about what is over."""
    story.apply(api_alarm(settle_s=0))
    story.pump()
    story.ring(API)
    (ring,) = story.receive()
    story.recover(API)
    (recovery,) = story.receive()
    for index in order:
        story.handle([[ring, {**ring, "messageId": "again"}, recovery][index]])

    assert story.changes() == []
    assert "stale" in story.reasons() or "duplicate" in story.reasons()


def test_a_late_ring_after_the_recovery_opens_nothing(story: World) -> None:
    """P2: an OK that is newer than the event wins."""
    story.apply(api_alarm(settle_s=0))
    story.pump()
    story.ring(API)
    (ring,) = story.receive()
    story.wait(30)
    story.recover(API)
    story.wait(30)
    story.ring(API)
    story.wait(30)
    acted = story.changes()
    story.handle([{**ring, "messageId": "late"}])

    assert story.changes() == acted
    assert story.reasons()[-1] == "duplicate"


def test_twenty_workers_with_one_event_act_once(story: World) -> None:
    """The claim and the commit are conditional writes: of twenty, one wins."""
    story.apply(api_alarm(settle_s=0))
    story.pump()
    story.ring(API)
    (ring,) = story.receive()
    apps = [build(story.environ, story.audit.append) for _ in range(20)]
    story._handling = True
    events = [{"Records": [{**ring, "messageId": f"m{number}"}]} for number in range(20)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda app, event: app.handle(event, None, story.now), apps, events))

    assert story.changes() == [("RegisterScalableTarget", 6)]
    assert story.phases() == ["acted"]


# --- P2, P7: nothing on a stale signal, nothing while people hold it --------------------------------------------------


def test_an_alarm_that_recovered_while_it_settled_is_left_alone(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    story.recover(API)
    story.wait(60)

    assert story.changes() == []


def test_the_kill_switch_stops_between_decision_and_change(story: World) -> None:
    """Thrown after the intent was written: the permit right before the call refuses, and people are told."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    story.aws.seam.observe(lambda call: story.switch(paused=True) if call.operation == "TransactWriteItems" else None)
    story.wait(60)

    assert story.changes() == []
    assert [(report.phase.value, report.reason) for report in story.reports()] == [("skipped", "paused")]


@pytest.mark.parametrize(
    ("switch", "phase", "reason"),
    [
        ({"paused": True}, "skipped", "paused"),
        ({"mode": "observe"}, "observed", "mode-observe"),
        ({"mode": "propose"}, "proposed", ""),
        ({"policies": {"scale-service": {"paused": True}}}, "skipped", "paused"),
        ({"policies": {"image-processing/ecs/cpu-high": {"mode": "observe"}}}, "observed", "mode-observe"),
    ],
)
def test_the_live_switch_holds_or_lowers(story: World, switch: dict[str, object], phase: str, reason: str) -> None:
    """P10: nothing is changed, and people read what would have been done or who holds it."""
    story.switch(**switch)
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    assert story.changes() == []
    (report,) = story.reports()
    assert (report.phase.value, report.reason) == (phase, reason)
    assert report.answers


def test_a_missing_switch_means_observe(story: World) -> None:
    story.client("ssm").delete_parameter(Name="/tocsin/dev/switch")
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    assert story.changes() == []
    assert story.phases() == ["observed"]


# --- P4, P5: limits, cooldown, locks, one plan ------------------------------------------------------------------------


def again(story: World) -> None:
    """Recover, and ring once more a little later."""
    story.recover(API)
    story.wait(120)
    story.ring(API)
    story.wait(60)


def test_the_second_ring_within_the_cooldown_does_nothing_and_says_when(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    again(story)

    assert len(story.changes()) == 1
    last = story.reports()[-1]
    assert (last.phase.value, last.reason) == ("skipped", "cooldown")
    assert last.next_at is not None


def test_no_more_runs_than_the_window_allows(story: World) -> None:
    """Two in an hour: the third ring finds the limit."""
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=0, limits=(Limit(2, 3600),))))
    story.ring(API)
    story.wait(60)
    again(story)
    again(story)

    assert len([value for _, value in story.changes()]) == 2
    assert story.reports()[-1].reason == "limit"


def test_alarms_that_ring_together_get_one_plan(story: World) -> None:
    """The queue goes before the API by declared precedence; the API's alarm is covered until that plan is verified."""
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)
    story.wait(60)

    assert story.floor(CONSUMER_RESOURCE) == 11
    assert story.floor(API_RESOURCE) == 4
    assert [(report.phase.value, report.reason) for report in story.reports()] == [("acted", ""), ("skipped", "covered")]

    story.recover(QUEUE_AGE)
    story.wait(120)
    assert story.floor(API_RESOURCE) == 6


# --- P8: verify, then the next step once ------------------------------------------------------------------------------


def test_no_help_escalates_once_and_never_loops(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(3 * 3600, step=60)

    assert story.phases() == ["acted", "no-help", "escalated"]
    assert len(story.changes()) == 1


def test_no_help_is_said_loudly_even_when_no_further_step_is_declared(story: World) -> None:
    story.apply(api_alarm(replace(SCALE_API, otherwise=())))
    story.ring(API)
    story.wait(1800, step=60)

    assert story.phases() == ["acted", "no-help", "escalated"]


# --- P9: the way back -------------------------------------------------------------------------------------------------


def test_what_was_borrowed_is_given_back_at_the_latest_even_while_it_rings(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(6 * 3600 + 300, step=120)

    assert story.floor() == 4
    assert story.phases()[-1] == "reverted"


def test_a_ring_before_the_way_back_cancels_it(story: World) -> None:
    """Recovered, rings again before after_ok: the floor stays, and the later run gives back the original value."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.recover(API)
    story.wait(1500)
    story.ring(API)
    story.wait(600)
    assert story.changes() == [("RegisterScalableTarget", 6), ("RegisterScalableTarget", 9)]

    story.recover(API)
    story.wait(2400)
    assert story.floor() == 4
    assert story.phases()[-1] == "reverted"


def test_only_a_recovery_seen_in_data_starts_the_way_back(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.state(API, State.INSUFFICIENT_DATA, "Insufficient Data: 5 datapoints were unknown.")
    story.wait(3600, step=60)

    assert story.floor() == 6


def test_what_somebody_else_changed_is_left_alone_and_reported(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.target(API_RESOURCE, 8)
    story.recover(API)
    story.wait(2400)

    assert story.floor() == 8
    assert story.phases()[-1] == "drifted"


def test_a_way_back_is_held_while_automation_is_paused(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.recover(API)
    story.switch(paused=True)
    story.wait(2400)
    assert story.floor() == 6

    story.switch()
    story.wait(900)
    assert story.floor() == 4


def test_a_service_without_a_scalable_target_is_scaled_by_its_desired_count(story: World) -> None:
    story.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace="ecs", ResourceId=API_RESOURCE, ScalableDimension="ecs:service:DesiredCount"
    )
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    assert story.desired() == 6

    story.recover(API)
    story.wait(2400)
    assert story.changes() == [("UpdateService", 6), ("UpdateService", 4)]


# --- P10, P11: unknown is never a pass, and people hear of it ---------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "operation"),
    [("cloudwatch", "DescribeAlarms"), ("ssm", "GetParameter"), ("ecs", "DescribeServices"), ("dynamodb", "*")],
)
def test_what_cannot_be_read_stops_it_and_people_are_told(story: World, service: str, operation: str) -> None:
    story.apply(api_alarm(settle_s=0))
    story.pump()
    story.ring(API)
    story.aws.seam.fail(service, operation, "unreachable", times=None)
    story.pump()

    assert story.changes() == []
    assert [(report.phase.value, report.reason) for report in story.reports()] == [("skipped", "unknown")]


def test_what_passes_by_itself_is_looked_at_again(story: World) -> None:
    """ECS could not be read for a moment: five minutes later it acts, if it still rings."""
    story.apply(api_alarm())
    story.ring(API)
    story.aws.seam.fail("ecs", "DescribeServices", "unreachable", times=1)
    story.wait(600)

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_an_alarm_without_a_row_is_never_acted_on(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    story.client("dynamodb").delete_item(
        TableName="tocsin-dev-catalogue", Key={"alarm": {"S": api_alarm().key}, "version": {"S": "current"}}
    )
    story.ring(API)
    story.wait(60)

    assert story.changes() == []
    assert "no-row" in story.reasons()
    assert story.reports() == []


# --- the vendor says no -----------------------------------------------------------------------------------------------


def test_a_refused_change_is_reported_and_the_next_step_taken(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "AccessDeniedException", times=None)
    story.wait(120)

    assert story.changes() == []
    assert story.phases() == ["failed", "escalated"]


@pytest.mark.parametrize("after_effect", [False, True])
def test_a_change_without_an_answer_is_compared_before_it_is_repeated(story: World, after_effect: bool) -> None:
    """A timeout may have taken effect or not: the next delivery looks first."""
    story.apply(api_alarm())
    story.ring(API)
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "timeout", times=3, after_effect=after_effect)
    story.wait(600)

    assert story.floor() == 6
    assert story.phases()[0] == "acted"


def test_concurrent_updates_are_tried_again(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "ConcurrentUpdateException", times=2)
    story.wait(60)

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_lambda_consumer_gets_concurrency_and_gives_it_back(story: World) -> None:
    story.aws.mappings.preload(
        function="thumbnails", queue_arn="arn:aws:sqs:ap-northeast-2:123456789012:image-jobs", maximum_concurrency=5, reserved=30
    )
    story.apply(queue_alarm(SCALE_FUNCTION))
    story.ring(QUEUE_AGE)
    story.wait(60)
    story.recover(QUEUE_AGE)
    story.wait(2400)

    assert [value["MaximumConcurrency"] for _, value in story.changes()] == [19, 5]
    assert story.phases() == ["acted", "helped", "reverted"]


def test_a_row_may_both_scale_and_call_people(story: World) -> None:
    """Two policies of one alarm: the change runs, and people are called at once, not only when it did not help."""
    story.apply(api_alarm(SCALE_API, ESCALATE))
    story.ring(API)
    story.wait(60)

    assert story.phases() == ["acted", "escalated"]
    assert story.floor() == 6


@pytest.mark.parametrize(
    ("alarm", "action"),
    [(api_alarm(), "scale-service"), (queue_alarm(), "scale-consumers"), (queue_alarm(SCALE_FUNCTION), "scale-consumers")],
)
def test_an_action_calls_nothing_that_it_has_not_declared(story: World, alarm: Alarm, action: str) -> None:
    """P12: over a whole life, every call to a watched resource is among the action's permissions."""
    story.aws.mappings.preload(
        function="thumbnails", queue_arn="arn:aws:sqs:ap-northeast-2:123456789012:image-jobs", maximum_concurrency=5
    )
    story.apply(alarm)
    story.pump()
    story.calls.clear()
    story.ring(alarm.name)
    story.wait(60)
    story.recover(alarm.name)
    story.wait(2400, step=60)

    engine = {("cloudwatch", "DescribeAlarms"), ("sqs", "SendMessage"), ("sqs", "SendMessageBatch")}
    watched = {
        (call.service, call.operation)
        for call in story.calls
        if call.service in ("ecs", "application-autoscaling", "sqs", "cloudwatch", "lambda")
    }
    specs = (registry().get(action).spec, registry().get("diagnose").spec)
    declared = {permission.action for spec in specs for permission in spec.permissions}
    used = {f"{service}:{operation}" for service, operation in watched - engine}
    assert story.phases() == ["acted", "helped", "reverted"]
    assert used <= declared
