"""Kinds: each file is one, its example compiles, its formula is the one that facts demand."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from alarms.kinds import kinds

TOCSIN = "stages: {dev: {}}\ndatabases: {image-db-1: {class: db.r6g.large}}\n"


def example(kind: str) -> str:
    """Return the YAML example in a kind's docstring, as a file of rows."""
    text = textwrap.dedent((kinds()[kind].__doc__ or "").split("Example::")[1])
    return "defaults: {notify: ops, owner: me}\nalarms:\n" + textwrap.indent(textwrap.dedent(text).strip("\n"), "  ") + "\n"


def request(loaded: Any) -> dict[str, Any]:
    """Return the one request of a catalogue without errors."""
    assert loaded.errors == ()
    (one,) = loaded.desired
    return dict(one.request)


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_the_example_of_every_kind_compiles(kind: str, catalogue: Any) -> None:
    found = request(catalogue({"rows.yaml": example(kind), "tocsin.yaml": TOCSIN}))

    assert "Unit" not in str(found)
    assert len([entry for entry in found.get("Metrics", [{"ReturnData": True}]) if entry["ReturnData"]]) == 1


def test_ratio_takes_the_larger_of_requests_and_errors_as_its_base(catalogue: Any) -> None:
    expressions = {entry["Id"]: entry.get("Expression") for entry in request(catalogue(example("ratio")))["Metrics"]}

    assert expressions == {
        "m1": None,
        "m2": None,
        "m3": None,
        "e1": "m1+m2",
        "e2": "MAX([m3,e1])",
        "rate": "IF(e2>=20,100*e1/e2,0)",
    }


def test_ratio_without_a_guard_is_the_plain_rate(catalogue: Any) -> None:
    found = request(catalogue(example("ratio").replace("    min_requests: 20\n", "")))

    assert found["Metrics"][-1]["Expression"] == "100*e1/e2"


def test_shortfall_subtracts_and_never_fills(catalogue: Any) -> None:
    found = request(catalogue(example("shortfall")))

    assert found["Metrics"][-1]["Expression"] == "m1-m2"
    assert (found["DatapointsToAlarm"], found["EvaluationPeriods"]) == (5, 6)


def test_a_share_of_a_limit_is_a_plain_alarm_with_the_unrounded_number(catalogue: Any) -> None:
    found = request(catalogue({"rows.yaml": example("share_of_limit"), "tocsin.yaml": TOCSIN}))

    assert found["Threshold"] == 1549.8
    assert "Metrics" not in found


def test_a_percentile_is_extended_and_evaluated_with_few_samples(catalogue: Any) -> None:
    found = request(catalogue(example("threshold").replace("Maximum", "p99.9")))

    assert found["ExtendedStatistic"] == "p99.9"
    assert found["EvaluateLowSampleCountPercentile"] == "evaluate"
    assert "Statistic" not in found


@pytest.mark.parametrize(
    ("metric", "statistic", "when", "threshold"),
    [
        ("AWS/ApiGateway 5XXError", "Average", ">= 5 %", 0.05),
        ("AWS/ApiGateway 5XXError", "Average", ">= 0.05 fraction", 0.05),
        ("AWS/ApiGateway 5XXError", "Sum", ">= 5", 5.0),
        ("AWS/ApplicationELB TargetResponseTime", "p90", ">= 500 ms", 0.5),
        ("AWS/ApiGateway Latency", "p90", ">= 2.5 s", 2500.0),
        ("AWS/RDS FreeableMemory", "Average", "< 2 GiB", 2.0 * 2**30),
        ("AWS/ECS CPUUtilization", "Average", ">= 80 %", 80.0),
        ("AWS/ECS CPUUtilization", "SampleCount", "< 2", 2.0),
        ("My/App QueueDepth", "Maximum", "> 7", 7.0),
    ],
)
def test_thresholds_are_sent_in_the_metrics_own_unit(
    metric: str, statistic: str, when: str, threshold: float, catalogue: Any
) -> None:
    text = example("threshold").replace("AWS/SQS ApproximateAgeOfOldestMessage", metric)
    text = text.replace("Maximum", statistic).replace(">= 600 s", when)
    loaded = catalogue(text)

    assert request(loaded)["Threshold"] == threshold
    shown = loaded.desired[0].alarm.condition
    assert float(when.split()[1]) == pytest.approx(shown.threshold * shown.scale)
