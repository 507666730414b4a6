"""What an alarm's reason says: recent points, threshold, comparison, band, and whether data were missing.

Two sources: ``reasonData`` (JSON, in EventBridge, Lambda and log alarms) and the sentence itself, which is all an SNS
message has. The sentence's dates are DD/MM/YY; its points come newest first, so they are sorted by date here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from alarms.domain.event import State
from alarms.domain.readings import number, rows, table, text

_MOST_VALUES = 100
_LONGEST_READ = 4096  # of a sentence; CloudWatch writes at most 1023 characters
_STAMP = len("02/10/19 16:59:00")
# Longer phrases first: "less than" is part of "less than or equal to".
_COMPARISONS = (
    ("greater than or equal to the threshold", "GreaterThanOrEqualToThreshold"),
    ("less than or equal to the threshold", "LessThanOrEqualToThreshold"),
    ("greater than the threshold", "GreaterThanThreshold"),
    ("less than the threshold", "LessThanThreshold"),
)
_LOWER, _UPPER = "less than the lower threshold", "greater than the upper threshold"


class Said(NamedTuple):
    """What a reason and its data say; None and empty where they do not."""

    values: tuple[float, ...] = ()
    band: tuple[float, float] | None = None
    threshold: float | None = None
    operator: str | None = None
    period_s: int | None = None
    statistic: str | None = None


def read(reason: str, data: object) -> Said:
    """Read the sentence ``reason`` and its decoded ``reasonData`` (None where there is none); the data win."""
    facts = table(data)
    sentence = reason[:_LONGEST_READ]
    period = number(facts.get("period"))
    threshold = number(facts.get("threshold"))
    return Said(
        values=_data_values(facts) or _sentence_values(sentence),
        band=_data_band(facts) or _sentence_band(sentence),
        threshold=_sentence_threshold(sentence) if threshold is None else threshold,
        operator=_operator(sentence),
        period_s=int(period) if period else None,
        statistic=text(facts.get("statistic"), 64) or None,
    )


def speaks_of_missing_data(reason: str, state: State) -> bool:
    """Say whether ``state`` came from missing data rather than from points.

    Points treated as not breaching can make an alarm OK and never ALARM, and the other way round; a reason that mentions
    the harmless kind is still one from data.
    """
    if state is State.INSUFFICIENT_DATA:
        return True
    sentence = reason[:_LONGEST_READ].casefold()
    if "missing datapoint" in sentence and " treated as [" in sentence:
        harmless = "[nonbreaching]" if state is State.ALARM else "[breaching]"
        return harmless not in sentence or "no datapoints were received" in sentence
    return (
        "no datapoints were received" in sentence
        or sentence.startswith("insufficient data")
        or "datapoints were unknown" in sentence
        or "datapoint was unknown" in sentence
    )


def _data_values(facts: Mapping[str, object]) -> tuple[float, ...]:
    dated = []
    for point in rows(facts.get("evaluatedDatapoints"))[:_MOST_VALUES]:
        value = number(table(point).get("value"))
        if value is not None:
            dated.append((text(table(point).get("timestamp"), 40), value))
    recent = _numbers(facts.get("recentDatapoints"))  # oldest first, and more of them when the dated list is shortened
    return tuple(value for _, value in sorted(dated)) if len(dated) >= len(recent) else recent


def _numbers(value: object) -> tuple[float, ...]:
    read_all = (number(item) for item in rows(value)[-_MOST_VALUES:])
    return tuple(item for item in read_all if item is not None)


def _data_band(facts: Mapping[str, object]) -> tuple[float, float] | None:
    lower, upper = _numbers(facts.get("recentLowerThresholds")), _numbers(facts.get("recentUpperThresholds"))
    return (lower[-1], upper[-1]) if lower and upper else None


def _sentence_points(sentence: str) -> list[tuple[str, float]]:
    """Return (sortable date, value) of each point written ``99.5 (02/10/19 16:59:00)``, in the order written."""
    points = []
    for item in _listed(sentence):
        value_text, _, stamp = item.partition(" (")
        value = number(value_text) if len(stamp) == _STAMP + 1 else None
        if value is not None:
            points.append((stamp[6:8] + stamp[3:5] + stamp[0:2] + stamp[9:_STAMP], value))
    return points


def _listed(sentence: str) -> Iterator[str]:
    opened = sentence.find("[")
    while opened >= 0:
        closed = sentence.find("]", opened)
        if closed < 0:
            return
        for item in sentence[opened + 1 : closed].split(","):
            yield item.strip()
        opened = sentence.find("[", closed)


def _sentence_values(sentence: str) -> tuple[float, ...]:
    # Sorted by date alone: the sort is stable, so points of one date keep the order written.
    points = sorted(_sentence_points(sentence), key=lambda point: point[0])
    return tuple(value for _, value in points[-_MOST_VALUES:]) or _undated_values(sentence)


def _undated_values(sentence: str) -> tuple[float, ...]:
    """Read the oldest messages, ``1 datapoint (3.0E-4) was …``, and lists without dates; both newest first."""
    _, _, rest = sentence.partition("datapoint")
    rest = rest.removeprefix("s").lstrip()
    if not rest.startswith(("(", "[")):
        return ()
    listed = rest[1:].partition(")" if rest[0] == "(" else "]")[0].split(",")[:_MOST_VALUES]
    return tuple(value for value in map(number, reversed(listed)) if value is not None)


def _sentence_band(sentence: str) -> tuple[float, float] | None:
    lower, upper = _after(sentence, "lower thresholds ["), _after(sentence, "upper thresholds [")
    if not lower or not upper:
        return None
    # The bounds stand in the order of the points, which is newest first where it can be told.
    points = _sentence_points(sentence)
    newest = points.index(max(points, key=lambda point: point[0])) if len(points) == len(lower) == len(upper) else 0
    return lower[newest], upper[newest]


def _after(sentence: str, marker: str) -> tuple[float, ...]:
    start = sentence.find(marker)
    if start < 0:
        return ()
    listed = sentence[start + len(marker) :].partition("]")[0].split(",")
    return tuple(value for value in map(number, listed) if value is not None)


def _sentence_threshold(sentence: str) -> float | None:
    _, found, rest = sentence.partition("the threshold (")
    return number(rest.partition(")")[0]) if found else None


def _operator(sentence: str) -> str | None:
    for phrase, operator in _COMPARISONS:
        if phrase in sentence:
            return operator
    lower, upper = _LOWER in sentence, _UPPER in sentence
    if lower and upper:
        return "LessThanLowerOrGreaterThanUpperThreshold"
    return "LessThanLowerThreshold" if lower else "GreaterThanUpperThreshold" if upper else None
