"""The alarm operations as AWS documents them: put, describe, delete, tags, actions, forced states, history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from overlay_story import METRIC, QUEUE, Listener, age_alarm

from infra.local.aws import Embedded, embedded


def stat(identifier: str, **members: Any) -> dict[str, Any]:
    metric = {"Namespace": "AWS/SQS", "MetricName": identifier, "Dimensions": QUEUE}
    return {"Id": identifier, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False, **members}


def math_alarm(*metrics: dict[str, Any], **members: Any) -> dict[str, Any]:
    alarm = age_alarm(Metrics=list(metrics), **members)
    return {
        name: value
        for name, value in alarm.items()
        if name not in ("Namespace", "MetricName", "Dimensions", "Statistic", "Period")
    }


@pytest.fixture
def cloudwatch(aws: Embedded) -> Any:
    return aws.client("cloudwatch")


def test_a_new_alarm_has_insufficient_data_and_an_update_keeps_its_state_and_tags(aws: Embedded, cloudwatch: Any) -> None:
    """PUT overwrites the whole configuration; tags of an update are ignored."""
    cloudwatch.put_metric_alarm(**age_alarm(AlarmDescription="first", Tags=[{"Key": "owner", "Value": "platform"}]))
    first = cloudwatch.describe_alarms()["MetricAlarms"][0]
    cloudwatch.set_alarm_state(AlarmName="old", StateValue="ALARM", StateReason="drill")
    aws.clock.advance(5)
    cloudwatch.put_metric_alarm(**age_alarm(Threshold=300, Tags=[{"Key": "owner", "Value": "other"}]))
    second = cloudwatch.describe_alarms()["MetricAlarms"][0]

    assert (first["StateValue"], first["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert (second["StateValue"], second["Threshold"], "AlarmDescription" in second) == ("ALARM", 300.0, False)
    assert second["AlarmConfigurationUpdatedTimestamp"] > first["AlarmConfigurationUpdatedTimestamp"]
    assert cloudwatch.list_tags_for_resource(ResourceARN=first["AlarmArn"])["Tags"] == [{"Key": "owner", "Value": "platform"}]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"Period": 7}, "multiple of 60"),
        ({"EvaluationPeriods": 1441}, "86400"),
        ({"Period": 3600, "EvaluationPeriods": 169}, "86400"),
        ({"DatapointsToAlarm": 4}, "DatapointsToAlarm"),
        ({"ExtendedStatistic": "p90"}, "Statistic and ExtendedStatistic"),
        ({"TreatMissingData": "not_breaching"}, "TreatMissingData"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "ThresholdMetricId"),
        ({"EvaluateLowSampleCountPercentile": "ignore"}, "percentiles only"),
        ({"AlarmActions": ["tocsin-alarms"]}, "Invalid arn syntax"),
        ({"AlarmActions": ["arn:aws:sns:us-east-1:123456789012:t"]}, "Only ap-northeast-2 is supported"),
        ({"AlarmName": "a\nb"}, "control characters"),
        ({"Metrics": [stat("m1", ReturnData=True)]}, "Exactly one of MetricName, Metrics"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "aws:"),
    ],
)
def test_what_aws_refuses_is_refused(cloudwatch: Any, members: dict[str, Any], said: str) -> None:
    """And nothing is created."""
    with pytest.raises(ClientError, match="ValidationError") as failure:
        cloudwatch.put_metric_alarm(**age_alarm(**members))
    assert said in str(failure.value)
    assert not cloudwatch.describe_alarms()["MetricAlarms"]


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ([stat("m1"), stat("m1", ReturnData=True)], "not unique"),
        ([stat("m1")], "Exactly 1 element"),
        ([stat("m1", ReturnData=True), stat("m2", ReturnData=True)], "Exactly 1 element"),
        ([stat("m1"), {"Id": "E1", "Expression": "m1*2"}], "lower-case letter"),
        ([stat("m1"), {"Id": "e1", "Expression": "m1 +* 2"}], "Error in expression 'e1'"),
        ([stat("m1"), {"Id": "e1", "Expression": "m2*2"}], "Error in Metrics"),
        ([stat("m1"), {"Id": "e1", "Expression": "e1*2"}], "Error in Metrics"),
        ([stat("m1"), {"Id": "e1", "Expression": "SEARCH('x')"}], "SEARCH is not supported"),
        ([*(stat(f"m{i}") for i in range(11)), {"Id": "e1", "Expression": "m1"}], "at most 10 metrics"),
    ],
)
def test_math_that_aws_refuses_is_refused(cloudwatch: Any, metrics: list[dict[str, Any]], said: str) -> None:
    """Ids, what is returned, what an expression may name."""
    with pytest.raises(ClientError, match="ValidationError") as failure:
        cloudwatch.put_metric_alarm(**math_alarm(*metrics))
    assert said in str(failure.value)


def test_describe_pages_by_name_and_filters(cloudwatch: Any) -> None:
    """Prefix, state and action prefix combine; a page holds at most what was asked for."""
    for number in range(7):
        cloudwatch.put_metric_alarm(**age_alarm(f"tocsin/{number}"))
    cloudwatch.put_metric_alarm(**age_alarm("other", "arn:aws:sns:ap-northeast-2:123456789012:t"))
    cloudwatch.set_alarm_state(AlarmName="tocsin/3", StateValue="OK", StateReason="drill")

    def names(**filters: Any) -> list[str]:
        pages = cloudwatch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 3}, **filters)
        return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]

    assert names() == ["other", *(f"tocsin/{number}" for number in range(7))]
    assert names(AlarmNamePrefix="tocsin/", StateValue="OK") == ["tocsin/3"]
    assert names(ActionPrefix="arn:aws:sns:") == ["other"]
    assert names(AlarmNames=["tocsin/1", "nobody"]) == ["tocsin/1"]
    assert len(cloudwatch.describe_alarms(MaxRecords=3)["MetricAlarms"]) == 3
    with pytest.raises(ClientError, match="InvalidNextToken"):
        cloudwatch.describe_alarms(NextToken="bm9uc2Vuc2U=")
    with pytest.raises(ClientError, match="mutually exclusive"):
        cloudwatch.describe_alarms(AlarmNames=["a"], AlarmNamePrefix="b")


def test_composites_come_only_when_asked_for(cloudwatch: Any) -> None:
    """An omitted AlarmTypes means metric alarms: the trap that hides composites from a cleanup."""
    cloudwatch.put_metric_alarm(**age_alarm())
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule='ALARM("old")')
    assert not cloudwatch.describe_alarms()["CompositeAlarms"]
    everything = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    assert [len(everything[kind]) for kind in ("MetricAlarms", "CompositeAlarms")] == [1, 1]
    parents = cloudwatch.describe_alarms(ParentsOfAlarmName="old", AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName="both")["MetricAlarms"]
    assert ([item["AlarmName"] for item in parents], [item["AlarmName"] for item in children]) == (["both"], ["old"])


def test_a_composites_child_must_exist_and_cannot_be_deleted_under_it(cloudwatch: Any) -> None:
    """All or nothing: the refused delete deletes nobody."""
    with pytest.raises(ClientError, match="does not exist: old"):
        cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(old)")
    for name in ("old", "young"):
        cloudwatch.put_metric_alarm(**age_alarm(name))
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(old)")
    with pytest.raises(ClientError, match="used by composite alarm both"):
        cloudwatch.delete_alarms(AlarmNames=["young", "old"])
    assert len(cloudwatch.describe_alarms()["MetricAlarms"]) == 2
    cloudwatch.delete_alarms(AlarmNames=["both"])
    cloudwatch.delete_alarms(AlarmNames=["young", "old", "nobody"])
    assert not cloudwatch.describe_alarms()["MetricAlarms"]


def test_only_one_composite_is_deleted_at_a_time(cloudwatch: Any) -> None:
    """AWS's own limit."""
    for name in ("a", "b"):
        cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule="FALSE")
    with pytest.raises(ClientError, match="At most one composite"):
        cloudwatch.delete_alarms(AlarmNames=["a", "b"])


