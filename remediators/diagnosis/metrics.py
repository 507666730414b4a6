"""The numbers of a service around the moment when the symptom began: one GetMetricData for all signals that need any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remediators.action import Clients
from remediators.diagnosis.finding import Look

PERIOD_S = 60
BEFORE = timedelta(minutes=30)
# Which metrics of a target tell something, by the target's dimensions: (namespace, metric, statistic).
_WANTED: Mapping[tuple[str, ...], tuple[tuple[str, str, str], ...]] = {
    ("ApiName", "Stage"): (
        ("AWS/ApiGateway", "Count", "Sum"),
        ("AWS/ApiGateway", "5XXError", "Sum"),
        ("AWS/ApiGateway", "4XXError", "Sum"),
    ),
    ("LoadBalancer",): (
        ("AWS/ApplicationELB", "RequestCount", "Sum"),
        ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "Sum"),
        ("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "Sum"),
    ),
    ("ClusterName", "ServiceName"): (
        ("AWS/ECS", "CPUUtilization", "Average"),
        ("AWS/ECS", "MemoryUtilization", "Maximum"),
    ),
    ("DBInstanceIdentifier",): (
        ("AWS/RDS", "DatabaseConnections", "Maximum"),
        ("AWS/RDS", "CPUUtilization", "Average"),
        ("AWS/RDS", "DBLoad", "Average"),
    ),
    ("QueueName",): (
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
        ("AWS/SQS", "NumberOfMessagesSent", "Sum"),
        ("AWS/SQS", "NumberOfMessagesDeleted", "Sum"),
    ),
}


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one target, a point a minute, oldest first; minutes without a point are left out."""

    metric: str
    target: Mapping[str, str]
    points: tuple[tuple[datetime, float], ...] = ()

    def before(self, look: Look) -> float | None:
        """Return the mean of the calm half hour; None without points."""
        return _mean([value for at, value in self.points if look.calm_until - BEFORE <= at < look.calm_until])

    def during(self, look: Look) -> float | None:
        """Return the mean since the symptom began, its first minute included; None without points."""
        first = look.began - timedelta(seconds=PERIOD_S)
        return _mean([value for at, value in self.points if at > first])

    def peak(self, look: Look) -> float | None:
        """Return the highest point since it was calm; None without points."""
        return max((value for at, value in self.points if at >= look.calm_until), default=None)

    def since(self, moment: datetime, until: datetime) -> float:
        """Return the sum of the points in [moment, until)."""
        return sum(value for at, value in self.points if moment <= at < until)


def read(clients: Clients, look: Look) -> tuple[Series, ...]:
    """Return every wanted series of the service's targets; empty when there is no target with metrics. One call."""
    wanted = [
        (target, namespace, metric, statistic)
        for dimensions, metrics in _WANTED.items()
        for target in look.targets(*dimensions)
        for namespace, metric, statistic in metrics
    ]
    if not wanted:
        return ()
    answer = clients("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": f"m{place}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": metric,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in sorted(target.items())],
                    },
                    "Period": PERIOD_S,
                    "Stat": statistic,
                },
            }
            for place, (target, namespace, metric, statistic) in enumerate(wanted)
        ],
        StartTime=look.calm_until - BEFORE,
        EndTime=look.now,
        ScanBy="TimestampAscending",
    )
    found = {item["Id"]: _points(item) for item in answer["MetricDataResults"]}
    return tuple(Series(metric, target, found.get(f"m{place}", ())) for place, (target, _, metric, _) in enumerate(wanted))


def of(series: Sequence[Series], metric: str, *dimensions: str) -> list[Series]:
    """Return the series of ``metric`` on targets with exactly these dimensions, those with points only."""
    return [item for item in series if item.metric == metric and set(item.target) == set(dimensions) and item.points]


def _points(item: Mapping[str, Any]) -> tuple[tuple[datetime, float], ...]:
    return tuple(sorted(zip(item["Timestamps"], item["Values"], strict=True)))


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
