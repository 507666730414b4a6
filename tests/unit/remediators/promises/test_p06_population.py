"""P6: when many services ring at once the cause lies outside each of them: nothing is changed until the storm is over."""

from __future__ import annotations

import pytest
from remediation_world import API, World, api_alarm

from alarms.domain.bounds import Bounds, Storm

BOUNDS = Bounds(storm=Storm(services=2, cool_down_s=900))


def neighbours(told: World, count: int) -> list[str]:
    """Deploy an alarm without any policy in each of ``count`` other services."""
    names = [f"tocsin/dev/neighbour-{number}/ecs/cpu-high/n" for number in range(count)]
    for number, name in enumerate(names):
        told.apply(api_alarm(name=name, service=f"neighbour-{number}", row=f"neighbour-{number}/ecs/cpu-high", bounds=BOUNDS))
    return names


@pytest.fixture
def stormy(story: World) -> World:
    story.apply(api_alarm(bounds=BOUNDS))
    story.pump()
    return story


def test_a_storm_changes_nothing_and_says_so(stormy: World) -> None:
    stormy.switch(policies={f"neighbour-{number}/ecs/cpu-high": {"mode": "observe"} for number in range(3)})
    for name in neighbours(stormy, 3):
        stormy.ring(name)
    stormy.ring(API)
    stormy.wait(120)

    assert stormy.changes() == []
    assert "storm" in stormy.reasons()


def test_one_ringing_neighbour_is_no_storm(stormy: World) -> None:
    stormy.switch(policies={"neighbour-0/ecs/cpu-high": {"mode": "observe"}})
    for name in neighbours(stormy, 1):
        stormy.ring(name)
    stormy.ring(API)
    stormy.wait(120)

    assert [value for _, value in stormy.changes()] == [6]


def test_a_storm_has_to_be_over_for_a_while(stormy: World) -> None:
    stormy.switch(policies={f"neighbour-{number}/ecs/cpu-high": {"mode": "observe"} for number in range(3)})
    names = neighbours(stormy, 3)
    for name in names:
        stormy.ring(name)
    stormy.ring(API)
    stormy.wait(60)
    for name in names:
        stormy.recover(name)
    stormy.recover(API)
    stormy.wait(60)
    stormy.ring(API)
    stormy.wait(120)

    assert stormy.changes() == []
    assert stormy.reasons()[-1] == "storm"
