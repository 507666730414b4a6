"""The notifier with every real adapter: botocore against moto, slack_sdk against the stand-in over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from notifier_samples import REGION, event, minute, ok, record, report, row

from alarms.rows import table_definition as catalogue_definition
from infra.local.slack import TOKEN, Fault, Workspace
from infra.local.slack_http import serving
from notifier.bootstrap import App, build
from notifier.dynamodb import table_definition
from notifier.render import GREEN

QUEUE = "tocsin-prod-notifier"
LATER = minute(30)  # after all that is told


@dataclass
class World:
    app: App
    workspace: Workspace
    sqs: Any
    url: str
    log: list[Mapping[str, Any]]
    now: datetime = LATER

    def poll(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Receive a batch and handle it as Lambda does; returns what came and what has to come again."""
        found = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages", [])
        records = [
            {
                **record(message["MessageId"], message["Body"]),
                "receiptHandle": message["ReceiptHandle"],
                "attributes": message["Attributes"],
            }
            for message in found
        ]
        answer: dict[str, Any] = dict(self.app.handle({"Records": records}, None, self.now))
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        for message in found:
            if message["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
        return records, answer


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        dynamodb, sqs = boto3.client("dynamodb"), boto3.client("sqs")
        dynamodb.create_table(**table_definition("threads"))
        dynamodb.create_table(**catalogue_definition("catalogue"))
        item = {"alarm": {"S": row().key}, "version": {"S": "current"}, "document": {"S": json.dumps(row().to_document())}}
        dynamodb.put_item(TableName="catalogue", Item=item)
        boto3.client("secretsmanager").create_secret(Name="tocsin/prod/slack", SecretString=json.dumps({"bot_token": TOKEN}))
        url = sqs.create_queue(QueueName=QUEUE, Attributes={"VisibilityTimeout": "180"})["QueueUrl"]
        log: list[Mapping[str, Any]] = []
        workspace = Workspace(lambda: world.now)
        with serving(workspace) as slack_url:
            environ = {
                "TOCSIN_STAGE": "prod",
                "TOCSIN_THREADS_TABLE": "threads",
                "TOCSIN_CATALOGUE_TABLE": "catalogue",
                "TOCSIN_SLACK_SECRET": "tocsin/prod/slack",
                "TOCSIN_SLACK_URL": slack_url,
                "TOCSIN_DEFAULT_CHANNEL": "#default",
            }
            world = World(build(environ, log=log.append), workspace, sqs, url, log)
            yield world


def test_an_incident_from_the_queue_to_a_resolved_message_with_its_thread(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, said in enumerate((event(), report("1", minute(1)), ok(minute(21)), event(), ok(minute(21)))):
        world.sqs.send_message(QueueUrl=world.url, MessageBody=record(str(number), said)["body"])
    while world.poll()[0]:
        world.now += timedelta(seconds=1)
    (shown,) = world.workspace.messages("#ops-alerts")
    assert shown.payload["attachments"][0]["color"] == GREEN
    assert [reply.payload["text"] for reply in world.workspace.replies("#ops-alerts", shown.ts)] == [
        "image-consumer: floor 4 → 12 tasks",
        "CRITICAL resolved · prod · image-processing · 35 s (≥ 600 s) · Resolved after 21 min",
    ]
    assert [entry["did"] for entry in world.log] == ["posted", "dropped", "updated", "updated", "dropped"]
    assert TOKEN not in str(world.log)


def test_a_throttled_record_is_visible_again_when_slack_said_and_not_later(world: World) -> None:
    world.sqs.send_message(QueueUrl=world.url, MessageBody=record("1", event())["body"])
    world.workspace.order(Fault.THROTTLED, retry_after_s=1)
    records, answer = world.poll()
    assert answer == {"batchItemFailures": [{"itemIdentifier": records[0]["messageId"]}]}
    assert world.poll()[0] == []
    attributes = world.sqs.get_queue_attributes(QueueUrl=world.url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    assert attributes["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"
    world.sqs.change_message_visibility(QueueUrl=world.url, ReceiptHandle=records[0]["receiptHandle"], VisibilityTimeout=0)
    assert world.poll()[1] == {"batchItemFailures": []}
    assert len(world.workspace.messages("#ops-alerts")) == 1
