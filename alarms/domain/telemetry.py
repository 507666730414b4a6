"""The metrics that tocsin's own functions publish, and the log lines that carry them to CloudWatch: names, meaning, format. Pure.

A line in CloudWatch's embedded metric format (EMF) is read by CloudWatch Logs itself: no call, no SDK, no cost in the handler.
Source: docs.aws.amazon.com, "Embedded metric format specification": at most 100 values for a metric in one line, 100 metrics and
30 dimensions in a set; a log event is at most 256 KB.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

NAMESPACE = "Tocsin"
STAGE, FUNCTION, REASON = "Stage", "Function", "Reason"
SETS = ((STAGE, FUNCTION), (STAGE,))
SETS_BY_REASON = ((STAGE, REASON),)
MOST_VALUES = 100  # of one metric in one line
MOST_TRACES = 100


class Function(StrEnum):
    """Whose metrics they are: the values of the dimension ``Function``."""

    NOTIFIER = "notifier"
    REMEDIATORS = "remediators"
    INTERACTIVE = "interactive"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. ``by_reason``: it is published with the dimensions Stage and Reason besides."""

    name: str
    unit: str
    meaning: str
    functions: tuple[Function, ...]
    by_reason: bool = False


_TELLS, _ACTS, _OPENS = (Function.NOTIFIER,), (Function.REMEDIATORS,), (Function.INTERACTIVE,)

TOLD = Metric("Told", "Count", "messages posted, edited or replied in Slack", _TELLS)
TELL_DELAY = Metric("TellDelay", "Milliseconds", "from an alarm's change of state to Slack's answer", _TELLS)
SLACK_THROTTLED = Metric("SlackThrottled", "Count", "records that wait because Slack asked for patience", _TELLS)
FAILED = Metric("Failed", "Count", "records given back to their queue, and presses that broke the door", tuple(Function))
CHANGED = Metric("Changed", "Count", "runs that changed something", _ACTS)
GIVEN_BACK = Metric("GivenBack", "Count", "runs whose change was given back", _ACTS)
REFUSED = Metric("Refused", "Count", "decisions that a guard answered with no", _ACTS, by_reason=True)
ESCALATED = Metric("Escalated", "Count", "runs that called people", _ACTS)
HELPED = Metric("Helped", "Count", "changes that were verified to have helped", _ACTS)
NOT_HELPED = Metric("NotHelped", "Count", "changes after which the alarm still rang at the deadline", _ACTS)
SWEPT = Metric("Swept", "Count", "sweeps of the reconciler at home that came to their end: its heartbeat", _ACTS)
SWEEP_FOUND = Metric("SweepFound", "Count", "lost edges and overdue steps that a sweep found", _ACTS)
PRESSED = Metric("Pressed", "Count", "presses of a button that were proved to come from Slack", _OPENS)
PRESS_REFUSED = Metric("PressRefused", "Count", "requests turned away: unsigned, or pressed by somebody who may not", _OPENS)

METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        *(TOLD, TELL_DELAY, SLACK_THROTTLED, FAILED),
        *(CHANGED, GIVEN_BACK, REFUSED, ESCALATED, HELPED, NOT_HELPED, SWEPT, SWEEP_FOUND),
        *(PRESSED, PRESS_REFUSED),
    )
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one invocation measured: ``values`` by a metric's name, and how often each reason was why something was refused."""

    values: Mapping[str, Sequence[float]] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)


def counted(**counts: int) -> dict[str, Sequence[float]]:
    """Return ``counts`` by their metrics' names without what did not happen."""
    return {name: (count,) for name, count in counts.items() if count}


def lines(measured: Measured, *, stage: str, function: Function, at_ms: int, about: Mapping[str, Any]) -> list[str]:
    """Return the log lines of one invocation, each a JSON object.

    The first one is about the invocation (``about``) and carries its metrics; others follow only for more values of one
    metric than a line may hold, and one for each reason of a refusal. ``at_ms``: milliseconds since 1970.
    """
    values = {name: _finite(found) for name, found in measured.values.items()}
    values = {name: found for name, found in values.items() if found}
    dimensions = {STAGE: stage, FUNCTION: function.value}
    chunks = range(0, max((len(found) for found in values.values()), default=0), MOST_VALUES)
    parts = [{name: part for name, found in values.items() if (part := found[at : at + MOST_VALUES])} for at in chunks]
    documents = [_document(part, dimensions, SETS, at_ms) for part in parts] or [dimensions]
    documents[0] = {**documents[0], **about}
    for reason, count in sorted(measured.refused.items()):
        documents.append(_document({REFUSED.name: (count,)}, {STAGE: stage, REASON: reason}, SETS_BY_REASON, at_ms))
    return [json.dumps(document, ensure_ascii=True, separators=(",", ":")) for document in documents]


def _finite(values: Sequence[float]) -> list[float]:
    """Leave out what CloudWatch refuses (no number, infinite): the rest of the line would go with it."""
    return [value for value in values if math.isfinite(value)]


def _document(
    values: Mapping[str, Sequence[float]], dimensions: Mapping[str, str], sets: Sequence[Sequence[str]], at_ms: int
) -> dict[str, Any]:
    metrics = [{"Name": name, "Unit": METRICS[name].unit} for name in values]
    directive = {"Namespace": NAMESPACE, "Dimensions": [list(names) for names in sets], "Metrics": metrics}
    told = {name: found[0] if len(found) == 1 else list(found) for name, found in values.items()}
    return {"_aws": {"Timestamp": at_ms, "CloudWatchMetrics": [directive]}, **dimensions, **told}
