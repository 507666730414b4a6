"""What remediation says of itself in numbers, counted from the very entries of its audit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from remediation_world import ACCOUNT, API, REGION, SCALE_API, World, api_alarm, world

from alarms.domain.alarm import Mode
from remediators import handler
from remediators.bootstrap import CannotRun
from remediators.telemetry import acted
from remediators.timers import Timer, TimerKind


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def counts(story: World) -> dict[str, float]:
    return {name: sum(values) for name, values in acted(story.audit).values.items()}


def test_a_change_that_helps_and_is_given_back_counts_once_each_however_often_it_is_delivered(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(120, copies=3)
    story.recover(API)
    story.wait(3000, copies=3)
    assert counts(story) == {"Changed": 1, "Helped": 1, "GivenBack": 1}


def test_a_change_that_does_not_help_calls_people(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(2400)
    found = counts(story)
    assert (found["Changed"], found["NotHelped"], found["Escalated"]) == (1, 1, 1)


def test_a_no_is_counted_by_its_reason(story: World) -> None:
    story.apply(api_alarm(replace(SCALE_API, mode=Mode.OBSERVE)))
    story.ring(API)
    story.wait(120, copies=2)
    assert acted(story.audit).refused == {"mode-observe": 1}
    assert counts(story) == {"Refused": 1}


def test_each_sweep_beats_and_what_it_found_counts_once(story: World) -> None:
    """Found ringing without a message, it is told by one sweep and taken up by another: one lost edge."""
    story.apply(api_alarm())
    story.ring(API)
    lost = story.receive()
    for record in lost:
        story.client("sqs").delete_message(QueueUrl=story.commands_url, ReceiptHandle=record["receiptHandle"])
    story.wait(180)
    for _ in range(3):
        text = json.dumps(Timer(TimerKind.SWEEP, f"{ACCOUNT}/{REGION}").to_document())
        story.client("sqs").send_message(QueueUrl=story.commands_url, MessageBody=text)
        story.pump()
        story.wait(300, step=60)
    found = counts(story)
    assert lost
    assert (found["Swept"], found["SweepFound"], found["Changed"]) == (3, 1, 1)


def test_remediators_that_cannot_start_still_say_how_many_records_they_left(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(handler, "_built", {})
    with pytest.raises(CannotRun, match="TOCSIN_HISTORY_TABLE"):
        handler.handler({"Records": [{"messageId": "1", "body": "{}"}]}, None)
    (line,) = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert (line["Function"], line["Failed"]) == ("remediators", 1)
