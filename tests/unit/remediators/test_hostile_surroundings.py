"""Rows that move, alarms of other accounts, wrong clocks and poison: nothing is acted on that is not ours and understood."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hostile_world import after, die
from remediation_world import (
    ACCOUNT,
    API,
    API_RESOURCE,
    CONSUMER_RESOURCE,
    ESCALATE,
    QUEUE_AGE,
    REGION,
    SCALE_API,
    World,
    api_alarm,
    queue_alarm,
)

from alarms.domain.alarm import Mode

# --- the catalogue moves ----------------------------------------------------------------------------------------------


def put_row(story: World, alarm: Any, document: str) -> None:
    item = {"alarm": {"S": alarm.key}, "version": {"S": "current"}, "document": {"S": document}}
    story.client("dynamodb").put_item(TableName="tocsin-dev-catalogue", Item=item)


@pytest.mark.parametrize("document", ["not json", "[]", "{}", json.dumps({**api_alarm().to_document(), "severity": "purple"})])
def test_a_row_that_cannot_be_read_stops_its_own_alarm_only(story: World, document: str) -> None:
    """Code and rows may differ by a version: people are told, and the service's other alarm gets its plan."""
    story.apply(api_alarm())
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)
    story.pump()
    put_row(story, api_alarm(), document)
    story.wait(120)

    assert story.floor(CONSUMER_RESOURCE) == 11
    assert story.floor(API_RESOURCE) == 4
    assert "unknown" in [report.reason for report in story.reports() if report.alarm_name == API]


def test_a_ring_whose_row_cannot_be_read_is_told_and_not_acted_on(story: World) -> None:
    story.apply(api_alarm())
    story.pump()
    put_row(story, api_alarm(), "{}")
    story.ring(API)
    story.wait(1200, step=60)

    assert story.changes() == []
    assert [report.reason for report in story.reports()] == ["unknown"]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"cluster": "image", "service": "image-api"},
        {"cluster": "image", "service": "image-api", "max_tasks": 0},
        {"cluster": "image", "service": "image-api", "max_tasks": None},
        {"cluster": "image", "service": "image-api", "max_tasks": "20"},
        {"cluster": "image", "service": "", "max_tasks": 20},
        {"cluster": "image", "service": "image-api", "max_tasks": 20, "step": -5.0},
    ],
)
def test_parameters_that_do_not_fit_the_action_are_refused_by_name(story: World, parameters: dict[str, Any]) -> None:
    """Unset, 0 and nonsense never mean "no limit"; the other alarm of the service is not disturbed."""
    story.apply(api_alarm(replace(SCALE_API, parameters=parameters)))
    story.apply(queue_alarm())
    story.pump()
    story.ring(API)
    story.ring(QUEUE_AGE)
    story.wait(60)

    assert story.floor(API_RESOURCE) == 4
    assert [report.reason for report in story.reports() if report.alarm_name == API] == ["invalid"]
    assert story.floor(CONSUMER_RESOURCE) == 11


LOWERED = replace(SCALE_API, mode=Mode.OBSERVE)


@pytest.mark.parametrize("row", ["gone", api_alarm(LOWERED), api_alarm(ESCALATE), api_alarm(no_action="by hand")])
def test_an_intent_is_not_resumed_when_its_row_no_longer_allows_it(story: World, row: Any) -> None:
    """Killed between intent and change; meanwhile the row is removed, lowered to observe, or names another action."""
    story.apply(api_alarm())
    story.ring(API)
    story.pump()

    def meanwhile() -> None:
        if row == "gone":
            key = {"alarm": {"S": api_alarm().key}, "version": {"S": "current"}}
            story.client("dynamodb").delete_item(TableName="tocsin-dev-catalogue", Key=key)
        else:
            document = row.to_document() if row.no_action == "" else {**row.to_document(), "policies": []}
            put_row(story, api_alarm(), json.dumps(document))
        die()

    after(story, "TransactWriteItems", meanwhile)
    story.wait(600)

    assert story.changes() == []
    assert story.phases() == ["skipped"]
    assert story.reports()[0].reason == "stale"


# --- not ours to touch ------------------------------------------------------------------------------------------------


def elsewhere(story: World, record: dict[str, Any], account: str, region: str) -> dict[str, Any]:
    """Return the record as if the alarm had been forwarded from another account or region."""
    envelope = json.loads(record["body"])
    message = json.loads(envelope["Message"])
    message["AlarmArn"] = f"arn:aws:cloudwatch:{region}:{account}:alarm:{message['AlarmName']}"
    message["AWSAccountId"] = account
    return {**record, "messageId": "forwarded", "body": json.dumps({**envelope, "Message": json.dumps(message)})}


@pytest.mark.parametrize(("account", "region"), [(ACCOUNT, "us-east-1"), ("999999999999", REGION)])
def test_an_alarm_of_another_account_or_region_is_never_acted_on_here(story: World, account: str, region: str) -> None:
    """The same name rings here too: reading it in this Lambda's region would answer for the wrong alarm."""
    alarm = api_alarm(settle_s=0, account=account, region=region)
    story.apply(api_alarm(settle_s=0))
    put_row(story, alarm, json.dumps(alarm.to_document()))
    story.pump()
    story.ring(API)
    (record,) = story.receive()
    story.handle([elsewhere(story, record, account, region)])

    assert story.changes() == []
    assert [report.reason for report in story.reports()] == ["elsewhere"]


# --- clocks -----------------------------------------------------------------------------------------------------------


