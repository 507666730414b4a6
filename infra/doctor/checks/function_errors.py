"""function-errors: the functions neither fail nor are throttled lately."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from infra.doctor.check import Check, Finding, judged, unknown, wrong
from infra.doctor.deployment import FUNCTIONS, Deployment

SINCE = timedelta(hours=1)
METRICS = {"Errors": "failed", "Throttles": "were throttled"}


def look(deployment: Deployment) -> Iterator[Finding]:
    """Count errors and throttles of each function over the last hour."""
    names = [f"{deployment.base}-{room}" for room in FUNCTIONS]
    queries = {
        f"{name} {metric}": {
            "Namespace": "AWS/Lambda",
            "MetricName": metric,
            "Dimensions": {"FunctionName": name},
            "Stat": "Sum",
        }
        for name in names
        for metric in ("Invocations", *METRICS)
    }
    found = deployment.sums(queries, deployment.now() - SINCE)
    for name in names:
        calls = found[f"{name} Invocations"]
        if calls is None and all(found[f"{name} {metric}"] is None for metric in METRICS):
            yield unknown(name, "it was not called in the last hour: nothing is known of how it does")
            continue
        faults = [f"{count:.0f} calls {word}" for metric, word in METRICS.items() if (count := found[f"{name} {metric}"])]
        yield judged(wrong, name, faults, f"{calls or 0:.0f} calls in the last hour, none failed")


CHECK = Check(
    asks="Did all calls of the functions in the last hour end well?",
    why="A function that fails gives its records back; after five times they are dead letters, and nobody was told.",
    fix="read the function's log for the exception; where it is throttled, reserve more concurrency",
    reads=("cloudwatch:GetMetricData",),
    look=look,
)
