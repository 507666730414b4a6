"""The work queue as it really is: what waits in moto's queue, how old it is, what came and went since the last look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.backends import get_backend

from infra.local.arns import Place
from infra.local.loopback_aws import LoopbackAws
from infra.local.metrics_feed import DEAD_LETTERS, QUEUE, Reading

# [SQS developer guide, CloudWatch metrics: a message received three times without being deleted no longer counts for the age]
COUNTED_RECEIVES = 3


@dataclass
class WorkloadQueue:
    """The queue and its dead letters. ``sent`` is what the source has put in; the rest is counted at the door."""

    place: Place
    aws: LoopbackAws
    sent: int = 0
    _last: tuple[int, int, int] = (0, 0, 0)

    @property
    def waiting(self) -> int:
        """How many messages can be received."""
        return sum(message.visible and not message.delayed for message in self._held(QUEUE))

    @property
    def in_flight(self) -> int:
        """How many are received and neither deleted nor given back."""
        return sum(not message.visible for message in self._held(QUEUE))

    @property
    def dead(self) -> int:
        """How many are dead letters."""
        return len(self._held(DEAD_LETTERS))

    def age(self, now: datetime) -> float:
        """Return how many seconds the oldest message is old, 0 for an empty queue."""
        sent = [int(each.sent_timestamp) for each in self._held(QUEUE) if each.approximate_receive_count < COUNTED_RECEIVES]
        return max(0.0, now.timestamp() - min(sent) / 1000) if sent else 0.0

    def readings(self, now: datetime) -> Iterator[Reading]:
        """Return what SQS publishes of the minute that ends now, and begin the next one."""
        before, self._last = self._last, (self.sent, self.aws.received, self.aws.deleted)
        jobs, dead = {"QueueName": QUEUE}, {"QueueName": DEAD_LETTERS}
        yield gauge("AWS/SQS", "ApproximateAgeOfOldestMessage", jobs, "Seconds", self.age(now), "Maximum")
        yield gauge("AWS/SQS", "ApproximateNumberOfMessagesVisible", jobs, "Count", self.waiting, "Maximum")
        yield gauge("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", jobs, "Count", self.in_flight, "Maximum")
        for name, old, new in zip(("Sent", "Received", "Deleted"), before, self._last, strict=True):
            yield gauge("AWS/SQS", f"NumberOfMessages{name}", jobs, "Count", new - old, "Sum")
        yield gauge("AWS/SQS", "ApproximateNumberOfMessagesVisible", dead, "Count", self.dead, "Maximum")

    def _held(self, name: str) -> list[Any]:
        return list(get_backend("sqs")[self.place.account][self.place.region].queues[name]._messages)


def gauge(namespace: str, name: str, dimensions: dict[str, str], unit: str, value: float, statistic: str = "Average") -> Reading:
    """Return one value of one metric."""
    return Reading(namespace, name, dimensions, unit, statistic, (round(value, 6),), (1.0,))
