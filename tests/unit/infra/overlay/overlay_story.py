"""Words for stories about alarms on the embedded AWS: a queue that hears them, a metric that behaves, an alarm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.aws import Embedded
from infra.local.clock import METERS

START = datetime(2026, 10, 31, 13, 0, tzinfo=UTC)
METRIC = {"Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage"}
QUEUE = [{"Name": "QueueName", "Value": "image-jobs"}]


class Listener:
    """A topic with a queue behind it; ``heard`` drains the queue."""

    def __init__(self, aws: Embedded) -> None:
        self._sqs = aws.client("sqs")
        sns = aws.client("sns")
        self.topic = sns.create_topic(Name="tocsin-alarms")["TopicArn"]
        self._url = self._sqs.create_queue(QueueName="heard")["QueueUrl"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=aws.place.arn("sqs", "heard"))

    def heard(self) -> list[dict[str, Any]]:
        """Return the alarm messages since the last time, oldest first."""
        return [json.loads(body["Message"]) for body in self.envelopes()]

    def envelopes(self) -> list[dict[str, Any]]:
        """Return the SNS envelopes since the last time."""
        found: list[dict[str, Any]] = []
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", []):
            found += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return found


def age_alarm(name: str = "old", topic: str | None = None, **members: Any) -> dict[str, Any]:
    """Return the members of an alarm on the queue's age: 600 s for three of three minutes."""
    actions = {kind: [topic] for kind in ("AlarmActions", "OKActions", "InsufficientDataActions")} if topic else {}
    return {
        "AlarmName": name,
        **METRIC,
        "Dimensions": QUEUE,
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 600,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        **actions,
        **members,
    }


def ages(aws: Embedded, values: Sequence[float | None], name: str = METRIC["MetricName"]) -> None:
    """Publish one value for each minute from now on, at the minute's end; None publishes nothing."""
    cloudwatch, start = aws.client("cloudwatch"), aws.clock.now
    for minute, value in enumerate(values):
        if value is not None:
            begin = start + timedelta(minutes=minute)
            datum = {"MetricName": name, "Dimensions": QUEUE, "Timestamp": begin, "Value": value}
            aws.clock.at(
                begin + timedelta(minutes=1),
                lambda datum=datum: cloudwatch.put_metric_data(Namespace=METRIC["Namespace"], MetricData=[datum]),
                order=METERS,
            )
