"""Desired alarms for tests, built without a catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.desired import TAG_CATALOGUE, TAG_ROW, TAG_STAGE, Desired, Operation
from alarms.domain.alarm import Alarm, Condition, Missing, Operator, Policy, Severity
from alarms.domain.text import Language
from alarms.problem import Place

TOPIC = "arn:aws:sns:ap-northeast-2:123456789012:tocsin-alarms"


def alarm(name: str = "tocsin/test/sqs/backlog/jobs", **changes: Any) -> Alarm:
    """Return a catalogue row times one target."""
    values: dict[str, Any] = {
        "name": name,
        "account": "123456789012",
        "region": "ap-northeast-2",
        "catalogue": "test",
        "stage": "test",
        "service": "",
        "component": "sqs",
        "row": "sqs/backlog",
        "target": {"QueueName": "jobs"},
        "title": "Backlog",
        "severity": Severity.WARNING,
        "owner": "platform",
        "notify": "ops-alerts",
        "channel": "#ops-alerts",
        "language": Language.EN,
        "runbook": "docs/runbooks/sqs-oldest-message-age.md",
        "runbook_url": "",
        "condition": Condition(">= 600 s", "AWS/SQS ApproximateAgeOfOldestMessage", Operator.GE, 600.0, "s"),
        "period_s": 60,
        "evaluation_periods": 15,
        "datapoints_to_alarm": 15,
        "missing": Missing.NOT_BREACHING,
        "no_action": "none in tests",
    }
    return Alarm(**{**values, **changes})


def request(metric: str = "AWS/SQS ApproximateAgeOfOldestMessage", **changes: Any) -> dict[str, Any]:
    """Return PutMetricAlarm's members for one metric; a change to None leaves the member out."""
    namespace, name = metric.split(" ")
    members = {
        "AlarmName": "tocsin/test/sqs/backlog/jobs",
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": "QueueName", "Value": "jobs"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 15,
        "DatapointsToAlarm": 15,
        "Threshold": 600.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [TOPIC],
        "OKActions": [TOPIC],
        "InsufficientDataActions": [TOPIC],
    }
    return {key: value for key, value in {**members, **changes}.items() if value is not None}


def math_request(metrics: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return PutMetricAlarm's members for metric math."""
    single = ("Namespace", "MetricName", "Dimensions", "Statistic", "Period")
    return request(Metrics=metrics, **{**dict.fromkeys(single), **changes})


def desired(
    members: Mapping[str, Any] | None = None,
    *,
    operation: Operation = "PutMetricAlarm",
    line: int = 3,
    policies: tuple[Policy, ...] = (),
    **changes: Any,
) -> Desired:
    """Return a desired alarm whose request is ``members``; ``changes`` are the alarm's own."""
    members = dict(members if members is not None else request())
    row = alarm(name=members["AlarmName"], policies=policies, **changes)
    tags = {TAG_CATALOGUE: row.catalogue, TAG_STAGE: row.stage, TAG_ROW: row.row}
    return Desired(row.row, row, operation, members, tags, Place("catalog/sqs.yaml", line, 5))
