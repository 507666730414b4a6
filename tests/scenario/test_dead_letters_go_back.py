"""Dead letters through the whole engine: they wait until their cause is gone, go back when a person says so, stop on return."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from remediation_world import TOPIC, World, policy, queue_alarm, world

from alarms.domain.alarm import Alarm, Condition, Operator
from alarms.domain.command import Command, CommandKind
from alarms.domain.decision import Reason
from alarms.domain.report import Phase

REDRIVE = policy(
    "redrive-dead-letters",
    {"source": "jobs", "cluster": "image", "consumer": "image-consumer", "max_messages": 500, "rate": 1},
    verify_within_s=900,
)


class Story:
    """A queue whose consumers fail what begins with ``bad`` while ``broken``; a hundred good jobs a minute beside."""

    def __init__(self, engine: World) -> None:
        self.engine, self.sqs = engine, engine.client("sqs")
        self.broken = True
        self.dead_url = self.sqs.create_queue(QueueName="jobs-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": engine.aws.place.arn("sqs", "jobs-dead"), "maxReceiveCount": 1}
        self.work_url = self.sqs.create_queue(
            QueueName="jobs", Attributes={"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "5"}
        )["QueueUrl"]
        value = json.dumps({"approvers": {"disruptive": ["U0APPROVER"]}})
        engine.client("ssm").put_parameter(Name="/tocsin/dev/approvers", Value=value, Type="String")

    def apply(self, **parameters: Any) -> Alarm:
        """Deploy the row."""
        chosen = replace(REDRIVE, parameters={**REDRIVE.parameters, **parameters})
        row = replace(
            queue_alarm(chosen, settle_s=0),
            name="tocsin/dev/image-processing/sqs/dlq-not-empty/jobs-dead",
            row="image-processing/sqs/dlq-not-empty",
            target={"QueueName": "jobs-dead"},
            condition=Condition("> 0", "AWS/SQS ApproximateNumberOfMessagesVisible", Operator.GT, 0.0, "messages"),
        )
        self.engine.apply(row)
        self.engine.client("cloudwatch").put_metric_alarm(
            AlarmName=row.name,
            Namespace="AWS/SQS",
            MetricName="ApproximateNumberOfMessagesVisible",
            Dimensions=[{"Name": "QueueName", "Value": "jobs-dead"}],
            Statistic="Maximum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0.0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[TOPIC],
            OKActions=[TOPIC],
        )
        return row

    def minutes(self, count: int, jobs: int = 0) -> None:
        """Let minutes pass, ``jobs`` arriving in each; the handler takes what comes."""
        for minute in range(count):
            for number in range(jobs):
                self.sqs.send_message(QueueUrl=self.work_url, MessageBody=f"bad {self.engine.now:%H%M} {minute} {number}")
            for _ in range(10):
                self._consume()
                self.engine.aws.clock.advance(6)
                self.engine.pump()
            self._publish()

    def counts(self) -> tuple[int, int]:
        """Return how many wait in the work queue and in the dead-letter queue."""
        return self._count(self.work_url), self._count(self.dead_url)

    def press(self, kind: CommandKind) -> None:
        """Let a person press a button under the newest question."""
        asked = [report for report in self.engine.reports() if report.phase is Phase.ASKED][-1]
        command = Command(kind, asked.run, "U0APPROVER", self.engine.now, f"click-{kind.value}")
        self.sqs.send_message(QueueUrl=self.engine.commands_url, MessageBody=json.dumps(command.to_document()))
        self.engine.pump()

    def moves(self) -> list[str]:
        """Return the handler's calls that started or stopped a move."""
        names = ("StartMessageMoveTask", "CancelMessageMoveTask", "PurgeQueue")
        return [call.operation for call in self.engine.calls if call.operation in names and not call.error_code]

    def _consume(self) -> None:
        """Take what waits: done when the consumers work, left to die when they do not."""
        while taken := self.sqs.receive_message(QueueUrl=self.work_url, MaxNumberOfMessages=10).get("Messages", []):
            for message in taken if not self.broken else ():
                self.sqs.delete_message(QueueUrl=self.work_url, ReceiptHandle=message["ReceiptHandle"])

    def _publish(self) -> None:
        at = self.engine.now.replace(second=0, microsecond=0) - timedelta(minutes=1)
        done = 40.0 if self.broken else 98.0
        values = {
            ("jobs-dead", "ApproximateNumberOfMessagesVisible"): float(self._count(self.dead_url)),
            ("jobs", "NumberOfMessagesReceived"): 100.0,
            ("jobs", "NumberOfMessagesDeleted"): done,
            ("jobs", "ApproximateAgeOfOldestMessage"): 20.0,
        }
        for (queue, name), value in values.items():
            datum = {"MetricName": name, "Dimensions": [{"Name": "QueueName", "Value": queue}], "Value": value, "Timestamp": at}
            self.engine.client("cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=[datum])

    def _count(self, url: str) -> int:
        name = "ApproximateNumberOfMessages"
        return int(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


@pytest.fixture
def story() -> Iterator[Story]:
    with world() as engine:
        yield Story(engine)


def test_letters_wait_until_their_cause_is_gone_then_a_person_sends_them_back(story: Story) -> None:
    story.minutes(6)
    story.apply()
    story.minutes(2, jobs=20)  # it breaks
    assert story.counts()[1] > 0
    story.broken = False  # it is repaired within the minute
    story.minutes(4)
    # Too early: letters have just arrived, and work was failing. It is looked at again by itself.
    assert {report.reason for report in story.engine.reports()} <= {Reason.YIELDS}
    assert story.moves() == []

    story.minutes(14)
    (asked,) = [report for report in story.engine.reports() if report.phase is Phase.ASKED]
    assert "letters go back to jobs at 1/s" in asked.why.en
    assert any(line.en.startswith("No new letter for") for line in asked.lines)
    assert story.moves() == []

    story.press(CommandKind.APPROVE)
    assert story.moves() == ["StartMessageMoveTask"]
    story.minutes(20)
    assert story.counts() == (0, 0)
    assert story.engine.phases()[-1] == "helped"
    story.minutes(40)
    assert story.moves() == ["StartMessageMoveTask"]  # an ended move leaves nothing to give back


def test_letters_that_come_back_stop_the_move_at_once(story: Story) -> None:
    """The consumers say that they are well, and are not: the watch sees it within a minute or two."""
    story.minutes(6)
    story.apply(idempotent=True)
    story.minutes(2, jobs=100)
    total = story.counts()[1]
    story.broken = False
    while not story.moves():
        story.minutes(1)
    story.broken = True
    story.minutes(4)
    assert story.moves() == ["StartMessageMoveTask", "CancelMessageMoveTask"]
    assert Reason.HARMFUL in [report.reason for report in story.engine.reports()]
    assert sum(story.counts()) == total  # nothing was lost, nothing was purged


def sent_back(story: Story) -> int:
    """Let letters come, be repaired, and go back by themselves; returns the number of the call that started the move."""
    story.minutes(6)
    story.apply(idempotent=True)
    story.minutes(1, jobs=20)
    story.broken = False
    story.minutes(18)
    return next(number for number, call in enumerate(story.engine.calls) if call.operation == "StartMessageMoveTask")


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_handler_that_dies_round_the_start_moves_letters_once(offset: int) -> None:
    """What was started before the death is found again by its target and rate, running or done."""
    with world() as engine:
        at = sent_back(Story(engine))
    with world() as engine:
        story = Story(engine)
        engine.kill_after(at + offset)
        sent_back(story)
        story.minutes(10)
        assert engine.failed >= 1
        assert story.moves() == ["StartMessageMoveTask"]
        assert story.counts() == (0, 0)
