"""The event source mapping behaves as Lambda's: records as AWS builds them, partial failures, and each record twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.local.aws import Embedded, embedded
from infra.local.pipeline import EventSource, Queue, describe, failures
from infra.local.recorder import Recorder
from infra.local.scenario import Deliveries
from infra.local.stack import next_visible

START = datetime(2026, 10, 31, 14, 0, tzinfo=UTC)


@pytest.fixture
def aws() -> Iterator[Embedded]:
    with embedded(START) as opened:
        yield opened


class Bench:
    """One queue with a dead-letter queue, and a handler that notes what it got and fails as told."""

    def __init__(self, aws: Embedded, deliveries: Deliveries) -> None:
        self.aws, self.recorder, self.got, self.failing = aws, Recorder(), [], set()
        self.sqs = aws.client("sqs")
        dead = self.sqs.create_queue(QueueName="q-dead")["QueueUrl"]
        self.dead = dead
        arn = "arn:aws:sqs:ap-northeast-2:123456789012:q"
        redrive = json.dumps({"deadLetterTargetArn": f"{arn}-dead", "maxReceiveCount": 3})
        url = self.sqs.create_queue(QueueName="q", Attributes={"VisibilityTimeout": "60", "RedrivePolicy": redrive})["QueueUrl"]
        queue = Queue("notifier", "q", url, arn, "ap-northeast-2")
        self.url = url
        self.source = EventSource(
            queue=queue,
            handle=self.handle,
            sqs=self.sqs,
            clock=aws.clock,
            recorder=self.recorder,
            deliveries=deliveries,
            next_visible=lambda: next_visible(aws, queue),
        )
        aws.clock.every(10, self.source.look)

    def handle(self, event: dict[str, Any], context: object, now: datetime) -> dict[str, Any]:
        self.got.append((now, event["Records"]))
        names = [record["messageId"] for record in event["Records"] if record["body"] in self.failing]
        return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}

    def send(self, body: str, delay: int = 0) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body, DelaySeconds=delay)

    def bodies(self) -> list[list[str]]:
        return [[record["body"] for record in records] for _, records in self.got]


def test_a_record_has_the_members_that_lambda_gives_it(aws: Embedded) -> None:
    bench = Bench(aws, Deliveries(copies=1))
    bench.send("hello")
    aws.clock.advance(20)
    record = bench.got[0][1][0]

    assert set(record) == {
        "messageId",
        "receiptHandle",
        "body",
        "attributes",
        "messageAttributes",
        "md5OfBody",
        "eventSource",
        "eventSourceARN",
        "awsRegion",
    }
    assert record["eventSource"] == "aws:sqs"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_every_record_comes_twice_at_once_or_late(aws: Embedded) -> None:
    bench = Bench(aws, Deliveries(copies=2, late=45))
    for body in ("a", "b"):
        bench.send(body)
        aws.clock.advance(120)

    assert bench.bodies() == [["a"], ["a"], ["b"], ["b"]]
    gaps = [(bench.got[place + 1][0] - bench.got[place][0]).total_seconds() for place in (0, 2)]
    assert gaps == [45, 0]
    assert [entry["duplicate"] for entry in bench.recorder.timeline] == [False, True, False, True]


def test_a_delayed_message_is_not_seen_before_its_time(aws: Embedded) -> None:
    bench = Bench(aws, Deliveries(copies=1))
    bench.send("later", delay=300)
    aws.clock.advance(290)
    assert bench.got == []

    aws.clock.advance(30)
    assert bench.bodies() == [["later"]]


def test_only_the_failed_record_of_a_batch_comes_again_and_ends_in_the_dead_letter_queue(aws: Embedded) -> None:
    bench = Bench(aws, Deliveries(copies=1))
    bench.failing = {"bad"}
    bench.send("good")
    bench.send("bad")
    aws.clock.advance(600)
    dead = bench.sqs.receive_message(QueueUrl=bench.dead)["Messages"]

    assert bench.bodies() == [["good", "bad"], ["bad"], ["bad"]]
    assert [message["Body"] for message in dead] == ["bad"]
    assert [entry["outcome"] for entry in bench.recorder.timeline] == ["done", "failed", "failed", "failed"]


def test_a_record_that_failed_is_not_delivered_on_purpose_again_before_it_succeeds(aws: Embedded) -> None:
    bench = Bench(aws, Deliveries(copies=2, late=0))
    bench.failing = {"x"}
    bench.send("x")
    aws.clock.advance(30)
    bench.failing = set()
    aws.clock.advance(90)

    assert [entry["duplicate"] for entry in bench.recorder.timeline] == [False, False, True]


def test_a_handler_that_raises_fails_its_whole_batch(aws: Embedded) -> None:
    bench = Bench(aws, Deliveries(copies=1))

    def broken(event: dict[str, Any], context: object, now: datetime) -> dict[str, Any]:
        raise RuntimeError("boom")

    bench.source.handle = broken
    bench.send("a")
    aws.clock.advance(30)

    assert bench.recorder.timeline[0]["outcome"] == "failed"
    assert bench.recorder.timeline[0]["error"] == "RuntimeError: boom"


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, None),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, None),
        ({"batchItemFailures": [{"wrong": "a"}]}, None),
    ],
)
def test_batch_item_failures_are_read_as_lambda_reads_them(answer: dict[str, Any] | None, failed: set[str] | None) -> None:
    assert failures(answer) == failed


def test_a_message_is_described_by_what_it_is() -> None:
    alarm = json.dumps({"AlarmName": "a", "NewStateValue": "ALARM", "StateChangeTime": "t"})
    enveloped = json.dumps({"Type": "Notification", "Message": alarm})
    timer = json.dumps({"type": "tocsin.timer/1", "kind": "verify", "subject": "run1"})

    assert describe(enveloped) == describe(alarm) == {"type": "alarm", "id": "a ALARM t", "alarm": "a", "state": "ALARM"}
    assert describe(timer)["id"] == "timer verify run1"
    assert describe("plain text")["type"] == "other"
