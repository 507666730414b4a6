"""Alarms, events and reports that the notifier's tests speak of: one queue whose messages grow old."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alarms.domain.alarm import Alarm, Condition, Missing, Mode, Operator, Policy, Revert, Severity
from alarms.domain.bounds import Limit
from alarms.domain.decision import Change, GuardAnswer
from alarms.domain.event import AlarmEvent, Envelope, Shape, State, Trigger
from alarms.domain.incident import Episode
from alarms.domain.report import Phase, Report
from alarms.domain.text import Language, Text

T0 = datetime(2026, 10, 31, 15, 3, 20, tzinfo=UTC)
NAME = "tocsin/prod/image-processing/sqs/oldest-message-age/image-jobs"
ACCOUNT, REGION = "123456789012", "ap-northeast-2"


def minute(number: float) -> datetime:
    """Return a moment, in minutes after the first ALARM."""
    return T0 + timedelta(minutes=number)


def row(**changes: Any) -> Alarm:
    """Return the catalogue's row for the queue, as S9.3 has it."""
    base = Alarm(
        name=NAME,
        account=ACCOUNT,
        region=REGION,
        catalogue="default",
        stage="prod",
        service="image-processing",
        component="sqs",
        row="image-processing/sqs/oldest-message-age",
        target={"QueueName": "image-jobs"},
        title="Queue backlog delays processing",
        severity=Severity.CRITICAL,
        owner="platform",
        notify="ops-alerts",
        channel="#ops-alerts",
        language=Language.EN,
        runbook="docs/runbooks/sqs-oldest-message-age.md",
        runbook_url="https://git.example.com/tocsin/docs/runbooks/sqs-oldest-message-age.md",
        condition=Condition(">= 600 s", "AWS/SQS ApproximateAgeOfOldestMessage", Operator.GE, 600.0, "s"),
        period_s=60,
        evaluation_periods=15,
        datapoints_to_alarm=15,
        missing=Missing.NOT_BREACHING,
        policies=(POLICY,),
    )
    return replace(base, **changes)


POLICY = Policy(
    action="scale-consumers",
    parameters={"max_tasks": 40},
    mode=Mode.AUTO,
    limits=(Limit(3, 3600), Limit(10, 86400)),
    cooldown_s=600,
    verify_within_s=900,
    revert=Revert(1800, 21600),
    otherwise=(Policy("escalate", {}, Mode.AUTO, (), 0, 0, None),),
)


def event(state: State = State.ALARM, at: datetime = T0, **changes: Any) -> AlarmEvent:
    """Return a transition of the queue's alarm; where it comes from follows from where it goes, unless told."""
    before = State.OK if state is State.ALARM else State.ALARM
    base = AlarmEvent(
        alarm_name=NAME,
        alarm_arn=f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{NAME}",
        account=ACCOUNT,
        region=REGION,
        partition="aws",
        state=state,
        previous_state=before,
        changed_at=at,
        changed_at_known=True,
        reason="Threshold Crossed: 15 datapoints were greater than or equal to the threshold (600.0).",
        description="Queue backlog delays processing",
        envelope=Envelope.SNS_SQS,
        shape=Shape.METRIC,
        trigger=Trigger(
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            statistic="Maximum",
            dimensions={"QueueName": "image-jobs"},
            operator="GreaterThanOrEqualToThreshold",
            threshold=600.0,
        ),
        values=(742.0,) if state is State.ALARM else (35.0,),
    )
    return replace(base, **changes)


def ok(at: datetime, **changes: Any) -> AlarmEvent:
    """Return an OK from data that ends an ALARM."""
    return event(State.OK, at, **changes)


def unknown(at: datetime, **changes: Any) -> AlarmEvent:
    """Return an INSUFFICIENT_DATA that ends an ALARM."""
    return event(State.INSUFFICIENT_DATA, at, values=(), no_data=True, **changes)


def report(identity: str, at: datetime, phase: Phase = Phase.ACTED, **changes: Any) -> Report:
    """Return what remediation says of the episode that began at T0."""
    base = Report(
        id=identity,
        episode=Episode(event().subject_key, T0),
        alarm_name=NAME,
        at=at,
        phase=phase,
        action="scale-consumers",
        mode="auto",
        headline=Text("image-consumer: floor 4 → 12 tasks", "image-consumer: 최소 태스크 4 → 12"),
        why=Text("7,400 messages wait; 12 tasks drain them in 10 min.", "7,400건 대기; 12개 태스크가 10분 안에 처리합니다."),
        changes=(Change("ecs:service/image/image-consumer", "MinCapacity", 4, 12),),
        answers=(GuardAnswer("switch", True, Text("on", "켜짐")),),
    )
    return replace(base, **changes)


def notification(said: AlarmEvent) -> dict[str, Any]:
    """Return the SNS message of a transition, as CloudWatch writes it."""
    verb = "were" if said.state is State.ALARM else "were not"
    points = ", ".join(f"{value} (31/10/26 15:0{index}:00)" for index, value in enumerate(said.values))
    reason = f"Threshold Crossed: 1 datapoint [{points}] {verb} greater than or equal to the threshold (600.0)."
    if said.no_data:
        reason = "Insufficient Data: 15 datapoints were unknown."
    return {
        "AlarmName": said.alarm_name,
        "AlarmDescription": said.description,
        "AWSAccountId": said.account,
        "NewStateValue": said.state.value,
        "NewStateReason": reason,
        "StateChangeTime": said.changed_at.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Region": "Asia Pacific (Seoul)",
        "AlarmArn": said.alarm_arn,
        "OldStateValue": said.previous_state.value if said.previous_state else "OK",
        "Trigger": {
            "MetricName": "ApproximateAgeOfOldestMessage",
            "Namespace": "AWS/SQS",
            "StatisticType": "Statistic",
            "Statistic": "MAXIMUM",
            "Unit": None,
            "Dimensions": [{"name": "QueueName", "value": "image-jobs"}],
            "Period": 60,
            "EvaluationPeriods": 15,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "Threshold": 600.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": "",
        },
    }


def record(
    identity: str, said: AlarmEvent | Report | dict[str, Any] | str, *, receives: int = 1, sent: datetime = T0
) -> dict[str, Any]:
    """Return an SQS record as Lambda receives it."""
    if isinstance(said, AlarmEvent):
        inner = {"Type": "Notification", "MessageId": identity, "Message": json.dumps(notification(said))}
        body = json.dumps(
            {**inner, "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:tocsin-alarms", "Timestamp": "2026-10-31T15:03:21.000Z"}
        )
    else:
        body = said if isinstance(said, str) else json.dumps(said.to_document() if isinstance(said, Report) else said)
    return {
        "messageId": identity,
        "receiptHandle": f"handle-{identity}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": str(int(sent.timestamp() * 1000)),
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:tocsin-prod-notifier",
        "awsRegion": REGION,
    }
