"""Reasons are written as CloudWatch writes them, and our own reader understands them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain import reason as reader
from alarms.domain.alarm import Missing, Operator
from alarms.domain.event import State
from alarms.evaluate import Rule, evaluate
from alarms.state_reason import Clock, reason, reason_data

CLOCK = Clock(datetime(2019, 10, 2, 16, 59, tzinfo=UTC), 60)


def said(points: list[float | None], rule: Rule, previous: State) -> str:
    return reason(evaluate(points, rule, previous), rule, CLOCK)


def test_one_point_from_ok_to_alarm_reads_as_in_the_user_guide() -> None:
    """The guide's own example."""
    seen = said([99.5], Rule(Operator.GT, 50, 1, 1), State.OK)

    assert seen == (
        "Threshold Crossed: 1 out of the last 1 datapoints [99.5 (02/10/19 16:59:00)] was greater than the threshold (50.0) "
        "(minimum 1 datapoint for OK -> ALARM transition)."
    )


def test_leaving_insufficient_data_has_the_short_form() -> None:
    """No counting of a transition that was none."""
    seen = said([21.5], Rule(Operator.GT, 21, 1, 1), State.INSUFFICIENT_DATA)

    assert seen == "Threshold Crossed: 1 datapoint [21.5 (02/10/19 16:59:00)] was greater than the threshold (21.0)."


def test_a_recovery_names_the_points_that_no_longer_breach() -> None:
    """Of three, one good point is enough when all three must breach."""
    seen = said([9.0, 9.0, 1.0], Rule(Operator.GE, 5, 3, 3), State.ALARM)

    assert seen == (
        "Threshold Crossed: 1 out of the last 3 datapoints [1.0 (02/10/19 16:59:00)] was not greater than or equal to "
        "the threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition)."
    )


def test_many_points_stand_after_the_sentence_newest_first() -> None:
    """From five on, CloudWatch shows the newest five."""
    seen = said([float(point) for point in range(1, 7)], Rule(Operator.GT, 0, 6, 6), State.OK)

    assert seen.startswith(
        "Threshold Crossed: 6 out of the last 6 datapoints were greater than the threshold (0.0). The most recent"
    )
    assert "crossed the threshold: [6.0 (02/10/19 16:59:00), 5.0 (02/10/19 16:58:00)," in seen
    assert seen.endswith("2.0 (02/10/19 16:55:00)] (minimum 6 datapoints for OK -> ALARM transition).")


@pytest.mark.parametrize(
    ("points", "missing", "sentence"),
    [
        (
            [None, None],
            Missing.BREACHING,
            "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].",
        ),
        (
            [1.0, None],
            Missing.NOT_BREACHING,
            "Threshold Crossed: 1 datapoint [1.0 (02/10/19 16:58:00)] was not greater than the threshold (5.0).",
        ),
        (
            [9.0, None],
            Missing.BREACHING,
            "Threshold Crossed: 1 datapoint was received for 2 periods and 1 missing datapoint was treated as [Breaching].",
        ),
        ([None, None], Missing.MISSING, "Insufficient Data: 2 datapoints were unknown."),
    ],
)
def test_missing_data_are_named_when_they_decide(points: list[float | None], missing: Missing, sentence: str) -> None:
    """When real points suffice for the state they are named, and only they."""
    assert said(points, Rule(Operator.GT, 5, 2, 2, missing), State.INSUFFICIENT_DATA) == sentence


def test_reason_data_have_the_documented_members() -> None:
    """Recent datapoints run forward, evaluated ones backward, as in real events."""
    rule = Rule(Operator.GT, 5, 2, 2)
    verdict = evaluate([8.0, 9.0], rule, State.OK)

    seen = reason_data(
        verdict, rule, CLOCK, now=datetime(2019, 10, 2, 17, 0, 4, 650000, tzinfo=UTC), statistic="Average", unit="Percent"
    )

    assert seen == {
        "version": "1.0",
        "queryDate": "2019-10-02T17:00:04.650+0000",
        "startDate": "2019-10-02T16:58:00.000+0000",
        "unit": "Percent",
        "statistic": "Average",
        "period": 60,
        "recentDatapoints": [8.0, 9.0],
        "threshold": 5.0,
        "evaluatedDatapoints": [
            {"timestamp": "2019-10-02T16:59:00.000+0000", "value": 9.0},
            {"timestamp": "2019-10-02T16:58:00.000+0000", "value": 8.0},
        ],
    }


def test_silence_leaves_the_evaluated_slots_without_values() -> None:
    """As in a real INSUFFICIENT_DATA event."""
    rule = Rule(Operator.GT, 5, 2, 2)

    seen = reason_data(evaluate([], rule, State.OK), rule, CLOCK, now=CLOCK.newest)

    assert "startDate" not in seen
    assert seen["evaluatedDatapoints"] == [
        {"timestamp": "2019-10-02T16:59:00.000+0000"},
        {"timestamp": "2019-10-02T16:58:00.000+0000"},
    ]


values = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(values | st.none(), max_size=8),
    st.sampled_from(list(Operator)),
    values,
    st.sampled_from(list(Missing)),
    st.sampled_from(list(State)),
    st.integers(1, 6),
)
def test_what_is_written_is_read_back(
    points: list[float | None], operator: Operator, threshold: float, missing: Missing, previous: State, n: int
) -> None:
    """The reader finds the newest telling point, the threshold and the comparison, and knows when data were missing."""
    rule = Rule(operator, threshold, n, n, missing)
    verdict = evaluate(points, rule, previous)
    text = reason(verdict, rule, CLOCK)
    seen = reader.read(text, None)
    data = reader.read(text, reason_data(verdict, rule, CLOCK, now=CLOCK.newest))

    assert len(text) <= 1023
    assert data.threshold == rule.threshold
    assert data.values == tuple(point.value for point in reversed(verdict.points))
    if seen.values:
        assert seen.values[-1] in {point.value for point in verdict.points}
        assert (seen.threshold, seen.operator) == (rule.threshold, operator.cloudwatch)
        assert not reader.speaks_of_missing_data(text, verdict.state) or verdict.state is State.INSUFFICIENT_DATA
    else:
        assert reader.speaks_of_missing_data(text, verdict.state)
