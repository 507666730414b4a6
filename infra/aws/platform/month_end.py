"""The month's end, when traffic rises: a floor of tasks ahead of it, as scheduled actions of Application Auto Scaling. Pure.

A scheduled action is a cron of six fields in a time zone. Its dialect knows the last day of a month (``L``) but no "two days
before the last", so the last n days begin on a fixed day for each length of a month, and February is written once for leap
years and once for the others. [Application Auto Scaling user guide, recurring scaling actions; EventBridge cron reference]
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from infra.written import Node

YEARS = range(2024, 2200)  # the dialect ends with 2199
LONGEST_DAYS = 15  # of `expected: [month-end n d]` too
GAP_YEARS = 30  # a zone's changes to its clocks are looked at so many years ahead
QUARTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """When the floor stands: from ``lead_s`` before the last ``days`` days of a month until ``tail_s`` after it, in ``zone``.

    ``floors`` are the least tasks of each service meanwhile, by its name.
    """

    zone: str = "Asia/Seoul"
    days: int = 3
    lead_s: int = 2 * 3600
    tail_s: int = 0
    floors: Mapping[str, int] = field(default_factory=dict)

    @staticmethod
    def read(node: Node) -> MonthEnd:
        """Read the section ``month_end``."""
        said, usual = node.fields("time_zone", "days", "lead", "tail", "floor"), MonthEnd()
        floors = said["floor"].fields("image-api", "image-consumer") if "floor" in said else {}
        return MonthEnd(
            zone=said["time_zone"].zone() if "time_zone" in said else usual.zone,
            days=said["days"].count(1, LONGEST_DAYS) if "days" in said else usual.days,
            lead_s=_minutes(said["lead"]) if "lead" in said else usual.lead_s,
            tail_s=_minutes(said["tail"]) if "tail" in said else usual.tail_s,
            floors={name: floor.count() for name, floor in floors.items()},
        )


@dataclass(frozen=True, slots=True)
class ScheduledAction:
    """One scheduled action: its name within the service, the cron and its time zone, and the least tasks from then on."""

    name: str
    schedule: str
    zone: str
    least: int


def scheduled_actions(plan: MonthEnd, service: str, usual: int) -> tuple[ScheduledAction, ...]:
    """Return what raises ``service`` to its floor each month and lowers it to ``usual`` again; () without a floor."""
    floor = plan.floors.get(service)
    if floor is None:
        return ()
    up = _crons(plan.zone, timedelta(days=-plan.days, seconds=-plan.lead_s), -QUARTER)
    down = _crons(plan.zone, timedelta(seconds=plan.tail_s), QUARTER)
    return (
        *(ScheduledAction(f"month-end-up-{name}", cron, plan.zone, floor) for name, cron in up),
        *(ScheduledAction(f"month-end-down-{name}", cron, plan.zone, usual) for name, cron in down),
    )


def hours_a_month(plan: MonthEnd) -> float:
    """Return for how many hours of a month the floor stands."""
    return plan.days * 24 + (plan.lead_s + plan.tail_s) / 3600


def _crons(zone: str, offset: timedelta, step: timedelta) -> Iterator[tuple[str, str]]:
    """Yield a name and a cron for each group of months in which ``offset`` from the month's end is the same day and time.

    A time that the zone's clocks skip somewhere is moved by ``step`` until they do not: a skipped action would not run at
    all. [EventBridge Scheduler user guide, daylight saving time]
    """
    while _skipped(zone, offset):
        offset += step
    if offset >= timedelta(0):
        at = datetime(YEARS[0], 1, 1, tzinfo=UTC) + offset
        yield "every-month", f"cron({at.minute} {at.hour} {at.day} * ? *)"
        return
    leap = [year for year in YEARS if calendar.isleap(year)]
    rest = [year for year in YEARS if not calendar.isleap(year)]
    groups: tuple[tuple[str, list[int], list[int] | None], ...] = (
        ("31", [1, 3, 5, 7, 8, 10, 12], None),
        ("30", [4, 6, 9, 11], None),
        ("29", [2], leap),
        ("28", [2], rest),
    )
    for name, months, years in groups:
        at = _begins(years[0] if years else YEARS[0], months[0], offset)
        told = "*" if years is None else _listed(years)
        yield f"{name}-days", f"cron({at.minute} {at.hour} {at.day} {_listed(months)} ? {told})"


@lru_cache(maxsize=1024)
def _skipped(zone: str, offset: timedelta) -> bool:
    """Tell whether the clocks of ``zone`` skip the time at ``offset`` from the end of any month of the coming years."""
    place = ZoneInfo(zone)
    for year in YEARS[:GAP_YEARS]:
        for month in range(1, 13):
            wall = _begins(year, month, offset)
            if wall.replace(tzinfo=place).astimezone(UTC).astimezone(place).replace(tzinfo=UTC) != wall:
                return True
    return False


def _begins(year: int, month: int, offset: timedelta) -> datetime:
    """Return the wall time at ``offset`` from the end of a month (UTC stands for no zone)."""
    end = datetime(year, month, 1, tzinfo=UTC) + timedelta(days=calendar.monthrange(year, month)[1])
    return end + offset


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(map(str, numbers))


def _minutes(node: Node) -> int:
    """Read a duration of whole minutes: a cron knows no seconds."""
    seconds = node.seconds()
    if seconds % 60:
        raise node.fail("whole minutes, like 90 m")
    return int(seconds)
