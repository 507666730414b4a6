"""Numbers as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notifier_samples import event, row

from alarms.domain.alarm import Condition, Operator
from alarms.domain.event import Shape, Trigger
from alarms.domain.text import Language
from notifier.figures import against, duration, limit_alone, number

EN, KO = Language.EN, Language.KO
SHARE = Condition("> 90 % of max_connections", "AWS/RDS DatabaseConnections", Operator.GT, 900.0, "connections")
RATE = Condition(">= 5 %", "AWS/ApiGateway 5XXError", Operator.GE, 0.05, "%", 100.0)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"), (742.0, "742"), (1234567.0, "1,234,567"), (0.05, "0.05"), (0.020599444, "0.0206"),
        (99.96, "99.96"), (2.5e18, "2.500e+18"), (1e-9, "1.000e-09"), (-3.25, "-3.25"), (float("nan"), "nan"),
    ],
)  # fmt: skip
def test_a_number_has_as_many_digits_as_help(value: float, shown: str) -> None:
    assert number(value) == shown


def test_value_and_threshold_are_in_the_rows_display_unit() -> None:
    rate = event(values=(0.073,), trigger=Trigger(threshold=0.05))
    assert against(rate, row(condition=RATE), EN) == "7.3 % (≥ 5 %)"


def test_a_value_just_above_its_threshold_is_never_written_like_it() -> None:
    close = event(values=(900.0001,), trigger=Trigger(threshold=900.0))
    assert against(close, row(condition=SHARE), EN) == "900.0001 connections (> 900 connections)"


def test_the_messages_own_threshold_wins_over_a_newer_row() -> None:
    older = event(trigger=Trigger(threshold=300.0))
    assert against(older, row(), EN) == "742 s (≥ 300 s)"


def test_a_foreign_alarm_is_read_from_its_message_alone() -> None:
    trigger = Trigger(operator="LessThanThreshold", threshold=10.0, unit="Percent")
    assert against(event(values=(1.5,), trigger=trigger), None, EN) == "1.5 % (< 10 %)"


def test_missing_data_is_said_instead_of_a_value() -> None:
    assert against(event(values=(), no_data=True), row(), EN) == "no data (≥ 600 s)"
    assert against(event(values=(), no_data=True), row(), KO) == "데이터 없음 (≥ 600 s)"


def test_an_anomaly_alarm_shows_its_band() -> None:
    anomaly = event(shape=Shape.ANOMALY, values=(0.5,), band=(0.0206, 0.3007), trigger=Trigger())
    assert against(anomaly, None, EN) == "0.5 (outside 0.0206 – 0.3007)"


def test_a_composite_names_its_children_instead_of_a_value() -> None:
    composite = event(shape=Shape.COMPOSITE, values=(), children=("api-5xx", "api-slow", "db"), trigger=Trigger())
    assert against(composite, None, EN) == "api-5xx +2"
    assert against(event(shape=Shape.COMPOSITE, values=(), trigger=Trigger()), None, EN) == "its rule holds"


@pytest.mark.parametrize(
    ("seconds", "en", "ko"),
    [
        (0, "0 s", "0초"), (45, "45 s", "45초"), (1260, "21 min", "21분"), (3900, "1 h 5 min", "1시간 5분"),
        (86_400 + 59, "1 d", "1일"), (3_605, "1 h", "1시간"), (61, "1 min 1 s", "1분 1초"),
    ],
)  # fmt: skip
def test_a_duration_has_at_most_two_parts(seconds: int, en: str, ko: str) -> None:
    assert duration(timedelta(seconds=seconds), EN) == en
    assert duration(timedelta(seconds=seconds), KO) == ko


@settings(deadline=None, max_examples=200)
@given(st.floats(), st.floats() | st.none())
def test_any_numbers_can_be_shown(value: float, threshold: float | None) -> None:
    assert against(event(values=(value,), trigger=Trigger(threshold=threshold)), None, EN)


@pytest.mark.parametrize(
    ("sign", "language", "says"),
    [(">", EN, "above 90 %"), (">", KO, "90 % 초과"), ("<", EN, "below 90 %"), (">=", EN, "≥ 90 %")],
)
def test_a_limit_on_a_line_of_its_own_never_begins_a_quotation(sign: str, language: Language, says: str) -> None:
    condition = Condition(f"{sign} 90 %", "AWS/RDS CPUUtilization", Operator.from_sign(sign), 90.0, "%")
    assert limit_alone(event(trigger=Trigger(threshold=90.0)), row(condition=condition), language) == says
