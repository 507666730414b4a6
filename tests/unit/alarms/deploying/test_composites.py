"""Which alarms a composite's rule refers to, in every spelling CloudWatch takes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.composites import children_first, references

ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:tocsin/prod/x"


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ('ALARM("a") OR (OK(b) AND NOT INSUFFICIENT_DATA("c d"))', {"a", "b", "c d"}),
        (f'ALARM("{ARN}") OR ALARM({ARN})', {"tocsin/prod/x"}),
        ('AT_LEAST(2, ALARM, ("a", b, "c"))', {"a", "b", "c"}),
        ("AT_LEAST(60%, NOT OK, (a,b)) AND TRUE", {"a", "b"}),
        ('ALARM("AND OR (ALARM(x))")', {"AND OR (ALARM(x))"}),
        (r'ALARM("say \"hi\"")', {'say "hi"'}),
        ("ALARM(OK)", {"OK"}),
        ("TRUE", set()),
        ("FALSE", set()),
        ("alarm ( a )", {"a"}),
    ],
)
def test_every_spelling_of_a_reference_is_found(rule: str, names: set[str]) -> None:
    assert references({"AlarmRule": rule}) == names


def test_a_suppressor_is_a_reference_too() -> None:
    assert references({"AlarmRule": "ALARM(a)", "ActionsSuppressor": ARN}) == {"a", "tocsin/prod/x"}


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.frozensets(st.sampled_from("abcdefgh"), max_size=3)))
@settings(deadline=None, max_examples=200)
def test_children_come_first_unless_a_circle_forbids_it(parents: dict[str, frozenset[str]]) -> None:
    order, stuck = children_first(parents)

    assert sorted(order) == sorted(parents)
    for name in set(order) - stuck:
        assert all(order.index(child) < order.index(name) for child in parents[name] if child in parents)
    for name in stuck:
        assert parents[name] & stuck
