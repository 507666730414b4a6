"""What the dashboards show of a resource whether or not a row rings for it: the metrics of S8, and the traffic beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alarms.dashboards.graph import HEIGHT, MOST_TARGETS, WIDTH, axis_of, properties
from alarms.dashboards.series import Series, metric, series_of, shown_by, target_label
from alarms.dashboards.widget import Widget, label
from alarms.desired import Desired

PERIOD_S = 60
Target = Mapping[str, str]
Read = tuple[str, str, frozenset[tuple[str, str]]]


class Signal(StrEnum):
    """Which of the golden signals a metric is part of; the value is the overview's title for it."""

    TRAFFIC = "Traffic: requests a minute"
    ERRORS = "Errors: failed requests a minute"
    LATENCY = "Latency: p90, in ms"
    SATURATION = "Saturation: % of what there is"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Vital:
    """One metric that is always shown.

    ``together`` joins several to one graph of that title. ``golden`` is the statistic the overview uses, where it is another;
    ``to_ms`` says that the metric is in seconds and that the overview, which compares latencies, draws it in ms.
    """

    namespace: str
    name: str
    statistic: str
    signal: Signal = Signal.NONE
    together: str = ""
    golden: str = ""
    to_ms: bool = False
    period_s: int = PERIOD_S


_ELB, _API, _RDS, _INSIGHTS = "AWS/ApplicationELB", "AWS/ApiGateway", "AWS/RDS", "ECS/ContainerInsights"

# By the names of a target's dimensions: what a target is shows in them, whatever its component is called.
VITALS: Mapping[frozenset[str], tuple[Vital, ...]] = {
    frozenset({"ClusterName", "ServiceName"}): (
        Vital("AWS/ECS", "CPUUtilization", "Average", Signal.SATURATION),
        Vital("AWS/ECS", "MemoryUtilization", "Average", Signal.SATURATION),
        Vital(_INSIGHTS, "DesiredTaskCount", "Average", together="Tasks wanted and running"),
        Vital(_INSIGHTS, "RunningTaskCount", "Average", together="Tasks wanted and running"),
    ),
    frozenset({"QueueName"}): (
        Vital("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum"),
        Vital("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
        Vital("AWS/SQS", "NumberOfMessagesSent", "Sum", together="Messages sent and deleted"),
        Vital("AWS/SQS", "NumberOfMessagesDeleted", "Sum", together="Messages sent and deleted"),
    ),
    frozenset({"LoadBalancer"}): (
        Vital(_ELB, "RequestCount", "Sum", Signal.TRAFFIC),
        Vital(_ELB, "HTTPCode_ELB_5XX_Count", "Sum", Signal.ERRORS, together="Requests that failed"),
        Vital(_ELB, "HTTPCode_Target_5XX_Count", "Sum", Signal.ERRORS, together="Requests that failed"),
        Vital(_ELB, "TargetResponseTime", "p90", Signal.LATENCY, to_ms=True),
    ),
    frozenset({"ApiName", "Stage"}): (
        Vital(_API, "Count", "Sum", Signal.TRAFFIC),
        Vital(_API, "5XXError", "Average", Signal.ERRORS, golden="Sum"),
        Vital(_API, "4XXError", "Average", Signal.ERRORS, golden="Sum"),
        Vital(_API, "Latency", "p90", Signal.LATENCY),
        Vital(_API, "IntegrationLatency", "p90", Signal.LATENCY),
    ),
    frozenset({"DBClusterIdentifier"}): (Vital(_RDS, "VolumeBytesUsed", "Average", period_s=300),),
    frozenset({"DBInstanceIdentifier"}): (
        Vital(_RDS, "CPUUtilization", "Average", Signal.SATURATION),
        Vital(_RDS, "DatabaseConnections", "Average"),
        Vital(_RDS, "FreeLocalStorage", "Average"),
    ),
}


def targets_of(alarms: Iterable[Desired]) -> dict[str, dict[str, Target]]:
    """Return the targets of a service by component, each once: those of its alarms, and those its rows carry beside them."""
    found: dict[str, dict[str, Target]] = {}
    for desired in alarms:
        alarm = desired.alarm
        for component, targets in (*alarm.resources.items(), (alarm.component, (alarm.target,))):
            for target in targets:
                if frozenset(target) in VITALS:
                    found.setdefault(component, {})[target_label(target)] = target
    return {component: dict(sorted(targets.items())) for component, targets in sorted(found.items())}


def drawn_by(alarms: Iterable[Desired]) -> set[Read]:
    """Return the metrics of which the graphs of ``alarms`` draw a line."""
    return set().union(*(shown_by(series_of(desired)) for desired in alarms if "AlarmRule" not in desired.request))


def without_row(targets: Iterable[Target], drawn: set[Read], region: str) -> Iterator[Widget]:
    """Return graphs of what is shown though no row rings for it, one for each metric and group of targets."""
    lines: dict[str, list[tuple[Vital, Target]]] = {}
    for target in targets:
        for vital in VITALS[frozenset(target)]:
            if (vital.namespace, vital.name, frozenset(target.items())) not in drawn:
                lines.setdefault(vital.together or vital.name, []).append((vital, target))
    for title, found in lines.items():
        for start in range(0, len(found), MOST_TARGETS):
            yield _graph(title, found[start : start + MOST_TARGETS], region)


def line(vital: Vital, target: Target, members: Mapping[str, Any], statistic: str = "") -> Series:
    """Return one metric of one target."""
    timing = {"stat": statistic or vital.statistic, "period": vital.period_s}
    return metric(vital.namespace, vital.name, target, {**members, **timing})


def _graph(title: str, found: Sequence[tuple[Vital, Target]], region: str) -> Widget:
    first = found[0][0]
    series = [
        line(vital, target, {"label": label(target_label(target) + (f": {vital.name}" if vital.together else ""))})
        for vital, target in found
    ]
    shown = title if first.together else f"{title} {first.statistic}"
    axis = {"left": axis_of(first.namespace, first.name)}
    return Widget("metric", WIDTH, HEIGHT, properties(shown, region, series, first.period_s, axis), metrics=len(series))
