"""The evaluator agrees with every cell that CloudWatch documents, and keeps the rules behind them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alarms.domain.alarm import Missing, Operator
from alarms.domain.event import State
from alarms.evaluate import Rule, Verdict, Why, evaluate, low_sample

OK, BREACH = 1.0, 99.0
LETTERS = {"0": OK, "X": BREACH, "-": None}
STATES = {"OK": State.OK, "AL": State.ALARM, "I": State.INSUFFICIENT_DATA}
MODES = (Missing.MISSING, Missing.IGNORE, Missing.BREACHING, Missing.NOT_BREACHING)

# The user guide's two tables: five slots in the range, three evaluated; newest right.
DOCUMENTED = [
    ("0 - X - X", 3, "OK OK OK OK"),
    ("0 - - - -", 3, "OK OK OK OK"),
    ("- - - - -", 3, "I R AL OK"),
    ("0 X X - X", 3, "AL AL AL AL"),
    ("- - X - -", 3, "AL R AL OK"),
    ("0 - X - X", 2, "AL AL AL AL"),
    ("0 0 X 0 X", 2, "AL AL AL AL"),
    ("0 - X - -", 2, "OK OK AL OK"),
    ("- - - - 0", 2, "OK OK AL OK"),
    ("- - - X -", 2, "AL R AL OK"),
]
CELLS = [(row, m, mode, cell) for row, m, cells in DOCUMENTED for mode, cell in zip(MODES, cells.split(), strict=True)]


def points(row: str) -> list[float | None]:
    return [LETTERS[letter] for letter in row.split()]


def rule(m: int, missing: Missing, n: int = 3, reach: int | None = 5) -> Rule:
    return Rule(Operator.GT, 50.0, n, m, missing, reach)


@pytest.mark.parametrize(("row", "m", "mode", "cell"), CELLS)
@pytest.mark.parametrize("previous", State)
def test_every_documented_cell_comes_out(row: str, m: int, mode: Missing, cell: str, previous: State) -> None:
    """Forty cells, from any state; R in a cell means that the state is retained."""
    verdict = evaluate(points(row), rule(m, mode), previous)

    assert verdict.state is (previous if cell == "R" else STATES[cell])


def test_there_are_forty_documented_cells() -> None:
    """None was lost on the way here."""
    assert len(CELLS) == 40


@pytest.mark.parametrize("row", ["- - - - X", "- - - X -"])
def test_a_fresh_lone_breach_does_not_alarm_under_missing(row: str) -> None:
    """The guide's prose: an alarm must not ring early because the data have only begun."""
    assert evaluate(points(row), rule(3, Missing.MISSING), State.OK).state is State.OK


def test_a_good_point_anywhere_in_the_range_forbids_the_premature_alarm() -> None:
    """`0 - X - -` with two to alarm is OK: not everything breaches."""
    verdict = evaluate(points("0 - X - -"), rule(2, Missing.MISSING), State.OK)

    assert (verdict.state, verdict.premature) == (State.OK, False)


def test_the_verdict_says_what_it_rests_on() -> None:
    """Counts and reasons are there to be shown."""
    enough = evaluate(points("X X 0 X X"), rule(2, Missing.BREACHING), State.OK)
    filled = evaluate(points("- - - - X"), rule(3, Missing.BREACHING), State.OK)
    silent = evaluate(points("- - - - -"), rule(3, Missing.MISSING), State.OK)
    kept = evaluate(points("- - - - -"), rule(3, Missing.IGNORE), State.ALARM)

    assert (enough.why, enough.breaching, enough.filled, [point.age for point in enough.points]) == (Why.POINTS, 2, 0, [1, 2, 3])
    assert (filled.why, filled.breaching, filled.filled, filled.state) == (Why.FILLED, 1, 2, State.ALARM)
    assert (silent.why, silent.state) == (Why.NO_DATA, State.INSUFFICIENT_DATA)
    assert (kept.why, kept.changed) == (Why.KEPT, False)


def test_fifteen_of_fifteen_rings_on_the_fifteenth_minute_and_not_before() -> None:
    """S9.3: the queue's age must be too high for fifteen minutes in a row."""
    queue = Rule(Operator.GE, 600.0, 15, 15, Missing.NOT_BREACHING)
    series = [5.0] * 20 + [600.0] * 15

    states = [evaluate(series[: end + 1], queue, State.OK).state for end in range(len(series))]

    assert states.index(State.ALARM) == 34
    assert states[33] is State.OK


