"""topic-encryption: the alarms' topic is encrypted by a key that CloudWatch can use."""

from __future__ import annotations

from collections.abc import Iterator

from infra.doctor.check import Check, Finding, ok, unknown, wrong
from infra.doctor.deployment import Deployment
from infra.doctor.policies import allows

# What SNS does for a publisher with an encrypted topic, in the publisher's name. [SNS developer guide, key management]
ACTIONS = ("kms:Decrypt", "kms:GenerateDataKey")
AWS_OWN = "alias/aws/sns"


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the topic's key and the key's policy."""
    topic = deployment.settings.topic_arn
    attributes = deployment.aws.ask("sns", "GetTopicAttributes", TopicArn=topic)["Attributes"]
    name, key = topic.rsplit(":", 1)[-1], str(attributes.get("KmsMasterKeyId") or "")
    if not key:
        yield wrong(name, "it is not encrypted")
    elif key.endswith(AWS_OWN):
        yield wrong(name, f"it is encrypted by {AWS_OWN}, which CloudWatch cannot use: no alarm is heard")
    else:
        yield _judged(deployment, name, key)


def _judged(deployment: Deployment, name: str, key: str) -> Finding:
    described = deployment.aws.ask("kms", "DescribeKey", KeyId=key)["KeyMetadata"]
    if described.get("KeyState") != "Enabled":
        return wrong(name, f"its key is {described.get('KeyState')}: no alarm is heard")
    policy = deployment.aws.ask("kms", "GetKeyPolicy", KeyId=described["KeyId"], PolicyName="default")["Policy"]
    account = deployment.settings.account
    context = {"aws:sourceaccount": account, "aws:sourcearn": deployment.alarm_arn, "kms:calleraccount": account}
    may = {action: allows(policy, "cloudwatch.amazonaws.com", action, described["Arn"], context) for action in ACTIONS}
    refused = [action for action, answer in may.items() if answer is False]
    if refused:
        return wrong(name, f"its key does not let cloudwatch.amazonaws.com {' and '.join(refused)}: no alarm is heard")
    if None in may.values():
        return unknown(name, "its key's policy has conditions that are only known when an alarm rings")
    return ok(name, "encrypted by a key that CloudWatch may use")


CHECK = Check(
    asks="Is the alarms' topic encrypted by a key of yours that CloudWatch may use?",
    why="CloudWatch publishes through the topic's key. Where it may not, an alarm rings unheard, without an error.",
    fix="encrypt the topic by your own key; its policy lets cloudwatch.amazonaws.com kms:Decrypt and kms:GenerateDataKey*",
    reads=("sns:GetTopicAttributes", "kms:DescribeKey", "kms:GetKeyPolicy"),
    look=look,
)
