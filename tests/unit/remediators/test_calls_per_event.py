"""What one message costs in AWS calls: the figures that docs/scale.md calculates with, held as they were measured.

More than these is a loss of scale, and has to be said on that page; fewer is a gain, and the page may say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from remediation_world import API, QUEUE_AGE, SCALE_API, World, api_alarm, world
from spoke_world import Outpost, allow

from alarms.domain.alarm import Mode
from alarms.domain.event import State

# The quotas that are shared by everybody in an account, and the calls that count against them.
SCARCE = ("DescribeAlarms", "GetParameter", "LookupEvents", "CreateSchedule", "AssumeRole")


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def cost(story: World, seconds: float = 60) -> Counter[str]:
    """Deliver what comes within a while; return the handlers' calls by operation."""
    start = len(story.calls)
    story.wait(seconds)
    return Counter(call.operation for call in story.calls[start:])


def scarce(found: Counter[str]) -> dict[str, int]:
    return {name: found[name] for name in SCARCE if found[name]}


def test_a_message_without_a_row_is_one_read_and_one_line_of_the_journal(story: World) -> None:
    story.apply(api_alarm())
    key = {"alarm": {"S": api_alarm().key}, "version": {"S": "current"}}
    story.client("dynamodb").delete_item(TableName="tocsin-dev-catalogue", Key=key)
    story.pump()
    story.ring(API)

    assert cost(story) == {"GetItem": 1, "TransactWriteItems": 1}


def test_a_copy_of_a_message_asks_nothing_of_what_is_scarce(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    story.ring(API)
    records = story.receive()
    for record in records:
        story.handle([dict(record)])
    start = len(story.calls)
    for record in records:
        story.handle([dict(record)])

    assert scarce(Counter(call.operation for call in story.calls[start:])) == {}


def test_what_is_only_observed_costs_two_looks_at_alarms_and_one_at_the_switch(story: World) -> None:
    """One of the looks, and the one at CloudTrail, are the diagnosis'."""
    story.apply(api_alarm(replace(SCALE_API, mode=Mode.OBSERVE)))
    story.pump()
    story.ring(API)

    found = cost(story)
    assert scarce(found) == {"DescribeAlarms": 2, "GetParameter": 1, "LookupEvents": 1}
    assert found.total() <= 32


def test_a_change_reads_the_switch_once_more_and_sets_one_schedule(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    story.ring(API)

    found = cost(story)
    assert scarce(found) == {"DescribeAlarms": 2, "GetParameter": 2, "LookupEvents": 1, "CreateSchedule": 1}
    assert found.total() <= 38


def test_alarms_of_one_service_that_ring_together_are_planned_together(story: World) -> None:
    """The second alarm adds a diagnosis of its own, and no look at the switch."""
    story.apply(api_alarm())
    story.apply(replace(api_alarm(), name=QUEUE_AGE, row="image-processing/sqs/oldest-message-age"))
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)

    assert scarce(cost(story)) == {"DescribeAlarms": 3, "GetParameter": 2, "LookupEvents": 2, "CreateSchedule": 1}


def test_a_spoke_costs_two_sessions_more_and_its_alarms_are_asked_there(story: World) -> None:
    """One to look, kept for minutes, and one for each run. The list is read once a minute at most."""
    spoke = Outpost(story, "222222222222", "eu-west-1")
    allow(story, spoke)
    spoke.apply(spoke.alarm())
    story.pump()
    spoke.state(API, State.ALARM)

    found = cost(story)
    assert scarce(found) == {"DescribeAlarms": 2, "GetParameter": 2, "LookupEvents": 1, "CreateSchedule": 1, "AssumeRole": 2}
    places = {(call.account, call.operation) for call in story.calls}
    assert ("123456789012", "DescribeAlarms") not in places


def test_nothing_is_counted_where_nothing_is_changed(story: World) -> None:
    """What counts all runs of an account or of everything is written by changes alone, and their number is limited."""
    story.apply(api_alarm(replace(SCALE_API, mode=Mode.OBSERVE)))
    story.pump()
    for _ in range(3):
        story.ring(API)
        story.wait(60)
        story.recover(API)
        story.wait(60)

    items = story.client("dynamodb").scan(TableName="tocsin-dev-history")["Items"]
    assert not [item for item in items if item["pk"]["S"].startswith("bound#")]


def test_a_storm_writes_its_mark_once_a_minute_and_not_once_an_alarm(story: World) -> None:
    """Everything of a stage reads that item; a thousand alarms a second must not write it."""
    names = [f"service-{number}" for number in range(12)]
    others = [
        replace(api_alarm(), name=f"tocsin/dev/{name}/ecs/cpu-high/x", row=f"{name}/ecs/cpu-high", service=name) for name in names
    ]
    for alarm in others:
        story.apply(alarm)
    story.pump()
    for alarm in others:
        story.ring(alarm.name)
    start = len(story.calls)
    story.wait(120)

    marks = [call for call in story.calls[start:] if call.operation == "UpdateItem" and call.params["Key"]["sk"]["S"] == "storm"]
    assert "storm" in story.reasons()
    assert len(marks) <= 3