def test_a_name_cannot_change_its_kind(cloudwatch: Any) -> None:
    """A composite does not become a metric alarm by a put."""
    cloudwatch.put_composite_alarm(AlarmName="old", AlarmRule="FALSE")
    with pytest.raises(ClientError, match="another type"):
        cloudwatch.put_metric_alarm(**age_alarm())


def test_tags_are_added_changed_and_taken_off(cloudwatch: Any) -> None:
    """By ARN; an unknown ARN is an error."""
    cloudwatch.put_metric_alarm(**age_alarm())
    arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "2"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["b", "never"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "2"}]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cloudwatch.tag_resource(ResourceARN=f"{arn}x", Tags=[])


def test_the_tagging_api_finds_alarms_by_tags_in_pages(aws: Embedded, cloudwatch: Any) -> None:
    """Every filter must match, one of its values each; alarms without tags are unknown to it."""
    for number in range(5):
        tags = [{"Key": "stage", "Value": "dev" if number % 2 else "prod"}, {"Key": "n", "Value": str(number)}]
        cloudwatch.put_metric_alarm(**age_alarm(f"a{number}", Tags=tags))
    cloudwatch.put_metric_alarm(**age_alarm("untagged"))

    def found(*filters: dict[str, Any]) -> list[str]:
        pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources")
        answer = pages.paginate(
            ResourceTypeFilters=["cloudwatch:alarm"], TagFilters=list(filters), PaginationConfig={"PageSize": 2}
        )
        return [item["ResourceARN"][-2:] for page in answer for item in page["ResourceTagMappingList"]]

    assert found() == ["a0", "a1", "a2", "a3", "a4"]
    assert found({"Key": "stage", "Values": ["prod"]}) == ["a0", "a2", "a4"]
    assert found({"Key": "stage", "Values": ["prod", "dev"]}, {"Key": "n", "Values": ["1"]}) == ["a1"]
    assert found({"Key": "stage"}, {"Key": "missing"}) == []


