"""Alarms on virtual time: when they ring, what they say, what they keep quiet about."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from overlay_story import METRIC, QUEUE, Listener, age_alarm, ages

from alarms.domain.event import State
from alarms.domain.payload import parse
from infra.local.aws import Embedded

START = datetime(2026, 10, 31, 13, 0, tzinfo=UTC)


def states(aws: Embedded, minutes: int, name: str = "old") -> str:
    """Return one letter for each minute's state: O, A or I."""
    seen = ""
    for _ in range(minutes):
        aws.clock.advance(60)
        seen += aws.cloudwatch.state(name)[0]
    return seen


def test_it_rings_when_the_third_bad_minute_is_in_and_not_before(aws: Embedded) -> None:
    """And falls silent at the first good one: three of three no longer breach."""
    aws.client("cloudwatch").put_metric_alarm(**age_alarm())
    ages(aws, [100, 700, 700, 700, 700, 100, 100])
    assert states(aws, 7) == "OOOAAOO"


def test_a_minute_is_judged_with_its_own_points_unless_they_come_late(aws: Embedded) -> None:
    """With AWS's delay of two minutes the alarm rings two minutes later."""
    aws.client("cloudwatch").put_metric_alarm(**age_alarm(TreatMissingData="notBreaching"))
    aws.cloudwatch.metrics.delay_s = 120
    ages(aws, [700] * 6)
    assert states(aws, 6) == "OOOOAA"


@pytest.mark.parametrize(
    ("missing", "expected"), [("missing", "III"), ("ignore", "III"), ("breaching", "AAA"), ("notBreaching", "OOO")]
)
def test_silence_counts_as_the_alarm_says(aws: Embedded, missing: str, expected: str) -> None:
    """A metric that never came."""
    aws.client("cloudwatch").put_metric_alarm(**age_alarm(TreatMissingData=missing))
    assert states(aws, 3) == expected


def test_other_dimensions_or_another_unit_are_another_metric(aws: Embedded) -> None:
    """Exactly these dimensions; a wrong Unit leaves the alarm without data for ever."""
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**age_alarm("fewer", Dimensions=[]))
    cloudwatch.put_metric_alarm(**age_alarm("unit", Unit="Bytes"))
    ages(aws, [700] * 4)
    assert states(aws, 4, "fewer") == "IIII"
    assert aws.cloudwatch.state("unit") == "INSUFFICIENT_DATA"


def test_the_message_is_awss_key_by_key(aws: Embedded) -> None:
    """Upper-case statistic, lower-case dimension keys, display name, +0000, no DatapointsToAlarm when it equals the periods."""
    listener = Listener(aws)
    aws.client("cloudwatch").put_metric_alarm(**age_alarm(topic=listener.topic, TreatMissingData="notBreaching"))
    ages(aws, [100, 700, 700, 700])
    aws.clock.advance(240)
    first, alarm = listener.heard()

    assert (first["OldStateValue"], first["NewStateValue"]) == ("INSUFFICIENT_DATA", "OK")
    assert list(alarm) == [
        "AlarmName",
        "AlarmDescription",
        "AWSAccountId",
        "AlarmConfigurationUpdatedTimestamp",
        "NewStateValue",
        "NewStateReason",
        "StateChangeTime",
        "Region",
        "AlarmArn",
        "OldStateValue",
        "OKActions",
        "AlarmActions",
        "InsufficientDataActions",
        "Trigger",
    ]
    assert alarm["AlarmDescription"] is None
    assert alarm["AWSAccountId"] == "123456789012"
    assert alarm["Region"] == "Asia Pacific (Seoul)"
    assert alarm["StateChangeTime"] == "2026-10-31T13:04:00.000+0000"
    assert alarm["AlarmArn"] == "arn:aws:cloudwatch:ap-northeast-2:123456789012:alarm:old"
    assert alarm["NewStateReason"].startswith("Threshold Crossed: 3 out of the last 3 datapoints [700.0 (31/10/26 13:03:00), ")
    assert alarm["Trigger"] == {
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Namespace": "AWS/SQS",
        "StatisticType": "Statistic",
        "Statistic": "MAXIMUM",
        "Unit": None,
        "Dimensions": [{"value": "image-jobs", "name": "QueueName"}],
        "Period": 60,
        "EvaluationPeriods": 3,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Threshold": 600.0,
        "TreatMissingData": "notBreaching",
        "EvaluateLowSampleCountPercentile": "",
    }


def test_what_it_says_is_what_the_service_reads(aws: Embedded) -> None:
    """Envelope and event go through the product's own parser."""
    listener = Listener(aws)
    events: list[Any] = []
    aws.cloudwatch.on_event(events.append)
    aws.client("cloudwatch").put_metric_alarm(**age_alarm(topic=listener.topic, DatapointsToAlarm=2))
    ages(aws, [700, 700])
    aws.clock.advance(120)
    envelope = listener.envelopes()[-1]

    assert envelope["Subject"] == 'ALARM: "old" in Asia Pacific (Seoul)'
    for shape in (envelope, events[-1]):
        event = parse(shape, received_at=aws.clock.now)
        assert event.state is State.ALARM
        assert event.value == 700.0
        assert event.changed_at == START + timedelta(minutes=2)
        assert event.alarm_key == "123456789012/ap-northeast-2/old"
    assert json.loads(envelope["Message"])["Trigger"]["DatapointsToAlarm"] == 2


