"""What the journal tells afterwards: incidents, one story in full, and which mode a policy has earned."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from past_samples import ALARM, EPISODE, ROW, Entry, decision, ended, evening, evidence, months, moved, rang, run, text

from alarms.domain.alarm import Mode
from alarms.domain.cause import Cause
from alarms.domain.text import Language
from remediators.looking_back.incidents import Outcome, incidents
from remediators.looking_back.scoreboard import FEWEST, Score, advise, lower_bound, scoreboard
from remediators.looking_back.story import runs_of, story
from remediators.looking_back.story_text import code, escaped, markdown

HIGHEST = {"scale-consumers": Mode.AUTO, "end-database-sessions": Mode.APPROVE}


def test_an_evening_is_one_line() -> None:
    (one,) = incidents(evening())

    assert (one.id, one.service, one.outcome, one.given_back) == (EPISODE, "image-processing", Outcome.HELPED, "given back")
    assert (one.acted, one.lasted_s, one.ending) == (("scale-consumers",), 540, "recovered")


def test_a_story_has_every_guard_each_change_and_who_did_what() -> None:
    told = story(EPISODE, evening(), evidence())

    (decided,) = told.decisions
    assert [(guard.name, guard.passed) for guard in decided.guards][-2:] == [("limits", True), ("storm", None)]
    assert [(c.before, c.after, c.request_ids, c.back) for c in told.changes] == [
        (3, 11, ("5f1c2b3a-1111-2222",), False),
        (11, 3, ("9d2e7c64-0f0a",), True),
    ]
    assert {each.by for each in told.people} == {"U01MIN"}
    assert told.cause is Cause.CAPACITY
    assert told.follow_up


@pytest.mark.parametrize("language", Language)
def test_without_evidence_the_cause_is_the_one_that_the_diagnosis_said(language: Language) -> None:
    told = story(EPISODE, evening())

    assert told.cause is Cause.CAPACITY
    assert "- [ ] " in markdown(told, language)


@pytest.mark.parametrize(
    ("entries", "outcome"),
    [
        ([rang()], Outcome.NOTHING),
        ([rang(), decision(20, "skip", "mode-observe", mode="observe")], Outcome.OBSERVED),
        ([rang(), decision(20, "ask", mode="propose")], Outcome.PROPOSED),
        ([rang(), run(20, "asked")], Outcome.WAITING),
        ([rang(), run(20, "asked"), run(60, "denied", by="U1")], Outcome.DENIED),
        ([rang(), run(20, "asked"), run(900, "escalated"), run(900, "expired")], Outcome.EXPIRED),
        ([rang(), run(20, "acted")], Outcome.ACTED),
        ([rang(), run(20, "acted"), run(600, "no-help"), run(601, "escalated")], Outcome.NO_HELP),
        ([rang(), run(20, "failed")], Outcome.FAILED),
    ],
)
def test_each_way_it_can_go_has_its_name(entries: list[Entry], outcome: Outcome) -> None:
    (one,) = incidents(entries)

    assert one.outcome is outcome


def test_an_end_that_nobody_could_see_is_replaced_by_the_recovery_that_came_later() -> None:
    (one,) = incidents([rang(), ended(300, "insufficient-data"), ended(600, "first-ok")])

    assert (one.ending, one.lasted_s) == ("first-ok", 600)


# --- whatever the journal holds ---------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.randoms(), st.lists(st.integers(0, 9), max_size=8))
def test_order_and_repetition_change_no_story(dice: random.Random, again: list[int]) -> None:
    """Deliveries come twice and entries of one moment in any order."""
    entries = evening()
    shuffled = [*entries, *(entries[place] for place in again)]
    dice.shuffle(shuffled)
    once, told = story(EPISODE, entries), story(EPISODE, shuffled)

    assert told.incident == once.incident
    assert told.changes == once.changes
    assert [replace(each, times=1) for each in told.timeline] == list(once.timeline)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["en", "ko", "guard", "changes"]), inner),
    max_leaves=8,
)
NAMES = [
    "type",
    "at",
    "phase",
    "why",
    "guards",
    "changes",
    "request_ids",
    "run",
    "by",
    "action",
    "row",
    "mode",
    "reason",
    "ending",
]
KINDS = st.sampled_from(["rang", "ended", "decision", "action", "revert", "episode", "click", "untold", "swept", "new"])


@settings(deadline=None, max_examples=150)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON | KINDS, max_size=9).map(lambda d: {**d, "episode": EPISODE})))
def test_entries_of_any_shape_are_told_as_far_as_they_go(entries: list[Entry]) -> None:
    """A journal of 400 days outlives the code that wrote it."""
    told = story(EPISODE, [*entries, rang()])

    assert json.dumps(told.to_document(), default=str)
    assert markdown(told, Language.KO)
    scoreboard(entries, HIGHEST)


@settings(deadline=None)
@given(st.text("ab|`*_<>[]()#\n\\~!&-+ 가", max_size=60))
def test_what_others_wrote_is_never_markdown(hostile: str) -> None:
    """Neither a heading, a link, a table's border nor the end of a code span can come from AWS, an alarm or a person."""
    shown = escaped(hostile)
    assert "\n" not in shown
    assert re.search(r"(?<!\\)(?:\\\\)*[`*_<>\[\]#|~]", shown) is None
    assert re.fullmatch(r"`[^`|\n]+`", code(hostile))


