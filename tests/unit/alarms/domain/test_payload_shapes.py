"""Every shape in which CloudWatch speaks is read, and every other message is refused by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alarms.domain.event import AlarmEvent, Contributor, Envelope, Ignored, NotAlarm, Shape, State
from alarms.domain.event_document import event_document
from alarms.domain.payload import parse, parse_all

EVENTS = Path(__file__).parents[3] / "events"
RECEIVED = datetime(2026, 10, 31, 6, 4, tzinfo=UTC)
CHANGED = datetime(2026, 10, 31, 6, 3, 20, 123000, tzinfo=UTC)
QUEUE = "tocsin/prod/image-processing/sqs/oldest-message-age/image-jobs"

# What a reader of the alarm would ask for, by fixture; `trigger.x` looks into the trigger.
STORIES: dict[str, dict[str, Any]] = {
    "sns-sqs-single-metric": {
        "alarm_name": QUEUE,
        "alarm_arn": f"arn:aws:cloudwatch:ap-northeast-2:111122223333:alarm:{QUEUE}",
        "account": "111122223333",
        "region": "ap-northeast-2",
        "partition": "aws",
        "state": State.ALARM,
        "previous_state": State.OK,
        "changed_at": CHANGED,
        "changed_at_known": True,
        "description": "메시지가 밀려 처리가 늦습니다",
        "envelope": Envelope.SNS_SQS,
        "shape": Shape.METRIC,
        "topic_arn": "arn:aws:sns:ap-northeast-2:111122223333:tocsin-alarms",
        "values": (620.0, 681.0, 742.0),
        "value": 742.0,
        "no_data": False,
        "trigger.namespace": "AWS/SQS",
        "trigger.metric": "ApproximateAgeOfOldestMessage",
        "trigger.statistic": "Maximum",
        "trigger.dimensions": {"QueueName": "image-jobs"},
        "trigger.period_s": 60,
        "trigger.evaluation_periods": 3,
        "trigger.operator": "GreaterThanOrEqualToThreshold",
        "trigger.threshold": 600.0,
        "trigger.missing": "notBreaching",
        "trigger.unit": None,
    },
    "sns-lambda-extended-statistic": {
        "envelope": Envelope.SNS_LAMBDA,
        "shape": Shape.EXTENDED_STATISTIC,
        "previous_state": State.INSUFFICIENT_DATA,
        "values": (2655.0, 2710.4),
        "trigger.statistic": "p90",
    },
    "sns-metric-math": {
        "envelope": Envelope.SNS,
        "shape": Shape.METRIC_MATH,
        "description": "",
        "trigger.metric": None,
        "trigger.expression": "100*e1/m3",
        "trigger.metrics": (
            "AWS/ApplicationELB HTTPCode_ELB_5XX_Count",
            "AWS/ApplicationELB HTTPCode_Target_5XX_Count",
            "AWS/ApplicationELB RequestCount",
        ),
        "trigger.dimensions": {"LoadBalancer": "app/images/0123456789abcdef"},
        "trigger.threshold": 3.0,
    },
    "bare-anomaly-band": {
        "envelope": Envelope.BARE,
        "shape": Shape.ANOMALY,
        "values": (14.0, 12.0),
        "band": (100.5, 300.0),
        "trigger.metric": "RequestCount",
        "trigger.threshold": None,
        "trigger.datapoints_to_alarm": 2,
        "trigger.expression": "ANOMALY_DETECTION_BAND(m1, 2)",
    },
    "sqs-raw-composite": {
        "envelope": Envelope.SQS_RAW,
        "shape": Shape.COMPOSITE,
        "children": ("orders-5xx", "orders:latency"),
        "topic_arn": "",
        "trigger.alarm_rule": 'ALARM("orders-5xx") OR ALARM("orders-latency")',
    },
    "bare-composite-children-as-text": {"shape": Shape.COMPOSITE, "children": ("orders-5xx", "orders-latency")},
    "bare-composite-without-children": {"shape": Shape.COMPOSITE, "children": ("orders-5xx",)},
    "bare-contributor-insights": {
        "shape": Shape.CONTRIBUTOR,
        "contributor": Contributor("6d442278dba5bd02", {"InstanceId": "i-0abc"}),
        "subject_key": "111122223333/ap-northeast-2/fleet-cpu#6d442278dba5bd02",
        "value": 97.5,
    },
    "bare-contributor-promql": {
        "shape": Shape.CONTRIBUTOR,
        "state": State.OK,
        "contributor": Contributor("0f1e2d3c4b5a6978", {"pod": "worker-1", "namespace": "images"}),
    },
    "bare-log-alarm": {"shape": Shape.LOG, "value": 17.0, "trigger.threshold": 10.0},
    "bare-2017-without-arn": {
        "shape": Shape.METRIC,
        "alarm_arn": "",
        "account": "111122223333",
        "region": "us-east-1",
        "value": 3.0e-4,
        "trigger.dimensions": {},
        "trigger.missing": "notBreaching",
        "trigger.statistic": "Sum",
    },
    "bare-title-case-dimensions": {
        "region": "us-east-1",
        "value": 99.0,
        "trigger.dimensions": {"InstanceId": "i-0abc"},
        "trigger.statistic": "Average",
        "trigger.threshold": 50.0,
    },
    "bare-ok-from-missing-data": {"state": State.OK, "no_data": True, "values": ()},
    "bare-insufficient-data": {"state": State.INSUFFICIENT_DATA, "no_data": True, "previous_state": State.ALARM},
    "bare-first-evaluation-ok": {"state": State.OK, "no_data": False, "previous_state": State.INSUFFICIENT_DATA, "value": 4.0},
    "bare-china-after-mute": {"region": "cn-north-1", "partition": "aws-cn", "after_mute": True},
    "bare-bad-time": {"changed_at": RECEIVED, "changed_at_known": False},
    "sns-bad-time": {"changed_at": datetime(2026, 10, 31, 6, 3, 20, 456000, tzinfo=UTC), "changed_at_known": False},
    "eventbridge-single-metric": {
        "alarm_name": "image-queue:age",
        "alarm_arn": "arn:aws:cloudwatch:ap-northeast-2:111122223333:alarm:image-queue:age",
        "envelope": Envelope.EVENTBRIDGE,
        "shape": Shape.METRIC,
        "values": (620.0, 681.0, 742.0),
        "muted": False,
        "trigger.metric": "ApproximateAgeOfOldestMessage",
        "trigger.dimensions": {"QueueName": "image-jobs"},
        "trigger.threshold": 600.0,
        "trigger.operator": "GreaterThanOrEqualToThreshold",
    },
    "sns-sqs-eventbridge-muted": {
        "envelope": Envelope.EVENTBRIDGE,
        "muted": True,
        "topic_arn": "arn:aws:sns:ap-northeast-2:111122223333:tocsin-alarms",
    },
    "eventbridge-composite-suppressed": {
        "shape": Shape.COMPOSITE,
        "suppressed_by": "WaitPeriod",
        "children": ("orders-5xx",),
    },
    "eventbridge-contributor": {
        "shape": Shape.CONTRIBUTOR,
        "contributor": Contributor("6d442278dba5bd02", {"InstanceId": "i-0abc"}),
        "previous_state": None,
    },
    "sqs-raw-eventbridge-percentile": {"shape": Shape.EXTENDED_STATISTIC, "trigger.statistic": "p90"},
    "lambda-action-anomaly": {
        "envelope": Envelope.LAMBDA_ACTION,
        "shape": Shape.ANOMALY,
        "band": (100.5, 300.0),
        "value": 12.0,
        "description": "주문이 평소와 다릅니다",
        "trigger.operator": "LessThanLowerThreshold",
    },
}
REFUSALS = {
    "ignored-subscription-confirmation": NotAlarm.SUBSCRIPTION_CONFIRMATION,
    "ignored-unsubscribe-confirmation": NotAlarm.UNSUBSCRIBE_CONFIRMATION,
    "ignored-configuration-change": NotAlarm.CONFIGURATION_CHANGE,
    "ignored-budget-text": NotAlarm.PLAIN_TEXT,
    "ignored-ecs-event": NotAlarm.OTHER_EVENT,
    "ignored-other-json": NotAlarm.OTHER_JSON,
    "ignored-empty-batch": NotAlarm.EMPTY,
    "ignored-alarm-without-name": NotAlarm.UNREADABLE_ALARM,
    "ignored-alarm-in-unknown-state": NotAlarm.UNREADABLE_ALARM,
}


def fixture(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))


def fact(event: AlarmEvent, path: str) -> Any:
    owner, _, name = path.rpartition(".")
    return getattr(event.trigger if owner else event, name)


@pytest.mark.parametrize("name", STORIES)
def test_the_shape_is_read_as_its_story_says(name: str) -> None:
    """The facts of the message are found whatever wraps it and however it spells them."""
    event = parse(fixture(name), received_at=RECEIVED)

    assert isinstance(event, AlarmEvent), event
    assert {path: fact(event, path) for path in STORIES[name]} == STORIES[name]


@pytest.mark.parametrize("name", STORIES)
def test_text_and_decoded_json_are_read_alike(name: str) -> None:
    """A queue gives text, Lambda gives objects."""
    decoded = fixture(name)

    assert parse(json.dumps(decoded), received_at=RECEIVED) == parse(decoded, received_at=RECEIVED)


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_no_alarm_is_refused_by_name(name: str) -> None:
    """Nobody's subscription, budget or task is taken for an alarm, and the detail says what it was."""
    ignored = parse(fixture(name), received_at=RECEIVED)

    assert isinstance(ignored, Ignored)
    assert ignored.why is REFUSALS[name]
    assert ignored.detail