def test_a_percentile_is_read_from_raw_values_and_few_samples_can_be_ignored(aws: Embedded) -> None:
    """p90 needs a hundred samples to be trusted when the alarm says ignore."""
    cloudwatch = aws.client("cloudwatch")
    for name, low in (("bold", "evaluate"), ("careful", "ignore")):
        alarm = age_alarm(name, ExtendedStatistic="p90", EvaluateLowSampleCountPercentile=low, EvaluationPeriods=1, Threshold=90)
        cloudwatch.put_metric_alarm(**{key: value for key, value in alarm.items() if key != "Statistic"})
    datum = {**METRIC, "Dimensions": QUEUE, "Timestamp": START, "Values": [10.0, 100.0], "Counts": [8.0, 2.0]}
    namespace = datum.pop("Namespace")
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[datum])
    aws.clock.advance(60)
    assert (aws.cloudwatch.state("bold"), aws.cloudwatch.state("careful")) == ("ALARM", "INSUFFICIENT_DATA")


def test_math_rings_by_its_own_missing_rules(aws: Embedded) -> None:
    """5xx rate: a minute without errors counts as none, a minute without traffic is dropped."""
    cloudwatch = aws.client("cloudwatch")

    def stat(identifier: str) -> dict[str, Any]:
        metric = {"Namespace": "AWS/SQS", "MetricName": identifier, "Dimensions": QUEUE}
        return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False}

    cloudwatch.put_metric_alarm(
        AlarmName="rate",
        Metrics=[stat("errors"), stat("requests"), {"Id": "rate", "Expression": "100*errors/requests"}],
        EvaluationPeriods=1,
        Threshold=3,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    ages(aws, [100, 100, 100, 100], "requests")
    ages(aws, [None, 5, None, None, 5], "errors")
    assert states(aws, 4, "rate") == "OAOO"


def test_high_resolution_is_judged_every_ten_seconds(aws: Embedded) -> None:
    """A 10-second alarm rings within the minute."""
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**age_alarm(Period=10, EvaluationPeriods=1))
    point = {"MetricName": METRIC["MetricName"], "Dimensions": QUEUE, "Timestamp": START, "Value": 700, "StorageResolution": 1}
    cloudwatch.put_metric_data(Namespace=METRIC["Namespace"], MetricData=[point])
    aws.clock.advance(9)
    assert aws.cloudwatch.state("old") == "INSUFFICIENT_DATA"
    aws.clock.advance(1)
    assert aws.cloudwatch.state("old") == "ALARM"


def test_a_forced_state_falls_back_at_the_next_minute(aws: Embedded) -> None:
    """SetAlarmState is for a drill, not for good."""
    aws.client("cloudwatch").put_metric_alarm(**age_alarm())
    ages(aws, [100] * 3)
    aws.clock.advance(90)
    aws.client("cloudwatch").set_alarm_state(AlarmName="old", StateValue="ALARM", StateReason="drill")
    assert states(aws, 1) == "O"


def test_a_composite_follows_its_children_and_names_who_moved_it(aws: Embedded) -> None:
    """It leaves INSUFFICIENT_DATA soon after its creation and then for good."""
    listener, cloudwatch = Listener(aws), aws.client("cloudwatch")
    for name in ("old", "young"):
        cloudwatch.put_metric_alarm(**age_alarm(name))
    rule = 'ALARM("old") AND NOT ALARM("young")'
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule=rule, AlarmActions=[listener.topic], OKActions=[listener.topic])
    aws.clock.advance(1)
    assert aws.cloudwatch.state("both") == "OK"
    cloudwatch.set_alarm_state(AlarmName="old", StateValue="ALARM", StateReason="drill")
    assert aws.cloudwatch.state("both") == "ALARM"
    aws.clock.advance(1)
    cloudwatch.set_alarm_state(AlarmName="young", StateValue="ALARM", StateReason="drill")

    first, rang, over = listener.heard()
    assert [message["NewStateValue"] for message in (first, rang, over)] == ["OK", "ALARM", "OK"]
    assert rang["AlarmRule"] == rule
    assert "Trigger" not in rang
    assert [child["Arn"].rsplit(":", 1)[1] for child in rang["TriggeringChildren"]] == ["old"]
    assert [child["Arn"].rsplit(":", 1)[1] for child in over["TriggeringChildren"]] == ["young"]


def test_a_ringing_suppressor_keeps_a_composite_quiet(aws: Embedded) -> None:
    """The state moves, nobody is told."""
    listener, cloudwatch = Listener(aws), aws.client("cloudwatch")
    for name in ("old", "maintenance"):
        cloudwatch.put_metric_alarm(**age_alarm(name))
    waits = {"ActionsSuppressorWaitPeriod": 60, "ActionsSuppressorExtensionPeriod": 60}
    cloudwatch.put_composite_alarm(
        AlarmName="both", AlarmRule="ALARM(old)", AlarmActions=[listener.topic], ActionsSuppressor="maintenance", **waits
    )
    cloudwatch.set_alarm_state(AlarmName="maintenance", StateValue="ALARM", StateReason="drill")
    cloudwatch.set_alarm_state(AlarmName="old", StateValue="ALARM", StateReason="drill")
    assert aws.cloudwatch.state("both") == "ALARM"
    assert not listener.heard()


def test_alarms_of_more_than_a_day_are_judged_on_the_hour(aws: Embedded) -> None:
    """Two days of whole hours."""
    alarm = age_alarm(Period=3600, EvaluationPeriods=48, DatapointsToAlarm=1, TreatMissingData="breaching")
    aws.client("cloudwatch").put_metric_alarm(**alarm)
    aws.clock.advance(59 * 60)
    assert aws.cloudwatch.state("old") == "INSUFFICIENT_DATA"
    aws.clock.advance(60)
    assert aws.cloudwatch.state("old") == "ALARM"
