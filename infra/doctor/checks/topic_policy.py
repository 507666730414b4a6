"""topic-policy: the alarms' topic takes what CloudWatch publishes."""

from __future__ import annotations

from collections.abc import Iterator

from infra.doctor.check import Check, Finding, ok, unknown, wrong
from infra.doctor.deployment import Deployment
from infra.doctor.policies import allows


def look(deployment: Deployment) -> Iterator[Finding]:
    """Judge the topic's own policy."""
    topic, account = deployment.settings.topic_arn, deployment.settings.account
    attributes = deployment.aws.ask("sns", "GetTopicAttributes", TopicArn=topic)["Attributes"]
    name = topic.rsplit(":", 1)[-1]
    context = {
        "aws:sourceaccount": account,
        "aws:sourceowner": account,
        "aws:sourcearn": deployment.alarm_arn,
        "aws:securetransport": "true",
    }
    may = allows(str(attributes.get("Policy") or "{}"), "cloudwatch.amazonaws.com", "sns:Publish", topic, context)
    if may is None:
        yield unknown(name, "its policy has conditions that are only known when an alarm rings")
    elif may:
        yield ok(name, "CloudWatch may publish")
    else:
        yield wrong(name, "its policy does not let cloudwatch.amazonaws.com publish: no alarm is heard")


CHECK = Check(
    asks="May CloudWatch publish to the alarms' topic?",
    why="A topic with a policy of its own has lost the default one, which let the account's alarms publish.",
    fix="allow cloudwatch.amazonaws.com sns:Publish on the topic, for this account's alarms (aws:SourceAccount)",
    reads=("sns:GetTopicAttributes",),
    look=look,
)
