"""Which sessions are chosen, whatever the crowd: nothing protected, nothing beyond a bound, the longest unused first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediators.actions.end_database_sessions import EndDatabaseSessions
from remediators.database.database import problem
from remediators.database.session_statements import _microseconds, _moment
from remediators.database.sessions import (
    ABORTED,
    ACTIVE,
    ALWAYS_PROTECTED,
    IDLE,
    IN_TRANSACTION,
    STATES,
    Rules,
    Session,
    census,
    choose,
)

IDLE_ONE = Session(1, "app", "api", "10.0.0.1", "image", IDLE, "start", "change", age_s=3600, privileged=False)
RULES = Rules(frozenset({IDLE}), 600, max_sessions=10, keep_per_application=1, protect=frozenset({"backup"}))
SESSIONS = st.lists(
    st.builds(
        Session,
        pid=st.integers(1, 10_000),
        user=st.sampled_from(["app", "batch", "backup", "rdsadmin", "tocsin", ""]),
        application=st.sampled_from(["", "api", "consumer"]),
        client=st.just(""),
        database=st.just("image"),
        state=st.sampled_from([*STATES, None, "fastpath function call", "disabled"]),
        backend_start=st.just("s"),
        state_change=st.just("c"),
        age_s=st.floats(-5, 10_000) | st.just(float("nan")),
        privileged=st.booleans(),
        wrote=st.booleans(),
        blocks=st.integers(0, 3),
    ),
    max_size=30,
    unique_by=lambda one: one.pid,
)
ANY_RULES = st.builds(
    Rules,
    states=st.frozensets(st.sampled_from(STATES), min_size=1),
    idle_for_s=st.integers(1, 5000),
    max_sessions=st.integers(1, 12),
    keep_per_application=st.integers(1, 4),
    protect=st.frozensets(st.sampled_from(["backup", "batch"])),
)


@given(sessions=SESSIONS, rules=ANY_RULES)
def test_every_chosen_one_keeps_every_rule(sessions: list[Session], rules: Rules) -> None:
    chosen = choose(sessions, rules, "tocsin").chosen

    assert len(chosen) <= rules.max_sessions
    assert all(one in sessions for one in chosen)
    for one in chosen:
        assert not one.privileged
        assert one.user not in {*rules.protect, *ALWAYS_PROTECTED, "tocsin", ""}
        assert one.state in rules.states
        assert one.age_s >= rules.idle_for_s
        assert not (one.state == IN_TRANSACTION and one.wrote and not one.blocks)
    gone = Counter(one.application for one in chosen)
    had = Counter(one.application for one in sessions)
    assert all(had[name] - gone[name] >= rules.keep_per_application for name in gone)
    assert [one.age_s for one in chosen] == sorted((one.age_s for one in chosen), reverse=True)


@given(sessions=SESSIONS, rules=ANY_RULES)
def test_every_session_is_chosen_or_spared_for_a_reason(sessions: list[Session], rules: Rules) -> None:
    choice = choose(sessions, rules, "tocsin")
    assert len(choice.chosen) + sum(choice.spared.values()) == len(sessions)


@given(sessions=SESSIONS, rules=ANY_RULES)
def test_what_was_chosen_and_ended_is_never_followed_by_a_younger_one_than_is_left(sessions: list[Session], rules: Rules) -> None:
    """Ending the chosen and choosing again goes on where it stopped; an application's last ones stay for good."""
    first = choose(sessions, rules, "tocsin").chosen
    second = choose([one for one in sessions if one not in first], rules, "tocsin").chosen
    if first and second:
        assert min(one.age_s for one in first) >= max(one.age_s for one in second)


@given(sessions=SESSIONS, rules=ANY_RULES)
def test_the_order_in_which_sessions_are_seen_changes_nothing(sessions: list[Session], rules: Rules) -> None:
    assert choose(sessions[::-1], rules, "tocsin").chosen == choose(sessions, rules, "tocsin").chosen


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"privileged": True}, "protected"),
        ({"user": "backup"}, "protected"),
        ({"user": "rdsproxyadmin"}, "protected"),
        ({"user": "tocsin"}, "protected"),
        ({"state": None}, "unseen"),
        ({"state": ACTIVE}, "state"),
        ({"state": ABORTED}, "state"),
        ({"age_s": 599.9}, "young"),
        ({"age_s": float("nan")}, "young"),
        ({}, ""),
    ],
)
def test_each_reason_to_spare_has_its_name(changes: dict[str, object], reason: str) -> None:
    others = [replace(IDLE_ONE, pid=2, age_s=0)]
    choice = choose([replace(IDLE_ONE, **changes), *others], RULES, "tocsin")  # type: ignore[arg-type]  # a table of changes
    assert choice.spared.get(reason or "none", 0) == (1 if reason else 0) or reason == "young"
    assert bool(choice.chosen) is (reason == "")


@pytest.mark.parametrize(("wrote", "blocks", "ended"), [(False, 0, True), (True, 0, False), (True, 1, True), (False, 1, True)])
def test_uncommitted_work_is_thrown_away_only_when_others_wait_for_it(wrote: bool, blocks: int, ended: bool) -> None:
    one = replace(IDLE_ONE, state=IN_TRANSACTION, wrote=wrote, blocks=blocks)
    rules = replace(RULES, states=frozenset({IN_TRANSACTION}))
    assert bool(choose([one, replace(IDLE_ONE, pid=2)], rules, "tocsin").chosen) is ended


def test_the_census_counts_by_who_where_and_what() -> None:
    counted = census([IDLE_ONE, replace(IDLE_ONE, pid=2), replace(IDLE_ONE, pid=3, state=None)])
    assert [(row["state"], row["sessions"]) for row in counted] == [(IDLE, 2), ("unseen", 1)]


@given(microseconds=st.integers(0, 4_102_444_800_000_000))
def test_a_servers_time_survives_being_shown(microseconds: int) -> None:
    assert _microseconds(_moment(microseconds)) == microseconds


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({"states": ["sleeping"]}, "sleeping"),
        ({"used_from": 101.0}, "used_from"),
        ({"secret": "image-db"}, "ARN"),
        ({"reserved_secret": "arn:aws:s3:::x"}, "reserved_secret"),
        ({"way": "vpn"}, "data-api, direct"),
    ],
)
def test_parameters_that_cannot_be_meant_are_refused(parameters: dict[str, object], wrong: str) -> None:
    assert wrong in str(EndDatabaseSessions().problem(parameters))


def test_parameters_that_name_a_database_fit() -> None:
    arn = "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:tocsin-image-db-AbCdEf"
    assert problem({"secret": arn, "reserved_secret": arn, "way": "direct"}) is None


def test_an_age_that_is_not_known_spoils_no_order() -> None:
    seen = [replace(IDLE_ONE, pid=number, age_s=age) for number, age in enumerate([700, float("nan"), 900, float("nan"), 800])]
    assert [one.age_s for one in choose(seen, RULES, "tocsin").chosen] == [900, 800, 700]
