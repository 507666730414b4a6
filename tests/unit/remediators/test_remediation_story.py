"""Stories of remediation, from a ring to what was given back, told on the embedded AWS in virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from remediation_world import API, CONSUMER_RESOURCE, QUEUE_AGE, World, api_alarm, queue_alarm, world


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
