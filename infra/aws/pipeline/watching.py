"""Makes the pipeline's alarms on itself, and tells people past tocsin: a broken bell cannot ring for itself.

Each tells the topic ``<prefix>-<stage>-self``, which mails, and the alarms' topic as well: while the notifier works, Slack is
where people look first. Their names do not begin as the catalogue's do, so neither `apply` nor the sweep takes them for its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.aws.pipeline.place import Place
from infra.aws.pipeline.self_alarms import SelfAlarm


def alarm_name(place: Place, alarm: SelfAlarm) -> str:
    """Return the alarm's full name."""
    return f"{place.named('self')}/{alarm.name}"


def watch(scope: Construct, place: Place, alarm: SelfAlarm, topics: Sequence[sns.ITopic]) -> cloudwatch.CfnAlarm:
    """Make one alarm that tells ``topics`` when it rings and when it ends."""
    told = [topic.topic_arn for topic in topics]
    percentile = alarm.statistic.startswith("p")
    return cloudwatch.CfnAlarm(
        scope,
        "Self" + "".join(part.capitalize() for part in alarm.name.split("-")),
        alarm_name=alarm_name(place, alarm),
        alarm_description=f"{place.base}: {alarm.meaning}. What to do: docs/operations.md, {alarm.name}",
        namespace=alarm.namespace,
        metric_name=alarm.metric,
        dimensions=[
            cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in sorted(alarm.dimensions.items())
        ],
        statistic=None if percentile else alarm.statistic,
        extended_statistic=alarm.statistic if percentile else None,
        threshold=alarm.threshold,
        comparison_operator="LessThanThreshold" if alarm.below else "GreaterThanOrEqualToThreshold",
        period=alarm.period_s,
        datapoints_to_alarm=alarm.bad,
        evaluation_periods=alarm.of,
        treat_missing_data=alarm.missing,
        alarm_actions=told,
        ok_actions=told,
    )


def mail(scope: Construct, topic: sns.ITopic, addresses: Sequence[str]) -> None:
    """Subscribe people by e-mail; each has to confirm once."""
    for number, address in enumerate(addresses, 1):
        sns.CfnSubscription(scope, f"Mail{number}", topic_arn=topic.topic_arn, protocol="email", endpoint=address)
