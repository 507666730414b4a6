"""queue-policy: the rooms' queues take what the topic delivers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from infra.doctor.check import Check, Finding, each, ok, unknown, wrong
from infra.doctor.deployment import ROOMS, Deployment
from infra.doctor.policies import allows


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the policy of each room's queue, and of the key that encrypts it."""
    yield from each([f"{deployment.base}-{room}" for room in ROOMS], lambda name: _judged(deployment, name))


def _judged(deployment: Deployment, name: str) -> Iterable[Finding]:
    attributes, topic = deployment.queue(name), deployment.settings.topic_arn
    context = {"aws:sourceaccount": deployment.settings.account, "aws:sourcearn": topic, "aws:securetransport": "true"}
    policy = attributes.get("Policy") or "{}"
    answers = {"sqs:SendMessage": allows(policy, "sns.amazonaws.com", "sqs:SendMessage", attributes["QueueArn"], context)}
    if key := attributes.get("KmsMasterKeyId", ""):
        described = deployment.aws.ask("kms", "DescribeKey", KeyId=key)["KeyMetadata"]
        policy = deployment.aws.ask("kms", "GetKeyPolicy", KeyId=described["KeyId"], PolicyName="default")["Policy"]
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            answers[action] = allows(policy, "sns.amazonaws.com", action, described["Arn"], context)
    refused = [action for action, answer in answers.items() if answer is False]
    if refused:
        return [wrong(name, f"sns.amazonaws.com may not {' and '.join(refused)}: what the topic delivers is refused")]
    if None in answers.values():
        return [unknown(name, "a policy has conditions that are only known when a message is delivered")]
    return [ok(name, "takes what the topic delivers")]


CHECK = Check(
    asks="Do the rooms' queues, and their keys, take what the topic delivers?",
    why="SNS does not retry a queue that refuses it: alarms ring, and neither people nor remediation hear of it.",
    fix=(
        "allow sns.amazonaws.com sqs:SendMessage on the queue where aws:SourceArn is the topic, "
        "and kms:Decrypt and kms:GenerateDataKey* on its key"
    ),
    reads=("sqs:GetQueueUrl", "sqs:GetQueueAttributes", "kms:DescribeKey", "kms:GetKeyPolicy"),
    look=look,
)
