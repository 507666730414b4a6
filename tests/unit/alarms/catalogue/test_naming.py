"""Alarm names: no two rows or targets meet in one, none is too long for CloudWatch."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alarms.naming import MAX_NAME, alarm_name, target_key

PARTS = ("tocsin", "prod", "image", "sqs", "age")
VALUES = st.fixed_dictionaries({"A": st.text("ab/:,%~", min_size=1, max_size=4), "B": st.text("ab/:,%~", min_size=1, max_size=4)})


def test_a_load_balancer_keeps_its_name_readable() -> None:
    assert target_key({"LoadBalancer": "app/image/0123"}) == "app:image:0123"


def test_values_are_joined_in_the_order_of_their_names() -> None:
    assert target_key({"ServiceName": "api", "ClusterName": "image"}) == "image,api"


def test_a_row_that_stands_alone_cannot_take_a_services_name() -> None:
    alone = alarm_name(("tocsin", "prod", "a", "b"), {"X": "c/d"})

    assert alone != alarm_name(("tocsin", "prod", "a", "b", "c"), {"X": "d"})


@settings(deadline=None)
@given(VALUES, VALUES)
def test_different_values_of_the_same_dimensions_have_different_names(one: dict[str, str], other: dict[str, str]) -> None:
    assume(one != other)

    assert alarm_name(PARTS, one) != alarm_name(PARTS, other)


@settings(deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(min_size=1, max_size=400), min_size=1, max_size=5))
def test_names_fit_cloudwatch(dimensions: dict[str, str]) -> None:
    name = alarm_name(PARTS, dimensions)

    assert len(name) <= MAX_NAME
    assert not any(ord(character) < 32 or ord(character) == 127 for character in name)


def test_a_long_key_keeps_names_apart() -> None:
    names = {alarm_name(PARTS, {"X": "x" * 300 + end}) for end in "ab"}

    assert len(names) == 2
