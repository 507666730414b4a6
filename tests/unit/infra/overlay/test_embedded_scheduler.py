"""EventBridge Scheduler: one-shots into a queue, on the virtual clock."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Embedded


class Desk:
    """A group, a queue, and short words for both."""

    def __init__(self, aws: Embedded) -> None:
        self.scheduler, self._sqs = aws.client("scheduler"), aws.client("sqs")
        self._url = self._sqs.create_queue(QueueName="commands")["QueueUrl"]
        self._arn = aws.place.arn("sqs", "commands")
        self.scheduler.create_schedule_group(Name="tocsin-dev")

    def members(self, **changes: Any) -> dict[str, Any]:
        target = {"Arn": self._arn, "RoleArn": "arn:aws:iam::123456789012:role/scheduler", "Input": '{"kind": "verify"}'}
        return {
            "Name": "verify-1",
            "GroupName": "tocsin-dev",
            "ScheduleExpression": "at(2026-10-31T13:15:00)",
            "Target": target,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "ActionAfterCompletion": "DELETE",
            "ClientToken": "token-1",
            **changes,
        }

    def create(self, **changes: Any) -> str:
        return str(self.scheduler.create_schedule(**self.members(**changes))["ScheduleArn"])

    def delivered(self) -> list[str]:
        messages = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in messages]


@pytest.fixture
def desk(aws: Embedded) -> Desk:
    return Desk(aws)


def test_a_one_shot_is_delivered_at_its_time_and_then_gone(aws: Embedded, desk: Desk) -> None:
    """Not before, once, and deleted after completion."""
    arn = desk.create()
    assert arn == "arn:aws:scheduler:ap-northeast-2:123456789012:schedule/tocsin-dev/verify-1"
    aws.clock.advance(899)
    assert desk.delivered() == []
    aws.clock.advance(1)
    assert desk.delivered() == ['{"kind": "verify"}']
    assert aws.scheduler.names("tocsin-dev") == []
    aws.clock.advance(3600)
    assert desk.delivered() == []


def test_it_may_come_late_as_aws_promises_only_the_minute(aws: Embedded, desk: Desk) -> None:
    """A delay is a parameter of the scenario."""
    aws.scheduler.delay_s = 45
    desk.create()
    aws.clock.advance(900 + 44)
    assert desk.delivered() == []
    aws.clock.advance(1)
    assert len(desk.delivered()) == 1


def test_the_same_token_and_request_is_the_same_creation(desk: Desk) -> None:
    """A retry after a lost answer changes nothing; anything else conflicts."""
    assert desk.create() == desk.create()
    with pytest.raises(ClientError, match="ConflictException") as failure:
        desk.create(ClientToken="token-2")
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    with pytest.raises(ClientError, match="ConflictException"):
        desk.create(ScheduleExpression="at(2026-10-31T13:16:00)")


@pytest.mark.parametrize(
    "changes",
    [
        {"ScheduleExpression": "at(garbage)"},
        {"ScheduleExpression": "at(2026-10-31T12:59:59)"},
        {"Name": "x" * 65},
        {"Name": "has space"},
        {"ScheduleExpressionTimezone": "Nowhere"},
        {"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
    ],
)
def test_what_aws_refuses_is_refused(desk: Desk, changes: dict[str, Any]) -> None:
    """Moto takes every one of these."""
    with pytest.raises(ClientError, match="ValidationException"):
        desk.create(**changes)


def test_unknown_names_are_errors(desk: Desk) -> None:
    """Group, schedule to read, schedule to delete."""
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        desk.create(GroupName="none")
    for call in (desk.scheduler.get_schedule, desk.scheduler.delete_schedule):
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            call(Name="none", GroupName="tocsin-dev")
    with pytest.raises(ClientError, match="ConflictException"):
        desk.scheduler.create_schedule_group(Name="tocsin-dev")


def test_an_update_replaces_the_whole_schedule(aws: Embedded, desk: Desk) -> None:
    """It fires at the new time only; what is left out gets its default."""
    desk.create()
    changes = desk.members(ScheduleExpression="at(2026-10-31T14:00:00)")
    changes = {name: value for name, value in changes.items() if name not in ("ClientToken", "ActionAfterCompletion")}
    desk.scheduler.update_schedule(**changes)
    aws.clock.advance(3599)
    assert desk.delivered() == []
    aws.clock.advance(1)
    assert len(desk.delivered()) == 1
    assert desk.scheduler.get_schedule(Name="verify-1", GroupName="tocsin-dev")["ActionAfterCompletion"] == "NONE"


def test_a_deleted_or_disabled_schedule_stays_silent(aws: Embedded, desk: Desk) -> None:
    """Nor does one whose group is deleted come."""
    desk.create()
    desk.scheduler.delete_schedule(Name="verify-1", GroupName="tocsin-dev")
    desk.create(Name="off", State="DISABLED")
    desk.create(Name="orphan")
    desk.scheduler.delete_schedule_group(Name="tocsin-dev")
    aws.clock.advance(3600)
    assert desk.delivered() == []


def test_a_delivery_that_fails_is_tried_again(aws: Embedded, desk: Desk) -> None:
    """As the target's retry policy allows; in the end it is told."""
    queue = desk.members()["Target"]
    gone = {**queue, "Arn": aws.place.arn("sqs", "later"), "RetryPolicy": {"MaximumRetryAttempts": 2}}
    desk.create(Target=gone)
    aws.clock.advance(900 + 30)
    url = aws.client("sqs").create_queue(QueueName="later")["QueueUrl"]
    aws.clock.advance(60)
    assert aws.client("sqs").receive_message(QueueUrl=url)["Messages"]
    desk.create(Name="lost", ScheduleExpression="at(2026-10-31T14:00:00)", Target={**gone, "Arn": aws.place.arn("sqs", "never")})
    aws.clock.advance(3600 * 2)
    assert [arn.rsplit("/", 1)[1] for arn, _ in aws.scheduler.undelivered] == ["lost"]


def test_schedules_are_listed_by_group_prefix_and_state_in_pages(desk: Desk) -> None:
    """In short form."""
    for number in range(5):
        desk.create(Name=f"verify-{number}", ClientToken=f"t{number}")
    desk.create(Name="revert-1", State="DISABLED")
    pages = desk.scheduler.get_paginator("list_schedules").paginate(
        GroupName="tocsin-dev", NamePrefix="verify", PaginationConfig={"PageSize": 2}
    )
    assert [item["Name"] for page in pages for item in page["Schedules"]] == [f"verify-{number}" for number in range(5)]
    assert [item["Name"] for item in desk.scheduler.list_schedules(State="DISABLED")["Schedules"]] == ["revert-1"]


def test_a_rate_comes_again_and_again(aws: Embedded, desk: Desk) -> None:
    """The reconciler's five minutes."""
    desk.create(ScheduleExpression="rate(5 minutes)", ActionAfterCompletion="NONE")
    aws.clock.advance(15 * 60)
    assert len(desk.delivered()) == 3
