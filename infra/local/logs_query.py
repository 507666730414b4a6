"""Answers a Logs Insights query over log events: pure, rows in, rows out.

A JSON message's members are fields of their own (nested ones as ``a.b``, items of lists as ``a.0``), as AWS discovers them.
A missing field satisfies no comparison, not even ``!=``; ``not like`` and ``not in`` are the opposite of their positives.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.local.logs_language import MOST_ROWS, Aggregate, Command, Condition, Group

Row = dict[str, Any]
MOST_DISCOVERED = 200  # fields that AWS finds in one JSON event
_SHOWN = (("@timestamp", "@timestamp"), ("@message", "@message"))


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event: ``at`` in epoch milliseconds, ``pointer`` its @ptr."""

    at: int
    message: str
    stream: str
    group: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """``rows`` as (field, value) texts in the order asked for; how many events were looked at and how many passed the filters."""

    rows: tuple[tuple[tuple[str, str], ...], ...]
    scanned: int
    matched: int
    scanned_bytes: int


def answer(commands: Sequence[Command], lines: Iterable[LogLine]) -> Outcome:
    """Run the pipeline over ``lines``: newest first unless sorted, at most 10,000 rows."""
    events = sorted(lines, key=lambda line: (-line.at, line.pointer))
    rows: list[Row] = [_row(line) for line in events]
    shown: tuple[tuple[str, str], ...] = _SHOWN
    matched, grouped, limited = len(rows), False, False
    for command in commands:
        rows = _STEPS[command.verb](command, rows)
        if command.verb == "filter" and not grouped:
            matched = len(rows)
        if command.verb == "stats":
            grouped, shown = (
                True,
                _pairs([*(item.label for item in command.groups), *(item.label for item in command.aggregates)]),
            )
        if command.verb in ("fields", "display"):
            shown = _pairs([label for _, label in command.names])
        limited = limited or command.verb == "limit"
    rows = rows if limited else rows[:MOST_ROWS]
    texts = tuple(tuple(_shown(row, shown, pointer=not grouped)) for row in rows)
    return Outcome(texts, len(events), matched, sum(len(line.message.encode()) for line in events))


