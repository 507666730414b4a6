"""Metric math computes what CloudWatch computes, with its rules for missing points, and says where an expression is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain.errors import BadInput
from alarms.metric_math import Expression, ExpressionError, results
from alarms.metric_math_syntax import FUNCTIONS
from alarms.metric_math_tree import Array, Binary, Call, Name, Node, Number, Text, Unary, Word

_ = None


def computed(text: str, period_s: int = 60, **series: list[float | None]) -> list[float | None]:
    return list(Expression.parse(text).evaluate(series, period_s))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("m1 + m2", [11.0, 2.0, 30.0, _]),  # missing beside a point counts as 0
        ("m1 - m2", [-9.0, 2.0, -30.0, _]),
        ("m1 * m2", [10.0, 0.0, 0.0, _]),
        ("m1 / m2", [0.1, _, 0.0, _]),  # a division by zero drops the point
        ("m1 + 1", [2.0, 3.0, _, _]),  # beside a plain number a missing point stays missing
        ("-m1", [-1.0, -2.0, _, _]),
        ("2 * m1 ^ 2", [2.0, 8.0, _, _]),
        ("m1 > m2", [0.0, 1.0, 0.0, _]),
        ("m1 >= 2", [0.0, 1.0, _, _]),
        ("m1 == 1 OR m1 == 2", [1.0, 1.0, _, _]),
        ("m1 != 1 && m1 < 3", [0.0, 1.0, _, _]),
        ("NOT m1 == 1", [0.0, 1.0, _, _]),
        ("SUM([m1, m2])", [11.0, 2.0, 30.0, _]),
        ("MAX([m1, m2])", [10.0, 2.0, 30.0, _]),
        ("MIN([m1, m2])", [1.0, 2.0, 30.0, _]),
        ("AVG([m1, m2])", [5.5, 2.0, 30.0, _]),
        ("SUM(METRICS())", [11.0, 2.0, 30.0, _]),
        ('SUM(METRICS("1"))', [1.0, 2.0, _, _]),
        ("SUM(METRICS() * 2)", [22.0, 4.0, 60.0, _]),
        ("AVG(m1)", [1.5, 1.5, 1.5, 1.5]),
        ("FILL(m1, 0)", [1.0, 2.0, 0.0, 0.0]),
        ("FILL(m1, REPEAT)", [1.0, 2.0, 2.0, 2.0]),
        ("FILL(m1, m2)", [1.0, 2.0, 30.0, _]),
        ("FILL(m2, LINEAR)", [10.0, 20.0, 30.0, _]),
        ("ABS(m1 - m2)", [9.0, 2.0, 30.0, _]),
        ("CEIL(m1 / 2)", [1.0, 1.0, _, _]),
        ("FLOOR(m1 / 2)", [0.0, 1.0, _, _]),
        ("DIFF(m2)", [_, _, 20.0, _]),
        ("RATE(m2)", [_, _, 20.0 / 120, _]),
        ("m1 / PERIOD(m1)", [1.0 / 60, 2.0 / 60, _, _]),
        ("5", [5.0, 5.0, 5.0, 5.0]),
    ],
)
def test_each_operator_and_function_on_two_series_with_gaps(text: str, result: list[float | None]) -> None:
    """m1 is missing at the end, m2 in the second slot, both in the last."""
    assert computed(text, m1=[1.0, 2.0, _, _], m2=[10.0, _, 30.0, _]) == pytest.approx(result)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("IF(c, a, b)", [1.0, 20.0, _, 0.0, _]),
        ("IF(c, a)", [1.0, _, _, 0.0, _]),
        ("IF(c > 0, 7, 8)", [7.0, 8.0, _, 7.0, 8.0]),
        ("IF(1, a, b)", [1.0, 2.0, 3.0, _, 5.0]),
        ("IF(0, a, b)", [10.0, 20.0, 30.0, 40.0, _]),
    ],
)
def test_if_drops_what_has_no_condition_or_no_else(text: str, result: list[float | None]) -> None:
    """Condition true and no value: 0. False and no value: no point. No condition: no point."""
    assert computed(text, c=[1, 0, _, 1, 0], a=[1.0, 2.0, 3.0, _, 5.0], b=[10.0, 20.0, 30.0, 40.0, _]) == result


def test_a_rate_of_errors_is_zero_without_errors_and_missing_without_requests() -> None:
    """100*e/r: the two ways in which a minute can be empty are not the same."""
    assert computed("100*e/r", e=[_, 5.0, 5.0], r=[100.0, 100.0, _]) == [0.0, 5.0, None]


def test_the_guard_of_minimum_traffic_silences_the_quiet_minutes() -> None:
    """One failure of two requests is no outage when twenty are asked for."""
    text = "IF(e2>=20,100*e1/e2,0)"

    assert computed(text, e1=[1.0, 10.0, _], e2=[2.0, 100.0, _]) == [0.0, 10.0, None]


@pytest.mark.parametrize("text", ["m1 ^ 0.5", "m1 / 0", "m1 ^ 999 ^ 9"])
def test_what_is_no_number_is_dropped(text: str) -> None:
    """Roots of negatives, divisions by zero and overflows leave no point, and no traceback."""
    assert computed(text, m1=[-4.0]) == [None]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1-2-3", "1 - 2 - 3"),
        ("1-(2-3)", "1 - (2 - 3)"),
        ("2^3^2", "2 ^ 3 ^ 2"),
        ("(2^3)^2", "(2 ^ 3) ^ 2"),
        ("-m^2", "-m ^ 2"),
        ("(-m)^2", "(-m) ^ 2"),
        ("(a+b)*c", "(a + b) * c"),
        ("a||b&&c", "a OR b AND c"),
        ("(a OR b) AND NOT c", "(a OR b) AND NOT c"),
        ("IF( a>1 ,[a,b] , 1.50e3)", "IF(a > 1, [a, b], 1500)"),
        ("METRICS('err')", 'METRICS("err")'),
    ],
)
def test_precedence_shows_in_the_canonical_text(text: str, canonical: str) -> None:
    """Only the parentheses that are needed are written."""
    assert str(Expression.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "position", "hint"),
    [
        ("", 1, "empty"),
        ("m1 +", 5, "the end"),
        ("m1 = 2", 4, "=="),
        ("m1 m2", 4, "operator"),
        ("(m1", 4, "')'"),
        ("[m1, m2", 8, "']'"),
        ("if(m1, 1)", 1, "did you mean IF?"),
        ("SUMM(m1)", 1, "did you mean SUM?"),
        ("SEARCH(m1)", 1, "known are"),
        ("M1", 1, "known are"),
        ("MAX(m1, m2)", 1, "takes 1 argument, not 2"),
        ("IF(m1)", 1, "takes 2 to 3 arguments, not 1"),
        ("1e999", 1, "too large"),
        ("m1 & m2", 4, "AND"),
        ('METRICS("m', 9, "quote"),
        ("(" * 300, 101, "deeper than 100"),
        ("-" * 300 + "1", 101, "deeper than 100"),
        ("1+" * 300 + "1", 199, "deeper than 100"),
        ("1" * 2049, 2049, "2048"),
    ],
)
def test_a_wrong_expression_is_answered_with_the_place_and_what_is_right(text: str, position: int, hint: str) -> None:
    """One line for a person, never a traceback."""
    with pytest.raises(ExpressionError) as caught:
        Expression.parse(text)

    assert caught.value.position == position
    assert hint in str(caught.value)
    assert isinstance(caught.value, BadInput)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("m1 + m9", "character 6: there is no metric with the id m9; known: m1, m2"),
        ("[m1, m2]", "several series"),
        ("METRICS() + METRICS()", "two arrays"),
        ("REPEAT", "no value"),
        ("FILL(1, 0)", "FILL takes a series"),
        ("FILL(m1, [m1, m2])", "FILL fills with"),
        ("IF(m1, METRICS(), 0)", "no arrays"),
        ("METRICS(m1)", "text in quotes"),
    ],
)
def test_what_cannot_be_computed_says_why(text: str, hint: str) -> None:
    """An alarm watches one series of known metrics."""
    with pytest.raises(ExpressionError) as caught:
        computed(text, m1=[1.0], m2=[2.0])

    assert hint in str(caught.value)


def test_series_of_different_length_are_refused() -> None:
    """Points are matched by their place."""
    with pytest.raises(ExpressionError, match="same number of points"):
        computed("m1 + m2", m1=[1.0], m2=[1.0, 2.0])


def test_metrics_means_the_entries_with_a_metric_only() -> None:
    """An expression's own result is no metric."""
    expression = Expression.parse("SUM(METRICS())")

    assert expression.evaluate({"m1": [1.0], "m2": [2.0], "e1": [3.0]}, 60, metrics=("m1", "m2")) == (3.0,)
    assert expression.takes_all
    assert expression.ids == frozenset()


