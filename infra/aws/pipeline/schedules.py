"""The schedules: the group in which the remediators' timers stand, and the sweep that finds what got lost."""

from __future__ import annotations

import json

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.aws.findings import accept
from infra.aws.pipeline import statements as s
from infra.aws.pipeline.keys import Keys
from infra.aws.pipeline.place import Place
from infra.aws.pipeline.queues import SCHEDULES
from remediators.timers import Timer, TimerKind

EVERY = "rate(5 minutes)"
HARMLESS = "what a schedule says is the word sweep and where; EventBridge encrypts it with its own key"
LATEST_S = 240  # a sweep that comes later than this would meet the next one


def schedules(scope: Construct, place: Place, keys: Keys) -> scheduler.CfnSchedule:
    """Make group, role and sweep. The role may send to the remediators' queue, and to the schedules' dead letters."""
    group = scheduler.CfnScheduleGroup(scope, "Timers", name=place.base)
    role = iam.Role(
        scope,
        "SchedulerRole",
        role_name=place.named("scheduler"),  # the remediators' policy lets them pass the role of this name
        description=f"Sends the timers of {place.base} to the remediators' queue",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com",
            conditions={
                "StringEquals": {
                    "aws:SourceAccount": place.account,
                    "aws:SourceArn": place.arn("scheduler", f"schedule-group/{place.base}"),
                }
            },
        ),
        inline_policies={
            "send": iam.PolicyDocument.from_json(
                s.document(
                    [
                        s.allow("Send", ["sqs:SendMessage"], [place.queue("remediators"), place.queue(SCHEDULES)]),
                        s.through("QueuesKey", keys.messages.key_arn, ["kms:Decrypt", "kms:GenerateDataKey"], "sqs", place),
                    ]
                )
            )
        },
    )
    sweep = Timer(TimerKind.SWEEP, f"{place.account}/{place.region}")
    made = scheduler.CfnSchedule(
        scope,
        "Sweep",
        name="sweep",
        group_name=place.base,
        description="Wakes the reconciler: alarms that ring without an episode, verifies and reverts that are overdue",
        schedule_expression=EVERY,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=place.queue("remediators"),
            role_arn=role.role_arn,
            input=json.dumps(sweep.to_document()),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_event_age_in_seconds=LATEST_S, maximum_retry_attempts=5
            ),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=place.queue(SCHEDULES)),
        ),
    )
    made.node.add_dependency(group)
    accept(made, checkov={"CKV_AWS_297": HARMLESS})
    return made