def _pairs(labels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    return tuple((label, label) for label in labels)


def moment(milliseconds: float) -> str:
    """Return a time as Logs Insights writes it: ``2026-10-31 13:00:00.000``, UTC."""
    seconds, rest = divmod(int(milliseconds), 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:03d}"


def _row(line: LogLine) -> Row:
    row: Row = {
        "@timestamp": moment(line.at),
        "@message": line.message,
        "@logStream": line.stream,
        "@log": line.group,
        "@ptr": line.pointer,
        " at": line.at,
    }
    if line.message.lstrip().startswith("{"):
        try:
            document = json.loads(line.message)
        except ValueError:
            return row
        for count, (name, value) in enumerate(_flat(document, "")):
            if count >= MOST_DISCOVERED:
                break
            row.setdefault(name, value)
    return row


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _flat(item, f"{name}.{index}")
    elif value is not None:
        yield name, value


def _shown(row: Row, columns: Sequence[tuple[str, str]], *, pointer: bool) -> Iterator[tuple[str, str]]:
    for label, name in columns:
        if row.get(name) is not None:
            yield label, _text(row[name])
    if pointer:
        yield "@ptr", row["@ptr"]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _named(command: Command, rows: list[Row]) -> list[Row]:
    return [{**row, **{label: row[name] for name, label in command.names if name in row}} for row in rows]


def _kept(command: Command, rows: list[Row]) -> list[Row]:
    condition = command.condition
    return [row for row in rows if condition is not None and holds(condition, row)]


def holds(condition: Condition, row: Mapping[str, Any]) -> bool:
    """Tell whether a row satisfies a condition."""
    if condition.operator == "and":
        return all(holds(part, row) for part in condition.parts)
    if condition.operator == "or":
        return any(holds(part, row) for part in condition.parts)
    if condition.operator == "not":
        return not holds(condition.parts[0], row)
    value = row.get(condition.name)
    if condition.operator == "ispresent":
        return value is not None
    if condition.operator == "isblank":
        return value is None or not _text(value).strip()
    return value is not None and any(_holds(condition.operator, value, wanted) for wanted in condition.values)


def _holds(operator: str, value: Any, wanted: str | float | re.Pattern[str]) -> bool:
    if isinstance(wanted, re.Pattern):
        return wanted.search(_text(value)) is not None
    if operator in ("like", "strcontains"):
        return _text(wanted) in _text(value)
    left, right = _number(value), _number(wanted)
    if left is not None and right is not None:
        return _COMPARED[operator](left, right)
    return _COMPARED[operator](_text(value), _text(wanted))


_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "in": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _parsed(command: Command, rows: list[Row]) -> list[Row]:
    return [{**row, **_extracted(command, row)} for row in rows]


def _extracted(command: Command, row: Row) -> Row:
    value = row.get(command.source)
    found = command.pattern.search(_text(value)) if value is not None and command.pattern is not None else None
    if found is None:
        return {}
    return {label: text for label, text in zip(command.labels, found.groups(), strict=False) if text is not None}


def _grouped(command: Command, rows: list[Row]) -> list[Row]:
    buckets: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        key = tuple(_bucket(group, row) for group in command.groups)
        # A row without the field belongs to no group.
        if None not in key:
            buckets.setdefault(key, []).append(row)
    found = []
    for key in sorted(buckets, key=lambda item: tuple(_text(part) for part in item)):
        labels = {group.label: part for group, part in zip(command.groups, key, strict=True)}
        found.append({**labels, **{item.label: _aggregated(item, buckets[key]) for item in command.aggregates}})
    return found


def _bucket(group: Group, row: Row) -> Any:
    if not group.bin_s:
        return row.get(group.name)
    width = group.bin_s * 1000
    return moment(row[" at"] // width * width) if " at" in row else None


def _aggregated(item: Aggregate, rows: list[Row]) -> Any:
    values = [row[item.name] for row in rows if row.get(item.name) is not None]
    if item.function == "count":
        return len(rows) if item.name == "*" else len(values)
    if item.function == "count_distinct":
        return len({_text(value) for value in values})
    if item.function in ("min", "max") and any(_number(value) is None for value in values):
        return (min if item.function == "min" else max)(_text(value) for value in values)
    return _statistic(item, sorted(number for value in values if (number := _number(value)) is not None))


def _statistic(item: Aggregate, numbers: list[float]) -> float | None:
    if not numbers:
        return None
    if item.function == "pct":
        return numbers[min(len(numbers) - 1, max(0, math.ceil(item.share / 100 * len(numbers)) - 1))]
    return {
        "sum": sum(numbers),
        "avg": sum(numbers) / len(numbers),
        "min": numbers[0],
        "max": numbers[-1],
    }[item.function]


def _sorted(command: Command, rows: list[Row]) -> list[Row]:
    for name, direction in reversed(command.names):
        present = [row for row in rows if row.get(name) is not None]
        present.sort(key=lambda row: _order(row[name]), reverse=direction == "desc")
        rows = present + [row for row in rows if row.get(name) is None]
    return rows


def _order(value: Any) -> tuple[int, float, str]:
    number = _number(value)
    return (0, number, "") if number is not None else (1, 0.0, _text(value))


def _limited(command: Command, rows: list[Row]) -> list[Row]:
    return rows[: command.count]


def _deduplicated(command: Command, rows: list[Row]) -> list[Row]:
    seen: dict[tuple[str, ...], Row] = {}
    for row in rows:
        seen.setdefault(tuple(_text(row.get(name, "")) for name, _ in command.names), row)
    return list(seen.values())


_STEPS: dict[str, Callable[[Command, list[Row]], list[Row]]] = {
    "fields": _named,
    "display": _named,
    "filter": _kept,
    "parse": _parsed,
    "stats": _grouped,
    "sort": _sorted,
    "limit": _limited,
    "dedup": _deduplicated,
}