def test_ids_are_those_that_are_named() -> None:
    """The caller fetches these and no others."""
    assert Expression.parse("IF(e2>=20,100*e1/e2,FILL(m3,0))").ids == {"e1", "e2", "m3"}


def test_expressions_of_one_alarm_may_name_each_other_in_any_order() -> None:
    """The rate needs the sum of errors, whichever of them CloudWatch is told first."""
    expressions = {"rate": Expression.parse("100*e1/m3"), "e1": Expression.parse("m1+m2")}

    seen = results(expressions, {"m1": [1.0], "m2": [2.0], "m3": [100.0]}, 60)

    assert seen == {"m1": (1.0,), "m2": (2.0,), "m3": (100.0,), "e1": (3.0,), "rate": (3.0,)}


def test_expressions_in_a_circle_are_refused() -> None:
    """Else the evaluation would never end."""
    with pytest.raises(ExpressionError, match="circle: e1, e2"):
        results({"e1": Expression.parse("e2"), "e2": Expression.parse("e1")}, {}, 60)


names = st.from_regex(r"[a-z][A-Za-z0-9_]{0,3}", fullmatch=True)
leaves: st.SearchStrategy[Node] = st.one_of(
    st.floats(min_value=0, max_value=1e30).map(Number),
    names.map(Name),
    st.sampled_from(["REPEAT", "LINEAR"]).map(Word),
    st.text("abc ", max_size=3).map(Text),
)


