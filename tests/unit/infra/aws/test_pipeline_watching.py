"""The pipeline watches itself, tells people past itself, and turns a bad version back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from deployed import ACCOUNT, Deployed, arn

from alarms.domain import telemetry

OPERATIONS = Path(__file__).parents[4] / "docs" / "operations.md"
SELF, ALARMS = arn("sns", "tocsin-prod-self"), arn("sns", "tocsin-alarms")


@pytest.fixture(scope="module")
def pipeline(templates: Mapping[str, Any]) -> Deployed:
    return Deployed(templates["pipeline"])


@pytest.fixture(scope="module")
def alarms(pipeline: Deployed) -> Mapping[str, Mapping[str, Any]]:
    return {name.split("/")[1]: alarm for name, alarm in pipeline.named("CloudWatch::Alarm", "AlarmName").items()}


def dimensions(alarm: Mapping[str, Any]) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in alarm["Dimensions"]}


def test_people_are_mailed_past_the_notifier(pipeline: Deployed, alarms: Mapping[str, Any]) -> None:
    mailed = {one["TopicArn"] for one in pipeline.of("SNS::Subscription").values() if one["Protocol"] == "email"}

    assert mailed == {SELF}
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [SELF, ALARMS]


def test_neither_apply_nor_the_sweep_takes_them_for_the_catalogues(alarms: Mapping[str, Any]) -> None:
    assert all(not alarm["AlarmName"].startswith("tocsin/prod/") for alarm in alarms.values())


def test_a_missing_heartbeat_or_pulse_rings_and_silence_of_the_rest_does_not(alarms: Mapping[str, Any]) -> None:
    breaching = {name for name, alarm in alarms.items() if alarm["TreatMissingData"] == "breaching"}
    sweep = alarms["no-sweep"]

    assert breaching == {"no-sweep", "notifier-silent", "remediators-silent"}
    assert (sweep["MetricName"], dimensions(sweep)) == ("Swept", {"Stage": "prod"})
    assert (sweep["ComparisonOperator"], sweep["Threshold"]) == ("LessThanThreshold", 1)
    assert sweep["Period"] * sweep["DatapointsToAlarm"] == 900


def test_whatever_may_hold_lost_messages_is_watched(pipeline: Deployed, alarms: Mapping[str, Any]) -> None:
    lost = {name for name in pipeline.named("SQS::Queue", "QueueName") if re.search("dead|undelivered", name)}
    visible = [alarm for alarm in alarms.values() if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible"]

    assert len(lost) == 5
    assert {dimensions(alarm)["QueueName"] for alarm in visible} == lost
    assert all(alarm["Threshold"] == 1 for alarm in visible)


def test_every_function_table_topic_and_the_door_is_watched(pipeline: Deployed, alarms: Mapping[str, Any]) -> None:
    watched = {value for alarm in alarms.values() for value in dimensions(alarm).values()}

    for kind, member in {"Lambda::Function": "FunctionName", "DynamoDB::Table": "TableName", "SNS::Topic": "TopicName"}.items():
        assert set(pipeline.named(kind, member)) <= watched, kind
    assert set(pipeline.of("ApiGatewayV2::Api")) <= watched


def test_the_metrics_of_our_own_are_those_that_the_functions_publish(alarms: Mapping[str, Any]) -> None:
    own = [alarm for alarm in alarms.values() if alarm["Namespace"] == telemetry.NAMESPACE]

    assert len(own) >= 6
    for alarm in own:
        functions = telemetry.METRICS[alarm["MetricName"]].functions
        asked = dimensions(alarm)
        assert set(asked) in ({"Stage"}, {"Stage", "Function"})
        assert asked.get("Function", functions[0]) in functions


def test_a_queues_age_alarm_is_above_the_longest_timer(alarms: Mapping[str, Any]) -> None:
    """A message may be sent fifteen minutes ahead of its time, and ages meanwhile."""
    assert alarms["remediators-oldest-message"]["Threshold"] > 900


def test_a_duration_alarm_rings_before_the_timeout(pipeline: Deployed, alarms: Mapping[str, Any]) -> None:
    for name, function in pipeline.named("Lambda::Function", "FunctionName").items():
        alarm = alarms[f"{name.removeprefix('tocsin-prod-')}-slow"]

        assert 0.5 * function["Timeout"] * 1000 < alarm["Threshold"] < function["Timeout"] * 1000


def test_each_deploy_is_gradual_and_turned_back_by_the_functions_own_errors(
    pipeline: Deployed, alarms: Mapping[str, Any]
) -> None:
    groups = pipeline.named("CodeDeploy::DeploymentGroup", "DeploymentGroupName")

    assert set(groups) == set(pipeline.named("Lambda::Function", "FunctionName"))
    for name, group in groups.items():
        room = name.removeprefix("tocsin-prod-")
        ringing = [one["Name"] for one in group["AlarmConfiguration"]["Alarms"]]

        assert "AllAtOnce" not in group["DeploymentConfigName"]
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        assert [one.rsplit("/", 1)[-1] for one in ringing] == [f"{room}-errors"]
        assert dimensions(alarms[f"{room}-errors"])["Resource"] == f"{name}:live"


def test_what_was_in_use_before_stays_to_be_returned_to(pipeline: Deployed) -> None:
    assert pipeline.kept("Lambda::Version") == {"Retain"}


def test_the_dashboard_draws_our_own_metrics_and_every_alarm(pipeline: Deployed, alarms: Mapping[str, Any]) -> None:
    (board,) = pipeline.of("CloudWatch::Dashboard").values()
    widgets = json.loads(board["DashboardBody"])["widgets"]
    drawn = {line[1] for widget in widgets for line in widget["properties"].get("metrics", ()) if line[0] == telemetry.NAMESPACE}
    (states,) = [widget["properties"]["alarms"] for widget in widgets if widget["type"] == "alarm"]

    assert drawn == set(telemetry.METRICS) - {"Failed"}
    assert len(states) == len(alarms)
    assert pipeline.outputs["DashboardUrl"].endswith(f"/{board['DashboardName']}")


def test_the_operations_page_says_what_to_do_about_each_alarm(alarms: Mapping[str, Any]) -> None:
    page = OPERATIONS.read_text("utf-8")

    missing = {name for name in alarms if f"`{name}`" not in page}
    assert missing == set()
    assert all(f"docs/operations.md, {name}" in alarm["AlarmDescription"] for name, alarm in alarms.items())
    assert ACCOUNT not in page
