"""A request's metrics as a graph draws them: exactly what the alarm evaluates, each target's line labelled with the target."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from alarms.dashboards.widget import label
from alarms.desired import Desired

Series = list[Any]  # one entry of a metric widget's ``metrics``

_WORDS = re.compile(r"'[^']*'|\"[^\"]*\"|[A-Za-z_][A-Za-z0-9_]*")


def series_of(desired: Desired, prefix: str = "") -> list[Series]:
    """Return the entries of ``metrics`` for one alarm; ``prefix`` goes before every id, so that several share a graph."""
    request = desired.request
    named = target_label(desired.alarm.target) or desired.alarm.title
    if "Metrics" not in request:
        return [
            metric(
                request["Namespace"],
                request["MetricName"],
                {item["Name"]: item["Value"] for item in request.get("Dimensions", ())},
                {"label": label(named), "stat": statistic_of(request), "period": request["Period"]},
            )
        ]
    own = {entry["Id"]: f"{prefix}{entry['Id']}" for entry in request["Metrics"]}
    band = request.get("ThresholdMetricId")
    return [_entry(entry, own, named, banded=entry["Id"] == band) for entry in request["Metrics"]]


def metric(namespace: str, name: str, dimensions: Mapping[str, str], members: Mapping[str, Any]) -> Series:
    """Return one metric in the array form of a dashboard's body."""
    flat = [part for key in sorted(dimensions) for part in (key, dimensions[key])]
    return [namespace, name, *flat, dict(members)]


def target_label(target: Mapping[str, str]) -> str:
    """Return what tells a target from its neighbours: its dimensions' values, in the order of their names."""
    return ", ".join(target[name] for name in sorted(target))


def statistic_of(members: Mapping[str, Any]) -> str:
    """Return the statistic of a single-metric alarm, a percentile as such (``p90``)."""
    return str(members.get("ExtendedStatistic") or members.get("Statistic") or "Average")


def stands_alone(request: Mapping[str, Any]) -> bool:
    """Tell whether an alarm takes a graph of its own: METRICS() would gather its neighbours' metrics too."""
    return any("METRICS(" in str(entry.get("Expression", "")).upper() for entry in request.get("Metrics", ()))


def shown_by(metrics: Sequence[Series]) -> set[tuple[str, str, frozenset[tuple[str, str]]]]:
    """Return of which metrics entries draw a line: namespace, name and dimensions."""
    found = set()
    for entry in metrics:
        if isinstance(entry[0], str) and entry[-1].get("visible", True):
            flat = [part for part in entry[2:] if isinstance(part, str)]
            found.add((entry[0], entry[1], frozenset(zip(flat[::2], flat[1::2], strict=True))))
    return found


def _entry(entry: Mapping[str, Any], own: Mapping[str, str], named: str, *, banded: bool) -> Series:
    shown = bool(entry.get("ReturnData", True))
    words = f"{named}: expected" if banded else named if shown else str(entry.get("Label") or "")
    members: dict[str, Any] = {"id": own[entry["Id"]]}
    if words:
        members["label"] = label(words)
    if not shown:
        members["visible"] = False
    if "MetricStat" not in entry:
        text = _WORDS.sub(lambda found: own.get(found[0], found[0]), str(entry["Expression"]))
        timed = {"period": entry["Period"]} if "Period" in entry else {}
        return [{"expression": text, **members, **timed}]
    stat = entry["MetricStat"]
    owner = {"accountId": entry["AccountId"]} if "AccountId" in entry else {}
    dimensions = {item["Name"]: item["Value"] for item in stat["Metric"].get("Dimensions", ())}
    timing = {"stat": stat["Stat"], "period": stat["Period"]}
    return metric(stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], dimensions, {**members, **timing, **owner})


def measured(desired: Desired) -> str:
    """Return what an alarm measures, for a title: ``CPUUtilization Average``, or the row's own words of its math."""
    request = desired.request
    if "MetricName" in request:
        return f"{request['MetricName']} {statistic_of(request)}"
    return desired.alarm.condition.metric.partition(" ")[2] or desired.alarm.condition.metric


def shown_window(desired: Desired) -> str:
    """Return ``5 of 5 x 60 s``."""
    alarm = desired.alarm
    return f"{alarm.datapoints_to_alarm} of {alarm.evaluation_periods} x {alarm.period_s} s"
