"""Alarms of one row as a graph: the metric or the math as the alarm evaluates it, and where it rings drawn in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from alarms import metrics
from alarms.composites import references
from alarms.configuration import PUT_COMPOSITE
from alarms.dashboards.series import Series, measured, series_of, shown_window, stands_alone
from alarms.dashboards.widget import MOST_ALARMS_OF_A_WIDGET, MOST_METRICS_OF_A_WIDGET, Widget, arn_of, label, status
from alarms.desired import Desired
from alarms.domain.alarm import Condition, Operator, Severity
from alarms.metrics import Trait

WIDTH, HEIGHT = 12, 6
MOST_TARGETS = 8  # lines that one graph's legend still tells apart

_COLOURS = {Severity.CRITICAL: "#d62728", Severity.WARNING: "#ff7f0e", Severity.INFO: "#1f77b4"}
_OF_ONE_ALARM = ("AlarmName", "AlarmDescription", "Dimensions", "ActionsEnabled")


def graphs(row: Sequence[Desired], names: Mapping[str, Desired]) -> Iterator[Widget]:
    """Return the graphs of one row's alarms: targets that are measured alike share one, up to eight.

    ``names`` are all desired alarms by name: a composite is shown with those of its children that are among them.
    """
    alike: dict[str, list[Desired]] = {}
    for desired in row:
        alike.setdefault(_likeness(desired), []).append(desired)
    for group in alike.values():
        if group[0].operation == PUT_COMPOSITE:
            yield from (_composite(desired, names) for desired in group)
        else:
            yield from (_graph(part) for part in _parts(group))


def horizontal(condition: Condition, colour: str) -> dict[str, Any]:
    """Return the line at a threshold, in the metric's own unit, with the bad side filled."""
    shown = condition.text if condition.scale == 1.0 else f"{condition.text} ({condition.threshold:.10g})"
    fill = "above" if condition.operator in (Operator.GE, Operator.GT) else "below"
    return {"value": condition.threshold, "label": label(shown), "fill": fill, "color": colour}


def properties(title: str, region: str, series: Sequence[Series], period: int, axis: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every graph has."""
    return {
        "title": title,
        "view": "timeSeries",
        "stacked": False,
        "region": region,
        "metrics": list(series),
        "period": period,
        "yAxis": axis,
        "legend": {"position": "bottom"},
    }


def axis_of(namespace: str, name: str, otherwise: str = "") -> dict[str, Any]:
    """Return the y-axis of a metric: its unit, from 0 where AWS publishes nothing below."""
    fact = metrics.metric(namespace, name)
    if fact is None:
        return labelled(otherwise)
    return {**labelled("share, 0 to 1" if fact.has(Trait.FRACTION) else fact.unit or otherwise), "min": 0}


def labelled(unit: str) -> dict[str, Any]:
    """Return an axis with its unit, or with whatever units CloudWatch knows where we know none."""
    return {"label": unit, "showUnits": False} if unit else {"showUnits": True}


def _likeness(desired: Desired) -> str:
    """Return the same text for alarms that differ in nothing but their target."""
    members = {key: value for key, value in desired.request.items() if key not in _OF_ONE_ALARM and not key.endswith("Actions")}
    alone = desired.name if desired.operation == PUT_COMPOSITE or stands_alone(members) else ""
    bare = [_without_dimensions(entry) for entry in members.get("Metrics", ())]
    place = [desired.alarm.account, desired.alarm.region, desired.alarm.condition.text, desired.alarm.title]
    return json.dumps([alone, {**members, "Metrics": bare}, place], sort_keys=True)


def _without_dimensions(entry: Mapping[str, Any]) -> dict[str, Any]:
    if "MetricStat" not in entry:
        return dict(entry)
    stat = entry["MetricStat"]
    metric = {key: value for key, value in stat["Metric"].items() if key != "Dimensions"}
    return {**entry, "MetricStat": {**stat, "Metric": metric}}


def _parts(group: Sequence[Desired]) -> Iterator[Sequence[Desired]]:
    each = max(1, len(group[0].request.get("Metrics", ())))
    size = max(1, min(MOST_TARGETS, MOST_METRICS_OF_A_WIDGET // each))
    for start in range(0, len(group), size):
        yield group[start : start + size]


def _graph(group: Sequence[Desired]) -> Widget:
    first = group[0]
    alarm, request = first.alarm, first.request
    many = len(group) > 1
    series = [
        entry for number, desired in enumerate(group, 1) for entry in series_of(desired, prefix=f"t{number}_" if many else "")
    ]
    if "MetricName" in request:
        axis = axis_of(request["Namespace"], request["MetricName"], alarm.condition.unit if alarm.condition.scale == 1.0 else "")
    else:
        axis = labelled(alarm.condition.unit)
    title = f"{alarm.title}: {measured(first)} {alarm.condition.text}, {shown_window(first)}"
    shown = properties(label(title), alarm.region, series, alarm.period_s, {"left": axis})
    if "ThresholdMetricId" not in request:  # a band is a series of its own
        shown["annotations"] = {"horizontal": [horizontal(alarm.condition, _COLOURS[alarm.severity])]}
    return Widget("metric", WIDTH, HEIGHT, shown, metrics=len(series), alarms=tuple(desired.name for desired in group))


def _composite(desired: Desired, names: Mapping[str, Desired]) -> Widget:
    """Return the state of a composite and of its children, under its rule."""
    children = _arns(sorted(references(desired.request)), names)[: MOST_ALARMS_OF_A_WIDGET - 1]
    alarm = desired.alarm
    rule = " ".join(str(desired.request.get("AlarmRule", "")).split())
    title = f"{alarm.title}: {rule if len(rule) <= 200 else rule[:199] + '…'}"
    return status(label(title), [arn_of(alarm.account, alarm.region, desired.name), *children], (desired.name,))


def _arns(children: Iterable[str], names: Mapping[str, Desired]) -> list[str]:
    found = [names[name].alarm for name in children if name in names]
    return [arn_of(alarm.account, alarm.region, alarm.name) for alarm in found]
