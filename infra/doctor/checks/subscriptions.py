"""subscriptions: both rooms' queues hear the topic, and what cannot be delivered is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra.doctor.check import Check, Finding, each, judged, wrong
from infra.doctor.deployment import ROOMS, Deployment


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the subscription of each room's queue."""
    topic = deployment.settings.topic_arn
    found: dict[str, Mapping[str, Any]] = {}
    for page in deployment.aws.pages("sns", "ListSubscriptionsByTopic", "NextToken", 20, TopicArn=topic):
        found.update((str(one.get("Endpoint")), one) for one in page["Subscriptions"])
    yield from each(ROOMS, lambda room: _judged(deployment, room, found))


def _judged(deployment: Deployment, room: str, found: Mapping[str, Mapping[str, Any]]) -> Iterable[Finding]:
    name = f"{deployment.base}-{room}"
    one = found.get(deployment.arn("sqs", name))
    if one is None:
        return [wrong(name, "the topic does not deliver to it")]
    arn = str(one.get("SubscriptionArn"))
    if not arn.startswith("arn:"):
        return [wrong(name, "its subscription was never confirmed")]
    attributes = deployment.aws.ask("sns", "GetSubscriptionAttributes", SubscriptionArn=arn)["Attributes"]
    faults = []
    if attributes.get("PendingConfirmation") == "true":
        faults.append("its subscription was never confirmed")
    if attributes.get("FilterPolicy") not in (None, "", "{}"):
        faults.append("a filter keeps messages from it")
    if not attributes.get("RedrivePolicy"):
        faults.append("what SNS cannot deliver is gone: the subscription has no dead letters")
    return [judged(wrong, name, faults, "subscribed, with dead letters")]


CHECK = Check(
    asks="Does the topic deliver to both rooms' queues, and keep what it cannot deliver?",
    why="Without its subscription a room hears nothing. SNS does not try again what a queue's policy or key refuses.",
    fix="subscribe the queue to the topic (protocol sqs, no filter), with a RedrivePolicy to a dead-letter queue",
    reads=("sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes"),
    look=look,
)