def test_every_fixture_has_a_story() -> None:
    """A fixture that no test reads would prove nothing."""
    assert {path.stem for path in EVENTS.glob("*.json")} == {*STORIES, *REFUSALS, "sqs-two-records"}


def test_two_records_are_two_events_in_order() -> None:
    """One Lambda event may carry the ALARM and its OK."""
    events = parse_all(fixture("sqs-two-records"), received_at=RECEIVED)

    assert [event.state for event in events if isinstance(event, AlarmEvent)] == [State.ALARM, State.OK]


def test_parse_refuses_to_choose_between_two_records() -> None:
    """``parse`` reads one message; dropping the second silently would lose an alarm."""
    ignored = parse(fixture("sqs-two-records"), received_at=RECEIVED)

    assert isinstance(ignored, Ignored)
    assert "2 messages" in ignored.detail


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (None, NotAlarm.EMPTY),
        ("", NotAlarm.EMPTY),
        ("  \n", NotAlarm.EMPTY),
        ({}, NotAlarm.EMPTY),
        ([], NotAlarm.EMPTY),
        ("disk is full", NotAlarm.PLAIN_TEXT),
        ("{", NotAlarm.PLAIN_TEXT),
        ("[" * 100_000, NotAlarm.PLAIN_TEXT),
        ("17", NotAlarm.OTHER_JSON),
        (17, NotAlarm.OTHER_JSON),
        (True, NotAlarm.OTHER_JSON),
        ({"type": "tocsin.report/1"}, NotAlarm.OTHER_JSON),
        ({"AlarmName": "x"}, NotAlarm.UNREADABLE_ALARM),
        ({"source": "my.app", "detail-type": "CloudWatch Alarm State Change", "detail": {}}, NotAlarm.OTHER_EVENT),
        ({"AlarmName": "x", "NewStateValue": 7}, NotAlarm.UNREADABLE_ALARM),
        ({"AlarmName": "x" * 256, "NewStateValue": "OK"}, NotAlarm.UNREADABLE_ALARM),
        ({"Type": "Notification", "Message": {"Type": "Notification", "Message": ""}}, NotAlarm.EMPTY),
    ],
)
def test_small_and_strange_messages_are_refused_by_name(message: object, why: NotAlarm) -> None:
    """Not even a message nested a hundred thousand deep raises."""
    ignored = parse(message, received_at=RECEIVED)

    assert isinstance(ignored, Ignored)
    assert ignored.why is why


