"""Business or attack: every signal pulls one way only, what is not known pulls no way, and the lines say all of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alarms.domain.text import Text
from remediators.surge import expected_days
from remediators.surge.surge_scoring import THRESHOLD, Score, Signal, Verdict, entropy, score, signals
from remediators.surge.traffic import Logged, Traffic
from remediators.surge.usual_traffic import Rates

ALL = frozenset({"log", "users", "kpi", "calendar", "shield"})
CROWD = tuple((f"203.0.{n // 250}.{n % 250}", 5) for n in range(400))
AGENTS = tuple((f"family {n}", 200, 170) for n in range(10))


def traffic(**changes: Any) -> Traffic:
    """Return a month-end crowd: three times the usual, everything as customers do it."""
    logged = Logged(CROWD, (("/uploads", "200", 1200), ("/images/{id}", "200", 780), ("/me", "404", 20)), AGENTS)
    seen = Traffic(ALL, Rates(300, 300, 290, 75), Rates(100, 100, 98, 25), logged, None, False, "month-end 3 d")
    return replace(seen, **changes)


ATTACK = traffic(
    now=Rates(900, 900, 300, 26),
    logged=Logged(
        tuple((f"198.51.100.{n}", 300) for n in range(20)),
        (("/login", "403", 5000), ("/login", "200", 1000)),
        (("curl", 5900, 10), ("Mozilla", 100, 90)),
    ),
    expected="",
    attack=True,
)


def judged(seen: Traffic) -> Score:
    return score(signals(seen))


def test_a_crowd_is_business_and_a_flood_an_attack() -> None:
    assert judged(traffic()).verdict is Verdict.BUSINESS
    assert judged(ATTACK).verdict is Verdict.ATTACK


def test_a_log_alone_is_just_enough_to_judge_by() -> None:
    assert judged(replace(traffic(), asked=frozenset({"log"}))).verdict is Verdict.BUSINESS
    assert judged(replace(ATTACK, asked=frozenset({"log"}))).verdict is Verdict.ATTACK
    assert judged(replace(ATTACK, asked=frozenset({"calendar", "users"}))).verdict is Verdict.UNDECIDED


def test_without_any_source_nothing_is_decided() -> None:
    assert judged(replace(ATTACK, asked=frozenset())).verdict is Verdict.UNDECIDED
    assert judged(replace(ATTACK, asked=frozenset({"shield"}))).verdict is Verdict.UNDECIDED


def test_every_signal_is_shown_with_value_direction_and_weight() -> None:
    lines = [line.en for line in judged(traffic()).lines]
    assert lines[0].startswith("Score -0.")
    assert "business (attack from +0.35, business from -0.35)" in lines[0]
    assert "Business figure follows the requests: 100% → business -0.25 / 0.25" in lines
    assert "Calendar: month-end 3 d → business -0.20 / 0.20" in lines
    assert len(lines) == 1 + len(signals(traffic()))
    assert all(line.ko and line.ko != line.en for line in judged(traffic()).lines if "Shield" not in line.en)


def test_what_was_asked_and_not_answered_is_shown_as_unknown_and_widens_the_range() -> None:
    silent = judged(replace(ATTACK, logged=Logged()))
    assert silent.low < judged(ATTACK).low <= judged(ATTACK).high
    assert any("Denied (401, 403, 404, 429): unknown (weight 0.15)" in line.en for line in silent.lines)


def test_few_requests_have_no_shares() -> None:
    tiny = Logged((("198.51.100.1", 90),), (("/x", "404", 90),), (("curl", 90, 0),))
    assert {
        signal.lean for signal in signals(replace(ATTACK, logged=tiny)) if signal.name.en.startswith(("Denied", "Ten", "Kinds"))
    } == {None}


leans = st.none() | st.floats(-1, 1)
weighted = st.tuples(leans, st.floats(0.01, 0.5))


def made(items: list[tuple[float | None, float]]) -> list[Signal]:
    return [Signal(Text(str(n), str(n)), "", lean, weight) for n, (lean, weight) in enumerate(items)]


ORDER = {Verdict.BUSINESS: 0, Verdict.UNDECIDED: 1, Verdict.ATTACK: 2}


@given(items=st.lists(weighted, min_size=1, max_size=10), at=st.integers(0, 9), more=st.floats(0, 2))
def test_more_of_a_sign_never_speaks_for_the_other_side(items: list[tuple[float | None, float]], at: int, more: float) -> None:
    """The verdict moves with each lean, or stays."""
    at %= len(items)
    lean, weight = items[at]
    assume(lean is not None)
    higher = [*items[:at], (min(1.0, (lean or 0.0) + more), weight), *items[at + 1 :]]
    before, after = score(made(items)), score(made(higher))
    assert after.low >= before.low - 1e-9
    assert after.high >= before.high - 1e-9
    if abs(before.low - THRESHOLD) > 1e-6 and abs(before.high + THRESHOLD) > 1e-6:
        assert ORDER[after.verdict] >= ORDER[before.verdict]


@given(items=st.lists(weighted, min_size=1, max_size=10), at=st.integers(0, 9))
def test_a_sign_that_falls_silent_never_makes_an_attack_nor_business(items: list[tuple[float | None, float]], at: int) -> None:
    at %= len(items)
    silent = [*items[:at], (None, items[at][1]), *items[at + 1 :]]
    before, after = score(made(items)), score(made(silent))
    assert after.low <= before.low + 1e-9
    assert after.high >= before.high - 1e-9
    if after.verdict is not Verdict.UNDECIDED and abs(before.low - THRESHOLD) > 1e-6 and abs(before.high + THRESHOLD) > 1e-6:
        assert after.verdict is before.verdict


def _denied(share: float) -> Logged:
    bad = round(share * 2000)
    return replace(traffic().logged, paths=(("/uploads", "200", 2000 - bad), ("/uploads", "403", bad)))


def _known(share: float) -> Logged:
    return replace(traffic().logged, agents=tuple((f"family {n}", 200, round(200 * share)) for n in range(10)))


def _heavy(share: float) -> Logged:
    return replace(traffic().logged, talkers=(("192.0.2.1", round(2000 * share)), *CROWD))


# each: how a value between 0 and 1 becomes traffic, where more of it is more of an attack
KNOBS = {
    "denied": lambda x: traffic(logged=_denied(x)),
    "signed in": lambda x: traffic(logged=_known(1 - x)),
    "heavy address": lambda x: traffic(logged=_heavy(x)),
    "business figure": lambda x: traffic(now=Rates(300, 300, 290, 75 * (1 - x))),
    "labels": lambda x: traffic(labelled=(round(500 * x), 500)),
    "steepness": lambda x: traffic(now=Rates(100 + 4000 * x, 300, 290, 75)),
}


@settings(deadline=None)
@given(name=st.sampled_from(sorted(KNOBS)), one=st.floats(0, 1), other=st.floats(0, 1))
def test_the_score_is_monotone_in_what_is_measured(name: str, one: float, other: float) -> None:
    less, more = sorted((one, other))
    knob = KNOBS[name]
    assert judged(knob(less)).low <= judged(knob(more)).low + 1e-9


@settings(deadline=None)
@given(logged=st.booleans(), kpi=st.booleans(), requests=st.booleans(), expected=st.booleans(), attack=st.booleans())
def test_taking_any_answer_away_never_turns_traffic_into_an_attack(
    logged: bool, kpi: bool, requests: bool, expected: bool, attack: bool
) -> None:
    full = replace(ATTACK, expected="month-end 3 d", now=Rates(900, 900, 300, 200))
    assert judged(full).verdict is not Verdict.ATTACK
    less = replace(
        full,
        logged=full.logged if logged else Logged(),
        now=Rates(900 if requests else None, 900 if requests else None, None, 200 if kpi else None),
        expected=full.expected if expected else None,
        attack=True if attack else None,
    )
    assert judged(less).verdict is not Verdict.ATTACK


def test_entropy_counts_kinds() -> None:
    assert entropy([5, 5, 5, 5]) == pytest.approx(2)
    assert entropy([7]) == 0
    assert entropy([]) == 0


@pytest.mark.parametrize(
    ("entry", "at", "inside"),
    [
        ("month-end 3 d", datetime(2026, 10, 29, 0, 0, tzinfo=UTC), True),
        ("month-end 3 d", datetime(2026, 10, 28, 14, 59, tzinfo=UTC), False),  # the 28th until midnight in Seoul
        ("month-end 3 d", datetime(2026, 10, 28, 15, 0, tzinfo=UTC), True),
        ("month-end 1 d", datetime(2028, 2, 28, 15, 0, tzinfo=UTC), True),  # a leap year's 29th
        ("month-start 2 d", datetime(2026, 10, 31, 15, 0, tzinfo=UTC), True),
        ("2026-11-27", datetime(2026, 11, 27, 3, 0, tzinfo=UTC), True),
        ("2026-11-24..2026-11-30", datetime(2026, 12, 1, 3, 0, tzinfo=UTC), False),
    ],
)
def test_expected_days_are_days_of_the_stated_offset(entry: str, at: datetime, inside: bool) -> None:
    assert (expected_days.expected([entry], "+09:00", at) == entry) is inside


@pytest.mark.parametrize("entry", ["month-end", "month-end 0 d", "fridays", "2026-13-01", "2026-11-30..2026-11-24", ""])
def test_a_day_that_cannot_be_read_is_named(entry: str) -> None:
    assert repr(entry) in (expected_days.problem([entry], "+09:00") or "")
    assert expected_days.problem([], "9") is not None
