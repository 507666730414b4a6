"""What is borrowed is given back or reported, whatever people and AWS do at the worst moment."""

from __future__ import annotations

import pytest
from hostile_world import acted, after, dead_letters, delete_service, deregister, die, floor
from remediation_world import (
    API,
    CONSUMER_RESOURCE,
    QUEUE_AGE,
    World,
    api_alarm,
    queue_alarm,
)

from alarms.domain.event import State


def test_a_change_that_timed_out_before_the_pause_is_ours_to_give_back(story: World) -> None:
    """The first attempt took effect without an answer, and automation is paused before the second: not "nothing was done"."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "timeout", times=1, after_effect=True)
    after(story, "RegisterScalableTarget", lambda: story.switch(paused=True))
    story.wait(60)

    assert story.floor() == 6
    assert story.phases() == ["acted"]
    story.switch()
    story.recover(API)
    story.wait(2400)
    assert story.floor() == 4


def test_a_change_whose_second_attempt_is_refused_is_ours_to_give_back(story: World) -> None:
    """As above, with IAM changed in between."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "timeout", times=1, after_effect=True)
    story.aws.seam.fail("application-autoscaling", "RegisterScalableTarget", "AccessDeniedException", times=1)
    story.wait(60)

    assert story.phases() == ["acted"]
    story.recover(API)
    story.wait(2400)
    assert story.floor() == 4


@pytest.mark.parametrize("code", ["AccessDeniedException", "ServiceQuotaExceededException"])
def test_nothing_is_borrowed_when_no_timer_can_be_set_to_give_it_back(story: World, code: str) -> None:
    """The wake-up calls stand before the change: a scheduler that refuses them stops the run, and people are told."""
    story.apply(api_alarm())
    story.ring(API)
    story.aws.seam.fail("scheduler", "CreateSchedule", code, times=None)
    story.wait(1200, step=30)

    assert story.changes() == []
    assert [(report.phase.value, report.reason) for report in story.reports()] == [("skipped", "unsafe")]
    assert dead_letters(story) == 0


def test_a_scheduler_that_is_down_delays_the_change(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    fault = story.aws.seam.fail("scheduler", "CreateSchedule", "ThrottlingException", times=None)
    story.wait(60)
    assert story.changes() == []
    fault.lift()
    story.wait(300)

    assert story.changes() == [("RegisterScalableTarget", 6)]
    assert story.phases() == ["acted"]


@pytest.mark.parametrize("minutes", [20, 90])
@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("application-autoscaling", "*"),
        ("dynamodb", "*"),
        ("cloudwatch", "DescribeAlarms"),
        ("ssm", "GetParameter"),
        ("sqs", "SendMessage"),
    ],
)
def test_an_outage_at_the_way_back_delays_it_and_loses_nothing(story: World, service: str, operation: str, minutes: int) -> None:
    """Longer than the queue is willing to bring a record back: the timer is renewed rather than given up."""
    acted(story)
    story.recover(API)
    story.wait(1700, step=60)
    fault = story.aws.seam.fail(service, operation, "unreachable", times=None)
    story.wait(minutes * 60, step=30)
    assert floor(story) == 6 or operation == "SendMessage"  # the change is made, the word about it is still to come
    fault.lift()
    story.wait(1800, step=60)

    assert story.floor() == 4
    assert story.phases() == ["acted", "helped", "reverted"]


def test_an_outage_while_it_settles_delays_the_decision(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    fault = story.aws.seam.fail("dynamodb", "*", "unreachable", times=None)
    story.wait(3600, step=30)
    assert story.changes() == []
    fault.lift()
    story.wait(1800, step=60)

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_service_that_is_deleted_is_reported_not_forgotten(story: World) -> None:
    """Between act and revert: nothing is left to give back, and people read so."""
    acted(story)
    story.recover(API)
    delete_service(story)
    deregister(story)
    story.wait(2400)

    assert story.phases()[-1] == "drifted"
    assert dead_letters(story) == 0


def test_a_way_back_that_may_not_be_read_calls_a_person(story: World) -> None:
    acted(story)
    story.recover(API)
    story.wait(1700, step=60)
    story.aws.seam.fail("ecs", "DescribeServices", "AccessDeniedException", times=None)
    story.wait(900)

    assert story.phases()[-2:] == ["failed", "escalated"]
    assert dead_letters(story) == 0


def gone(story: World) -> None:
    delete_service(story)
    deregister(story)
    die()


def test_an_intent_whose_service_is_gone_ends_and_frees_the_service(story: World) -> None:
    """Killed after the intent, and the service deleted meanwhile: the other alarm of the service is not held up by it."""
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.pump()
    after(story, "TransactWriteItems", lambda: gone(story))
    story.wait(60)
    story.ring(QUEUE_AGE)
    story.wait(600)

    assert story.phases()[:1] == ["failed"]
    assert story.floor(CONSUMER_RESOURCE) == 11
    assert dead_letters(story) == 0


def test_an_intent_that_may_no_longer_be_looked_at_keeps_its_way_back(story: World) -> None:
    """Killed right after the change, and IAM taken away: it may have been applied, so the latest moment still comes."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    after(story, "RegisterScalableTarget", die)
    fault = story.aws.seam.fail("ecs", "DescribeServices", "AccessDeniedException", times=None, when=lambda _: floor(story) == 6)
    story.wait(1200, step=30)
    assert story.phases() == ["failed", "escalated"]
    fault.lift()
    story.wait(6 * 3600, step=300)

    assert story.floor() == 4
    assert dead_letters(story) == 0


def test_reports_that_cannot_be_sent_do_not_keep_the_floor_up(story: World) -> None:
    """The way to people is closed for good: the audit says so, and what was borrowed is given back."""
    story.apply(api_alarm())
    story.pump()
    story.aws.seam.fail(
        "sqs", "SendMessage", "AccessDenied", times=None, when=lambda params: params["QueueUrl"] == story.reports_url
    )
    story.ring(API)
    story.wait(60)
    assert story.floor() == 6
    story.recover(API)
    story.wait(2400)

    assert story.floor() == 4
    assert [entry["type"] for entry in story.audit].count("untold") == 4  # diagnosed, acted, helped, reverted
    assert dead_letters(story) == 0


def test_a_recovery_by_way_of_insufficient_data_is_one_when_data_says_ok(story: World) -> None:
    """ALARM, INSUFFICIENT_DATA, OK from data: it had rung, so this is no first evaluation."""
    acted(story)
    story.state(API, State.INSUFFICIENT_DATA, "Insufficient Data: 5 datapoints were unknown.")
    story.wait(120)
    story.recover(API)
    story.wait(2400)

    assert story.floor() == 4