def grown(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    operators = st.sampled_from(["+", "-", "*", "/", "^", "==", "!=", "<", "<=", ">", ">=", "AND", "OR"])

    def call(function: str) -> st.SearchStrategy[Node]:
        fewest, most = FUNCTIONS[function]
        return st.lists(inner, min_size=fewest, max_size=most).map(lambda arguments: Call(function, tuple(arguments)))

    return st.one_of(
        st.builds(Unary, st.sampled_from(["-", "NOT"]), inner),
        st.builds(Binary, operators, inner, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: Array(tuple(items))),
        st.sampled_from(sorted(FUNCTIONS)).flatmap(call),
    )


trees = st.recursive(leaves, grown, max_leaves=12)


@settings(deadline=None, max_examples=300)
@given(trees)
def test_writing_and_reading_back_gives_the_same_tree(tree: Node) -> None:
    """The canonical text has every parenthesis that matters."""
    assert Expression.parse(str(Expression(tree))).root == tree


@settings(deadline=None, max_examples=300)
@given(st.text("m1eIFSUMNOTANDR ()[],.+-*/^<>=!&|\"' \n0", max_size=40) | st.text(max_size=30))
def test_any_text_is_read_or_refused_by_our_own_error(text: str) -> None:
    """A row of YAML can hold anything."""
    wrong = None
    try:
        Expression.parse(text)
    except ExpressionError as error:
        wrong = error
    assert wrong is None or (str(wrong).splitlines() == [str(wrong)] and 1 <= wrong.position <= len(text) + 1)


@settings(deadline=None, max_examples=200)
@given(trees, st.lists(st.tuples(*[st.none() | st.floats(-1e9, 1e9)] * 2), max_size=4))
def test_computing_gives_one_finite_or_missing_point_per_slot_or_our_own_error(
    tree: Node, rows: list[tuple[float | None, float | None]]
) -> None:
    """No expression divides the evaluator by zero."""
    expression = Expression(tree)
    series = {name: [row[place % 2] for row in rows] for place, name in enumerate(sorted(expression.ids))}
    try:
        result = expression.evaluate(series, 60)
    except ExpressionError:
        return
    assert len(result) == (len(rows) if series else 0)
    assert all(point is None or abs(point) <= 1.8e308 for point in result)
