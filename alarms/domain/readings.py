"""Reading single values of an untrusted message: text, numbers, times. Nothing here raises; what cannot be read is None or empty.

Written without regular expressions: compiling them would cost more of a cold start than all of this costs in a day.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite

REASON_MAX = 1023  # PutMetricAlarm and SetAlarmState: StateReason
DESCRIPTION_MAX = 1024  # AlarmDescription
_MILLISECONDS_FROM = 1e11  # epoch numbers above this are milliseconds: as seconds they would lie past the year 5000
_FIRST_YEAR, _LAST_YEAR = 2000, 2100  # a time outside is a default or a mistake, never a transition


def text(value: object, longest: int = 1024) -> str:
    """Return ``value`` when it is text, cut to ``longest`` characters; anything else is empty.

    Lone surrogates, which JSON can carry and UTF-8 cannot, become ``?``.
    """
    if not isinstance(value, str):
        return ""
    cut = value[:longest]
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode("utf-8")


def number(value: object) -> float | None:
    """Return a finite number, given as a JSON number or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if isfinite(read) else None


def whole(value: object) -> int | None:
    """Return a number that has no fraction as an int, None for anything else."""
    read = number(value)
    return int(read) if read is not None and read.is_integer() else None


def table(value: object) -> Mapping[str, object]:
    """Return ``value`` when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[object]:
    """Return ``value`` when it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def decoded(value: object) -> object:
    """Return the JSON value that text holds; None when it holds none (or one nested too deep to read)."""
    if not isinstance(value, str):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def moment(value: object) -> datetime | None:
    """Return a time in UTC from any spelling AWS uses: ISO 8601 with Z, +0000 or +00:00, epoch seconds or milliseconds.

    A time without a zone is UTC. None for anything else, and for years no alarm can have.
    """
    try:
        read = _moment(value)
    except (ValueError, OverflowError, OSError):
        return None
    return read if read is not None and _FIRST_YEAR <= read.year < _LAST_YEAR else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, str) and not value.isdigit():
        # A date alone, or a week, is ISO 8601 as well, but never a moment.
        if len(value) < len("20221106T174353") or not value[:1].isdigit():
            return None
        read = datetime.fromisoformat(value.strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    seconds = number(value)
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS_FROM else seconds, UTC)
