"""Month-end's floor: the crons, expanded month by month, are what a calendar says."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms import yaml_door
from alarms.domain.errors import BadInput
from infra.aws.platform.month_end import MonthEnd, ScheduledAction, hours_a_month, scheduled_actions
from infra.local.schedule_expressions import parse
from infra.written import Node
from remediators.surge.expected_days import expected

ZONES = ("Asia/Seoul", "UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu")
plans = st.builds(
    MonthEnd,
    zone=st.sampled_from(ZONES),
    days=st.integers(1, 15),
    lead_s=st.integers(0, 48 * 60).map(lambda minutes: minutes * 60),
    tail_s=st.integers(0, 48 * 60).map(lambda minutes: minutes * 60),
    floors=st.just({"image-api": 8}),
)


def due(actions: tuple[ScheduledAction, ...], zone: str, year: int, month: int, least: int) -> list[datetime]:
    """Return when actions that set ``least`` fire from the 10th of a month to the 10th of the next."""
    start = datetime(year, month, 10, tzinfo=UTC)
    end = (start + timedelta(days=31)).replace(day=10)
    found = []
    for action in actions:
        moment = parse(action.schedule, zone).next_after(start)
        while action.least == least and moment is not None and moment <= end:
            found.append(moment)
            moment = parse(action.schedule, zone).next_after(moment)
    return found


def wall(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@settings(deadline=None, max_examples=60)
@given(plan=plans, year=st.integers(2026, 2053), month=st.integers(1, 12))
def test_in_every_month_the_floor_rises_once_ahead_of_the_last_days_and_falls_once_after(
    plan: MonthEnd, year: int, month: int
) -> None:
    """By a clock on the wall, whatever the month's length, a leap year or a change of clocks.

    The time may be moved away from an hour that the zone's clocks skip somewhere, never to the wrong side.
    """
    last = calendar.monthrange(year, month)[1]
    actions = scheduled_actions(plan, "image-api", 2)

    (up,) = due(actions, plan.zone, year, month, 8)
    (down,) = due(actions, plan.zone, year, month, 2)

    latest = datetime(year, month, last - plan.days + 1) - timedelta(seconds=plan.lead_s)  # noqa: DTZ001 - what a wall shows
    earliest = datetime(year, month, last) + timedelta(days=1, seconds=plan.tail_s)  # noqa: DTZ001 - what a wall shows
    assert latest - timedelta(minutes=75) <= wall(up, plan.zone) <= latest
    assert earliest <= wall(down, plan.zone) <= earliest + timedelta(minutes=75)


@settings(deadline=None, max_examples=25)
@given(plan=plans)
def test_no_action_stands_at_a_time_that_the_clocks_skip(plan: MonthEnd) -> None:
    """Such an action would not run at all that month."""
    for year in (2026, 2028, 2031):
        for month in range(1, 13):
            for least in (8, 2):
                (moment,) = due(scheduled_actions(plan, "image-api", 2), plan.zone, year, month, least)
                shown = wall(moment, plan.zone)
                crons = [a.schedule[5:-1].split() for a in scheduled_actions(plan, "image-api", 2) if a.least == least]
                assert any((shown.minute, shown.hour) == (int(cron[0]), int(cron[1])) for cron in crons)


@pytest.mark.parametrize(("year", "month", "day"), [(2026, 1, 29), (2026, 4, 28), (2027, 2, 26), (2028, 2, 27), (2100, 2, 26)])
def test_the_last_three_days_begin_where_the_calendar_says(year: int, month: int, day: int) -> None:
    plan = MonthEnd(zone="Asia/Seoul", days=3, lead_s=2 * 3600, floors={"image-api": 8})

    (up,) = due(scheduled_actions(plan, "image-api", 2), "Asia/Seoul", year, month, 8)

    assert up == datetime(year, month, day, 0, 0, tzinfo=ZoneInfo("Asia/Seoul")) - timedelta(hours=2)


@settings(deadline=None, max_examples=60)
@given(days=st.integers(1, 15), when=st.dates(date(2026, 1, 1), date(2053, 12, 31)))
def test_the_floor_stands_on_every_day_on_which_tocsin_expects_a_rise(days: int, when: date) -> None:
    """A diagnosis that says "expected" and a floor that does not stand yet would contradict each other."""
    plan = MonthEnd(zone="Asia/Seoul", days=days, lead_s=0, floors={"image-api": 8})
    noon = datetime(when.year, when.month, when.day, 3, 0, tzinfo=UTC)
    fired = [
        (moment, action.least)
        for action in scheduled_actions(plan, "image-api", 2)
        if (moment := parse(action.schedule, plan.zone).next_after(noon))
    ]

    _, following = min(fired)

    assert (following == 2) is bool(expected([f"month-end {days} d"], "+09:00", noon))


def test_every_expression_is_one_that_application_auto_scaling_takes() -> None:
    """Six fields, one of the two days unsaid, at most 1,600 characters, no form that its dialect lacks."""
    plan = MonthEnd(floors={"image-api": 8})
    for action in scheduled_actions(plan, "image-api", 2):
        fields = action.schedule.removeprefix("cron(").removesuffix(")").split()
        assert len(fields) == 6
        assert fields[4] == "?"
        assert "L-" not in action.schedule
        assert len(action.schedule) <= 1600


def test_a_time_that_clocks_skip_is_moved_away_from_the_rise() -> None:
    """Berlin's clocks skip 02:00 to 03:00 on a last Sunday of March, which may be the 29th; the 29th of March 2026 is one."""
    plan = MonthEnd(zone="Europe/Berlin", days=2, lead_s=int(21.5 * 3600), floors={"image-api": 8})

    (up,) = due(scheduled_actions(plan, "image-api", 2), plan.zone, 2026, 3, 8)

    assert wall(up, plan.zone) == datetime(2026, 3, 29, 1, 45)  # noqa: DTZ001 - what a wall shows


def test_a_service_without_a_floor_has_no_schedule() -> None:
    assert scheduled_actions(MonthEnd(floors={"image-api": 8}), "image-consumer", 1) == ()


def test_the_floor_stands_for_as_long_as_is_said() -> None:
    assert hours_a_month(MonthEnd(days=3, lead_s=2 * 3600, tail_s=4 * 3600)) == 78


def read(folder: Path, text: str) -> MonthEnd:
    (folder / "month.yaml").write_text(text, "utf-8")
    document = yaml_door.read_path(folder / "month.yaml")
    return MonthEnd.read(Node(document.value, document.spot))


def test_it_is_read_from_the_stages_file(tmp_path: Path) -> None:
    said = "time_zone: Europe/Berlin\ndays: 2\nlead: 90 m\ntail: 4 h\nfloor: {image-api: 6}\n"

    assert read(tmp_path, said) == MonthEnd("Europe/Berlin", 2, 5400, 14400, {"image-api": 6})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("time_zone: Seoul\n", "month.yaml:1:12: time_zone: a time zone like Asia/Seoul, not 'Seoul'"),
        ("days: 16\n", "month.yaml:1:7: days: a whole number from 1 to 15, not 16"),
        ("lead: 90 s\n", "month.yaml:1:7: lead: whole minutes, like 90 m, not '90 s'"),
        ("floor: {image-apy: 8}\n", "floor.image-apy: unknown key; did you mean image-api?"),
        ("floor: {image-api: 0}\n", "floor.image-api: a whole number from 1 to 5000, not 0"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path: Path, said: str, told: str) -> None:
    with pytest.raises(BadInput) as failure:
        read(tmp_path, said)

    assert told in str(failure.value)
    assert "\n" not in str(failure.value)
