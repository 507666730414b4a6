"""When something is due: ``at(…)``, ``rate(…)``, ``cron(…)`` in AWS's dialect, in a time zone. Pure.

Used by EventBridge Scheduler and by Application Auto Scaling's scheduled actions. Cron has six fields (minute, hour, day of
month, month, day of week, year) with ``* , - / ? L W #``; exactly one of the two day fields is ``?``.
[EventBridge Scheduler user guide, schedule types]
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")  # 1 is Sunday
_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_LONGEST_SEARCH_DAYS = 366 * 9  # the 29th of February may be eight years away


class ScheduleError(ValueError):
    """The expression is none."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A readable expression. ``once`` tells an ``at`` from what comes again."""

    text: str
    once: bool
    _next: Callable[[datetime], datetime | None]

    def next_after(self, moment: datetime) -> datetime | None:
        """Return the first due time later than ``moment`` (UTC); None when there is none."""
        return self._next(moment)


def parse(text: str, zone: str = "UTC", start: datetime | None = None) -> Schedule:
    """Read an expression; ``zone`` is an IANA name, ``start`` where a rate begins. ScheduleError when it is none."""
    match = re.fullmatch(r"(at|rate|cron)\((.*)\)", text)
    if match is None:
        raise ScheduleError(f"Invalid Schedule Expression {text}.")
    place = _zone(zone)
    kind, body = match.group(1), match.group(2)
    try:
        if kind == "at":
            return _at(text, body, place)
        if kind == "rate":
            return _rate(text, body, start)
        return _cron(text, body, place)
    except ValueError:
        raise ScheduleError(f"Invalid Schedule Expression {text}.") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(f"The timezone {name} is not valid.") from None


def _at(text: str, body: str, zone: ZoneInfo) -> Schedule:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", body):
        raise ValueError(body)
    due = datetime.fromisoformat(body).replace(tzinfo=zone).astimezone(UTC)
    return Schedule(text, True, lambda moment: due if due > moment else None)


def _rate(text: str, body: str, start: datetime | None) -> Schedule:
    match = re.fullmatch(r"([1-9]\d*) (minute|hour|day)s?", body)
    if match is None:
        raise ValueError(body)
    step = int(match.group(1)) * _UNITS[match.group(2)]

    def following(moment: datetime) -> datetime:
        begin = start or moment
        passed = (moment - begin).total_seconds()
        return begin + timedelta(seconds=(passed // step + 1) * step) if passed >= 0 else begin

    return Schedule(text, False, following)


def _cron(text: str, body: str, zone: ZoneInfo) -> Schedule:
    fields = body.split()
    if len(fields) != 6 or (fields[2] == "?") == (fields[4] == "?"):
        raise ValueError(body)
    minutes, hours = _values(fields[0], 0, 59), _values(fields[1], 0, 23)
    months, years = _values(fields[3], 1, 12, MONTHS), _values(fields[5], 1970, 2199)
    fits = _day_of_month(fields[2]) if fields[2] != "?" else _day_of_week(fields[4])

    def day_fits(day: date) -> bool:
        return day.year in years and day.month in months and fits(day)

    times = [(hour, minute) for hour in sorted(hours) for minute in sorted(minutes)]
    return Schedule(text, False, lambda moment: _search(moment, zone, day_fits, times))


def _search(
    moment: datetime, zone: ZoneInfo, day_fits: Callable[[date], bool], times: Sequence[tuple[int, int]]
) -> datetime | None:
    day = moment.astimezone(zone).date()
    for _ in range(_LONGEST_SEARCH_DAYS):
        if day_fits(day):
            for hour, minute in times:
                due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
                if due > moment:
                    return due
        day += timedelta(days=1)
    return None


def _values(text: str, low: int, high: int, names: Sequence[str] = ()) -> frozenset[int]:
    """Read one field of numbers: ``*``, ``5``, ``1-5``, ``*/15``, ``10-50/20``, joined by commas."""
    found: set[int] = set()
    for part in text.upper().split(","):
        span, _, step = part.partition("/")
        start, end = _span(span, low, high, names, open_end=bool(step))
        if not low <= start <= end <= high:
            raise ValueError(part)
        found.update(range(start, end + 1, int(step) if step else 1))
    return frozenset(found)


def _span(text: str, low: int, high: int, names: Sequence[str], *, open_end: bool) -> tuple[int, int]:
    if text == "*":
        return low, high
    first, dash, last = text.partition("-")
    start = _number(first, names)
    if dash:
        return start, _number(last, names)
    return start, high if open_end else start


def _number(text: str, names: Sequence[str]) -> int:
    return names.index(text) + 1 if text in names else int(text)


def _day_of_month(text: str) -> Callable[[date], bool]:
    if text == "L":
        return lambda day: day.day == _last(day)
    if text == "LW":
        return lambda day: day == _nearest_weekday(day.replace(day=_last(day)))
    if text.endswith("W"):
        number = int(text[:-1])
        return lambda day: number <= _last(day) and day == _nearest_weekday(day.replace(day=number))
    days = _values(text, 1, 31)
    return lambda day: day.day in days


def _day_of_week(text: str) -> Callable[[date], bool]:
    text = text.upper()
    if "#" in text:
        name, _, turn = text.partition("#")
        wanted, number = _number(name, DAYS), int(turn)
        return lambda day: _weekday(day) == wanted and (day.day - 1) // 7 + 1 == number
    if text == "L":
        return lambda day: _weekday(day) == 7
    if text.endswith("L") and len(text) > 1:
        last = _number(text[:-1], DAYS)
        return lambda day: _weekday(day) == last and day.day + 7 > _last(day)
    days = _values(text, 1, 7, DAYS)
    return lambda day: _weekday(day) in days


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _last(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date) -> date:
    """Return the weekday nearest to ``day`` in the same month."""
    weekday = day.isoweekday()
    if weekday == 6:
        return day - timedelta(days=1) if day.day > 1 else day + timedelta(days=2)
    if weekday == 7:
        return day + timedelta(days=1) if day.day < _last(day) else day - timedelta(days=2)
    return day
