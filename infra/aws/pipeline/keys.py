"""The two keys of the pipeline: one that AWS's services send through, one for what is kept, which none of them may use.

AWS's own key of SNS cannot be used by CloudWatch: its policy cannot be edited, and an alarm's message would be lost in silence
(SNS developer guide, key management).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.aws.pipeline.place import Place


@dataclass(frozen=True, slots=True)
class Keys:
    """``messages``: topics and queues. ``data``: tables, secret, logs."""

    messages: kms.Key
    data: kms.Key


def keys(scope: Construct, place: Place, topics: tuple[str, ...], deliverers: Sequence[str]) -> Keys:
    """Make both. ``topics`` are the ARNs of the topics that send through the first, as the services ``deliverers``."""
    messages = _key(scope, "Messages", place, "messages", f"What {place.base} sends: topics and queues")
    use = ["kms:Decrypt", "kms:GenerateDataKey*"]
    own_alarms = {
        "StringEquals": {"aws:SourceAccount": place.account},
        "ArnLike": {"aws:SourceArn": place.arn("cloudwatch", "alarm:*")},
    }
    messages.add_to_resource_policy(_service("AlarmsMayPublish", ["cloudwatch.amazonaws.com"], use, own_alarms))
    own_topics = {"ArnEquals": {"aws:SourceArn": list(topics)}}  # the account is part of a topic's ARN
    messages.add_to_resource_policy(_service("TopicsMayDeliver", deliverers, use, own_topics))
    data = _key(scope, "Data", place, "data", f"What {place.base} keeps: tables, secret, logs")
    groups = [place.arn("logs", f"log-group:/aws/{service}/{place.base}-*") for service in ("lambda", "apigateway")]
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    own_logs = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}}
    data.add_to_resource_policy(_service("LogsOfThisStage", [f"logs.{place.region}.amazonaws.com"], use, own_logs))
    return Keys(messages, data)


def _key(scope: Construct, ident: str, place: Place, name: str, description: str) -> kms.Key:
    return kms.Key(scope, f"{ident}Key", alias=f"alias/{place.named(name)}", description=description, enable_key_rotation=True)


def _service(sid: str, services: Sequence[str], actions: list[str], conditions: dict[str, Any]) -> iam.PolicyStatement:
    """Allow services to use the key, for what the conditions name."""
    return iam.PolicyStatement(
        sid=sid,
        principals=[iam.ServicePrincipal(service) for service in services],
        actions=actions,
        resources=["*"],  # in a key's policy: this key
        conditions=conditions,
    )
