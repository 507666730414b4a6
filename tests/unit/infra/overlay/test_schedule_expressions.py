"""at, rate and cron as AWS writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.schedule_expressions import ScheduleError, parse

NOW = datetime(2026, 10, 15, 12, 0, tzinfo=UTC)  # a Thursday


def next_times(text: str, zone: str = "UTC", count: int = 3) -> list[str]:
    schedule, moment, found = parse(text, zone), NOW, []
    for _ in range(count):
        following = schedule.next_after(moment)
        if following is None:
            break
        moment = following
        found.append(moment.strftime("%Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("at(2026-10-31T22:00:00)", "Asia/Seoul", ["2026-10-31 13:00"]),
        ("at(2020-01-01T00:00:00)", "UTC", []),
        ("cron(0 22 L * ? *)", "Asia/Seoul", ["2026-10-31 13:00", "2026-11-30 13:00", "2026-12-31 13:00"]),
        ("cron(0/30 9-10 ? * MON-FRI *)", "UTC", ["2026-10-16 09:00", "2026-10-16 09:30", "2026-10-16 10:00"]),
        ("cron(15 10 ? * 6L *)", "UTC", ["2026-10-30 10:15", "2026-11-27 10:15", "2026-12-25 10:15"]),
        ("cron(0 8 ? * 2#1 *)", "UTC", ["2026-11-02 08:00", "2026-12-07 08:00", "2027-01-04 08:00"]),
        ("cron(0 8 LW * ? *)", "UTC", ["2026-10-30 08:00", "2026-11-30 08:00", "2026-12-31 08:00"]),
        ("cron(0 8 1W * ? *)", "UTC", ["2026-11-02 08:00", "2026-12-01 08:00", "2027-01-01 08:00"]),
        ("cron(0 0 29 2 ? *)", "UTC", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("cron(0 0 1 JAN,JUL ? 2027)", "UTC", ["2027-01-01 00:00", "2027-07-01 00:00"]),
    ],
)
def test_it_is_due_when_aws_says(text: str, zone: str, expected: list[str]) -> None:
    """In UTC, whatever the zone; nothing after the last year."""
    assert next_times(text, zone) == expected


def test_a_rate_counts_from_its_start() -> None:
    """Not from whenever it is asked."""
    schedule = parse("rate(15 minutes)", "UTC", NOW)
    assert schedule.next_after(NOW + timedelta(minutes=20)) == NOW + timedelta(minutes=30)


@pytest.mark.parametrize(
    "text",
    [
        "at(garbage)",
        "at(2026-13-01T00:00:00)",
        "at(2026-10-31 22:00:00)",
        "at(2026-10-31T22:00:00Z)",
        "rate(0 minutes)",
        "rate(5 weeks)",
        "cron(0 22 L * ?)",
        "cron(0 22 * * * *)",
        "cron(0 22 ? * ? *)",
        "cron(60 22 * * ? *)",
        "cron(0 22 32 * ? *)",
        "cron(0 22 * * ? 1969)",
        "0 22 * * *",
        "",
    ],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    """With the text in the message, as AWS does."""
    with pytest.raises(ScheduleError, match="Invalid Schedule Expression"):
        parse(text)


def test_an_unknown_zone_is_refused() -> None:
    """Not taken for UTC."""
    with pytest.raises(ScheduleError, match="Seoul/Asia"):
        parse("rate(1 day)", "Seoul/Asia")


@settings(deadline=None, max_examples=80)
@given(st.integers(0, 59), st.integers(0, 23), st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_a_daily_cron_is_due_within_a_day_at_its_own_minute(minute: int, hour: int, moment: datetime) -> None:
    """From any moment on."""
    moment = moment.replace(tzinfo=UTC)
    due = parse(f"cron({minute} {hour} * * ? *)").next_after(moment)
    assert due is not None
    assert timedelta(0) < due - moment <= timedelta(days=1)
    assert (due.minute, due.hour) == (minute, hour)


@settings(deadline=None, max_examples=80)
@given(st.text(alphabet="cronatrate()*?LW#/,-0123456789 MONJAN:T", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No other exception, no endless search."""
    try:
        parse(text).next_after(NOW)
    except ScheduleError:
        return
