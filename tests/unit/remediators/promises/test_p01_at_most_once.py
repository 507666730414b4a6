"""P1: at most one execution for each policy, resource and episode, however the messages come."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st
from remediation_world import API, World, api_alarm, world

from alarms.domain.event import State


def rung(told: World) -> list[dict[str, object]]:
    """Let the alarm ring and take its message off the queue without handling it."""
    told.apply(api_alarm())
    told.pump()
    told.ring(API)
    return told.receive()


def test_ten_copies_of_each_message_are_one_change(story: World) -> None:
    story.apply(api_alarm())
    story.ring(API)
    story.wait(120, copies=10)
    story.recover(API)
    story.wait(2400, copies=10, step=60)

    assert [value for _, value in story.changes()] == [6, 4]


def test_a_copy_that_comes_an_hour_later_changes_nothing(story: World) -> None:
    (record,) = rung(story)
    story.handle([dict(record)])
    story.wait(3600, step=60)
    before = story.changes()
    story.handle([dict(record)])
    story.wait(300)

    assert story.changes() == before
    assert "duplicate" in story.reasons()


def test_an_ok_that_overtook_its_alarm_leaves_nothing_to_do(story: World) -> None:
    (alarm,) = rung(story)
    story.state(API, State.OK)
    (ok,) = story.receive()
    for record in (ok, alarm):
        story.handle([dict(record)])
    story.wait(300)

    assert story.changes() == []


def test_workers_at_the_same_moment_are_one_change(story: World) -> None:
    """Each call is atomic and between calls anything may happen: twelve threads take the one message together."""
    (record,) = rung(story)
    together = threading.Barrier(12)

    def work() -> None:
        together.wait()
        story.app.handle({"Records": [dict(record)]}, None, story.now)

    workers = [threading.Thread(target=work) for _ in range(12)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    story.wait(120)

    assert [value for _, value in story.changes()] == [6]
    assert story.phases().count("acted") == 1


@settings(max_examples=12, deadline=None)
@given(st.permutations(range(6)), st.integers(1, 3))
def test_in_whatever_order_three_episodes_arrive_none_is_acted_on_twice(order: list[int], copies: int) -> None:
    with world() as told:
        told.apply(api_alarm(settle_s=0))
        told.pump()
        records = []
        for _ in range(3):
            for state in (State.ALARM, State.OK):
                told.state(API, state)
                records += told.receive()
                told.aws.clock.advance(30)
        told.state(API, State.ALARM)  # it rings now, so that nothing is refused for having recovered
        told.receive()
        for place in order:
            for _ in range(copies):
                told.handle([dict(records[place])])
        episodes = [entry["episode"] for entry in told.audit if entry.get("phase") == "acted"]

        assert len(episodes) == len(set(episodes))
        assert len(told.changes()) <= 1  # the cooldown holds the others
