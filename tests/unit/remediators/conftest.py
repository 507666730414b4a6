"""The world of the hostile stories: the remediators' own, with a dead-letter queue."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hostile_world import RECEIVES
from remediation_world import ACCOUNT, REGION, World, world


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        dead = opened.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"
        opened.client("sqs").set_queue_attributes(
            QueueUrl=opened.commands_url,
            Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": RECEIVES})},
        )
        opened.dead_url = dead  # type: ignore[attr-defined]  # these stories alone have a dead-letter queue
        yield opened
