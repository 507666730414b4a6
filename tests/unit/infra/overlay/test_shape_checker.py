"""The checker of requests and answers against a service model."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.model import OperationModel
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.shapes import ShapeChecker

SESSION = botocore.session.get_session()
CHECKER = ShapeChecker()


def operation(service: str, name: str) -> OperationModel:
    return SESSION.get_service_model(service).operation_model(name)


def test_an_answer_with_a_member_that_the_model_lacks_is_found() -> None:
    """A misspelt member would silently be missing for every reader."""
    found = CHECKER.response({"scheduleArn": "x"}, operation("scheduler", "CreateSchedule"))
    assert ".ScheduleArn is required" in found
    assert ".scheduleArn is not a member of CreateScheduleOutput" in found


def test_types_are_strict_in_answers() -> None:
    """A time as text, a boolean as a number: the real parser never gives those."""
    alarm = {"AlarmName": "a", "StateUpdatedTimestamp": "2026-10-31", "EvaluationPeriods": True}
    found = CHECKER.response({"MetricAlarms": [alarm]}, operation("cloudwatch", "DescribeAlarms"))
    assert found == [
        ".MetricAlarms[0].StateUpdatedTimestamp must be a timestamp, not str",
        ".MetricAlarms[0].EvaluationPeriods must be a integer, not bool",
    ]


def test_a_union_has_exactly_one_member() -> None:
    """EvaluationWindow is either sliding or on the wall clock."""
    window = {"SlidingWindow": {}, "WallClockWindow": {}}
    found = CHECKER.request({"AlarmName": "a", "EvaluationWindow": window}, operation("cloudwatch", "PutMetricAlarm"))
    assert found == [".EvaluationWindow must have exactly one member"]


@pytest.mark.parametrize("name", ["a b", "a/b", "", "x" * 65, "이름"])
def test_a_schedules_name_is_held_to_its_pattern_and_length(name: str) -> None:
    """Moto takes all of these."""
    assert CHECKER.request({"Name": name}, operation("scheduler", "GetSchedule"))


@settings(deadline=None, max_examples=60)
@given(st.from_regex(r"[0-9a-zA-Z_.-]{1,64}", fullmatch=True))
def test_every_good_name_passes(name: str) -> None:
    """No false alarm."""
    assert CHECKER.request({"Name": name}, operation("scheduler", "GetSchedule")) == []


def test_every_shape_of_the_overlaid_services_can_be_compiled() -> None:
    """Recursive shapes and foreign pattern dialects included."""
    for service in ("cloudwatch", "ecs", "application-autoscaling", "scheduler", "lambda", "resourcegroupstaggingapi"):
        model = SESSION.get_service_model(service)
        for name in model.operation_names:
            CHECKER.request({}, model.operation_model(name))
            CHECKER.response({}, model.operation_model(name))


def test_patterns_of_another_dialect_still_hold() -> None:
    """Application Auto Scaling's control characters, ECS's tag letters."""
    policy = {"ServiceNamespace": "ecs", "ResourceIds": ["service/a/b\x00"]}
    assert "does not match" in CHECKER.request(policy, operation("application-autoscaling", "DescribeScalableTargets"))[0]
    tags = {"tags": [{"key": "소유자", "value": "플랫폼 팀"}]}
    assert CHECKER.request(tags, operation("ecs", "CreateCluster")) == []
