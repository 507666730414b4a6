"""Our own dashboards: every metric of S8 is drawn, each row exactly as its alarm evaluates it, with its threshold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import alarms
from alarms.dashboards.compile import Dashboard, dashboards
from alarms.load import Loaded, load
from remediators.registry import registry

CATALOGUE = Path(alarms.__file__).parent / "catalog"

# S8 of the specification: each of its lines, the page that shows it, and the metrics that have to have a visible line there.
# Aurora publishes no FreeStorageSpace: what stands in its place is the volume and the instances' local storage.
SHOWN = {
    "ECS CPU utilization": ("ecs", ["CPUUtilization"], 2),
    "ECS memory utilization": ("ecs", ["MemoryUtilization"], 2),
    "ECS running against desired": ("ecs", ["RunningTaskCount", "DesiredTaskCount"], 2),
    "SQS age of the oldest message": ("sqs", ["ApproximateAgeOfOldestMessage"], 2),
    "ALB 5xx": ("alb", ["HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count", "RequestCount"], 1),
    "ALB response time": ("alb", ["TargetResponseTime"], 1),
    "API Gateway 5xx and 4xx": ("api-gateway", ["5XXError", "4XXError"], 1),
    "API Gateway latency": ("api-gateway", ["Latency"], 1),
    "API Gateway integration latency": ("api-gateway", ["IntegrationLatency"], 1),
    "Aurora CPU": ("aurora", ["CPUUtilization"], 2),
    "Aurora connections": ("aurora", ["DatabaseConnections"], 2),
    "Aurora storage": ("aurora", ["FreeLocalStorage"], 2),
    "Aurora volume": ("aurora", ["VolumeBytesUsed"], 1),
}


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load(CATALOGUE, stage="prod", actions=registry(), today=date(2026, 11, 28))


@pytest.fixture(scope="module")
def pages(loaded: Loaded) -> dict[str, Dashboard]:
    return {one.name.removeprefix("tocsin-prod-"): one for one in dashboards(loaded.desired, loaded.settings)}


def widgets(page: Dashboard, kind: str = "metric") -> list[dict[str, Any]]:
    return [widget["properties"] for widget in page.body["widgets"] if widget["type"] == kind]


def lines(page: Dashboard, name: str) -> set[tuple[str, ...]]:
    """Return the targets for which a metric has a visible line."""
    found = [entry for graph in widgets(page) for entry in graph["metrics"] if entry[1:2] == [name]]
    return {tuple(entry[2:-1]) for entry in found if entry[-1].get("visible", True)}


def graph(page: Dashboard, title: str) -> dict[str, Any]:
    (found,) = (graph for graph in widgets(page) if graph["title"].startswith(title))
    return found


@pytest.mark.parametrize("line", SHOWN)
def test_every_metric_of_the_specification_has_its_lines(pages: dict[str, Dashboard], line: str) -> None:
    page, names, targets = SHOWN[line]
    for name in names:
        assert len(lines(pages[page], name)) == targets, name


def test_there_is_a_page_for_each_component_and_one_overview(pages: dict[str, Dashboard]) -> None:
    assert set(pages) == {"overview", "ecs", "sqs", "alb", "api-gateway", "aurora"}


def test_every_alarm_is_drawn_once_with_its_threshold_period_and_statistic(loaded: Loaded, pages: dict[str, Dashboard]) -> None:
    for one in loaded.desired:
        page = pages[one.alarm.component]
        found = graph(page, f"{one.alarm.title}: ")
        (ring,) = found["annotations"]["horizontal"]
        assert ring["value"] == one.request["Threshold"]
        assert ring["fill"] == ("below" if "Less" in one.request["ComparisonOperator"] else "above")
        assert one.alarm.condition.text in found["title"]
        assert f"{one.alarm.datapoints_to_alarm} of {one.alarm.evaluation_periods} x {one.alarm.period_s} s" in found["title"]
        assert found["period"] == one.alarm.period_s
        visible = [entry[-1] for entry in found["metrics"] if entry[-1].get("visible", True)]
        assert {", ".join(one.alarm.target[key] for key in sorted(one.alarm.target))} <= {entry["label"] for entry in visible}
        statistic = one.request.get("ExtendedStatistic") or one.request.get("Statistic")
        if statistic:
            assert {entry["stat"] for entry in visible} == {statistic}


def test_a_rate_is_drawn_by_the_math_that_its_alarm_evaluates(loaded: Loaded, pages: dict[str, Dashboard]) -> None:
    (rate,) = (one for one in loaded.desired if one.id == "alb/5xx-rate")
    found = graph(pages["alb"], "Requests fail at the load balancer")

    drawn = {entry[-1]["id"]: entry for entry in found["metrics"]}
    assert list(drawn) == [entry["Id"] for entry in rate.request["Metrics"]]
    for entry in rate.request["Metrics"]:
        assert drawn[entry["Id"]][-1].get("expression") == entry.get("Expression")
        assert drawn[entry["Id"]][-1].get("visible", True) is entry["ReturnData"]


def test_two_targets_of_one_calculation_share_a_graph_and_no_id(pages: dict[str, Dashboard]) -> None:
    found = graph(pages["ecs"], "Fewer tasks run than are wanted")

    ids = [entry[-1]["id"] for entry in found["metrics"]]
    assert len(ids) == len(set(ids)) == 6
    shown = [entry[-1] for entry in found["metrics"] if entry[-1].get("visible", True)]
    assert [(entry["label"], entry["expression"]) for entry in shown] == [
        ("image, image-api", "t1_m1-t1_m2"),
        ("image, image-consumer", "t2_m1-t2_m2"),
    ]


def test_a_share_of_a_rest_api_is_drawn_in_the_metrics_own_unit(pages: dict[str, Dashboard]) -> None:
    found = graph(pages["api-gateway"], "API calls fail")

    assert found["annotations"]["horizontal"][0] | {"color": ""} == {
        "value": 0.05,
        "label": ">= 5 % (0.05)",
        "fill": "above",
        "color": "",
    }
    assert found["yAxis"]["left"] == {"label": "share, 0 to 1", "showUnits": False, "min": 0}


def test_the_state_of_each_alarm_is_on_its_page_and_on_the_overview(loaded: Loaded, pages: dict[str, Dashboard]) -> None:
    def states(page: Dashboard) -> list[str]:
        return [arn for widget in widgets(page, "alarm") for arn in widget["alarms"]]

    def arns(component: str) -> Iterator[str]:
        wanted = (one.alarm for one in loaded.desired if component in ("", one.alarm.component))
        return (f"arn:aws:cloudwatch:ap-northeast-2:{alarm.account}:alarm:{alarm.name}" for alarm in wanted)

    assert sorted(states(pages["overview"])) == sorted(arns(""))
    for component in ("ecs", "sqs", "alb", "api-gateway", "aurora"):
        assert sorted(states(pages[component])) == sorted(arns(component))


def test_a_reader_finds_the_runbook_above_every_row(loaded: Loaded, pages: dict[str, Dashboard]) -> None:
    for one in loaded.desired:
        texts = [text["markdown"] for text in widgets(pages[one.alarm.component], "text")]
        (band,) = (text for text in texts if f"{one.id} ·" in text)
        assert f"[runbook]({one.alarm.runbook_url})" in band
        assert one.alarm.severity.value in band


def test_the_overview_shows_the_golden_signals_and_the_queue_beside_the_tasks(pages: dict[str, Dashboard]) -> None:
    page = pages["overview"]
    titles = [found["title"].split(":")[0] for found in widgets(page)]
    assert titles == [
        "Traffic",
        "Errors",
        "Latency",
        "Saturation",
        "Queue depth and running tasks",
        "Age of the oldest message and running tasks",
    ]
    depth = graph(page, "Queue depth and running tasks")
    assert {(entry[1], entry[-1].get("yAxis", "left")) for entry in depth["metrics"]} == {
        ("ApproximateNumberOfMessagesVisible", "left"),
        ("RunningTaskCount", "right"),
    }
    age = graph(page, "Age of the oldest message")
    assert [ring["value"] for ring in age["annotations"]["horizontal"]] == [600.0]
    latency = [entry[0]["expression"] for entry in graph(page, "Latency")["metrics"] if isinstance(entry[0], dict)]
    assert len(latency) == 1, "seconds of the balancer are drawn in milliseconds"


def test_compiling_twice_gives_the_same_text(loaded: Loaded) -> None:
    first, second = (dashboards(loaded.desired, loaded.settings) for _ in range(2))

    assert [one.text for one in first] == [one.text for one in second]
    assert all(json.loads(one.text) == one.body for one in first)
