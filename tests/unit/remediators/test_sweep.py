"""The reconciler finds what a lost message left behind, does it the ordinary way and once, and leaves alone what people hold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from remediation_world import ACCOUNT, API, QUEUE_AGE, REGION, World, api_alarm, queue_alarm, world

from alarms.domain.command import Command, CommandKind
from alarms.domain.event import State, iso
from alarms.domain.incident import Episode
from infra.local.seam import Call
from remediators.bootstrap import build
from remediators.levels import Levels
from remediators.timers import Timer, TimerKind

PLACE = f"{ACCOUNT}/{REGION}"
FIVE = 300


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def sweep(story: World) -> None:
    """Let the reconciler's schedule fire, and deliver what comes of it."""
    text = json.dumps(Timer(TimerKind.SWEEP, PLACE).to_document())
    story.client("sqs").send_message(QueueUrl=story.commands_url, MessageBody=text)
    story.pump()


def sweeps(story: World, times: int) -> None:
    for _ in range(times):
        sweep(story)
        story.wait(FIVE, step=60)


def lose(story: World) -> list[dict[str, Any]]:
    """Let every message that waits now be lost; returns them, for those that come late after all."""
    lost = []
    while story.visible() and (records := story.receive()):
        lost += records
        for record in records:
            story.client("sqs").delete_message(QueueUrl=story.commands_url, ReceiptHandle=record["receiptHandle"])
    return lost


def lose_timers(story: World) -> None:
    """Let every wake-up call that is set be lost."""
    scheduler = story.client("scheduler")
    for schedule in scheduler.list_schedules(GroupName="tocsin-dev")["Schedules"]:
        scheduler.delete_schedule(Name=schedule["Name"], GroupName="tocsin-dev")
    story.client("sqs").purge_queue(QueueUrl=story.commands_url)


def said(story: World) -> list[str]:
    return [entry["about"] for entry in story.audit if entry["type"] == "swept"]


# --- a lost ring ------------------------------------------------------------------------------------------------------------


