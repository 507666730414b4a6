"""Deployment alarms: rows of the catalogue, once for each target group, so that only what the new tasks answer counts. Pure.

A row watches the whole load balancer. During a deployment that is too coarse: while green has a share of the traffic, blue's good
answers hide green's bad ones, and an alarm that rang before a deployment is left out of it by ECS, so that a balancer that is ill
already would let any green pass. Each group's own metrics do neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from alarms.domain.errors import BadInput
from alarms.kind import Kind, Metric, Surroundings, Wrong
from alarms.kinds.ratio import Ratio
from alarms.kinds.threshold import Threshold
from alarms.metrics import metric
from alarms.quantity import Window
from alarms.row import Row
from alarms.rule import METRIC_DELAY_S
from infra.aws.platform.release_settings import Datapoints, Release

NEEDED = frozenset({"LoadBalancer", "TargetGroup"})
PERIOD_S = 60


@dataclass(frozen=True, slots=True)
class DeploymentAlarm:
    """One alarm: its name, what a person reads, and PutMetricAlarm's members, without any action: ECS watches its state."""

    name: str
    description: str
    members: Mapping[str, Any]


def deployment_alarms(
    rows: Iterable[Row], release: Release, *, base: str, service: str, balancer: str, groups: Mapping[str, str]
) -> list[DeploymentAlarm]:
    """Return an alarm for each row that ``release`` names and each group.

    ``balancer`` and the values of ``groups`` (by colour) are full names, as CloudWatch's dimensions have them. The names begin
    with ``deploy/<base>/`` and they carry no tag of the catalogue's: `tocsin apply` goes by both and never sees these.
    BadInput when a row is missing or knows no target groups.
    """
    known = {row.short_id: row for row in rows}
    found = []
    for name, datapoints in release.alarms.items():
        if name not in known:
            near = ", ".join(sorted(key for key in known if key.startswith("alb/"))) or "none"
            raise BadInput(f"platform.release.alarms.{name}: the catalogue has no such row; rows on a load balancer: {near}")
        row = known[name]
        kind = narrowed(row.kind, name, release.min_requests)
        for colour, group in groups.items():
            dimensions = {"LoadBalancer": balancer, "TargetGroup": group}
            found.append(_alarm(row, kind, datapoints, f"deploy/{base}/{service}/{row.id}/{colour}", colour, dimensions))
    return found


def narrowed(kind: Kind, name: str, min_requests: int) -> Kind:
    """Return ``kind`` on metrics that a target group has; BadInput when none of it can be."""
    where = f"platform.release.alarms.{name}"
    if isinstance(kind, Ratio):
        errors = tuple(each for each in kind.errors if _has_groups(each))
        if errors and _has_groups(kind.of):
            return replace(kind, errors=errors, min_requests=max(min_requests, kind.min_requests or 0))
    elif isinstance(kind, Threshold) and _has_groups(kind.metric):
        return kind
    raise BadInput(f"{where}: its metric knows no target groups, so it cannot tell green from blue; take a row of alb")


def detection_s(datapoints: Datapoints) -> int:
    """Return after how many seconds of bad minutes the alarm rings for certain: the whole window, and AWS's delay."""
    return datapoints.of * PERIOD_S + METRIC_DELAY_S


def long_enough(release: Release) -> None:
    """Raise BadInput when an alarm may ring only after the bake time, when there is nothing left to turn back to."""
    for name, datapoints in release.alarms.items():
        needed = detection_s(datapoints)
        if release.bake_m * 60 <= needed:
            raise BadInput(
                f"platform.release.bake: {release.bake_m} m, but {name} ({datapoints.bad} of {datapoints.of}) may ring only "
                f"after {needed // 60} m ({datapoints.of} periods and {METRIC_DELAY_S // 60} m until AWS shows them): "
                f"bake for {needed // 60 + 1} m or longer, or shorten its window"
            )


def _alarm(
    row: Row, kind: Kind, datapoints: Datapoints, name: str, colour: str, dimensions: Mapping[str, str]
) -> DeploymentAlarm:
    window = Window(PERIOD_S, datapoints.bad, datapoints.of)
    try:
        shape = kind.compile(Surroundings(dimensions, window, _no_limit))
    except Wrong as wrong:
        raise BadInput(f"platform.release.alarms.{row.short_id}: {wrong}") from None
    members = {
        **shape.members,
        "EvaluationPeriods": datapoints.of,
        "DatapointsToAlarm": datapoints.bad,
        # A group without traffic has no points: that is how each looks while the other has all of it.
        "TreatMissingData": "notBreaching",
    }
    told = f"{row.title}: {shape.condition.text} in {datapoints.bad} of {datapoints.of} minutes, target group {colour}."
    return DeploymentAlarm(name, f"{told} Turns back a deployment; from the row {row.full_id}.", members)


def _has_groups(which: Metric) -> bool:
    fact = metric(which.namespace, which.name)
    return fact is not None and NEEDED in fact.dimensions


def _no_limit(*_: object) -> NoReturn:
    raise Wrong("when", "a share of a limit is nothing that a deployment alarm knows")
