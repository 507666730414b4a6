"""The process dies after any of its calls: the work is resumed or given back, never blindly repeated (P3)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from remediation_world import (
    API_RESOURCE,
    CONSUMER_RESOURCE,
    SCALE_API,
    SCALE_CONSUMERS,
    World,
    api_alarm,
    queue_alarm,
    world,
)

from alarms.domain.alarm import Revert
from alarms.domain.bounds import Bounds, Limit, Scope

OFTEN = {
    "limits": (Limit(1000, 86400),),
    "cooldown_s": 0,
    "verify_within_s": 600,
    "revert": Revert(after_ok_s=300, at_latest_s=1500),
}
WIDE = Bounds(limits={scope: (Limit(1000, 86400),) for scope in Scope})
ROWS = {
    "scale-service": (api_alarm(replace(SCALE_API, **OFTEN), bounds=WIDE), API_RESOURCE, 4, 6),
    "scale-consumers": (queue_alarm(replace(SCALE_CONSUMERS, **OFTEN), bounds=WIDE), CONSUMER_RESOURCE, 3, 11),
}


def live_through(told: World, name: str, killed_after: int | None) -> None:
    """Let it ring, recover, and take enough time for verify and revert, whatever comes late."""
    told.scale_in()
    told.rates(sent=100, received=62, deleted=62)
    told.calls.clear()
    told.handled_at.clear()
    told.kill_after(killed_after)
    told.ring(name)
    told.wait(300, step=30)
    told.recover(name)
    told.wait(2400, step=60)
    told.kill_after(None)


@pytest.mark.parametrize("action", ROWS)
def test_whatever_call_is_the_last_the_floor_rises_once_and_comes_back(action: str) -> None:
    """Killed after each call that leaves a state of its own: the floor rose once and came back once, and people heard of both."""
    row, resource, before, after = ROWS[action]
    with world() as told:
        told.apply(row)
        told.pump()
        live_through(told, row.name, None)
        points = told.crash_points()
        assert len(points) > 20

        for k in points:
            live_through(told, row.name, k)

            last = f"killed after call {k}, {[call.operation for call in told.calls[k : k + 1]]}"
            assert [value for _, value in told.changes()] == [after, before], last
            assert told.floor(resource) == before, last
            assert told.phases() == ["acted", "helped", "reverted"], last
