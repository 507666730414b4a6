"""P5: the lock is the resource's, across policies and services, and is held while a question waits for its answer."""

from __future__ import annotations

from dataclasses import replace

from people import allow, answer
from remediation_world import API, SCALE_API, World, api_alarm

from alarms.domain.alarm import Mode
from alarms.domain.command import CommandKind

OTHER = "tocsin/dev/billing/ecs/cpu-high/image-api"


def both(told: World, *, asks: bool) -> None:
    """Deploy two rows of two services that act on one ECS service; the first asks before it acts."""
    first = replace(SCALE_API, mode=Mode.APPROVE) if asks else SCALE_API
    told.apply(api_alarm(first))
    told.apply(api_alarm(name=OTHER, service="billing", row="billing/ecs/cpu-high"))
    told.pump()


def test_two_services_alarms_on_one_resource_are_one_change_at_a_time(story: World) -> None:
    both(story, asks=False)
    story.ring(API)
    story.ring(OTHER)
    story.wait(60)

    assert [value for _, value in story.changes()] == [6]
    assert "locked" in story.reasons()


def test_a_question_holds_the_resource_until_it_is_answered(story: World) -> None:
    allow(story, "U0OWNER00")
    both(story, asks=True)
    story.ring(API)
    story.wait(60)
    assert story.phases() == ["asked"]
    story.ring(OTHER)
    story.wait(60)

    assert story.changes() == []
    assert "locked" in story.reasons()

    answer(story)
    assert [value for _, value in story.changes()] == [6]


def test_a_denied_question_lets_the_resource_go(story: World) -> None:
    allow(story, "U0OWNER00")
    both(story, asks=True)
    story.ring(API)
    story.wait(60)
    answer(story, CommandKind.DENY)
    story.ring(OTHER)
    story.wait(60)

    assert [value for _, value in story.changes()] == [6]
    assert story.phases()[:2] == ["asked", "denied"]


def test_what_waits_for_the_lock_is_looked_at_again_and_not_queued(story: World) -> None:
    """No stampede of held-back runs: once it is free, the one that still rings is decided anew, from what is then true."""
    both(story, asks=False)
    story.ring(API)
    story.ring(OTHER)
    story.wait(60)
    story.recover(OTHER)
    story.recover(API)
    story.wait(1200, step=60)

    assert [value for _, value in story.changes()].count(6) == 1
