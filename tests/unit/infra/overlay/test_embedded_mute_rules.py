"""Mute rules in the embedded AWS: who is muted is asked by alarm, and a window opens and closes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws import Embedded, embedded

NOW = datetime(2026, 10, 31, 15, 0, tzinfo=UTC)


@pytest.fixture
def aws() -> Iterator[Embedded]:
    with embedded(NOW) as aws:
        yield aws


def put(aws: Embedded, expression: str = "at(2026-10-31T16:00)", duration: str = "PT2H") -> None:
    aws.client("cloudwatch").put_alarm_mute_rule(
        Name="release",
        Rule={"Schedule": {"Expression": expression, "Duration": duration}},
        MuteTargets={"AlarmNames": ["a", "b"]},
    )


def statuses(aws: Embedded, **asked: Any) -> list[str]:
    found = aws.client("cloudwatch").list_alarm_mute_rules(**asked)["AlarmMuteRuleSummaries"]
    return [rule["Status"] for rule in found]


def test_a_window_opens_and_closes(aws: Embedded) -> None:
    put(aws)
    assert statuses(aws) == ["SCHEDULED"]
    assert statuses(aws, AlarmName="a", Statuses=["ACTIVE"]) == []

    aws.clock.advance(3600)
    assert statuses(aws, AlarmName="a", Statuses=["ACTIVE"]) == ["ACTIVE"]
    assert statuses(aws, AlarmName="c") == []

    aws.clock.advance(2 * 3600)
    assert statuses(aws) == ["EXPIRED"]


def test_a_rule_that_is_deleted_mutes_nobody(aws: Embedded) -> None:
    put(aws)
    aws.client("cloudwatch").delete_alarm_mute_rule(AlarmMuteRuleName="release")

    assert statuses(aws) == []


@pytest.mark.parametrize(
    ("expression", "duration"), [("cron(0 2 * * *)", "PT1H"), ("at(2026-10-31T16:00)", "soon"), ("at(now)", "P")]
)
def test_what_is_not_played_is_refused(expression: str, duration: str, aws: Embedded) -> None:
    with pytest.raises(ClientError, match="Invalid"):
        put(aws, expression, duration)