def test_received_messages_of_boto3_are_read_too() -> None:
    """A redrive or a script reads the queue with ReceiveMessage, which spells Body and MessageId."""
    record = fixture("sns-sqs-single-metric")["Records"][0]

    event = parse({"MessageId": record["messageId"], "Body": record["body"]}, received_at=RECEIVED)

    assert isinstance(event, AlarmEvent)
    assert event.envelope is Envelope.SNS_SQS


def test_bytes_are_read_as_utf_8() -> None:
    """A payload read from a stream has not been decoded."""
    event = parse((EVENTS / "sns-sqs-single-metric.json").read_bytes(), received_at=RECEIVED)

    assert isinstance(event, AlarmEvent)


def test_masked_placeholders_never_become_keys() -> None:
    """A sample whose account and Region are masked has neither, rather than a wrong one."""
    body = {**fixture("bare-ok-from-missing-data"), "AlarmArn": "arn:aws:cloudwatch:REGION:ACCOUNT_NUMBER:alarm:EXAMPLE"}
    body |= {"Region": "EXAMPLE", "AWSAccountId": "EXAMPLE"}

    event = parse(body, received_at=RECEIVED)

    assert isinstance(event, AlarmEvent)
    assert (event.account, event.region, event.partition) == ("", "", "aws")
    assert event.alarm_key == f"//{QUEUE}"


