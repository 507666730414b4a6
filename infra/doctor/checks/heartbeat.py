"""heartbeat: the remediators really sweep: their own metric beats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from alarms.domain.telemetry import NAMESPACE, STAGE, SWEPT
from infra.doctor.check import Check, Finding, ok, unknown, wrong
from infra.doctor.deployment import Deployment

SINCE = timedelta(minutes=30)


def look(deployment: Deployment) -> Iterator[Finding]:
    """Count the sweeps of the last half hour."""
    dimensions = {STAGE: deployment.settings.stage}
    beat = {"Namespace": NAMESPACE, "MetricName": SWEPT.name, "Dimensions": dimensions, "Stat": "Sum"}
    name = f"{NAMESPACE} {SWEPT.name}"
    swept = deployment.sums({"beat": beat}, deployment.now() - SINCE)["beat"]
    if swept:
        yield ok(name, f"{swept:.0f} sweeps in the last half hour")
        return
    day = deployment.sums({"beat": beat}, deployment.now() - timedelta(days=1))["beat"]
    if day:
        yield wrong(name, "no sweep in the last half hour, and there were before")
    else:
        yield unknown(name, "no sweep has been counted for a day: the deployment is new, or it never swept")


CHECK = Check(
    asks="Did the remediators sweep in the last half hour?",
    why="Schedule, queue, function and table all stand behind this one number: where it stops, remediation has.",
    fix="look at sweep, consumers and functions; then at the log of the remediators' function",
    reads=("cloudwatch:GetMetricData",),
    look=look,
)