@pytest.mark.parametrize(
    ("operator", "value", "breaches"),
    [
        (Operator.GE, 50, True),
        (Operator.GT, 50, False),
        (Operator.LE, 50, True),
        (Operator.LT, 50, False),
        (Operator.LT, 49, True),
    ],
)
def test_the_value_is_the_left_operand(operator: Operator, value: float, breaches: bool) -> None:
    """On the threshold itself only the operators with "or equal" breach."""
    assert Rule(operator, 50.0, 1, 1).breaches(value) is breaches


@pytest.mark.parametrize(("n", "m", "reach"), [(3, 4, None), (3, 0, None), (0, 0, None), (3, 3, 2)])
def test_an_impossible_rule_is_refused(n: int, m: int, reach: int | None) -> None:
    """M of N with M above N can never ring."""
    with pytest.raises(ValueError, match="must hold"):
        Rule(Operator.GT, 50.0, n, m, Missing.MISSING, reach)


@pytest.mark.parametrize(("percentile", "samples"), [(0.9, 100), (0.99, 1000), (0.5, 20), (0.1, 100)])
def test_a_percentile_needs_enough_samples(percentile: float, samples: int) -> None:
    """p90 needs a hundred."""
    assert low_sample(percentile, samples - 1)
    assert not low_sample(percentile, samples)


slots = st.sampled_from([OK, BREACH, None])
modes = st.sampled_from(MODES)
states = st.sampled_from(list(State))


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[float | None], int, int, int]:
    """Draw (points as long as the range, N, M, R)."""
    n = draw(st.integers(1, 6))
    reach = n + draw(st.integers(0, 3))
    return draw(st.lists(slots, min_size=reach, max_size=reach)), n, draw(st.integers(1, n)), reach


def verdict_of(series: list[float | None], n: int, m: int, reach: int, mode: Missing, previous: State) -> Verdict:
    return evaluate(series, Rule(Operator.GT, 50.0, n, m, mode, reach), previous)


@settings(deadline=None, max_examples=200)
@given(cases(), modes, modes, states)
def test_missing_data_do_not_matter_while_there_are_enough_points(
    case: tuple[list[float | None], int, int, int], one: Missing, other: Missing, previous: State
) -> None:
    """With N real points TreatMissingData has no say."""
    series, n, m, reach = case
    assume(sum(point is not None for point in series) >= n)

    assert verdict_of(series, n, m, reach, one, previous) == verdict_of(series, n, m, reach, other, previous)


@settings(deadline=None, max_examples=300)
@given(cases(), modes, states, st.data())
def test_one_more_breach_never_ends_an_alarm(
    case: tuple[list[float | None], int, int, int], mode: Missing, previous: State, data: st.DataObject
) -> None:
    """Monotone: worse points give no better state."""
    series, n, m, reach = case
    assume(OK in series)
    assume(verdict_of(series, n, m, reach, mode, previous).state is State.ALARM)
    place = data.draw(st.sampled_from([place for place, point in enumerate(series) if point == OK]))

    worse = [*series[:place], BREACH, *series[place + 1 :]]

    assert verdict_of(worse, n, m, reach, mode, previous).state is State.ALARM


@settings(deadline=None, max_examples=200)
@given(cases(), modes, states, st.lists(slots, max_size=4))
def test_what_lies_before_the_range_does_not_count(
    case: tuple[list[float | None], int, int, int], mode: Missing, previous: State, before: list[float | None]
) -> None:
    """A longer history gives the same verdict."""
    series, n, m, reach = case

    assert verdict_of(before + series, n, m, reach, mode, previous) == verdict_of(series, n, m, reach, mode, previous)


@settings(deadline=None, max_examples=200)
@given(cases(), modes, states)
def test_missing_slots_at_the_front_are_as_good_as_none(
    case: tuple[list[float | None], int, int, int], mode: Missing, previous: State
) -> None:
    """A young metric has no older slots: they are missing."""
    series, n, m, reach = case
    young = series
    while young and young[0] is None:
        young = young[1:]

    assert verdict_of(young, n, m, reach, mode, previous) == verdict_of(series, n, m, reach, mode, previous)


@settings(deadline=None, max_examples=200)
@given(cases(), states)
def test_breaching_is_at_least_as_loud_as_not_breaching(case: tuple[list[float | None], int, int, int], previous: State) -> None:
    """What rings although missing points count as good rings when they count as bad."""
    series, n, m, reach = case
    assume(verdict_of(series, n, m, reach, Missing.NOT_BREACHING, previous).state is State.ALARM)

    assert verdict_of(series, n, m, reach, Missing.BREACHING, previous).state is State.ALARM
