"""Numbers as people read them: a value against its threshold in the row's unit, and durations."""

from __future__ import annotations

import math
from datetime import timedelta

from alarms.domain.alarm import Alarm, Operator
from alarms.domain.event import AlarmEvent, Shape
from alarms.domain.text import Language
from notifier.escape import plain
from notifier.words import ABOVE, BELOW, NO_DATA, NOT_GIVEN, OUTSIDE, RULE_HOLDS, THRESHOLD

_SIGNS = {operator.cloudwatch: operator.sign for operator in Operator}
_UNITS = {
    "Seconds": "s",
    "Milliseconds": "ms",
    "Microseconds": "µs",
    "Percent": "%",
    "Count": "",
    "None": "",
    "Count/Second": "/s",
}
_SPANS = {Language.EN: (" d", " h", " min", " s"), Language.KO: ("일", "시간", "분", "초")}
_SPAN_S = (86_400, 3_600, 60, 1)


def number(value: float, digits: int = 4) -> str:
    """Return ``value`` with about ``digits`` significant digits, thousands apart: ``1,234``, ``0.0206``, ``99.96``."""
    if not math.isfinite(value):
        return str(value)
    if value and not 1e-6 <= abs(value) < 1e15:
        return f"{value:.{digits - 1}e}"
    decimals = 0 if value == 0 else max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def measured(event: AlarmEvent, row: Alarm | None, language: Language, value: float | None = None) -> str:
    """Return the newest value in display units (``742 s``), ``no data`` for a state that came from missing data."""
    shown = event.value if value is None else value
    if event.no_data:
        return NO_DATA.in_(language)
    if shown is None:
        return NOT_GIVEN.in_(language)
    scale, unit = _display(event, row)
    return _with_unit(_apart(shown * scale, _limit(event, row, scale)), unit)


def limit(event: AlarmEvent, row: Alarm | None, language: Language) -> str:
    """Return what the value is compared with: ``≥ 600 s``, ``outside 0.02 – 0.3``; empty when the message does not say."""
    scale, unit = _display(event, row)
    if event.band:
        low, high = (number(edge * scale) for edge in event.band)
        return _with_unit(f"{OUTSIDE.in_(language)} {low} – {high}", unit)
    threshold = _limit(event, row, scale)
    if threshold is None:
        return ""
    sign = row.condition.operator.sign if row else _SIGNS.get(event.trigger.operator or "", "")
    words = _with_unit(number(threshold), unit)
    return f"{_pretty(sign)} {words}" if sign else f"{THRESHOLD.in_(language)} {words}"


def limit_alone(event: AlarmEvent, row: Alarm | None, language: Language) -> str:
    """Return the limit for a line of its own: a line that begins with ``>`` is a quotation to Slack, so that sign is a word."""
    said = limit(event, row, language)
    word = {">": ABOVE, "<": BELOW}.get(said[:1])
    return word.in_(language).format(limit=said[1:].strip()) if word else said


def against(event: AlarmEvent, row: Alarm | None, language: Language) -> str:
    """Return value and limit in one phrase, ``742 s (≥ 600 s)``; a composite has children instead of a value."""
    if event.shape is Shape.COMPOSITE:
        return children(event, language)
    value, edge = measured(event, row, language), limit(event, row, language)
    return f"{value} ({edge})" if edge else value


def children(event: AlarmEvent, language: Language) -> str:
    """Return the names of a composite's triggering alarms, or that its rule holds."""
    if not event.children:
        return RULE_HOLDS.in_(language)
    first = plain(event.children[0], 40)
    rest = len(event.children) - 1
    return f"{first} +{rest}" if rest else first


def duration(span: timedelta, language: Language) -> str:
    """Return the two largest parts of a span: ``21 min``, ``1 h 5 min``, ``45초``."""
    left = max(0, round(span.total_seconds()))
    parts: list[str] = []
    for seconds, name in zip(_SPAN_S, _SPANS[language], strict=True):
        count, left = divmod(left, seconds)
        if count or parts:
            parts.append(f"{count}{name}" if count else "")
    return " ".join(part for part in parts[:2] if part) or f"0{_SPANS[language][-1]}"


def span(seconds: int, language: Language) -> str:
    """Return ``seconds`` as ``duration`` writes them."""
    return duration(timedelta(seconds=seconds), language)


def _display(event: AlarmEvent, row: Alarm | None) -> tuple[float, str]:
    """Return the scale and unit in which people read this alarm."""
    if row:
        return row.condition.scale, plain(row.condition.unit, 20)
    unit = event.trigger.unit or ""
    return 1.0, plain(_UNITS.get(unit, unit), 20)


def _limit(event: AlarmEvent, row: Alarm | None, scale: float) -> float | None:
    """Return the threshold in display units. The message's own wins: the row may be newer than the alarm that rang."""
    threshold = event.trigger.threshold
    if threshold is None and row and not event.band and event.shape is not Shape.COMPOSITE:
        threshold = row.condition.threshold
    return None if threshold is None else threshold * scale


def _apart(value: float, threshold: float | None) -> str:
    """Return ``value`` with as many digits as keep it apart from the threshold: never ``90 > 90``."""
    shown = number(value)
    if threshold is None or value == threshold:
        return shown
    edge = number(threshold)
    return next((text for digits in range(4, 13) if (text := number(value, digits)) != edge), shown)


def _with_unit(figure: str, unit: str) -> str:
    return f"{figure} {unit}".rstrip() if not unit.startswith("/") else f"{figure}{unit}"


def _pretty(sign: str) -> str:
    return {">=": "≥", "<=": "≤"}.get(sign, sign)