def told_at(record: dict[str, Any], at: Any, **members: Any) -> dict[str, Any]:
    """Return the record with another StateChangeTime (None: without one) and without SNS's own."""
    envelope = json.loads(record["body"])
    message = {**json.loads(envelope["Message"]), "StateChangeTime": at, **members}
    return {**record, "body": json.dumps(message)}


@pytest.mark.parametrize("at", [None, "yesterday", "", "0000-00-00", 10**30])
def test_a_ring_without_a_readable_time_opens_one_episode_however_often_it_comes(story: World, at: Any) -> None:
    """Raw delivery, no time at all: when SQS took the message is the same for each of its deliveries."""
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=0), settle_s=0))
    story.pump()
    story.ring(API)
    (record,) = story.receive()
    for _ in range(4):
        story.handle([told_at(record, at)])
        story.aws.clock.advance(1200)
    story.handle([{**told_at(record, at), "messageId": "other", "attributes": {}}])

    assert story.changes() == [("RegisterScalableTarget", 6)]


def test_a_ring_from_the_future_does_not_deafen_the_alarm(story: World) -> None:
    """A clock ten years ahead: the recovery and the next ring are still heard."""
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=0), settle_s=0))
    story.pump()
    story.ring(API)
    (record,) = story.receive()
    story.handle([told_at(record, "2036-10-31T15:03:20.123+0000")])
    story.wait(120)
    story.recover(API)
    story.wait(2400)
    assert story.floor() == 4
    story.scale_in()
    story.ring(API)
    story.wait(60)

    assert story.floor() == 6


def test_a_second_alarm_message_of_the_same_stay_is_not_a_second_episode(story: World) -> None:
    """After a mute or a suppressor's wait, ALARM comes from ALARM: the stay goes on."""
    story.apply(api_alarm(replace(SCALE_API, cooldown_s=0), settle_s=0))
    story.pump()
    story.ring(API)
    (record,) = story.receive()
    story.handle([record])
    story.wait(1200)
    later = f"{story.now + timedelta(minutes=-1):%Y-%m-%dT%H:%M:%S}.000+0000"
    again = told_at(record, later, OldStateValue="ALARM")
    story.handle([{**again, "messageId": "again"}])

    assert story.changes() == [("RegisterScalableTarget", 6)]


# --- poison -----------------------------------------------------------------------------------------------------------

POISON = [
    "",
    "null",
    "[]",
    "{",
    "[" * 50_000,
    '{"type": "tocsin.timer/1"}',
    '{"type": "tocsin.timer/1", "kind": "bogus", "subject": "x"}',
    '{"type": "tocsin.timer/1", "kind": "verify", "subject": null}',
    '{"type": "tocsin.timer/1", "kind": ["verify"], "subject": {}}',
    '{"type": "tocsin.timer/1", "kind": "revert", "subject": ""}',
    '{"type": "tocsin.timer/1", "kind": "settle", "subject": ""}',
    '{"type": "tocsin.timer/1", "kind": "revert", "subject": "' + "x" * 5000 + '"}',
    '"tocsin.timer/1' + "[" * 50_000,
    '{"AlarmName": "\\ud800", "NewStateValue": "ALARM"}',
    json.dumps({"AlarmName": "x" * 255, "NewStateValue": "ALARM", "AWSAccountId": ACCOUNT, "AlarmArn": "arn:" + "x" * 9000}),
    json.dumps({"AlarmName": "n", "NewStateValue": "ALARM", "AlarmContributorId": "c" * 10_000, "StateChangeTime": {}}),
]


def test_poison_does_not_hold_up_the_batch_and_is_not_delivered_for_ever(story: World) -> None:
    """Whatever is in the queue: nothing is raised, the good record is taken, nothing that can never be read comes again."""
    story.apply(api_alarm(settle_s=0))
    story.pump()
    story.ring(API)
    (good,) = story.receive()
    bad = [{**good, "messageId": f"bad-{number}", "body": body} for number, body in enumerate(POISON)]
    again = story.handle([*bad[:8], good, *bad[8:]])

    assert again == set()
    assert story.changes() == [("RegisterScalableTarget", 6)]


@pytest.mark.parametrize("records", [(), (None,), ([],), ("x",), ([None, 3, {}, {"body": 1}],)])
def test_what_is_no_queue_event_at_all_raises_nothing(story: World, records: tuple[Any, ...]) -> None:
    event = {"Records": records[0]} if records else {}
    assert story.app.handle(event, None, story.now) == {"batchItemFailures": []}


DEEP = '{"paused": false, "mode": "auto", "policies": {"x": ' + "[" * 3000


@pytest.mark.parametrize("value", ["[" * 4000, DEEP, "null", "7", '"auto"', "{}"])
def test_a_switch_that_cannot_be_read_holds(story: World, value: str) -> None:
    story.client("ssm").put_parameter(Name="/tocsin/dev/switch", Value=value, Type="String", Overwrite=True)
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    assert story.changes() == []
    assert story.phases() in (["skipped"], ["observed"])


def test_the_switchs_reason_may_hold_anything(story: World) -> None:
    """Text that UTF-8, SQS or a reader cannot take: people are told, with what is left of it."""
    value = json.dumps({"paused": True, "mode": "auto", "reason": "\ud800 <!channel> \uffff\x00 " + "x" * 3000})
    story.client("ssm").put_parameter(Name="/tocsin/dev/switch", Value=value, Type="String", Overwrite=True)
    story.apply(api_alarm())
    story.ring(API)
    story.wait(60)

    (report,) = story.reports()
    assert report.reason == "paused"
    assert len(report.why.en) < 1200
