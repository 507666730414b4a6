"""Reads a recorded metric series (CSV with the columns timestamp, value) and the ``--as`` that says what metric it is."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from alarms.domain.errors import BadInput

LARGEST_FILE = 64 * 1024 * 1024
COLUMNS = ["timestamp", "value"]
# Periods that CloudWatch takes: a multiple of a minute, at most a day.
LONGEST_STEP = 86400
# Every virtual minute is judged: more than this takes too long to be meant.
LONGEST_DAYS = 400
YEARS = range(1971, 2200)


@dataclass(frozen=True, slots=True)
class Series:
    """A recorded series: points in time order, ``step_s`` the usual distance between them in seconds."""

    name: str
    points: tuple[tuple[datetime, float], ...]
    step_s: int


@dataclass(frozen=True, slots=True)
class Subject:
    """What a recorded series is taken to be: ``AWS/RDS CPUUtilization DBInstanceIdentifier=x``."""

    namespace: str
    metric: str
    dimensions: Mapping[str, str]

    def __str__(self) -> str:
        return " ".join([self.namespace, self.metric, *(f"{name}={value}" for name, value in self.dimensions.items())])


def subject(text: str) -> Subject:
    """Read ``--as``; BadInput when it is not namespace, metric and dimensions."""
    namespace, _, rest = text.strip().partition(" ")
    metric, *pairs = rest.split() or [""]
    dimensions = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    if not metric or not re.fullmatch(r"[\w./#:-]{1,255}", namespace) or len(dimensions) != len(pairs):
        raise BadInput(
            f"--as {text!r}: write 'NAMESPACE METRIC DIMENSION=VALUE', like 'AWS/RDS CPUUtilization DBInstanceIdentifier=x'"
        )
    if any(not name or not value for name, value in dimensions.items()):
        raise BadInput(f"--as {text!r}: a dimension is NAME=VALUE with neither of them empty")
    return Subject(namespace, metric, dimensions)


def read(path: Path) -> Series:
    """Read the CSV file at ``path``; BadInput says in one line what is wrong and where."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadInput(f"{path}: larger than {LARGEST_FILE // 2**20} MiB; cut out the part to be played")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as UTF-8 text ({type(error).__name__})") from None
    return parse(text, str(path))


def parse(text: str, where: str) -> Series:
    """Read a series from CSV ``text``; ``where`` names it in errors."""
    # splitlines knows every way in which a text file ends a line; csv refuses some of them
    rows = csv.reader(text.splitlines())
    seen: dict[datetime, list[float]] = {}
    try:
        _check_header(next(rows, []), where)
        for row in rows:
            if row:
                _note(seen, row, f"{where}:{rows.line_num}")
    except csv.Error as error:
        raise BadInput(f"{where}:{rows.line_num}: not CSV: {error}") from None
    if len(seen) < 2:
        raise BadInput(f"{where}: {len(seen)} point{'s' * (len(seen) != 1)}; a series has at least two")
    points = [(moment, sum(values) / len(values)) for moment, values in seen.items()]
    if (days := (points[-1][0] - points[0][0]).days) > LONGEST_DAYS:
        raise BadInput(f"{where}: {days} days from first to last point; cut out a part of at most {LONGEST_DAYS} days")
    return Series(Path(where).stem, tuple(points), _step(points, where))


def _check_header(row: list[str], where: str) -> None:
    if [cell.strip().lower() for cell in row][:2] != COLUMNS:
        raise BadInput(f"{where}:1: the first line is {','.join(row)[:60]!r}; it must be timestamp,value")


def _note(seen: dict[datetime, list[float]], row: list[str], place: str) -> None:
    """Add one line. Several lines of one time are samples of one moment, as recorded clocks that were put back give them."""
    moment, value = _point(row, place)
    if seen and moment < next(reversed(seen)):
        raise BadInput(f"{place}: {row[0].strip()} is earlier than the line before it; sort the file by time")
    seen.setdefault(moment, []).append(value)


def _point(row: list[str], place: str) -> tuple[datetime, float]:
    if len(row) < 2:
        raise BadInput(f"{place}: {','.join(row)[:60]!r} has no value; write timestamp,value")
    try:
        moment = datetime.fromisoformat(row[0].strip())
    except ValueError:
        raise BadInput(f"{place}: {row[0][:40]!r} is no time; write it like 2014-04-10 00:02:00") from None
    if moment.year not in YEARS:
        raise BadInput(f"{place}: {row[0][:40]!r} is not in the years {YEARS.start} to {YEARS.stop - 1}")
    try:
        value = float(row[1])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadInput(f"{place}: {row[1][:40]!r} is no number")
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)), value


def _step(points: list[tuple[datetime, float]], where: str) -> int:
    """Return the usual distance between points, rounded to whole minutes."""
    gaps = Counter(max(60, round((after - before).total_seconds() / 60) * 60) for (before, _), (after, _) in pairwise(points))
    step = gaps.most_common(1)[0][0]
    if step > LONGEST_STEP:
        raise BadInput(f"{where}: points are {step} s apart; CloudWatch alarms look at periods of at most {LONGEST_STEP} s")
    return step
