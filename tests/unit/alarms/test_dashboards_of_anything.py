"""Whatever a catalogue holds: nothing overlaps, every alarm is drawn once, and no limit of CloudWatch is passed."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

from desired_alarms import desired, math_request, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alarms.dashboards.compile import Dashboard, dashboards
from alarms.dashboards.widget import MOST_BYTES
from alarms.desired import Desired
from alarms.domain.alarm import Condition, Operator
from alarms.settings import Settings

SETTINGS = Settings(catalogue="test", stage="test")
WORDS = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
TARGETS = st.dictionaries(st.sampled_from(["QueueName", "ClusterName", "ServiceName", "Other"]), WORDS, min_size=1, max_size=3)
CONDITIONS = st.builds(
    Condition,
    text=WORDS,
    metric=st.just("AWS/SQS ApproximateAgeOfOldestMessage"),
    operator=st.sampled_from(Operator),
    threshold=st.floats(allow_nan=False, allow_infinity=False),
    unit=st.sampled_from(["", "s", "%"]),
    scale=st.sampled_from([1.0, 100.0]),
)


def pairs(target: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in target.items()]


def single(name: str, target: dict[str, str], condition: Condition) -> dict[str, Any]:
    return request(AlarmName=name, Dimensions=pairs(target), Threshold=condition.threshold)


def rate(name: str, target: dict[str, str], condition: Condition) -> dict[str, Any]:
    stat = {"Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": pairs(target)}, "Period": 60, "Stat": "Sum"}
    entries = [
        {"Id": "m1", "MetricStat": stat, "ReturnData": False},
        {"Id": "m2", "MetricStat": stat, "ReturnData": False},
        {"Id": "rate", "Expression": "IF(m2>0, m1/m2, 0)", "Label": "rate", "ReturnData": True},
    ]
    return math_request(entries, AlarmName=name, Threshold=condition.threshold)


def band(name: str, target: dict[str, str], condition: Condition) -> dict[str, Any]:
    stat = {"Metric": {"Namespace": "N", "MetricName": "M", "Dimensions": pairs(target)}, "Period": 60, "Stat": "p90"}
    entries = [{"Id": "m1", "MetricStat": stat}, {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 2)"}]
    return math_request(entries, AlarmName=name, Threshold=None, ThresholdMetricId="ad1")


def composite(name: str, target: dict[str, str], condition: Condition) -> dict[str, Any]:
    return {"AlarmName": name, "AlarmRule": f'ALARM("tocsin/0") OR ALARM("{name}-elsewhere")'}


@st.composite
def catalogues(draw: st.DrawFn) -> list[Desired]:
    """Draw up to eighty rows-times-targets of every shape, over a few components and services."""
    found = []
    for number in range(draw(st.integers(1, 25))):
        row, component, service = (
            draw(NAMES),
            draw(NAMES | st.sampled_from(["sqs", "overview", "sqs-2"])),
            draw(NAMES | st.just("")),
        )
        make = draw(st.sampled_from([single, rate, band, composite]))
        condition, title = draw(CONDITIONS), draw(WORDS)
        for target_number in range(draw(st.integers(1, 12))):
            name = f"tocsin/{number}" if target_number == 0 else f"tocsin/{number}/{target_number}"
            target = draw(TARGETS)
            changes = {"component": component, "service": service, "title": title, "condition": condition, "target": target}
            operation = "PutCompositeAlarm" if make is composite else "PutMetricAlarm"
            full = "/".join([*([service] if service else []), component, f"{row}{number}"])
            found.append(desired(make(name, target, condition), operation=operation, row=full, **changes))  # type: ignore[arg-type]  # members of an alarm
    return found


def check_body(page: Dashboard) -> None:
    """Assert what CloudWatch asks of one body."""
    body = json.loads(page.text)
    widgets = body["widgets"]
    assert len(page.text.encode()) <= MOST_BYTES
    assert len(widgets) <= 500
    assert sum(len(widget["properties"].get("metrics", ())) for widget in widgets) <= 2500
    cells: Counter[tuple[int, int]] = Counter()
    for widget in widgets:
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        assert widget["x"] >= 0
        assert widget["x"] + widget["width"] <= 24
        assert 1 <= widget["height"] <= 1000
        cells.update(
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        )
        check_widget(widget["type"], widget["properties"])
    assert max(cells.values()) == 1, "two widgets share a cell"


def check_widget(kind: str, properties: dict[str, Any]) -> None:
    if kind == "alarm":
        assert 1 <= len(properties["alarms"]) <= 100
    if kind == "metric":
        assert 1 <= len(properties["metrics"]) <= 100
        ids = [entry[-1]["id"] for entry in properties["metrics"] if "id" in entry[-1]]
        assert len(ids) == len(set(ids))
        assert all(re.fullmatch(r"[a-z][A-Za-z0-9_]*", found) for found in ids)
        for entry in properties["metrics"]:
            used = set(re.findall(r"\b(?:t\d+_)?(?:m\d|ad1|rate)\b", entry[-1].get("expression", "")))
            assert used <= set(ids), "an expression calculates with a neighbour's metric"


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(catalogues())
def test_any_catalogue_becomes_dashboards_that_cloudwatch_takes(found: list[Desired]) -> None:
    pages = dashboards(found, SETTINGS)

    names = [page.name for page in pages]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name) for name in names)
    assert Counter(name for page in pages for name in page.alarms) == Counter(one.name for one in found)
    for page in pages:
        check_body(page)


def test_ten_thousand_alarms_are_split_into_pages() -> None:
    found = [
        desired(
            request(AlarmName=f"tocsin/{number}", Dimensions=pairs({"QueueName": f"queue-{number}"}), Threshold=float(number)),
            component="sqs",
            service=f"service-{number % 7}",
            row=f"service-{number % 7}/sqs/row-{number}",
            target={"QueueName": f"queue-{number}"},
            condition=Condition(f">= {number} s", "AWS/SQS ApproximateAgeOfOldestMessage", Operator.GE, float(number), "s"),
        )
        for number in range(10_000)
    ]

    pages = dashboards(found, SETTINGS)

    assert Counter(name for page in pages for name in page.alarms) == Counter(one.name for one in found)
    assert [page.name for page in pages if "overview" in page.name][:2] == ["tocsin-test-overview", "tocsin-test-overview-2"]
    for page in pages:
        check_body(page)


def test_a_band_of_what_is_expected_is_drawn_as_a_band_without_a_threshold() -> None:
    condition = Condition("outside 2", "N M", Operator.GT, 0.0, "")
    one = desired(band("tocsin/a", {"QueueName": "q"}, condition), condition=condition, target={"QueueName": "q"})

    (_, page) = dashboards([one], SETTINGS)

    (graph,) = (
        w["properties"] for w in page.body["widgets"] if w["type"] == "metric" and w["properties"]["title"].startswith("Backlog")
    )
    assert "annotations" not in graph
    assert graph["metrics"][0][-1] == {"id": "m1", "label": "q", "stat": "p90", "period": 60}
    assert graph["metrics"][1] == [{"expression": "ANOMALY_DETECTION_BAND(m1, 2)", "id": "ad1", "label": "q: expected"}]


def test_a_composite_is_shown_with_the_children_that_it_has_here() -> None:
    child = desired(request(AlarmName="tocsin/0"))
    whole = desired(composite("tocsin/all", {}, child.alarm.condition), operation="PutCompositeAlarm", row="sqs/all", title="All")

    (_, page) = dashboards([child, whole], SETTINGS)

    (shown,) = (
        widget["properties"]
        for widget in page.body["widgets"]
        if widget["type"] == "alarm" and widget["properties"]["title"].startswith("All: ")
    )
    assert [arn.rsplit(":", 1)[-1] for arn in shown["alarms"]] == ["tocsin/all", "tocsin/0"]
    assert 'ALARM("tocsin/0")' in shown["title"]


def test_no_alarms_make_no_dashboards() -> None:
    assert dashboards([], SETTINGS) == ()
