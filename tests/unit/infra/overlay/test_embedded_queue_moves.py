"""Move tasks: dead letters go back second by second, as new messages; one task a queue, and it can be stopped."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Embedded


class Letters:
    """A queue, its dead-letter queue, and letters in it that one failing consumer left there."""

    def __init__(self, aws: Embedded, count: int = 10) -> None:
        self.aws, self.sqs = aws, aws.client("sqs")
        self.dead, self.work = aws.place.arn("sqs", "jobs-dead"), aws.place.arn("sqs", "jobs")
        self.dead_url = self.sqs.create_queue(QueueName="jobs-dead")["QueueUrl"]
        redrive = json.dumps({"deadLetterTargetArn": self.dead, "maxReceiveCount": 1})
        self.work_url = self.sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "5"})[
            "QueueUrl"
        ]
        for n in range(count):
            self.sqs.send_message(QueueUrl=self.work_url, MessageBody=f"job {n}")
        for _ in range(2):
            while self.sqs.receive_message(QueueUrl=self.work_url, MaxNumberOfMessages=10).get("Messages"):
                pass
            aws.clock.advance(6)

    def counts(self) -> tuple[int, int]:
        """Return how many wait in the work queue and in the dead-letter queue."""
        return self._count(self.work_url), self._count(self.dead_url)

    def task(self) -> dict[str, Any]:
        """Return the newest task."""
        (task,) = self.sqs.list_message_move_tasks(SourceArn=self.dead)["Results"]
        return dict(task)

    def _count(self, url: str) -> int:
        name = "ApproximateNumberOfMessages"
        return int(self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def test_letters_go_back_at_the_rate_asked_for_as_new_messages(aws: Embedded) -> None:
    letters = Letters(aws)
    assert letters.counts() == (0, 10)
    old = {item["MessageId"] for item in letters.sqs.receive_message(QueueUrl=letters.dead_url, VisibilityTimeout=0)["Messages"]}

    letters.sqs.start_message_move_task(SourceArn=letters.dead, DestinationArn=letters.work, MaxNumberOfMessagesPerSecond=3)
    aws.clock.advance(2)
    assert (letters.counts(), letters.task()["Status"]) == ((6, 4), "RUNNING")
    aws.clock.advance(2)
    done = letters.task()
    assert (letters.counts(), done["Status"], done["ApproximateNumberOfMessagesMoved"]) == ((10, 0), "COMPLETED", 10)
    assert "TaskHandle" not in done

    back = letters.sqs.receive_message(QueueUrl=letters.work_url, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
    assert old.isdisjoint({item["MessageId"] for item in back})
    assert {item["Attributes"]["ApproximateReceiveCount"] for item in back} == {"1"}


def test_a_task_that_is_stopped_leaves_the_rest_and_takes_nothing_back(aws: Embedded) -> None:
    letters = Letters(aws)
    handle = letters.sqs.start_message_move_task(SourceArn=letters.dead, MaxNumberOfMessagesPerSecond=2)["TaskHandle"]
    aws.clock.advance(2)
    assert letters.sqs.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] == 4
    assert letters.task()["Status"] == "CANCELLING"
    aws.clock.advance(60)
    assert (letters.task()["Status"], letters.counts()) == ("CANCELLED", (4, 6))
    with pytest.raises(ClientError, match="Only active tasks"):
        letters.sqs.cancel_message_move_task(TaskHandle=handle)


def test_one_task_a_queue_and_only_of_a_dead_letter_queue(aws: Embedded) -> None:
    letters = Letters(aws)
    with pytest.raises(ClientError, match="must be configured as a Dead Letter Queue"):
        letters.sqs.start_message_move_task(SourceArn=letters.work)
    with pytest.raises(ClientError, match="MaxNumberOfMessagesPerSecond"):
        letters.sqs.start_message_move_task(SourceArn=letters.dead, MaxNumberOfMessagesPerSecond=501)
    letters.sqs.start_message_move_task(SourceArn=letters.dead, MaxNumberOfMessagesPerSecond=1)
    with pytest.raises(ClientError, match="There is already a task running"):
        letters.sqs.start_message_move_task(SourceArn=letters.dead)
    aws.clock.advance(60)
    letters.sqs.start_message_move_task(SourceArn=letters.dead)


def test_a_letter_that_was_sent_by_hand_has_no_way_home(aws: Embedded) -> None:
    letters = Letters(aws, count=0)
    letters.sqs.send_message(QueueUrl=letters.dead_url, MessageBody="by hand")
    letters.sqs.start_message_move_task(SourceArn=letters.dead)
    aws.clock.advance(5)
    failed = letters.task()
    assert (failed["Status"], failed["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
    assert letters.counts() == (0, 1)
