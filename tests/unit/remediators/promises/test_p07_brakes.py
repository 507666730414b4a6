"""P7: what did not help is not tried for ever, and people can stop everything at any moment; what is in flight ends well."""

from __future__ import annotations

import json
from dataclasses import replace

from hostile_world import after
from people import OWNER, STRANGER, click, last
from remediation_world import API, SCALE_API, World, api_alarm

from alarms.domain.bounds import Bounds, Breaker, Limit
from alarms.domain.command import CommandKind
from alarms.domain.event import from_iso
from alarms.domain.incident import Episode
from alarms.domain.report import Phase

EAGER = replace(SCALE_API, limits=(Limit(50, 86400),), cooldown_s=60, verify_within_s=120)
BOUNDS = Bounds(breaker=Breaker(no_help=2, within_s=86400, open_for_s=86400))


def in_vain(told: World, times: int) -> None:
    """Let it ring ``times`` without anything helping before each verdict."""
    for _ in range(times):
        told.ring(API)
        told.wait(600, step=30)
        told.recover(API)
        told.wait(2400, step=120)
        told.scale_in()


def test_after_two_runs_in_vain_the_policy_is_closed_and_says_so(story: World) -> None:
    story.apply(api_alarm(EAGER, bounds=BOUNDS))
    in_vain(story, 3)

    assert [value for _, value in story.changes()].count(6) == 2
    assert story.reasons()[-1] == "breaker-open"
    said = [report for report in story.reports() if report.reason == "breaker-open"]
    assert said
    assert said[-1].next_at is not None


def test_when_its_time_is_over_one_trial_is_made_and_its_failure_closes_it_again(story: World) -> None:
    story.apply(api_alarm(EAGER, bounds=Bounds(breaker=Breaker(no_help=2, within_s=86400, open_for_s=7200))))
    in_vain(story, 2)
    story.wait(7200, step=600)
    in_vain(story, 2)

    assert [value for _, value in story.changes()].count(6) == 3
    assert story.reasons()[-1] == "breaker-open"


def test_a_pause_thrown_after_the_decision_holds_the_change(story: World) -> None:
    """It is asked right before each changing call, and never remembered from before."""
    story.apply(api_alarm())

    def paused() -> None:
        with story.aws.seam.internal():
            story.switch(paused=True)

    after(story, "DescribeServices", paused)
    story.ring(API)
    story.wait(60)

    assert story.changes() == []
    assert last(story, Phase.SKIPPED).reason == "paused"


def test_what_is_borrowed_while_paused_is_given_back_after_the_pause(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.switch(paused=True)
    story.recover(API)
    story.wait(3600, step=60)
    assert story.floor() == 6
    story.switch()
    story.wait(1200, step=60)

    assert story.floor() == 4


def test_anybody_may_hold_a_service_and_undo_what_is_out(story: World) -> None:
    """Few may start, anyone may stop: at once, and with a rest of an hour for the service."""
    story.apply(api_alarm(EAGER))
    story.ring(API)
    story.wait(60)
    click(story, CommandKind.UNDO, last(story, Phase.ACTED).run, STRANGER)
    story.wait(60)
    assert story.floor() == 4
    story.recover(API)
    story.wait(120)
    story.ring(API)
    story.wait(120)

    assert [value for _, value in story.changes()] == [6, 4]
    assert story.reasons()[-1] == "held"


def test_a_hold_ends_when_it_is_released(story: World) -> None:
    row = api_alarm(EAGER)
    story.apply(row)
    story.ring(API)
    story.pump()
    click(story, CommandKind.HOLD, episode_of(story), OWNER, alarm_key=row.key)
    story.wait(120)
    assert story.changes() == []
    click(story, CommandKind.RELEASE, episode_of(story), OWNER, alarm_key=row.key)
    story.wait(10)
    story.recover(API)
    story.wait(60)
    story.ring(API)
    story.wait(120)

    assert [value for _, value in story.changes()] == [6]


def episode_of(told: World) -> str:
    """Return the id of the episode that is open."""
    items = told.client("dynamodb").scan(TableName="tocsin-dev-history")["Items"]
    (item,) = [one for one in items if one["sk"]["S"].startswith("episode#")]
    ring = json.loads(item["ring"]["S"])
    return Episode(ring["subject"], from_iso(ring["started_at"])).id