def test_the_topic_tells_region_and_account_when_nothing_else_does() -> None:
    """An alarm can only publish to a topic of its own Region."""
    body = {"AlarmName": "orders", "NewStateValue": "ALARM", "Region": "Middle Earth (Shire)"}
    topic = "arn:aws-us-gov:sns:us-gov-west-1:111122223333:alarms"

    event = parse({"Type": "Notification", "TopicArn": topic, "Message": json.dumps(body)}, received_at=RECEIVED)

    assert isinstance(event, AlarmEvent)
    assert (event.account, event.region, event.partition) == ("111122223333", "us-gov-west-1", "aws-us-gov")


def test_a_series_without_an_id_is_not_taken_for_the_whole_alarm() -> None:
    """Else the recovery of one series would resolve the alarm."""
    body = fixture("bare-contributor-insights")
    del body["AlarmContributorId"]

    event = parse(body, received_at=RECEIVED)

    assert isinstance(event, AlarmEvent)
    assert event.subject_key.endswith("fleet-cpu#InstanceId=i-0abc")


def test_long_texts_are_cut_to_what_cloudwatch_allows() -> None:
    """A forged message cannot fill a table or a Slack block."""
    body = fixture("bare-insufficient-data") | {"NewStateReason": "r" * 5000, "AlarmDescription": "d" * 5000}

    event = parse(body, received_at=RECEIVED)

    assert isinstance(event, AlarmEvent)
    assert (len(event.reason), len(event.description)) == (1023, 1024)


@pytest.mark.parametrize("name", STORIES)
def test_the_document_of_an_event_is_json_with_the_same_keys_for_every_shape(name: str) -> None:
    """`tocsin explain` promises its keys, whatever the message said."""
    event = parse(fixture(name), received_at=RECEIVED)
    plain = parse(fixture("sns-sqs-single-metric"), received_at=RECEIVED)
    assert isinstance(event, AlarmEvent)
    assert isinstance(plain, AlarmEvent)

    document = json.loads(json.dumps(event_document(event)))

    assert document.keys() == event_document(plain).keys()
    assert document["state"] == event.state.value
    assert document["changed_at"].endswith("Z")


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_the_event_type_itself_opens_the_same_door(path: Path) -> None:
    message = json.loads(path.read_text(encoding="utf-8"))

    assert AlarmEvent.parse(message, received_at=RECEIVED) == parse(message, received_at=RECEIVED)
