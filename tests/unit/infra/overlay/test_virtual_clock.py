"""The virtual clock: order, recurrence, and what the process sees of it."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.clock import ALARMS, METERS, Clock

START = datetime(2026, 10, 31, 13, 0, 30, tzinfo=UTC)


def test_what_is_due_at_one_moment_runs_by_order_then_by_arrival() -> None:
    """Metrics are in before alarms are judged, whoever came first."""
    clock, seen = Clock(START), []
    clock.after(10, lambda: seen.append("alarms"), order=ALARMS)
    clock.after(10, lambda: seen.append("first"))
    clock.after(10, lambda: seen.append("second"))
    clock.after(10, lambda: seen.append("meters"), order=METERS)

    clock.advance(10)

    assert seen == ["meters", "first", "second", "alarms"]


def test_every_item_sees_its_own_time() -> None:
    """Advancing by an hour stops at each due moment on the way."""
    clock, seen = Clock(START), []
    clock.every(60, lambda: seen.append(clock.now))
    clock.advance(150)

    assert [moment.strftime("%H:%M:%S") for moment in seen] == ["13:01:00", "13:02:00", "13:03:00"]
    assert clock.now == START + timedelta(seconds=150)


def test_work_put_on_the_agenda_by_work_runs_in_the_same_advance() -> None:
    """A chain of delays plays out."""
    clock, seen = Clock(START), []
    clock.after(1, lambda: clock.after(1, lambda: clock.after(0, lambda: seen.append(clock.now))))
    clock.advance(5)
    assert seen == [START + timedelta(seconds=2)]


def test_a_cancelled_item_never_runs_and_may_cancel_itself() -> None:
    """A recurring item ends when it says so."""
    clock, seen = Clock(START), []
    clock.after(1, lambda: seen.append("never")).cancel()
    recurring = clock.every(10, lambda: (seen.append("tick"), recurring.cancel()))
    clock.advance(60)
    assert seen == ["tick"]
    assert clock.next_due is None


def test_a_callback_cannot_move_time() -> None:
    """Otherwise an item could run before one that is due earlier."""
    clock = Clock(START)
    clock.after(1, lambda: clock.advance(1))
    with pytest.raises(RuntimeError, match="already moving"):
        clock.advance(5)


def test_a_start_without_a_zone_is_refused() -> None:
    """A naive time would be read in the machine's own zone."""
    with pytest.raises(ValueError, match="aware"):
        Clock(datetime(2026, 10, 31))  # noqa: DTZ001 - a naive time is the point


def test_the_process_lives_at_the_virtual_time_and_gets_its_own_back() -> None:
    """Datetime and time agree with the clock, from another zone's start too."""
    clock = Clock(START.astimezone(timezone(timedelta(hours=9))))
    clock.start()
    try:
        clock.advance(90.25)
        assert time.gmtime()[:6] == (2026, 10, 31, 13, 2, 0)
        assert date.today() == clock.now.date()  # noqa: DTZ011 - what the process sees is the point
    finally:
        clock.stop()
    assert time.gmtime()[:6] != (2026, 10, 31, 13, 2, 0)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 100), max_size=20), st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_nothing_is_lost_and_time_never_goes_back(delays: list[int], steps: list[int]) -> None:
    """However the time is cut into steps, each item up to the end runs once, in order of time."""
    clock, seen = Clock(START), []
    for delay in delays:
        clock.after(delay, lambda delay=delay: seen.append((delay, clock.now)))
    for step in steps:
        clock.advance(step)

    assert [delay for delay, _ in seen] == sorted(delay for delay in delays if delay <= sum(steps))
    assert all(now == START + timedelta(seconds=delay) for delay, now in seen)
