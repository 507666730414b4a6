"""What one minute of the platform looks like in CloudWatch: AWS's namespaces, names, dimensions and units.

Percentiles need raw values, so latencies are published as ten equally likely values. A metric that AWS leaves out (error
counts of zero, CPU of a service without tasks) is left out here too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.platform import Minute

CLUSTER = "image"
API_SERVICE = "image-api"
CONSUMER_SERVICE = "image-consumer"
QUEUE = "image-jobs"
DEAD_LETTERS = "image-jobs-dead"
LOAD_BALANCER = "app/image/0123456789abcdef"
REST_API = "image-api"
REST_STAGE = "prod"
DATABASE = "image-db"

# Ten equally likely latencies, as multiples of the median: a right-skewed distribution whose p90 is about 2.4 times it.
SPREAD = (0.55, 0.66, 0.76, 0.86, 0.95, 1.05, 1.2, 1.45, 1.9, 2.9)
# Aurora publishes VolumeBytesUsed coarsely; every five minutes is as often as its other volume metrics are documented.
VOLUME_EVERY = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric of one minute: raw ``values`` with how often each was seen, and the statistic that people look at."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    unit: str
    statistic: str
    values: tuple[float, ...]
    counts: tuple[float, ...]

    @property
    def value(self) -> float:
        """The value under ``statistic``: Sum, Maximum, Average or a percentile."""
        if self.statistic == "Sum":
            return sum(value * count for value, count in zip(self.values, self.counts, strict=True))
        if self.statistic == "Maximum":
            return max(self.values)
        if self.statistic.startswith("p"):
            return sorted(self.values)[min(len(self.values) - 1, int(float(self.statistic[1:]) / 100 * len(self.values)))]
        total = sum(self.counts)
        return sum(value * count for value, count in zip(self.values, self.counts, strict=True)) / total

    def datum(self, timestamp: Any) -> dict[str, Any]:
        """Return the member of PutMetricData's MetricData for the period that begins at ``timestamp``."""
        return {
            "MetricName": self.name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in self.dimensions.items()],
            "Timestamp": timestamp,
            "Unit": self.unit,
            "Values": list(self.values),
            "Counts": list(self.counts),
        }


def readings(minute: Minute) -> list[Reading]:
    """Return every metric that AWS would publish for this minute."""
    return [*_ecs(minute), *_sqs(minute), *_alb(minute), *_api_gateway(minute), *_aurora(minute)]


def _one(namespace: str, name: str, dimensions: Mapping[str, str], unit: str, statistic: str, value: float) -> Reading:
    return Reading(namespace, name, dimensions, unit, statistic, (round(value, 6),), (1.0,))


def _ecs(minute: Minute) -> Iterator[Reading]:
    capacity = minute.capacity
    services = (
        (API_SERVICE, capacity.api_running, capacity.api_desired, minute.api_cpu, minute.api_memory),
        (CONSUMER_SERVICE, capacity.consumers_running, capacity.consumers_desired, minute.consumer_cpu, minute.consumer_memory),
    )
    for service, running, desired, cpu, memory in services:
        dimensions = {"ClusterName": CLUSTER, "ServiceName": service}
        if running:  # one sample per running task: SampleCount at 60 s is the number of tasks, and 0 tasks means no data
            for name, value in (("CPUUtilization", cpu), ("MemoryUtilization", memory)):
                yield Reading("AWS/ECS", name, dimensions, "Percent", "Average", (round(value, 4),), (float(running),))
        yield _one("ECS/ContainerInsights", "RunningTaskCount", dimensions, "Count", "Average", running)
        yield _one("ECS/ContainerInsights", "DesiredTaskCount", dimensions, "Count", "Average", desired)


