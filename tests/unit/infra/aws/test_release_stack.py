"""S10 in the services' template: ECS-native blue/green, test traffic that is tried, a bake time that alarms watch, a way back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from alarms.load import load
from alarms.naming import alarm_name
from infra.aws.lifecycle_hook.called import TEST_TRAFFIC
from infra.aws.stage_file import CATALOGUE
from remediators.registry import registry

Template = Mapping[str, Any]


@pytest.fixture(scope="module")
def services(templates: Mapping[str, Template]) -> Template:
    return templates["services"]


@pytest.fixture(scope="module")
def api(services: Template) -> Mapping[str, Any]:
    found = [item["Properties"] for item in services["Resources"].values() if item["Type"] == "AWS::ECS::Service"]
    (one,) = [item for item in found if item["ServiceName"] == "image-api"]
    return dict(one)


def at(template: Template, reference: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of what a property refers to."""
    name = reference["Ref"] if "Ref" in reference else reference["Fn::GetAtt"][0]
    return dict(template["Resources"][name]["Properties"])


def alarms(template: Template) -> dict[str, dict[str, Any]]:
    found = [item["Properties"] for item in template["Resources"].values() if item["Type"] == "AWS::CloudWatch::Alarm"]
    return {item["AlarmName"]: item for item in found}


def test_green_stands_beside_blue_until_the_bake_time_is_over(api: Mapping[str, Any]) -> None:
    how = api["DeploymentConfiguration"]

    assert how["Strategy"] == "BLUE_GREEN"
    assert how["BakeTimeInMinutes"] == 15
    assert (how["MinimumHealthyPercent"], how["MaximumPercent"]) == (100, 200)
    assert how["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert "DeploymentController" not in api


def test_traffic_moves_between_two_groups_by_a_rule_for_production_and_one_for_tests(
    services: Template, api: Mapping[str, Any]
) -> None:
    (balancer,) = api["LoadBalancers"]
    ways = balancer["AdvancedConfiguration"]

    assert balancer["TargetGroupArn"] != ways["AlternateTargetGroupArn"]
    production, test = at(services, ways["ProductionListenerRule"]), at(services, ways["TestListenerRule"])
    assert (at(services, production["ListenerArn"])["Port"], at(services, test["ListenerArn"])["Port"]) == (80, 8080)


def test_ecs_may_move_traffic_by_awss_own_policy_for_that_and_nothing_else(services: Template, api: Mapping[str, Any]) -> None:
    role = at(services, api["LoadBalancers"][0]["AdvancedConfiguration"]["RoleArn"])
    (policy,) = role["ManagedPolicyArns"]

    assert "AmazonECSInfrastructureRolePolicyForLoadBalancers" in str(policy)
    assert "Policies" not in role
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "ecs.amazonaws.com"}


def test_green_is_tried_once_test_traffic_reaches_it_and_a_hook_that_hangs_rolls_back(
    services: Template, api: Mapping[str, Any]
) -> None:
    (hook,) = api["DeploymentConfiguration"]["LifecycleHooks"]

    assert hook["LifecycleStages"] == [TEST_TRAFFIC]
    assert hook["TimeoutConfiguration"] == {"Action": "ROLLBACK", "TimeoutInMinutes": 15}
    (may,) = at(services, hook["RoleArn"])["Policies"][0]["PolicyDocument"]["Statement"]
    assert may["Action"] == "lambda:InvokeFunction"
    assert may["Resource"] == hook["HookTargetArn"]


def test_the_hook_runs_inside_the_vpc_and_may_do_next_to_nothing(services: Template, api: Mapping[str, Any]) -> None:
    function = at(services, api["DeploymentConfiguration"]["LifecycleHooks"][0]["HookTargetArn"])
    role = at(services, function["Role"])
    doing = [one["Action"] for one in role["Policies"][0]["PolicyDocument"]["Statement"]]

    assert (function["Runtime"], function["Architectures"]) == ("python3.13", ["arm64"])
    assert len(function["VpcConfig"]["SubnetIds"]) == 3
    assert {action.split(":")[0] for actions in doing for action in actions} == {"logs", "ec2"}
    assert "SECRET" not in str(function["Environment"]["Variables"])


def test_a_deployment_watches_each_group_by_the_catalogues_rows(services: Template, api: Mapping[str, Any]) -> None:
    watched = api["DeploymentConfiguration"]["Alarms"]
    names = {at(services, reference)["AlarmName"] for reference in watched["AlarmNames"]}

    assert (watched["Enable"], watched["Rollback"]) == (True, True)
    rows = ("5xx-rate", "response-time-p90")
    assert names == {f"deploy/tocsin-prod/image-api/{row}/{colour}" for row in rows for colour in ("blue", "green")}


def test_they_are_as_strict_as_their_rows_but_one_bad_minute_turns_nothing_back(services: Template) -> None:
    desired = load(CATALOGUE, stage="prod", actions=registry()).desired
    rows = {item.alarm.row.rsplit("/", 1)[-1]: item.request for item in desired if item.alarm.component == "alb"}
    for name, alarm in alarms(services).items():
        row = rows[name.split("/")[-2]]
        assert alarm["Threshold"] == row["Threshold"]
        assert alarm["ComparisonOperator"] == row["ComparisonOperator"]
        assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (3, 5)


def test_every_metric_of_theirs_is_one_groups_own(services: Template) -> None:
    """HTTPCode_ELB_5XX_Count knows no groups: an alarm on it could not tell green from blue, and would have no points."""
    for name, alarm in alarms(services).items():
        entries = [entry["MetricStat"]["Metric"] for entry in alarm.get("Metrics", []) if "MetricStat" in entry] or [alarm]
        for entry in entries:
            (group,) = [item["Value"] for item in entry["Dimensions"] if item["Name"] == "TargetGroup"]
            colour = at(services, group)["Name"].removeprefix("image-api-")
            assert name.endswith(f"/{colour}")
            assert entry["MetricName"] != "HTTPCode_ELB_5XX_Count"


def test_apply_neither_sees_nor_prunes_them(services: Template) -> None:
    """It lists by the names' prefix and goes by two tags: none of them is theirs."""
    prefix = alarm_name(["tocsin", "prod"], {"QueueName": "x"}).rsplit("/", 1)[0]
    for name, alarm in alarms(services).items():
        assert not name.startswith(prefix)
        assert not {"tocsin:catalogue", "tocsin:stage"} & {tag["Key"] for tag in alarm["Tags"]}


def test_they_tell_nobody_because_ecs_watches_their_state(services: Template) -> None:
    """People hear of a bad deployment from the row itself, once."""
    for alarm in alarms(services).values():
        assert not {"AlarmActions", "OKActions", "InsufficientDataActions"} & alarm.keys()
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_consumers_roll_and_a_release_that_does_not_start_is_taken_back(services: Template) -> None:
    found = [item["Properties"] for item in services["Resources"].values() if item["Type"] == "AWS::ECS::Service"]
    (consumer,) = [item for item in found if item["ServiceName"] == "image-consumer"]

    assert consumer["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert "LoadBalancers" not in consumer
