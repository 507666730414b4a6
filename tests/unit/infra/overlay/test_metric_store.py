"""Statistics of published values, over any period."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.metric_store import MetricStore, key_of, percentile

KEY = key_of("N", "m", [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}])
VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


def read(store: MetricStore, statistic: str, start: int = 0, period: int = 60) -> float | None:
    return store.points(KEY, statistic, [start], period, now=1e6)[0]


@settings(deadline=None, max_examples=60)
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_a_period_sums_up_all_its_minutes(minutes: list[list[float]]) -> None:
    """However the samples are spread over its minutes, the statistics are those of all samples."""
    store = MetricStore()
    for minute, values in enumerate(minutes):
        store.put(KEY, minute * 60, values, [1.0] * len(values), at=0)
    samples = [value for values in minutes for value in values]

    seen = {
        name: read(store, name, period=300)
        for name in ("Average", "Sum", "Minimum", "Maximum", "SampleCount", "p0", "p50", "p100")
    }

    assert seen["SampleCount"] == len(samples)
    assert seen["Sum"] == pytest.approx(sum(samples), abs=1e-3)
    assert seen["Average"] == pytest.approx(sum(samples) / len(samples), abs=1e-3)
    assert (seen["Minimum"], seen["Maximum"]) == (min(samples), max(samples))
    assert seen["p50"] == pytest.approx(statistics.median(samples), abs=1e-3)
    assert (seen["p0"], seen["p100"]) == (min(samples), max(samples))


def test_counts_weigh_a_percentile() -> None:
    """Ninety fast and ten slow requests: the slowest tenth begins after p89."""
    store = MetricStore()
    store.put(KEY, 0, [100.0, 900.0], [90.0, 10.0], at=0)
    assert read(store, "p89") == 100.0
    assert read(store, "p91") == 900.0


def test_a_statistic_set_knows_no_percentile_unless_all_samples_are_equal() -> None:
    """CloudWatch needs raw values."""
    store, other = MetricStore(), MetricStore()
    store.put_statistics(KEY, 0, {"SampleCount": 3, "Sum": 6, "Minimum": 1, "Maximum": 3}, at=0, unit="None", resolution=60)
    other.put_statistics(KEY, 0, {"SampleCount": 3, "Sum": 6, "Minimum": 2, "Maximum": 2}, at=0, unit="None", resolution=60)
    assert (read(store, "p90"), read(store, "Average")) == (None, 2.0)
    assert read(other, "p90") == 2.0


def test_a_point_is_unseen_until_its_delay_has_passed() -> None:
    """What is published at second 60 with a delay of 120 is there at 180."""
    store = MetricStore(delay_s=120)
    store.put(KEY, 0, [1.0], [1.0], at=60)
    assert store.points(KEY, "Sum", [0], 60, now=179) == [None]
    assert store.points(KEY, "Sum", [0], 60, now=180) == [1.0]


def test_the_order_of_dimensions_does_not_matter() -> None:
    """They are a set."""
    assert key_of("N", "m", [{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}]) == KEY


@pytest.mark.parametrize(("text", "share"), [("p90", 0.9), ("p99.9", 0.999), ("Average", None), ("p101", None), ("tm90", None)])
def test_a_percentile_is_recognised(text: str, share: float | None) -> None:
    """Nothing else is taken for one."""
    assert percentile(text) == (pytest.approx(share) if share else None)
