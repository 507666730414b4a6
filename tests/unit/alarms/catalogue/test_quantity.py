"""Numbers with units: read exactly, written back, refused with one clear line."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.domain.alarm import Operator
from alarms.domain.bounds import Limit
from alarms.quantity import (
    MAX_DURATION_S,
    When,
    duration_text,
    parse_datapoints,
    parse_duration,
    parse_limit,
    parse_percent,
    parse_size,
    parse_when,
    plain,
)


@settings(deadline=None)
@given(st.integers(1, MAX_DURATION_S))
def test_a_duration_survives_being_written(seconds: int) -> None:
    assert parse_duration(duration_text(seconds)) == seconds


@settings(deadline=None)
@given(st.sampled_from(list(Operator)), st.decimals(0, 10**9, places=3), st.sampled_from(["s", "ms", "%", "GiB", ""]))
def test_a_condition_survives_being_written(operator: Operator, value: Decimal, unit: str) -> None:
    when = When(operator, value, unit)

    assert parse_when(str(when)) == when


@settings(deadline=None, max_examples=300)
@given(
    st.text(max_size=30), st.sampled_from([parse_duration, parse_when, parse_limit, parse_datapoints, parse_size, parse_percent])
)
def test_arbitrary_text_is_refused_or_read_and_nothing_else(text: str, parse: Callable[[str], object]) -> None:
    with contextlib.suppress(ValueError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15 m", 900), ("60 s", 60), ("6 h", 21600), ("2 d", 172800), ("90s", 90), ("1.5 h", 5400), ("10 minutes", 600)],
)
def test_durations_as_people_write_them(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["15", "m", "15 x", "0 s", "-5 m", "0.5 s", "1e3 s", "999 d", "15 m 3 s", ""])
def test_what_is_no_duration_says_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|whole number"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("3 per hour", Limit(3, 3600)),
        ("10 per day", Limit(10, 86400)),
        ("2 per 30 m", Limit(2, 1800)),
        ("1 per 2 hours", Limit(1, 7200)),
    ],
)
def test_limits(text: str, limit: Limit) -> None:
    assert parse_limit(text) == limit


def test_a_limit_of_zero_is_not_unlimited() -> None:
    with pytest.raises(ValueError, match="does not mean unlimited"):
        parse_limit("0 per hour")


def test_six_of_five_datapoints_can_never_breach() -> None:
    assert parse_datapoints("3 of 5") == (3, 5)
    with pytest.raises(ValueError, match="can never hold"):
        parse_datapoints("6 of 5")


def test_sizes_are_bytes() -> None:
    assert parse_size("128 TiB") == 128 * 2**40
    assert parse_size("1 GB") == 10**9
    with pytest.raises(ValueError, match="is not a size"):
        parse_size("128")


def test_numbers_are_written_plainly() -> None:
    assert [plain(Decimal(text)) for text in ("600", "0.50", "1E+3")] == ["600", "0.5", "1000"]
