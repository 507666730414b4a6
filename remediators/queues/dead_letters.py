"""A dead-letter queue, where its letters came from, and whether what put them there is gone. Pure but for ``observe``.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alarms.domain.masking import masked
from remediators.action import Clients, Purpose, Situation

RUNNING = "RUNNING"
ACTIVE = ("RUNNING", "CANCELLING")
SAMPLE = 10  # ReceiveMessage gives no more at once
QUIET_S = 600
HEAD = 200  # characters of a body that are kept as evidence
READ = 2000  # characters of it that are masked before: what is cut in the middle has no form any more
# SQS metrics of a queue that wakes up come up to 15 minutes late; within an active queue two minutes are usual.
LATE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Letter:
    """One sampled letter: what its body hashes to, its first characters with secrets masked, when it was first sent."""

    id: str
    digest: str
    head: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Move:
    """A move task. ``to`` is the destination's name, "" when every letter goes back to where it came from."""

    status: str
    to: str
    rate: int | None
    moved: int
    to_move: int
    started_at: datetime
    handle: str = ""
    failure: str = ""

    @property
    def value(self) -> str:
        """The task as a change's value shows it: ``10/s to image-jobs``."""
        return value(self.rate, self.to)


@dataclass(frozen=True, slots=True)
class Consumers:
    """Who works the source off. ``healthy`` and ``deployed_at`` are None when unknown; ``shown`` says what was seen."""

    shown: str
    healthy: bool | None
    deployed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Signals:
    """What CloudWatch tells of the last minutes; None where it has no point.

    ``rose_at``: when the number of letters last rose within the window; ``window_start`` bounds what is known of it.
    ``errors`` is the share of the consumers' work that failed, 0..1. ``source_age_s`` is the oldest message's age.
    """

    window_start: datetime
    counted: bool = False
    rose_at: datetime | None = None
    errors: float | None = None
    source_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Letters:
    """Everything seen. ``chained``: this dead-letter queue hands its own letters on, so receiving from it would move them.

    ``sources`` are the queues that send their letters here. What only a decision needs is empty or None otherwise.
    """

    queue: str
    arn: str
    visible: int
    in_flight: int
    retention_s: int
    chained: bool
    moves: tuple[Move, ...]
    now: datetime
    signals: Signals | None = None
    sources: tuple[str, ...] = ()
    source_visible: int | None = None
    consumers: Consumers | None = None
    sample: tuple[Letter, ...] = ()

    @property
    def move(self) -> Move | None:
        """The newest move task."""
        return self.moves[0] if self.moves else None

    @property
    def fifo(self) -> bool:
        """Whether an order is promised that redriven letters break."""
        return self.queue.endswith(".fifo")

    @property
    def repeated(self) -> int:
        """How many of the sample have the commonest body."""
        return max(Counter(letter.digest for letter in self.sample).values(), default=0)

    @property
    def expires_in(self) -> timedelta | None:
        """Time until the oldest sampled letter is dropped: in a standard queue it counts from its first sending."""
        oldest = min((letter.sent_at for letter in self.sample if letter.sent_at), default=None)
        return oldest + timedelta(seconds=self.retention_s) - self.now if oldest else None


def value(rate: int | None, to: str) -> str:
    """Return a move task as a change's value."""
    return f"{rate if rate is not None else 'any'}/s to {to or 'where they came from'}"


def observe(clients: Clients, situation: Situation) -> Letters:
    """Read the letters and their move tasks; to watch, the metrics too; to decide, everything.

    sqs GetQueueUrl, GetQueueAttributes, ListMessageMoveTasks; cloudwatch GetMetricData; to decide also
    sqs ListDeadLetterSourceQueues, ReceiveMessage (a sample, visible again at once) and the consumers' state.
    """
    parameters, sqs = situation.policy.parameters, clients("sqs")
    queue = situation.alarm.target["QueueName"]
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    names = [
        "QueueArn",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "MessageRetentionPeriod",
        "RedrivePolicy",
    ]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    tasks = sqs.list_message_move_tasks(SourceArn=attributes["QueueArn"], MaxResults=5)["Results"]
    deciding = situation.purpose is Purpose.DECIDE
    signals = None
    if deciding or situation.purpose is Purpose.WATCH:
        signals = _signals(clients, queue, parameters, situation.now)
    seen = Letters(
        queue=queue,
        arn=attributes["QueueArn"],
        visible=int(attributes["ApproximateNumberOfMessages"]),
        in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        retention_s=int(attributes["MessageRetentionPeriod"]),
        chained="RedrivePolicy" in attributes,
        moves=moves(tasks),
        now=situation.now,
        signals=signals,
    )
    return _with_surroundings(clients, seen, url, parameters) if deciding else seen


def moves(tasks: Sequence[Mapping[str, Any]]) -> tuple[Move, ...]:
    """Read ListMessageMoveTasks' results, newest first."""
    return tuple(
        Move(
            status=task["Status"],
            to=task.get("DestinationArn", "").rsplit(":", 1)[-1],
            rate=task.get("MaxNumberOfMessagesPerSecond"),
            moved=task.get("ApproximateNumberOfMessagesMoved", 0),
            to_move=task.get("ApproximateNumberOfMessagesToMove", 0),
            started_at=datetime.fromtimestamp(task["StartedTimestamp"] / 1000, UTC),
            handle=task.get("TaskHandle", ""),
            failure=task.get("FailureReason", ""),
        )
        for task in tasks
    )


