"""The queues: one for each room that listens, its dead letters, what SNS could not deliver, and the schedules' dead letters.

The numbers are those of ``infra/local/stack.py``, which the tests run on: a test holds them equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.pipeline.place import Place

RECEIVES = 5  # below five, a throttled function alone would fill the dead letters (Lambda developer guide, SQS)
RETENTION_DAYS = 4
DEAD_RETENTION_DAYS = 14  # SQS's longest: a dead letter keeps the age of its original
SCHEDULES = "schedules-dead"


@dataclass(frozen=True, slots=True)
class Inbox:
    """What a room listens to: its queue, its dead letters, and what SNS could not put into it."""

    queue: sqs.Queue
    dead: sqs.Queue
    undelivered: sqs.Queue


def inbox(
    scope: Construct,
    place: Place,
    room: str,
    *,
    key: kms.IKey,
    visibility_s: int,
    topics: Sequence[str],
    deliverers: Sequence[str],
) -> Inbox:
    """Make a room's queues. Only the topics may put messages in from outside, as the services ``deliverers``.

    The rooms' own roles do it by their policies.
    """
    dead = _queue(scope, place, f"{room}-dead", key, DEAD_RETENTION_DAYS)
    undelivered = _queue(scope, place, f"{room}-undelivered", key, DEAD_RETENTION_DAYS)
    queue = sqs.Queue(
        scope,
        room.capitalize(),
        queue_name=place.named(room),
        encryption_master_key=key,
        enforce_ssl=True,
        visibility_timeout=cdk.Duration.seconds(visibility_s),
        retention_period=cdk.Duration.days(RETENTION_DAYS),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=RECEIVES),
    )
    for of, sid in ((queue, "TopicDelivers"), (undelivered, "TopicKeepsWhatItCannotDeliver")):
        of.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.ServicePrincipal(service) for service in deliverers],
                actions=["sqs:SendMessage"],
                resources=[of.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": list(topics)}},
            )
        )
    accept(undelivered, nag={"SQS3": "these are the dead letters of the topic's subscription, which cdk-nag does not look at"})
    return Inbox(queue, dead, undelivered)


def schedules_dead(scope: Construct, place: Place, key: kms.IKey) -> sqs.Queue:
    """Make the dead letters of the schedules: what EventBridge Scheduler could not hand over."""
    made = _queue(scope, place, SCHEDULES, key, DEAD_RETENTION_DAYS)
    accept(made, nag={"SQS3": "these are the dead letters of a schedule, which cdk-nag does not look at"})
    return made


def _queue(scope: Construct, place: Place, name: str, key: kms.IKey, days: int) -> sqs.Queue:
    ident = "".join(part.capitalize() for part in name.split("-"))
    return sqs.Queue(
        scope,
        ident,
        queue_name=place.named(name),
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(days),
    )
