"""queue-age: nothing waits in the rooms' queues for longer than a storm explains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from infra.doctor.check import Check, Finding, each, ok, unknown, wrong
from infra.doctor.deployment import ROOMS, Deployment

OLDEST_S = 300
SINCE = timedelta(minutes=15)


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the age of the oldest message of each room's queue."""
    yield from each([f"{deployment.base}-{room}" for room in ROOMS], lambda name: _judged(deployment, name))


def _judged(deployment: Deployment, name: str) -> Iterable[Finding]:
    attributes = deployment.queue(name)
    waiting = int(attributes.get("ApproximateNumberOfMessages", 0))
    if not waiting:
        return [ok(name, "nothing waits")]
    dimensions = [{"Name": "QueueName", "Value": name}]
    now = deployment.now()
    points = deployment.aws.ask(
        "cloudwatch",
        "GetMetricStatistics",
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=dimensions,
        StartTime=now - SINCE,
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    if not points:
        return [unknown(name, f"{waiting} wait, and their age was not published in the last 15 minutes")]
    age = max(points, key=lambda point: point["Timestamp"])["Maximum"]
    if age >= OLDEST_S:
        return [wrong(name, f"{waiting} wait, the oldest for {age:.0f} s")]
    return [ok(name, f"{waiting} wait, the oldest for {age:.0f} s")]


CHECK = Check(
    asks=f"Does every message in the rooms' queues get its turn within {OLDEST_S} s?",
    why="A message that waits is an alarm that nobody was told of yet.",
    fix="look at the consumers, the functions and their errors above; a storm drains by itself",
    reads=("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "cloudwatch:GetMetricStatistics"),
    look=look,
)
