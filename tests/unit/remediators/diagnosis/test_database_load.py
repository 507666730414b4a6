"""What a database's sessions wait for is told only where Performance Insights is on, and only when they wait at all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from diagnosis_world import START, World, alarm, world

from alarms.domain.cause import Cause
from remediators.diagnosis import database_load
from remediators.diagnosis.finding import Finding, Look


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        yield opened


def found(story: World, waits: dict[str, float], *, insights: bool = True) -> tuple[Finding, ...]:
    (instance,) = story.client("rds").describe_db_instances()["DBInstances"]
    shown = {"DBInstances": [{**instance, "PerformanceInsightsEnabled": insights}]}  # moto leaves it out
    story.aws.seam.serve("rds", {"DescribeDBInstances": lambda _params, _request: shown}, others_to_moto=True)
    story.aws.insights.preload(instance["DbiResourceId"], waits)
    look = Look(alarm(), story.now, START + timedelta(minutes=55))
    return database_load.judge(database_load.read(story.clients, look, lambda: 20.0), look)


def test_sessions_that_wait_for_locks_speak_for_a_slow_database(story: World) -> None:
    (finding,) = found(story, {"Lock:transactionid": 9.0, "CPU": 1.0})

    assert finding.line.en == "shop-db-1: 10.0 sessions at work; 90 % of the time on Lock:transactionid."
    assert finding.points == {Cause.SLOW_DATABASE: 5}


def test_a_database_at_ease_is_not_spoken_of(story: World) -> None:
    assert found(story, {"CPU": 0.4}) == ()


def test_without_performance_insights_nothing_is_asked(story: World) -> None:
    assert found(story, {"Lock:transactionid": 9.0}, insights=False) == ()
