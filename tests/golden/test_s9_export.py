"""The product's catalogue as it is exported: reviewed as a diff, and S9's rows held to the specification's words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import alarms
from alarms.domain.alarm import Mode, lowest
from alarms.load import Loaded, load
from alarms.schema.editors import json_schema
from remediators.registry import registry

CATALOGUE = Path(alarms.__file__).parent / "catalog"
STAGES = ("dev", "staging", "prod", "demo")


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    """Return the packaged catalogue in the stage of the demo."""
    return load(CATALOGUE, stage="demo", actions=registry())


def rows(loaded: Loaded, row: str) -> list[dict[str, Any]]:
    """Return the requests of one row."""
    return [dict(one.request) for one in loaded.desired if one.id == row]


def test_the_packaged_catalogue_has_no_error_in_any_stage() -> None:
    for stage in STAGES:
        assert load(CATALOGUE, stage=stage, actions=registry()).errors == ()


def test_the_export_is_what_was_reviewed(loaded: Loaded, golden: Any) -> None:
    exported = [{"id": one.id, "operation": one.operation, "request": dict(one.request)} for one in loaded.desired]

    golden.check("export/demo.json", json.dumps({"alarms": exported}, ensure_ascii=False, indent=2) + "\n")


def test_the_published_rows_are_what_was_reviewed(loaded: Loaded, golden: Any) -> None:
    documents = {one.name: one.alarm.to_document() for one in loaded.desired}

    golden.check("export/demo_rows.json", json.dumps(documents, ensure_ascii=False, indent=2) + "\n")


def test_the_editors_schema_is_what_was_reviewed(golden: Any) -> None:
    golden.check("export/schema.json", json.dumps(json_schema("any", registry()), ensure_ascii=False, indent=2) + "\n")


# What each row may do at most, in a stage that caps nothing. Every other row says why nothing is safe to do.
DONE = {
    "ecs/cpu-high": [("scale-service", Mode.AUTO)],
    "sqs/oldest-message-age": [("scale-consumers", Mode.AUTO)],
    "ecs/running-below-desired": [("roll-back-deployment", Mode.AUTO), ("restart-tasks", Mode.AUTO)],
    "alb/5xx-rate": [("roll-back-deployment", Mode.AUTO), ("restart-tasks", Mode.AUTO)],
    "api-gateway/5xx-rate": [("roll-back-deployment", Mode.AUTO)],
    "api-gateway/latency-p90": [("answer-traffic-surge", Mode.APPROVE)],
    "api-gateway/4xx-rate": [("answer-traffic-surge", Mode.APPROVE)],
    "sqs/dlq-not-empty": [("redrive-dead-letters", Mode.APPROVE)],
    "aurora/connections-near-max": [("end-database-sessions", Mode.APPROVE)],
}

GE, GT, LT = "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold"

# S9 in the specification's order: (row, metric, statistic, threshold, operator, period, datapoints of periods).
S9 = [
    ("ecs/cpu-high", "AWS/ECS CPUUtilization", "Average", 80.0, GE, 60, 5),
    ("ecs/memory-high", "AWS/ECS MemoryUtilization", "Average", 80.0, GE, 60, 5),
    ("sqs/oldest-message-age", "AWS/SQS ApproximateAgeOfOldestMessage", "Maximum", 600.0, GE, 60, 15),
    ("api-gateway/5xx-rate", "AWS/ApiGateway 5XXError", "Average", 0.05, GE, 60, 3),
    ("api-gateway/latency-p90", "AWS/ApiGateway Latency", "p90", 2500.0, GE, 60, 5),
    ("api-gateway/integration-latency-p90", "AWS/ApiGateway IntegrationLatency", "p90", 2000.0, GE, 60, 5),
    ("aurora/volume-near-limit", "AWS/RDS VolumeBytesUsed", "Average", 0.9 * 128 * 2**40, GT, 300, 1),
    ("aurora/local-storage-low", "AWS/RDS FreeLocalStorage", "Average", 0.1 * 32 * 2**30, LT, 60, 5),
    ("aurora/connections-near-max", "AWS/RDS DatabaseConnections", "Average", 0.9 * 1722, GT, 60, 5),
]


@pytest.mark.parametrize("row", S9, ids=lambda row: row[0])
def test_the_rows_of_s9_say_what_the_specification_says(row: tuple[Any, ...], loaded: Loaded) -> None:
    name, metric, statistic, threshold, operator, period, periods = row
    found = rows(loaded, name)

    assert found
    for request in found:
        assert f"{request['Namespace']} {request['MetricName']}" == metric
        assert request.get("Statistic", request.get("ExtendedStatistic")) == statistic
        assert request["Threshold"] == pytest.approx(threshold, rel=1e-12)
        assert request["ComparisonOperator"] == operator
        assert (request["Period"], request["EvaluationPeriods"], request["DatapointsToAlarm"]) == (period, periods, periods)


def test_the_balancers_rate_has_both_counters_and_no_guard(loaded: Loaded) -> None:
    """S9.4: 5xx error rate of 3 % or more for one minute."""
    (request,) = rows(loaded, "alb/5xx-rate")

    names = [entry["MetricStat"]["Metric"]["MetricName"] for entry in request["Metrics"] if "MetricStat" in entry]
    assert names == ["HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "RequestCount"]
    assert [entry["Expression"] for entry in request["Metrics"] if entry["ReturnData"]] == ["100*e1/e2"]
    assert (request["Threshold"], request["ComparisonOperator"]) == (3.0, GE)
    assert {entry["MetricStat"]["Period"] for entry in request["Metrics"] if "MetricStat" in entry} == {60}
    assert (request["EvaluationPeriods"], request["DatapointsToAlarm"]) == (1, 1)


def test_the_dead_letter_queue_and_the_work_queue_never_share_a_row(loaded: Loaded) -> None:
    queues = {one.id: one.alarm.target["QueueName"] for one in loaded.desired if "QueueName" in one.alarm.target}

    assert queues == {"sqs/oldest-message-age": "image-jobs", "sqs/dlq-not-empty": "image-jobs-dead"}


def test_every_alarm_says_what_to_do_or_why_nothing_is_safe(loaded: Loaded) -> None:
    for one in loaded.desired:
        alarm = one.alarm
        assert alarm.title
        assert alarm.runbook == f"docs/runbooks/{alarm.component}-{alarm.row.rsplit('/', 1)[1]}.md"
        assert bool(alarm.policies) is not bool(alarm.no_action)
    done = {one.id: [(policy.action, policy.mode) for policy in one.alarm.policies] for one in loaded.desired}
    assert {row: steps for row, steps in done.items() if steps} == DONE


def test_no_request_carries_a_unit(loaded: Loaded) -> None:
    assert all("Unit" not in json.dumps(one.request) for one in loaded.desired)


@pytest.mark.parametrize(("stage", "cap"), [("dev", "observe"), ("staging", "auto"), ("prod", "propose"), ("demo", "auto")])
def test_stages_cap_what_rows_may_do(stage: str, cap: str) -> None:
    found = load(CATALOGUE, stage=stage, actions=registry()).desired

    modes = {one.id: [policy.mode for policy in one.alarm.policies] for one in found if one.alarm.policies}
    assert modes == {row: [lowest(mode, Mode(cap)) for _, mode in steps] for row, steps in DONE.items()}
