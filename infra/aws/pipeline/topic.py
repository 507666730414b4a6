"""The topics: the one that every alarm of the stage tells, and the one that tells people when the pipeline itself fails.

A topic with a policy of its own has lost the default one, which let the account's alarms publish; so it is said here who may.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from alarms.domain.errors import BadInput
from alarms.settings import Settings
from infra.aws.pipeline.place import Place

# The regions that every account has from the start. SNS delivers out of and into any other under a name of its own.
# https://docs.aws.amazon.com/sns/latest/dg/sns-cross-region-delivery.html (its list of opt-in regions has Osaka)
USUAL = frozenset(
    {
        *("ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1"),
        *("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1"),
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    }
)
OWNER = (
    "sns:AddPermission",
    "sns:DeleteTopic",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:Publish",
    "sns:RemovePermission",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
)


def topic_name(settings: Settings) -> str:
    """Return the name of the alarms' topic. BadInput where the catalogue names one that another account or Region owns."""
    *_, region, account, name = settings.topic_arn.split(":")
    if (region, account) != (settings.region, settings.account):
        raise BadInput(
            f"tocsin.yaml: stages.{settings.stage}.topic: the pipeline makes its topic in {settings.account}/{settings.region}, "
            f"and {settings.topic_arn} is elsewhere; name it without an ARN"
        )
    return name


def topic(
    scope: Construct, ident: str, place: Place, name: str, *, key: kms.IKey, more: Sequence[iam.PolicyStatement] = ()
) -> sns.Topic:
    """Make a topic that this account's alarms may publish to, over TLS only; ``more`` are further publishers."""
    made = sns.Topic(scope, ident, topic_name=name, master_key=key)
    policy = sns.TopicPolicy(scope, f"{ident}Policy", topics=[made])
    for statement in (*_statements(place, made.topic_arn), *more):
        policy.document.add_statements(statement)
    return made


def _statements(place: Place, arn: str) -> tuple[iam.PolicyStatement, ...]:
    return (
        iam.PolicyStatement(
            sid="AlarmsOfThisAccount",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[arn],
            conditions={
                "StringEquals": {"aws:SourceAccount": place.account},
                "ArnLike": {"aws:SourceArn": place.arn("cloudwatch", "alarm:*")},
            },
        ),
        iam.PolicyStatement(
            sid="Owner",
            principals=[iam.ArnPrincipal(place.arn("iam", "root"))],
            actions=list(OWNER),
            resources=[arn],
        ),
        iam.PolicyStatement(
            sid="EncryptedOnly",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["sns:Publish"],
            resources=[arn],
            conditions={"Bool": {"aws:SecureTransport": "false"}},
        ),
    )


def deliverers(home: str, others: Iterable[str]) -> list[str]:
    """Return the services as which topics in ``home`` and in the regions ``others`` deliver to queues in ``home``. Pure."""
    foreign = set(others) - {home}
    named = foreign - USUAL | ({home} - USUAL if foreign else set())
    return ["sns.amazonaws.com", *(f"sns.{region}.amazonaws.com" for region in sorted(named))]


def deliver(scope: Construct, ident: str, alarms: sns.Topic, *, queue_arn: str, undelivered_arn: str) -> sns.CfnSubscription:
    """Deliver the topic to a queue, in SNS's envelope; what cannot be delivered goes to dead letters of its own.

    Not raw: the envelope carries the topic's ARN and the time. A queue that refuses (its policy, its key) is not tried again by
    SNS, so that without dead letters the message would be gone (SNS developer guide, delivery retries).
    """
    return sns.CfnSubscription(
        scope,
        ident,
        topic_arn=alarms.topic_arn,
        protocol="sqs",
        endpoint=queue_arn,
        raw_message_delivery=False,
        redrive_policy={"deadLetterTargetArn": undelivered_arn},
    )
