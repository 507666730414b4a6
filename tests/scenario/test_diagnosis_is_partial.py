"""A diagnosis answers with what it could see, and says what it could not; it changes nothing and keeps to its time."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from diagnosis_world import START, World, alarm, world
from hypothesis import given
from hypothesis import strategies as st

from alarms.domain.cause import Cause
from infra.local.seam import Call
from remediators.diagnosis import verdict
from remediators.diagnosis.finding import Look, Signal
from remediators.diagnosis.reading import SIGNALS, Seen
from remediators.diagnosis.ringing import Alarms, Rung

READS = ("Describe", "List", "Lookup", "Get", "StartQuery", "StopQuery")


@pytest.fixture
def story() -> Iterator[World]:
    with world() as opened:
        opened.aws.health.subscribed = True
        opened.aws.ecs.crash("shop", "api", 1, "OutOfMemoryError: container killed due to memory usage", 137)
        opened.trouble(3, failed=48)
        yield opened


def test_nothing_is_changed_and_few_calls_are_made(story: World) -> None:
    rang = story.ring(alarm())
    calls: list[Call] = []
    story.aws.seam.observe(calls.append)
    story.diagnose(rang)

    assert [call.operation for call in calls if not call.operation.startswith(READS)] == []
    assert len(calls) <= 20


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "timeout", "SomethingNew"])
@pytest.mark.parametrize(
    ("service", "operation", "signal"),
    [
        ("cloudwatch", "DescribeAlarms", "alarms"),
        ("ecs", "ListServiceDeployments", "deployments"),
        ("cloudwatch", "GetMetricData", "requests"),
        ("elbv2", "*", ""),
        ("secretsmanager", "*", "credentials"),
        ("health", "*", "aws-health"),
        ("cloudtrail", "*", "changes"),
        ("logs", "*", "logs"),
    ],
)
def test_one_signal_that_fails_costs_only_itself(story: World, service: str, operation: str, signal: str, code: str) -> None:
    rang = story.ring(alarm())
    story.aws.seam.fail(service, operation, code, times=None)
    proposal, kept = story.diagnose(rang)

    assert kept["cause"] == "oom"
    if signal:
        assert signal in {gap["signal"] for gap in kept["gaps"]}
        assert kept["confidence"] != "high"
        assert proposal.lines[-1].en.startswith("Not seen:")


def test_nothing_can_be_read_at_all_is_said_and_is_no_health(story: World) -> None:
    rang = story.ring(alarm())
    for service in ("cloudwatch", "ecs", "application-autoscaling", "elbv2", "secretsmanager", "health", "cloudtrail", "logs"):
        story.aws.seam.fail(service, "*", "AccessDeniedException", times=None)
    proposal, kept = story.diagnose(rang)

    assert (kept["cause"], kept["confidence"], kept["grade"]) == ("unknown", "none", "SEV2")
    assert "no permission" in proposal.lines[-1].en
    assert "권한 없음" in proposal.lines[-1].ko


def test_when_time_runs_out_the_rest_is_named(story: World) -> None:
    rang = story.ring(alarm())
    left = iter([12.0, *[12.0 - step for step in range(100)]])
    _, kept = story.diagnose(rang, left_s=lambda: next(left))

    assert {gap["why"] for gap in kept["gaps"]} == {"no time was left"}
    assert 0 < len(kept["gaps"]) < len(SIGNALS)


def test_without_a_support_plan_it_is_said_and_costs_no_confidence(story: World) -> None:
    story.aws.health.subscribed = False
    proposal, kept = story.diagnose(story.ring(alarm()))

    assert kept["confidence"] == "high"
    assert "not available without a support plan" in proposal.lines[-1].en


def test_what_a_service_did_not_declare_is_named(story: World) -> None:
    bare = alarm(resources={})
    _, kept = story.diagnose(story.ring(bare))

    assert {"logs", "credentials"} <= {gap["signal"] for gap in kept["gaps"]}


STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(SIGNALS), STRANGE)
def test_whatever_one_signal_read_the_rest_is_told(signal: Signal, read: object) -> None:
    """AWS adds members, and leaves some out: one answer that nobody understands is a gap with its reason."""
    ringing = Alarms((Rung("tocsin/prod/api/aurora/x/t", "api", START, "DatabaseConnections"),))
    look = Look(alarm(), START, START)
    found = verdict.judge(Seen(look, {"alarms": ringing, signal.key: read}, ()))

    assert verdict.headline(found).en
    assert verdict.lines(found, look.alarm)
    assert json.dumps(verdict.document(found, Seen(look, {}, ())), allow_nan=True)
    if signal.key != "alarms":
        assert found.cause is Cause.DB_CONNECTIONS
