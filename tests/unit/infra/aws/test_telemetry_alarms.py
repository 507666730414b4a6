"""The pipeline's alarms on its functions' own metrics ring on what is published: name, dimensions and page agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from alarms.domain.telemetry import FUNCTION, METRICS, NAMESPACE, REASON, STAGE

PAGE = Path(__file__).parents[4] / "docs" / "telemetry.md"


@pytest.fixture
def own(templates: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the pipeline's alarms in the functions' namespace, by the last part of their names."""
    resources = templates["pipeline"]["Resources"].values()
    alarms = [one["Properties"] for one in resources if one["Type"] == "AWS::CloudWatch::Alarm"]
    return {str(one["AlarmName"]).rpartition("/")[2]: one for one in alarms if one.get("Namespace") == NAMESPACE}


def test_no_alarm_waits_for_a_metric_that_is_never_published_so(own: Mapping[str, Mapping[str, Any]]) -> None:
    for name, alarm in own.items():
        metric = METRICS[alarm["MetricName"]]
        given = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
        sets = [{STAGE}, {STAGE, FUNCTION}, *([{STAGE, REASON}] if metric.by_reason else [])]
        assert set(given) in sets, name
        assert given[STAGE] == "prod", name
        assert given.get(FUNCTION, metric.functions[0]) in metric.functions, name


def page_rows() -> Iterator[tuple[str, set[str]]]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            yield cells[0].strip("`"), {alarm.strip("` ") for alarm in cells[4].split(",") if alarm}


def test_the_page_says_which_alarm_watches_which_metric(own: Mapping[str, Mapping[str, Any]]) -> None:
    watched: dict[str, set[str]] = {name: set() for name in METRICS}
    for name, alarm in own.items():
        watched[alarm["MetricName"]].add(name)
    assert dict(page_rows()) == watched