# --- the scoreboard ---------------------------------------------------------------------------------------------------------


def score(entries: list[Entry]) -> Score:
    (one,) = scoreboard(entries, HIGHEST)
    return one


def test_a_policy_that_only_observed_is_counted_by_what_it_would_have_done() -> None:
    one = score(months(observed=6, alone=1, helped=0, no_help=0))

    assert (one.episodes, one.would_have, one.alone, one.still_rings, one.without_s) == (6, 6, 1, 5, 600.0)
    assert one.advice.mode is Mode.PROPOSE
    assert one.advice.ground == "propose earned: of 6 times that it would have acted, the alarm stayed 5 times"


@pytest.mark.parametrize(
    ("given", "mode", "ground"),
    [
        ({"observed": 4, "alone": 0}, Mode.OBSERVE, "seen 4 times only; 5 are the least to go by"),
        ({"observed": 10, "alone": 9}, Mode.OBSERVE, "the alarm recovered alone 9 of 10 times, in 10 min at the median"),
    ],
)
def test_little_to_go_by_recommends_nothing(given: dict[str, int], mode: Mode, ground: str) -> None:
    advice = score(months(**given, helped=0, no_help=0)).advice

    assert (advice.mode, advice.ground[: len(ground)]) == (mode, ground)


def test_with_and_without_are_told_apart() -> None:
    one = score(months(observed=6, alone=6, helped=9, no_help=1))

    assert (one.with_s, one.without_s) == (300.0, 602.5)
    assert (one.runs, one.helped, one.no_help, one.mode) == (10, 9, 1, Mode.APPROVE)


BASE = Score(ROW, "scale-consumers", Mode.APPROVE, episodes=20, runs=20, helped=20)


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({}, Mode.AUTO),
        ({"helped": 9}, Mode.APPROVE),
        ({"helped": 7, "no_help": 3}, Mode.APPROVE),
        ({"denied": 1}, Mode.APPROVE),
        ({"highest": Mode.APPROVE}, Mode.APPROVE),
        ({"undone": 2}, Mode.PROPOSE),
        ({"harmful": 1}, Mode.PROPOSE),
        ({"denied": 3, "approved": 1}, Mode.PROPOSE),
        ({"helped": 2, "no_help": 4}, Mode.PROPOSE),
        ({"mode": Mode.AUTO, "harmful": 1}, Mode.APPROVE),
        ({"mode": Mode.AUTO}, Mode.AUTO),
    ],
)
def test_up_has_to_be_earned_and_down_is_quick(changes: dict[str, Any], mode: Mode) -> None:
    assert replace(BASE, **changes).advice.mode is mode


COUNTED = st.fixed_dictionaries(
    {name: st.integers(0, 40) for name in ("would_have", "helped", "no_help", "denied", "approved", "undone", "harmful")}
)


@given(st.sampled_from(Mode), st.sampled_from(Mode), COUNTED, st.floats(0, 1))
def test_no_advice_ever_leaps_or_rests_on_few(mode: Mode, highest: Mode, counted: dict[str, int], alone: float) -> None:
    """One step at a time, never above what the action allows, never up on fewer cases than stated."""
    given = Score(ROW, "scale-consumers", mode, **counted, alone=int(alone * counted["would_have"]), highest=highest)
    advice = advise(given)

    assert abs(advice.mode.rank - mode.rank) <= 1
    assert advice.ground
    if advice.mode.rank > mode.rank:
        assert advice.mode.rank <= highest.rank
        assert max(given.would_have, given.helped + given.no_help) >= FEWEST


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_bound_is_below_the_share_and_grows_with_the_number(successes: int, of: int) -> None:
    successes = min(successes, of)

    assert 0 <= lower_bound(successes, of) <= successes / of + 1e-9
    assert lower_bound(successes * 2, of * 2) >= lower_bound(successes, of) - 1e-9


def test_people_undoing_is_counted_once_and_actions_that_change_nothing_have_no_score() -> None:
    click = {"type": "click", "kind": "undo", "subject": "r1", "by": "U1", "at": "2026-10-31T15:10:00.000Z"}
    entries = [rang(), decision(20), run(21, "acted", run="r1", changes=moved(3, 11)), click, click]
    escalated = decision(30, action="escalate", proposal=None)

    one = score([*entries, escalated])
    assert (one.action, one.undone, one.runs) == ("scale-consumers", 1, 1)


def test_the_runs_of_a_story_are_found_for_the_clicks_on_them() -> None:
    assert runs_of(evening()) == ["0123456789abcdef"]
    assert ALARM in markdown(story(EPISODE, [rang(), run(1, "acted", text("x"))]), Language.EN)
