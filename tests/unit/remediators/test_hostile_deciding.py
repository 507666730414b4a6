"""Every episode is decided once, and none for ever undecided, wherever a worker dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hostile_world import acted, after, dead_letters, die
from remediation_world import (
    API,
    CONSUMER_RESOURCE,
    ESCALATE,
    QUEUE_AGE,
    SCALE_API,
    World,
    api_alarm,
    queue_alarm,
    world,
)


def test_a_run_that_was_held_does_not_cover_the_other_alarms_for_ever(story: World) -> None:
    """Paused right before the change of the one: the other is decided too, and says that it is paused."""
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)
    story.pump()
    after(story, "TransactWriteItems", lambda: story.switch(paused=True))
    story.wait(120)

    assert story.changes() == []
    reasons = [(report.alarm_name, report.reason) for report in story.reports()]
    assert (QUEUE_AGE, "paused") in reasons
    assert (API, "paused") in reasons


def dying(lives: Callable[[World, int | None], tuple[int, int]], holds: Callable[[World], None]) -> None:
    """Live once undisturbed, then once for each crash point that leaves a state of its own, each in a fresh world."""
    with world() as undisturbed:
        points = undisturbed.crash_points(*lives(undisturbed, None))
        holds(undisturbed)
    for k in points:
        with world() as told:
            lives(told, k)
            try:
                holds(told)
            except AssertionError as failure:
                failure.add_note(f"killed after call {k}")
                raise


def two_policies(story: World, k: int | None) -> tuple[int, int]:
    story.apply(api_alarm(SCALE_API, ESCALATE))
    story.ring(API)
    story.pump()
    story.aws.clock.advance(20)
    since = len(story.calls)
    story.kill_after(k)
    story.pump()
    story.kill_after(None)
    until = len(story.calls)
    story.wait(300, step=30)
    return since, until


def test_both_policies_of_an_alarm_are_decided_wherever_it_dies() -> None:
    """Two policies, killed at any point of the plan: the change once, and the call for people."""

    def holds(story: World) -> None:
        assert story.changes() == [("RegisterScalableTarget", 6)]
        assert sorted(story.phases()) == ["acted", "escalated"]

    dying(two_policies, holds)


def test_two_changing_policies_of_one_alarm_run_one_after_the_other(story: World) -> None:
    """The second is covered by the first, decided anew when that did not help, and the first is not run again."""
    eager = replace(SCALE_API, cooldown_s=0, otherwise=())
    story.apply(queue_alarm(replace(queue_alarm().policies[0], cooldown_s=0, otherwise=()), eager))
    story.ring(QUEUE_AGE)
    story.wait(60)
    assert (story.floor(CONSUMER_RESOURCE), story.floor()) == (11, 4)
    story.wait(1200)

    assert (story.floor(CONSUMER_RESOURCE), story.floor()) == (11, 6)
    assert [value for _, value in story.changes()] == [11, 6]
    assert dead_letters(story) == 0


def test_what_yields_is_looked_at_again_although_another_policy_has_run(story: World) -> None:
    """A deployment is going on: people are called at once, and the service is scaled when it is over."""
    story.apply(api_alarm(SCALE_API, ESCALATE))
    story.client("ecs").update_service(cluster="image", service="image-api", forceNewDeployment=True)
    story.ring(API)
    story.wait(40)
    assert story.phases() == ["skipped", "escalated"]
    story.wait(400)

    assert story.changes() == [("RegisterScalableTarget", 6)]
    assert story.phases() == ["skipped", "escalated", "acted"]


def no_help_with_another_waiting(story: World, k: int | None) -> tuple[int, int]:
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)
    story.wait(60)
    story.aws.clock.advance(870)
    since = len(story.calls)
    story.kill_after(k)
    for _ in range(4):
        story.pump()
        story.aws.clock.advance(15)
    story.kill_after(None)
    until = len(story.calls)
    story.wait(600, step=30)
    return since, until


def test_a_step_is_taken_once_and_covered_alarms_are_freed_wherever_the_verify_dies() -> None:
    """No help, killed at any point of the verify: people are called once and the covered alarm gets its own run."""

    def holds(story: World) -> None:
        of_the_queue = [report.phase.value for report in story.reports() if report.alarm_name == QUEUE_AGE]
        assert of_the_queue.count("escalated") == 1
        assert [value for _, value in story.changes()] == [11, 6]

    dying(no_help_with_another_waiting, holds)


def test_a_lost_answer_to_putting_it_off_does_not_lose_the_second_look(story: World) -> None:
    """The write took effect, botocore's own retry finds it done: the timer is sent all the same."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    story.aws.seam.fail("ecs", "DescribeServices", "unreachable", times=1)
    client = story.app._ports.history  # the adapter, to play botocore's retry: the first attempt's effect, the second's answer
    put_off = type(client).put_off

    def twice(history: Any, service: str, episode: Any) -> bool:
        put_off(history, service, episode)
        return put_off(history, service, episode)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(client), "put_off", twice)
        story.wait(60)
    story.wait(600)

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_the_settle_message_that_was_never_sent_is_sent_by_the_redelivery(story: World) -> None:
    """A crash between claim and settle: the event comes again, finds its own claim, and goes on."""
    story.apply(api_alarm())
    story.pump()
    story.ring(API)
    after(story, "UpdateItem", die)
    story.pump()
    assert not [call for call in story.calls if call.operation == "SendMessage"]
    story.wait(300)

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_verify_that_may_not_read_the_alarm_calls_a_person(story: World) -> None:
    """DescribeAlarms denied at the deadline: nobody knows whether it helped, and that is said."""
    acted(story)
    story.aws.seam.fail("cloudwatch", "DescribeAlarms", "AccessDenied", times=None)
    story.wait(900)

    assert story.phases() == ["acted", "no-help", "skipped", "escalated"]
    assert dead_letters(story) == 0
