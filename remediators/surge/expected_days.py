"""Days on which a rise of traffic is expected, as a row writes them. Pure.

``month-end 3 d`` (the last three days of every month), ``month-start 2 d``, ``2026-11-27`` or ``2026-11-24..2026-11-30``.
Days are those of the stated offset from UTC (``+09:00``), not of the machine.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

_MONTHLY = re.compile(r"month-(end|start) (\d{1,2}) d")
_DATES = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))?")
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")


def problem(entries: Iterable[str], offset: str) -> str | None:
    """Return what cannot be read, None when all can."""
    if not _OFFSET.fullmatch(offset) or int(offset[1:3]) > 14 or int(offset[4:]) > 59:
        return f"utc_offset {offset!r} is not of the form +09:00"
    for entry in entries:
        try:
            _holds(entry, date(2026, 1, 1))
        except ValueError:
            return f"expected {entry!r} is none of `month-end 3 d`, `month-start 2 d`, `2026-11-27`, `2026-11-24..2026-11-30`"
    return None


def expected(entries: Iterable[str], offset: str, now: datetime) -> str:
    """Return the first entry that today falls into, "" for none."""
    day = (now.astimezone(_zone(offset))).date()
    return next((entry for entry in entries if _holds(entry, day)), "")


def _zone(offset: str) -> timezone:
    minutes = int(offset[1:3]) * 60 + int(offset[4:])
    return timezone(timedelta(minutes=-minutes if offset[0] == "-" else minutes))


def _holds(entry: str, day: date) -> bool:
    monthly, dates = _MONTHLY.fullmatch(entry), _DATES.fullmatch(entry)
    if monthly:
        count = int(monthly.group(2))
        if not 1 <= count <= 15:
            raise ValueError(entry)
        last = calendar.monthrange(day.year, day.month)[1]
        return day.day <= count if monthly.group(1) == "start" else day.day > last - count
    if not dates:
        raise ValueError(entry)
    first = date.fromisoformat(dates.group(1))
    final = date.fromisoformat(dates.group(2)) if dates.group(2) else first
    if final < first:
        raise ValueError(entry)
    return first <= day <= final
