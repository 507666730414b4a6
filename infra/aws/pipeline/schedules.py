"""The schedules: the group of the remediators' timers, the sweep that finds what got lost, a pulse for what is seldom called."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.aws.pipeline import statements as s
from infra.aws.pipeline.functions import ALIAS, Deployed
from infra.aws.pipeline.keys import Keys
from infra.aws.pipeline.place import Place
from infra.aws.pipeline.queues import SCHEDULES
from remediators.timers import Timer, TimerKind

EVERY = "rate(5 minutes)"
PULSE = "rate(1 minute)"
LATEST_S = 240  # a sweep that comes later than this would meet the next one


def schedules(scope: Construct, place: Place, keys: Keys) -> scheduler.CfnSchedule:
    """Make group, role and sweep. The role may send to the remediators' queue, and to the schedules' dead letters."""
    group = scheduler.CfnScheduleGroup(scope, "Timers", name=place.base)
    send = s.allow("Send", ["sqs:SendMessage"], [place.queue("remediators"), place.queue(SCHEDULES)])
    use = s.through("QueuesKey", keys.messages.key_arn, ["kms:Decrypt", "kms:GenerateDataKey"], "sqs", place)
    # The remediators' policy lets them pass the role of this name.
    role = _role(scope, place, "scheduler", f"Sends the timers of {place.base} to the remediators' queue", [send, use])
    sweep = Timer(TimerKind.SWEEP, f"{place.account}/{place.region}")
    made = _schedule(
        scope,
        place,
        "sweep",
        EVERY,
        scheduler.CfnSchedule.TargetProperty(
            arn=place.queue("remediators"),
            role_arn=role.role_arn,
            input=json.dumps(sweep.to_document()),
            retry_policy=_retries(LATEST_S, 5),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=place.queue(SCHEDULES)),
        ),
    )
    made.node.add_dependency(group)
    return made


def pulses(scope: Construct, place: Place, deployed: Sequence[Deployed]) -> None:
    """Call each function once a minute with nothing to do.

    So a version that cannot even start is seen within a minute, while it has a tenth of the calls, and not by the first
    alarm of a quiet week; and the first message of an incident meets a function that is awake.
    """
    may = s.allow("Call", ["lambda:InvokeFunction"], [f"{place.function(one.room)}:{ALIAS}" for one in deployed])
    role = _role(scope, place, "pulse", f"Calls the functions of {place.base} once a minute", [may])
    for one in deployed:
        target = scheduler.CfnSchedule.TargetProperty(
            arn=one.alias.function_arn, role_arn=role.role_arn, input=json.dumps({"Records": []}), retry_policy=_retries(60, 0)
        )
        _schedule(scope, place, f"pulse-{one.room}", PULSE, target).node.add_dependency(scope.node.find_child("Timers"))


def _schedule(
    scope: Construct, place: Place, name: str, every: str, target: scheduler.CfnSchedule.TargetProperty
) -> scheduler.CfnSchedule:
    return scheduler.CfnSchedule(
        scope,
        "".join(part.capitalize() for part in name.split("-")),
        name=name,
        group_name=place.base,
        schedule_expression=every,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=target,
    )


def _retries(age_s: int, attempts: int) -> scheduler.CfnSchedule.RetryPolicyProperty:
    return scheduler.CfnSchedule.RetryPolicyProperty(maximum_event_age_in_seconds=age_s, maximum_retry_attempts=attempts)


def _role(scope: Construct, place: Place, name: str, description: str, may: list[s.Statement]) -> iam.Role:
    """Make a role that EventBridge Scheduler takes for schedules of our group only (user guide, confused deputy)."""
    group = place.arn("scheduler", f"schedule-group/{place.base}")
    source = {"StringEquals": {"aws:SourceAccount": place.account, "aws:SourceArn": group}}
    return iam.Role(
        scope,
        f"{name.capitalize()}Role",
        role_name=place.named(name),
        description=description,
        assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com", conditions=source),
        inline_policies={name: iam.PolicyDocument.from_json(s.document(may))},
    )