def test_a_lost_ring_is_told_first_and_acted_on_at_the_next_sweep(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    lose(story)
    story.wait(180)
    sweep(story)
    assert story.changes() == []
    assert [(report.phase.value, report.reason) for report in story.reports()] == [("skipped", "first-seen")]

    story.wait(FIVE)
    sweep(story)
    story.wait(60)
    assert story.changes() == [("RegisterScalableTarget", 6)]
    assert said(story) == ["first-seen", "lost-edge"]


def test_what_recovered_in_between_is_left_alone(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    lose(story)
    story.wait(180)
    sweep(story)
    story.recover(API)
    story.wait(FIVE)
    sweeps(story, 3)

    assert story.changes() == []


def test_a_ring_that_is_only_slow_is_no_lost_one(story: World) -> None:
    """A queue that lags for a minute makes nobody talk."""
    story.apply(api_alarm())
    story.ring(API)
    late = lose(story)[-1]
    story.wait(60)
    sweep(story)
    story.handle([{**late, "messageId": "late"}])
    story.wait(FIVE)
    sweeps(story, 2)

    assert said(story) == []
    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_sweep_delivered_twice_is_one_sweep(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    lose(story)
    story.wait(180)
    for _ in range(3):
        sweep(story)

    assert said(story) == ["first-seen"]
    assert story.changes() == []


@pytest.mark.parametrize("late_s", [0, 20, 400, 4000])
def test_a_ring_that_comes_after_all_is_the_same_episode(late_s: int, story: World) -> None:
    """P1: the claim is the same, whoever makes it."""
    story.apply(api_alarm())
    story.ring(API)
    lost = lose(story)[-1]
    story.wait(180)
    sweeps(story, 2)
    story.wait(late_s, step=60)
    story.handle([{**lost, "messageId": "late"}])
    story.wait(60)

    assert [change for change in story.changes() if change[1] > 4] == [("RegisterScalableTarget", 6)]


@pytest.mark.parametrize("operation", ["ListAlarmMuteRules", "Query", "UpdateItem"])
def test_a_ring_that_comes_in_the_middle_of_a_sweep_is_acted_on_once(operation: str, story: World) -> None:
    """Another worker takes the late message right before, or right after, the reconciler's own claim."""
    story.apply(api_alarm(settle_s=0))
    story.ring(API)
    lost = lose(story)[-1]
    story.wait(180)
    sweep(story)
    story.wait(FIVE)
    other = build(story.environ, story.audit.append)
    waiting = [{**lost, "messageId": "late"}]

    def meanwhile(call: Call) -> None:
        if call.operation == operation and waiting:
            other.handle({"Records": [waiting.pop()]}, None, story.now)

    end = story.aws.seam.observe(meanwhile)
    sweep(story)
    end()
    story.wait(60)

    assert waiting == []
    assert [entry["phase"] for entry in story.audit if entry.get("phase") in ("intent", "acted")] == ["intent", "acted"]
    assert story.floor() == 6


# --- whose hands are off ----------------------------------------------------------------------------------------------------


def episode_of(story: World) -> str:
    found = story.client("cloudwatch").describe_alarms(AlarmNames=[API])["MetricAlarms"][0]
    return Episode(f"{PLACE}/{API}", found["StateTransitionedTimestamp"]).id


def press(story: World, kind: CommandKind) -> None:
    command = Command(kind, episode_of(story), "U01MIN", story.now, f"c{story.now.timestamp():.0f}", f"{PLACE}/{API}")
    text = json.dumps(command.to_document())
    story.client("sqs").send_message(QueueUrl=story.commands_url, MessageBody=text)
    story.pump()


def muted_by_rule(story: World) -> None:
    story.client("cloudwatch").put_alarm_mute_rule(
        Name="deploy",
        Rule={"Schedule": {"Expression": f"at({story.now:%Y-%m-%dT%H:%M})", "Duration": "PT2H"}},
        MuteTargets={"AlarmNames": [API]},
    )


def switched_off(story: World) -> None:
    story.client("cloudwatch").disable_alarm_actions(AlarmNames=[API])


def silenced(story: World) -> None:
    press(story, CommandKind.MUTE)


def unreadable(story: World) -> None:
    story.aws.seam.fail("cloudwatch", "ListAlarmMuteRules", "AccessDenied", times=None)


@pytest.mark.parametrize("hands_off", [muted_by_rule, switched_off, silenced, unreadable])
def test_what_people_hold_mute_or_switch_off_is_neither_acted_on_nor_talked_of(hands_off: Any, story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    lose(story)
    hands_off(story)
    story.wait(180)
    sweeps(story, 4)

    assert story.changes() == []
    assert story.reports() == []


def test_when_a_mute_ends_it_is_told_first_as_ever(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    lose(story)
    muted_by_rule(story)
    story.wait(180)
    sweeps(story, 2)
    story.client("cloudwatch").delete_alarm_mute_rule(AlarmMuteRuleName="deploy")
    sweep(story)
    assert said(story) == ["first-seen"]

    story.wait(FIVE)
    sweep(story)
    story.wait(60)
    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_paused_stage_decides_and_does_nothing(story: World) -> None:
    """The kill switch is a guard of the ordinary way."""
    story.apply(api_alarm())
    story.switch(paused=True)
    story.ring(API)
    lose(story)
    story.wait(180)
    sweeps(story, 2)
    story.wait(60)

    assert story.changes() == []
    assert "paused" in story.reasons()


def test_alarms_of_others_are_not_looked_at(story: World) -> None:
    story.apply(api_alarm(name="tocsin/prod/image-processing/ecs/cpu-high/image-api"))
    story.ring("tocsin/prod/image-processing/ecs/cpu-high/image-api")
    lose(story)
    story.wait(180)
    sweeps(story, 3)

    assert story.reports() == []
    assert story.changes() == []


# --- lost wake-up calls and lost ends ---------------------------------------------------------------------------------------


def test_an_overdue_verdict_is_given(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    lose_timers(story)
    story.wait(900, step=60)
    assert story.phases() == ["acted"]

    sweep(story)
    assert "no-help" in story.phases()
    assert "overdue" in said(story)


def test_what_was_borrowed_is_given_back_though_its_calls_were_lost(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.recover(API)
    story.wait(30)
    lose_timers(story)
    story.wait(2400, step=60)
    assert story.floor() == 6

    sweep(story)
    assert story.floor() == 4
    assert story.phases()[-1] == "reverted"


def test_a_lost_recovery_is_found_and_starts_the_way_back(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.recover(API)
    lose(story)
    story.wait(200)
    sweep(story)
    assert said(story) == ["closed"]

    story.wait(2400, step=60)
    assert story.floor() == 4


def test_a_recovery_from_missing_data_starts_no_way_back(story: World) -> None:
    """Closed honestly: only an OK from data is a recovery."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    reason = "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching]."
    story.state(API, State.OK, reason)
    lose(story)
    story.wait(200)
    sweep(story)
    story.wait(2400, step=60)

    assert said(story) == ["closed"]
    assert story.floor() == 6


def test_a_settle_that_was_lost_is_made_up_for(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.pump()
    lose_timers(story)
    story.wait(900, step=60)
    sweep(story)
    story.wait(60)

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_what_cannot_be_done_is_tried_once_an_hour(story: World) -> None:
    """A pause of a day leaves no ever growing herd of wake-up calls."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.recover(API)
    story.wait(30)
    lose_timers(story)
    story.switch(paused=True)
    story.wait(2400, step=300)
    tried = len(said(story))
    for _ in range(24):
        sweep(story)
        story.wait(FIVE, step=FIVE)

    assert len(said(story)) - tried <= 3
    assert len(story.client("scheduler").list_schedules(GroupName="tocsin-dev")["Schedules"]) <= 3


# --- its cost ---------------------------------------------------------------------------------------------------------------


def test_a_quiet_sweep_is_three_reads(story: World) -> None:
    story.apply(api_alarm())
    sweep(story)
    story.wait(FIVE)
    start = len(story.calls)
    sweep(story)

    assert [call.operation for call in story.calls[start:]] == ["GetItem", "DescribeAlarms", "Query"]


def test_what_is_known_costs_nothing_again(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(200)
    sweep(story)
    story.wait(FIVE)
    start = len(story.calls)
    sweep(story)

    assert [call.operation for call in story.calls[start:]] == ["GetItem", "DescribeAlarms", "Query"]


def test_a_storm_is_looked_through_in_several_sweeps(story: World) -> None:
    """Bounded work: each sweep takes the next ones, none is left out, none is told twice."""
    names = [f"tocsin/dev/image-processing/ecs/cpu-high/api-{number:02d}" for number in range(45)]
    for name in names:
        story.apply(api_alarm(name=name))
        story.ring(name)
    lose(story)
    story.wait(180)
    for expected in (20, 40, 45):
        sweep(story)
        assert len({report.alarm_name for report in story.reports()}) == expected

    assert len(story.reports()) == 45
    assert story.changes() == []


def test_what_rings_is_read_in_pages_and_to_an_end(story: World) -> None:
    """A hundred to a page, five hundred at most: whatever more rings is a storm of another kind."""
    asked: list[dict[str, Any]] = []

    class Endless:
        def describe_alarms(self, **request: Any) -> dict[str, Any]:
            asked.append(request)
            alarm = {"AlarmName": f"tocsin/dev/{len(asked)}", "StateValue": "ALARM", "StateTransitionedTimestamp": story.now}
            return {"MetricAlarms": [alarm], "NextToken": str(len(asked))}

    found = Levels(lambda _: Endless()).ringing("tocsin/dev/")

    assert [level.name for level in found] == [f"tocsin/dev/{number}" for number in range(1, 6)]
    assert [request.get("NextToken") for request in asked] == [None, "1", "2", "3", "4"]
    assert {request["AlarmNamePrefix"] for request in asked} == {"tocsin/dev/"}


def test_a_storm_that_ended_unheard_is_closed_in_several_sweeps(story: World) -> None:
    names = [f"tocsin/dev/image-processing/ecs/cpu-high/api-{number:02d}" for number in range(25)]
    for name in names:
        story.apply(api_alarm(name=name))
        story.ring(name)
    story.wait(200, step=60)
    for _ in range(3):
        sweep(story)
    for name in names:
        story.recover(name)
    lose(story)
    story.wait(180, step=60)
    for _ in range(3):
        sweep(story)

    assert len({entry["alarm"] for entry in story.audit if entry.get("about") == "closed"}) == 25


def test_one_that_fails_does_not_keep_the_others(story: World) -> None:
    story.apply(api_alarm())
    story.apply(queue_alarm())
    for name in (API, QUEUE_AGE):
        story.ring(name)
    lose(story)
    story.wait(180)
    story.aws.seam.fail("dynamodb", "GetItem", "InternalServerError", times=None, when=lambda params: API in json.dumps(params))
    sweep(story)

    assert [report.alarm_name for report in story.reports()] == [QUEUE_AGE]


# --- whatever is lost, late or repeated -------------------------------------------------------------------------------------

FATES = st.lists(st.sampled_from(["come", "lost", "late", "twice"]), min_size=6, max_size=6)
STEPS = st.lists(st.sampled_from(["ring", "recover", "sweep", "wait", "timers lost"]), min_size=4, max_size=14)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS, FATES)
def test_whatever_is_lost_late_or_repeated_each_stay_is_acted_on_once_and_all_is_given_back(
    steps: list[str], fates: list[str]
) -> None:
    """P1 and P9 for any interleaving of lost, duplicated and late edges, lost wake-up calls and sweeps."""
    with world() as story:
        story.apply(api_alarm())
        story.pump()
        late: list[dict[str, Any]] = []
        stays: set[datetime] = set()
        for number, step in enumerate(steps):
            if step in ("ring", "recover"):
                ringing = story.aws.cloudwatch.state(API) == "ALARM"
                if ringing != (step == "recover"):
                    continue
                (story.ring if step == "ring" else story.recover)(API)
                stays |= {story.now} if step == "ring" else set()
                deliver(story, fates[number % len(fates)], late)
            elif step == "timers lost":
                lose_timers(story)
            elif step == "sweep":
                sweep(story)
            story.wait(FIVE, step=60)
        for record in late:
            story.handle([record])
        if story.aws.cloudwatch.state(API) == "ALARM":
            story.recover(API)
        for _ in range(30):  # until the latest moment of anything that is out is over
            sweep(story)
            story.aws.clock.advance(900)
            story.pump()

        runs = [entry["run"] for entry in story.audit if entry.get("phase") == "intent"]
        assert len(runs) == len(set(runs))
        acted = {entry["episode"] for entry in story.audit if entry.get("phase") == "intent"}
        assert len(acted) == len(runs)
        assert len(acted) <= len(stays)
        assert story.floor() == 4
        assert iso(story.now)


def deliver(story: World, fate: str, late: list[dict[str, Any]]) -> None:
    if fate == "come":
        story.pump()
    elif fate == "twice":
        story.pump(copies=2)
    else:
        lost = lose(story)
        late += [{**record, "messageId": f"late-{number}"} for number, record in enumerate(lost) if fate == "late"]


def test_the_distance_of_sweeps_is_stated() -> None:
    from remediators.sweep import EVERY, LATER

    assert LATER < EVERY == timedelta(minutes=5)