def _with_surroundings(clients: Clients, seen: Letters, url: str, parameters: Mapping[str, Any]) -> Letters:
    sqs = clients("sqs")
    urls = sqs.list_dead_letter_source_queues(QueueUrl=url)["queueUrls"]
    origin = next((item for item in urls if item.rsplit("/", 1)[-1] == parameters["source"]), None)
    waiting = None
    if origin is not None:
        name = "ApproximateNumberOfMessages"
        waiting = int(sqs.get_queue_attributes(QueueUrl=origin, AttributeNames=[name])["Attributes"][name])
    source_arn = f"{seen.arn.rsplit(':', 1)[0]}:{parameters['source']}"
    named = parameters.get("function")
    return replace(
        seen,
        sources=tuple(item.rsplit("/", 1)[-1] for item in urls),
        source_visible=waiting,
        consumers=_function(clients, named, source_arn) if named else _service(clients, parameters),
        sample=() if seen.chained or not seen.visible else _sample(sqs, url),
    )


def _sample(sqs: Any, url: str) -> tuple[Letter, ...]:
    """Look at a few letters without taking them: they are visible to everybody at once again.

    That counts as a receive; without a redrive policy of its own (``chained``) a queue does nothing with that count.
    """
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=SAMPLE,
        VisibilityTimeout=0,
        WaitTimeSeconds=0,
        MessageSystemAttributeNames=["SentTimestamp"],
    )
    return tuple(_letter(item) for item in answer.get("Messages", ()))


def _letter(item: Mapping[str, Any]) -> Letter:
    sent = item.get("Attributes", {}).get("SentTimestamp")
    return Letter(
        id=item["MessageId"],
        digest=hashlib.sha256(item["Body"].encode()).hexdigest()[:16],
        head=masked(item["Body"][:READ])[:HEAD],
        sent_at=datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None,
    )


def _service(clients: Clients, parameters: Mapping[str, Any]) -> Consumers:
    cluster, name = parameters["cluster"], parameters["consumer"]
    found = clients("ecs").describe_services(cluster=cluster, services=[name])["services"]
    service = next((item for item in found if item.get("status") == "ACTIVE"), None)
    if service is None:
        return Consumers(f"{name}: no such service", None)
    running, desired = service["runningCount"], service["desiredCount"]
    deployments = service.get("deployments", [])
    primary: Mapping[str, Any] = next((item for item in deployments if item.get("status") == "PRIMARY"), {})
    settled = len(deployments) == 1 and primary.get("rolloutState", "COMPLETED") == "COMPLETED"
    healthy = settled and 0 < desired == running and not primary.get("failedTasks", 0)
    return Consumers(f"{name} {running}/{desired}", healthy, primary.get("createdAt") if settled else None)


def _function(clients: Clients, function: str, source_arn: str) -> Consumers:
    found = clients("lambda").list_event_source_mappings(FunctionName=function, EventSourceArn=source_arn)["EventSourceMappings"]
    if len(found) != 1:
        return Consumers(f"{function}: {len(found)} mappings", None)
    return Consumers(f"{function} {found[0]['State']}", found[0]["State"] == "Enabled")


def _signals(clients: Clients, queue: str, parameters: Mapping[str, Any], now: datetime) -> Signals:
    end = now.replace(second=0, microsecond=0)
    quiet = end - timedelta(seconds=parameters.get("quiet_for", QUIET_S))
    start = quiet - timedelta(minutes=5)
    sums = {"received": "NumberOfMessagesReceived", "deleted": "NumberOfMessagesDeleted"}
    source = {"QueueName": parameters["source"]}
    queries = [
        _query("letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": queue}, "Maximum"),
        _query("age", "AWS/SQS", "ApproximateAgeOfOldestMessage", source, "Maximum"),
        *(_query(key, "AWS/SQS", metric, source, "Sum") for key, metric in sums.items()),
    ]
    if "function" in parameters:
        function = {"FunctionName": parameters["function"]}
        queries += [_query(name.lower(), "AWS/Lambda", name, function, "Sum") for name in ("Errors", "Invocations")]
    answer = clients("cloudwatch").get_metric_data(
        MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )
    points = {item["Id"]: list(zip(item["Timestamps"], item["Values"], strict=True)) for item in answer["MetricDataResults"]}
    letters, ages = points.get("letters", []), [age for at, age in points.get("age", []) if at >= end - timedelta(minutes=5)]
    return Signals(
        window_start=start,
        counted=bool(letters),
        rose_at=_rose_at(letters, start),
        errors=_errors({key: [amount for at, amount in series if at >= quiet] for key, series in points.items()}),
        source_age_s=ages[-1] if ages else None,
    )


def _rose_at(letters: Sequence[tuple[datetime, float]], start: datetime) -> datetime | None:
    """Return when the count last rose. Letters that appear within the window, after nothing was measured, arrived then."""
    rises = [later[0] for earlier, later in itertools.pairwise(letters) if later[1] > earlier[1]]
    if letters and letters[0][1] > 0 and letters[0][0] > start + LATE:
        rises.insert(0, letters[0][0])
    return rises[-1] if rises else None


def _errors(points: Mapping[str, Sequence[float]]) -> float | None:
    """Return the failed share: of invocations where a function consumes, else of messages received and not deleted."""
    totals = {key: sum(series) for key, series in points.items() if series}
    if totals.get("invocations"):
        return min(1.0, totals.get("errors", 0.0) / totals["invocations"])
    if "invocations" in points or not totals.get("received"):
        return None
    return max(0.0, 1 - totals.get("deleted", 0.0) / totals["received"])


def _query(key: str, namespace: str, metric: str, dimensions: Mapping[str, str], stat: str) -> Mapping[str, Any]:
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    return {
        "Id": key,
        "MetricStat": {"Metric": {"Namespace": namespace, "MetricName": metric, "Dimensions": named}, "Period": 60, "Stat": stat},
    }
