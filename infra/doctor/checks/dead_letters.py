"""dead-letters: nothing waits where only people look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infra.doctor.check import Absent, Check, Finding, each, ok, wrong
from infra.doctor.deployment import ROOMS, Deployment

KINDS = {"dead": "could not be processed", "undelivered": "could not be delivered by the topic"}
SCHEDULES = "schedules-dead"


def look(deployment: Deployment) -> Iterator[Finding]:
    """Count what lies in the dead letters of queues, of subscriptions and of schedules."""
    names = {f"{deployment.base}-{room}-{kind}": what for room in ROOMS for kind, what in KINDS.items()}
    names[f"{deployment.base}-{SCHEDULES}"] = "could not be sent by a schedule"
    yield from each(names, lambda name: _judged(deployment, name, names[name]))


def _judged(deployment: Deployment, name: str, what: str) -> Iterable[Finding]:
    try:
        attributes = deployment.queue(name)
    except Absent:
        # The queue's own dead letters are asked for by queue-redrive, the subscriptions' by subscriptions.
        return []
    waiting = int(attributes.get("ApproximateNumberOfMessages", 0)) + int(
        attributes.get("ApproximateNumberOfMessagesNotVisible", 0)
    )
    if waiting:
        messages = "1 message" if waiting == 1 else f"{waiting} messages"
        return [wrong(name, f"{messages} that {what}")]
    return [ok(name, "empty")]


CHECK = Check(
    asks="Are all dead-letter queues empty?",
    why="What lies there was told to nobody and acted on by nothing, and it expires after fourteen days.",
    fix="read one message to find the cause, put that right, then move them back (sqs start-message-move-task)",
    reads=("sqs:GetQueueUrl", "sqs:GetQueueAttributes"),
    look=look,
)
