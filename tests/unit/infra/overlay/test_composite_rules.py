"""The rule of a composite alarm: its grammar, its truth, its errors."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.composite_rules import CompositeRule, RuleError

STATES = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", "with space": "ALARM", 'with "quote"': "ALARM"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("TRUE", True),
        ("FALSE", False),
        ("ALARM(a)", True),
        ("OK(a) OR OK(b)", True),
        ("NOT ALARM(a) AND ALARM(a)", False),
        ("NOT (ALARM(a) AND OK(a))", True),
        ("ALARM(b) AND ALARM(a) OR ALARM(a)", True),
        ("INSUFFICIENT_DATA(c)", True),
        ('ALARM("with space") AND ALARM("with \\"quote\\"")', True),
        ("ALARM(nobody)", False),
        ("AT_LEAST(2, ALARM, (a, b, c))", False),
        ("AT_LEAST(2, NOT ALARM, (a, b, c))", True),
        ('AT_LEAST(34%, ALARM, ("a", b, c))', False),
        ("AT_LEAST(33%, ALARM, (a, b, c))", True),
    ],
)
def test_a_rule_holds_by_its_childrens_states(rule: str, holds: bool) -> None:
    """Names bare or in quotes, any nesting."""
    assert CompositeRule.parse(rule).holds(STATES.get) is holds


@pytest.mark.parametrize(
    "rule",
    ["", "ALARM", "ALARM()", "ALARM(a", "ALARM(a) ALARM(b)", "BROKEN(a)", "AT_LEAST(0, ALARM, (a))", "AT_LEAST(2, ALARM, (a))"],
)
def test_an_unreadable_rule_says_so(rule: str) -> None:
    """Never a wrong alarm, never another exception."""
    with pytest.raises(RuleError):
        CompositeRule.parse(rule)


def test_more_than_a_hundred_children_are_too_many() -> None:
    """AWS's limit."""
    with pytest.raises(RuleError, match="101 child alarms"):
        CompositeRule.parse(" OR ".join(f"ALARM(a{number})" for number in range(101)))


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet='AND OR NT()",aALRMK_\\', max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """The parser ends, with a rule or a RuleError."""
    with contextlib.suppress(RuleError):
        CompositeRule.parse(text).holds(STATES.get)
