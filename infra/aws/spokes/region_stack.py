"""A hub's ear in another region: the topic that the spokes' alarms there tell, delivered to the hub's own queues.

An alarm can tell a topic of another account and of no other region; a topic delivers to queues of any region.
https://docs.aws.amazon.com/sns/latest/dg/sns-cross-region-delivery.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.pipeline import watching
from infra.aws.pipeline.place import place_of
from infra.aws.pipeline.queues import DEAD_RETENTION_DAYS
from infra.aws.pipeline.self_alarms import SelfAlarm
from infra.aws.pipeline.topic import deliver, topic, topic_name
from infra.aws.spokes import access
from infra.aws.spokes.settings import HubSettings
from infra.aws.stage_file import Stage

ROOMS = ("notifier", "remediators")
USE = ["kms:Decrypt", "kms:GenerateDataKey*"]


class HubRegionStack(cdk.Stack):
    """The topic, its key, the dead letters of its subscriptions and an alarm on them, in ``region`` of the hub's account."""

    def __init__(self, scope: Construct, ident: str, *, stage: Stage, hub: HubSettings, region: str, **kwargs: Any) -> None:
        super().__init__(scope, ident, description=f"tocsin's ear in {region}, stage {stage.settings.stage}", **kwargs)
        home = place_of(stage)
        here = replace(home, region=region)
        name = topic_name(stage.settings)
        arn = here.arn("sns", name)
        key = kms.Key(
            self,
            "MessagesKey",
            alias=f"alias/{here.named('messages')}",
            description=f"What {here.base} hears in {region}",
            enable_key_rotation=True,
        )
        key.add_to_resource_policy(access.spokes_use_key(region, hub, here.partition))
        own_alarms = {
            "StringEquals": {"aws:SourceAccount": here.account},
            "ArnLike": {"aws:SourceArn": here.arn("cloudwatch", "alarm:*")},
        }
        own_topic = {"ArnEquals": {"aws:SourceArn": arn}}  # the account is part of a topic's ARN
        for sid, service, source in (("AlarmsMayPublish", "cloudwatch", own_alarms), ("TopicMayDeliver", "sns", own_topic)):
            key.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=sid,
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=USE,
                    resources=["*"],  # in a key's policy: this key
                    conditions=source,
                )
            )
        more = [access.spokes_publish(arn, region, hub, here.partition)]
        made = topic(self, "Alarms", here, name, key=key, more=more)
        for room in ROOMS:
            kept = self._undelivered(here.named(f"{room}-undelivered"), key, arn)
            told = deliver(
                self, f"{room.capitalize()}Subscribes", made, queue_arn=home.queue(room), undelivered_arn=kept.queue_arn
            )
            told.node.add_dependency(kept.node.find_child("Policy"))
            alarm = SelfAlarm(
                f"{room}-undelivered",
                f"what rang in {region} could not be delivered to the hub",
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": here.named(f"{room}-undelivered")},
                "Maximum",
                1,
            )
            watching.watch(self, here, alarm, (made,))
        cdk.CfnOutput(self, "TopicArn", value=made.topic_arn, description="what the spokes' alarms in this region tell")

    def _undelivered(self, name: str, key: kms.IKey, topic_arn: str) -> sqs.Queue:
        """Make the dead letters of a subscription; they have to be in the topic's own account and region."""
        made = sqs.Queue(
            self,
            "".join(part.capitalize() for part in name.split("-")),
            queue_name=name,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(DEAD_RETENTION_DAYS),
        )
        made.add_to_resource_policy(
            iam.PolicyStatement(
                sid="TopicKeepsWhatItCannotDeliver",
                principals=[iam.ServicePrincipal("sns.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[made.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": topic_arn}},
            )
        )
        accept(made, nag={"SQS3": "these are the dead letters of the topic's subscription, which cdk-nag does not look at"})
        return made
