"""One series of an alarm, an alarm that goes away, and two workers that pass each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from remediation_world import API, API_RESOURCE, CONSUMER_RESOURCE, QUEUE_AGE, World, api_alarm, queue_alarm, world


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def of_series(record: dict[str, Any], state: str, previous: str, at: str) -> dict[str, Any]:
    """Return the record as the message of one series of the alarm."""
    envelope = json.loads(record["body"])
    changed = {"NewStateValue": state, "OldStateValue": previous, "StateChangeTime": at, "AlarmContributorId": "00c0ffee00c0ffee"}
    message = json.dumps({**json.loads(envelope["Message"]), **changed})
    return {**record, "messageId": f"series-{state}", "body": json.dumps({**envelope, "Message": message})}


def test_a_series_that_recovered_has_been_helped_although_the_alarm_rings_for_another(story: World) -> None:
    """The alarm itself stays in ALARM as long as any series does: only the series' own messages tell of it."""
    story.apply(api_alarm(settle_s=0))
    story.pump()
    story.ring(API)
    (record,) = story.receive()
    rang = f"{story.now:%Y-%m-%dT%H:%M:%S}.000+0000"
    story.handle([of_series(record, "ALARM", "OK", rang)])
    assert story.floor() == 6
    story.aws.clock.advance(120)
    story.handle([of_series(record, "OK", "ALARM", f"{story.now:%Y-%m-%dT%H:%M:%S}.000+0000")])
    for _ in range(3):  # without the whole alarm's own message, which is still in flight
        story.aws.clock.advance(10)
        story.handle([found for found in story.receive() if "tocsin.timer" in found["body"]])

    assert story.phases() == ["acted", "helped"]


def test_an_alarm_that_is_deleted_gives_back_at_the_latest(story: World) -> None:
    """No OK will ever come: the floor goes back all the same, and nobody takes the silence for a recovery."""
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)
    story.client("cloudwatch").delete_alarms(AlarmNames=[API])
    story.wait(5 * 3600, step=300)
    assert story.floor() == 6
    story.wait(2 * 3600, step=300)

    assert story.floor() == 4
    assert story.phases()[-1] == "reverted"


def test_an_alarm_covered_by_a_run_that_was_verified_meanwhile_is_decided_anew(story: World) -> None:
    """Verified between this worker's look and its writing "covered": nobody else would come back to it."""
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(QUEUE_AGE)
    story.wait(60)
    assert story.floor(CONSUMER_RESOURCE) == 11
    story.ring(API)
    story.pump()
    story.aws.clock.advance(20)
    history = story.app._ports.history
    decided = type(history).decided

    def overtaken(known: Any, service: str, episode: Any, *, covered_by: str = "") -> bool:
        run = known.run(covered_by)
        known.release(run)  # what the other worker's verify does before it looks for those it covered
        return decided(known, service, episode, covered_by=covered_by)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(history), "decided", overtaken)
        story.handle(story.receive())
    story.wait(60)

    assert story.floor(API_RESOURCE) == 6