def _sqs(minute: Minute) -> Iterator[Reading]:
    jobs = {"QueueName": QUEUE}
    yield _one("AWS/SQS", "ApproximateAgeOfOldestMessage", jobs, "Seconds", "Maximum", round(minute.oldest_age))
    yield _one("AWS/SQS", "ApproximateNumberOfMessagesVisible", jobs, "Count", "Maximum", round(minute.waiting))
    yield _one("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", jobs, "Count", "Maximum", round(minute.in_flight))
    for name, value in (("Sent", minute.sent), ("Received", minute.deleted), ("Deleted", minute.deleted)):
        yield _one("AWS/SQS", f"NumberOfMessages{name}", jobs, "Count", "Sum", round(value))
    dead = {"QueueName": DEAD_LETTERS}
    yield _one("AWS/SQS", "ApproximateNumberOfMessagesVisible", dead, "Count", "Maximum", 0)


def _alb(minute: Minute) -> Iterator[Reading]:
    balancer = {"LoadBalancer": LOAD_BALANCER}
    chosen = round(minute.requests * (1 - minute.load_balancer_errors))
    yield _one("AWS/ApplicationELB", "RequestCount", balancer, "Count", "Sum", chosen)
    counts = {
        "HTTPCode_Target_5XX_Count": round(chosen * minute.target_errors),
        "HTTPCode_ELB_5XX_Count": round(minute.requests * minute.load_balancer_errors),
    }
    for name, value in counts.items():
        if value:
            yield _one("AWS/ApplicationELB", name, balancer, "Count", "Sum", value)
    yield _latency("AWS/ApplicationELB", "TargetResponseTime", balancer, "Seconds", minute.latency_ms / 1000, minute.requests)


def _api_gateway(minute: Minute) -> Iterator[Reading]:
    stage = {"ApiName": REST_API, "Stage": REST_STAGE}
    requests = round(minute.requests)
    if not requests:
        return
    failed = round(requests * (1 - (1 - minute.target_errors) * (1 - minute.load_balancer_errors)))
    yield _one("AWS/ApiGateway", "Count", stage, "Count", "Sum", requests)
    yield _rate("5XXError", stage, failed, requests)
    yield _rate("4XXError", stage, round(requests * minute.client_errors), requests)
    backend = minute.latency_ms
    yield _latency("AWS/ApiGateway", "IntegrationLatency", stage, "Milliseconds", backend, requests)
    yield _latency("AWS/ApiGateway", "Latency", stage, "Milliseconds", backend + minute.gateway_ms, requests)


def _rate(name: str, stage: Mapping[str, str], hits: int, requests: int) -> Reading:
    """Return an error metric of a REST API: one sample of 0 or 1 per request, so that Average is the rate."""
    seen = [(value, float(count)) for value, count in ((1.0, hits), (0.0, requests - hits)) if count]
    return Reading("AWS/ApiGateway", name, stage, "Count", "Average", tuple(v for v, _ in seen), tuple(c for _, c in seen))


def _latency(namespace: str, name: str, dimensions: Mapping[str, str], unit: str, median: float, requests: float) -> Reading:
    values = tuple(round(median * factor, 4) for factor in SPREAD)
    return Reading(namespace, name, dimensions, unit, "p90", values, (max(1.0, round(requests / len(SPREAD))),) * len(SPREAD))


def _aurora(minute: Minute) -> Iterator[Reading]:
    loads = ((1, 0.7, 1.0), (2, 0.3, 0.45))  # the writer carries most of it, the reader the rest
    for number, share, cpu in loads:
        instance = {"DBInstanceIdentifier": f"{DATABASE}-{number}"}
        yield _one("AWS/RDS", "CPUUtilization", instance, "Percent", "Average", minute.database_cpu * cpu)
        yield _one("AWS/RDS", "DatabaseConnections", instance, "Count", "Average", round(minute.connections * share))
        yield _one("AWS/RDS", "FreeLocalStorage", instance, "Bytes", "Average", round(minute.local_storage_bytes))
    cluster = {"DBClusterIdentifier": DATABASE}
    if minute.index % VOLUME_EVERY == 0:
        yield _one("AWS/RDS", "VolumeBytesUsed", cluster, "Bytes", "Average", round(minute.volume_bytes))
