"""The process dies after any of its calls: the work is resumed or given back, never blindly repeated (P3)."""

from __future__ import annotations

from dataclasses import replace

from remediation_world import SCALE_API, World, api_alarm, world

from alarms.domain.alarm import Revert
from alarms.domain.bounds import Bounds, Limit, Scope

OFTEN = {
    "limits": (Limit(1000, 86400),),
    "cooldown_s": 0,
    "verify_within_s": 600,
    "revert": Revert(after_ok_s=300, at_latest_s=1500),
}
WIDE = Bounds(limits={scope: (Limit(1000, 86400),) for scope in Scope})
ROW = api_alarm(replace(SCALE_API, **OFTEN), bounds=WIDE)


def live_through(told: World, name: str, killed_after: int | None) -> None:
    """Let it ring, recover, and take enough time for verify and revert, whatever comes late."""
    told.scale_in()
    told.calls.clear()
    told.handled_at.clear()
    told.kill_after(killed_after)
    told.ring(name)
    told.wait(300, step=30)
    told.recover(name)
    told.wait(2400, step=60)
    told.kill_after(None)


def test_whatever_call_is_the_last_the_floor_rises_once_and_comes_back() -> None:
    """Killed after each call that leaves a state of its own: the floor rose once and came back once, and people heard of both.

    From the first event on: what follows an intent is lived through for each action in ``test_action_crashes.py``.
    """
    with world() as told:
        told.apply(ROW)
        told.pump()
        live_through(told, ROW.name, None)
        points = told.crash_points()
        assert len(points) > 20

        for k in points:
            live_through(told, ROW.name, k)

            last = f"killed after call {k}, {[call.operation for call in told.calls[k : k + 1]]}"
            assert [value for _, value in told.changes()] == [6, 4], last
            assert told.floor() == 4, last
            assert told.phases() == ["acted", "helped", "reverted"], last