def test_a_forced_state_runs_actions_once_per_change(aws: Embedded, cloudwatch: Any) -> None:
    """The same state again says nothing; disabled actions say nothing; an event comes for both changes."""
    listener = Listener(aws)
    events: list[Any] = []
    aws.cloudwatch.on_event(events.append)
    cloudwatch.put_metric_alarm(**age_alarm(topic=listener.topic))
    for state in ("ALARM", "ALARM"):
        cloudwatch.set_alarm_state(AlarmName="old", StateValue=state, StateReason="drill")
    cloudwatch.disable_alarm_actions(AlarmNames=["old"])
    cloudwatch.set_alarm_state(AlarmName="old", StateValue="OK", StateReason="drill")

    assert [message["NewStateValue"] for message in listener.heard()] == ["ALARM"]
    assert [event["detail"]["state"]["value"] for event in events] == ["ALARM", "OK"]
    assert aws.cloudwatch.state("old") == "OK"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        cloudwatch.set_alarm_state(AlarmName="nobody", StateValue="OK", StateReason="drill")
    with pytest.raises(ClientError, match="InvalidFormat"):
        cloudwatch.set_alarm_state(AlarmName="old", StateValue="OK", StateReason="drill", StateReasonData="{")


def test_a_failed_action_shows_in_the_history_only(cloudwatch: Any) -> None:
    """CloudWatch checks no action target when the alarm is put."""
    cloudwatch.put_metric_alarm(**age_alarm(topic="arn:aws:sns:ap-northeast-2:123456789012:gone"))
    cloudwatch.set_alarm_state(AlarmName="old", StateValue="ALARM", StateReason="drill")
    actions = cloudwatch.describe_alarm_history(AlarmName="old", HistoryItemType="Action")["AlarmHistoryItems"]
    assert [item["HistorySummary"].split(" arn")[0] for item in actions] == ["Failed to execute action"]


def test_history_is_newest_first_and_outlives_the_alarm(aws: Embedded, cloudwatch: Any) -> None:
    """Creation, change of state, deletion."""
    cloudwatch.put_metric_alarm(**age_alarm())
    aws.clock.advance(1)
    cloudwatch.set_alarm_state(AlarmName="old", StateValue="ALARM", StateReason="drill")
    cloudwatch.delete_alarms(AlarmNames=["old"])
    summaries = [item["HistorySummary"] for item in cloudwatch.describe_alarm_history()["AlarmHistoryItems"]]
    assert summaries == [
        'Alarm "old" deleted',
        "Alarm updated from INSUFFICIENT_DATA to ALARM",
        'Alarm "old" created',
    ]
    oldest = cloudwatch.describe_alarm_history(ScanBy="TimestampAscending", MaxRecords=1)
    assert oldest["AlarmHistoryItems"][0]["HistorySummary"] == 'Alarm "old" created'
    assert oldest["NextToken"]


def test_alarms_are_found_by_their_metric(cloudwatch: Any) -> None:
    """Only single-metric alarms with exactly these dimensions."""
    cloudwatch.put_metric_alarm(**age_alarm())
    cloudwatch.put_metric_alarm(**math_alarm(stat("m1"), {"Id": "e1", "Expression": "m1*2"}, AlarmName="math"))
    assert len(cloudwatch.describe_alarms_for_metric(**METRIC, Dimensions=QUEUE)["MetricAlarms"]) == 1
    assert not cloudwatch.describe_alarms_for_metric(**METRIC)["MetricAlarms"]


def test_the_documented_calls_per_second_hold_when_asked_for() -> None:
    """Three puts in one second; the fourth waits for the next."""
    with embedded(datetime(2026, 10, 31, 13, 0, tzinfo=UTC), throttle=True) as aws:
        cloudwatch = aws.client("cloudwatch")
        for name in "abc":
            cloudwatch.put_metric_alarm(**age_alarm(name))
        with pytest.raises(ClientError, match="Rate exceeded"):
            cloudwatch.put_metric_alarm(**age_alarm("d"))
        aws.clock.advance(1)
        cloudwatch.put_metric_alarm(**age_alarm("d"))
