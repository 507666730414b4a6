"""The platform model answers to load and to what remediation changes, the same way every time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.backlog import Backlog
from infra.local.metrics_feed import readings
from infra.local.platform import Capacity, Minute, Platform, Trouble

CALM = Trouble()


def played(minutes: int, uploads: float, capacity: Capacity, *, seed: int = 7, trouble: Trouble = CALM) -> list[Minute]:
    platform = Platform(noise=0.02, seed=seed)
    return [platform.minute(uploads, capacity, trouble) for _ in range(minutes)]


def fleet(api: int = 4, consumers: int = 2) -> Capacity:
    return Capacity(api, api, consumers, consumers)


def test_the_same_seed_gives_the_same_minutes() -> None:
    assert played(30, 200, fleet()) == played(30, 200, fleet())
    assert played(30, 200, fleet()) != played(30, 200, fleet(), seed=8)


def test_a_queue_that_gets_more_than_it_serves_grows_older_every_minute() -> None:
    ages = [minute.oldest_age for minute in played(30, 300, fleet())]

    assert ages == sorted(ages)
    assert ages[-1] > 900


def test_more_consumers_drain_the_queue_and_its_age_falls_to_nothing() -> None:
    platform = Platform(noise=0.0)
    for _ in range(30):
        platform.minute(300, fleet(consumers=2), CALM)
    drained = [platform.minute(300, fleet(consumers=20), CALM).oldest_age for _ in range(10)]

    assert drained[-1] == 0


def test_more_tasks_lower_the_cpu_and_the_latency_of_the_api() -> None:
    busy, relieved = (played(1, 300, fleet(api=tasks))[0] for tasks in (4, 6))

    assert busy.api_cpu > 80 > relieved.api_cpu
    assert busy.latency_ms > 2 * relieved.latency_ms


def test_every_task_holds_database_connections() -> None:
    few, many = (played(1, 100, fleet(consumers=tasks))[0].connections for tasks in (2, 20))

    assert many - few == pytest.approx(18 * 8, rel=0.1)


def test_consumers_that_stopped_delete_nothing() -> None:
    assert played(3, 100, fleet(), trouble=Trouble(consumers_stopped=True))[-1].deleted == 0


def test_a_service_without_tasks_publishes_no_cpu_as_on_fargate() -> None:
    minute = played(1, 10, Capacity(0, 4, 2, 2))[0]
    services = {
        item.dimensions["ServiceName"]
        for item in readings(minute)
        if item.name == "CPUUtilization" and item.namespace == "AWS/ECS"
    }

    assert services == {"image-consumer"}


def test_the_sample_count_of_cpu_is_the_number_of_running_tasks() -> None:
    cpu = next(item for item in readings(played(1, 100, fleet(api=6))[0]) if item.name == "CPUUtilization")

    assert sum(cpu.counts) == 6


def test_error_counts_of_zero_are_left_out_as_the_balancer_leaves_them_out() -> None:
    calm = {item.name for item in readings(played(1, 80, fleet())[0])}
    bad = {item.name for item in readings(played(1, 80, fleet(), trouble=Trouble(errors=0.06))[0])}

    assert "HTTPCode_Target_5XX_Count" not in calm
    assert "HTTPCode_Target_5XX_Count" in bad


def test_the_average_of_a_rest_apis_errors_is_their_rate() -> None:
    rate = next(item for item in readings(played(1, 200, fleet(), trouble=Trouble(errors=0.06))[0]) if item.name == "5XXError")

    assert rate.value == pytest.approx(0.06, abs=0.01)


def test_every_datum_is_one_that_put_metric_data_takes() -> None:
    for item in readings(played(1, 80, fleet())[0]):
        datum = item.datum(datetime(2026, 10, 31, tzinfo=UTC))
        assert len(datum["Values"]) == len(datum["Counts"]) <= 150
        assert all(count > 0 for count in datum["Counts"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), min_size=1, max_size=40))
def test_a_backlog_loses_nothing_and_its_oldest_is_never_older_than_the_first_arrival(steps: list[tuple[float, float]]) -> None:
    backlog, arrived, served = Backlog(), 0.0, 0.0
    for minute, (comes, goes) in enumerate(steps):
        backlog.add(comes, minute * 60, minute * 60 + 60)
        arrived += comes
        served += backlog.take(goes)

    now = len(steps) * 60.0
    assert backlog.waiting == pytest.approx(arrived - served, abs=1e-6)
    assert 0 <= backlog.oldest_age(now) <= now
