"""What stands open follows from the set of reports, whatever their order, and nothing that bears a button is forgotten."""

from __future__ import annotations

import itertools
from datetime import datetime
from functools import reduce
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notifier_samples import minute, report

from alarms.domain.report import Phase, Report
from alarms.domain.text import Text
from notifier.record import Thread, with_report
from notifier.standing import standing

RUN = "a1b2c3d4e5f60718"
BRIEF: dict[str, Any] = {"answers": ()}  # what is remembered of a report is what the message shows
ASKED = report("asked", minute(1), Phase.ASKED, run=RUN, until=minute(31), needed=2, risk="reversible", **BRIEF)
YES = report("yes", minute(2), Phase.APPROVED, run=RUN, by="U0111111", approvals=("U0111111",), needed=2)
BOTH = report("both", minute(3), Phase.APPROVED, run=RUN, by="U0222222", approvals=("U0111111", "U0222222"), needed=2)
ACTED = report("acted", minute(4), run=RUN, undoable=True, **BRIEF)
HELPED = report("helped", minute(20), Phase.HELPED, run=RUN)
REVERTED = report("reverted", minute(40), Phase.REVERTED, run=RUN)
HELD = report("held", minute(5), Phase.HELD, by="U0333333", until=minute(65), **BRIEF)
RELEASED = report("released", minute(6), Phase.HELD, by="U0444444")


def remembered(*reports: Report) -> tuple[Report, ...]:
    return reduce(with_report, reports, Thread("s", "i")).reports


def test_a_question_is_open_until_its_time_is_over() -> None:
    assert standing([ASKED], minute(30)).question == ASKED
    assert standing([ASKED], minute(31)).question is None


def test_a_question_without_an_end_is_not_open() -> None:
    assert standing([report("x", minute(1), Phase.ASKED, run=RUN)], minute(2)).question is None


def test_one_yes_of_two_leaves_the_question_open_and_says_who() -> None:
    open_ = standing([YES, ASKED], minute(3))
    assert open_.question == ASKED
    assert open_.approvals == ("U0111111",)
    assert standing([ASKED, YES, BOTH], minute(3)).question is None


@pytest.mark.parametrize(
    "phase", [phase for phase in Phase if phase not in (Phase.ASKED, Phase.APPROVED, Phase.DIAGNOSED, Phase.HELD)]
)
def test_whatever_else_its_run_says_ends_a_question_in_either_order(phase: Phase) -> None:
    answer = report("answer", minute(0), phase, run=RUN)
    for order in ((ASKED, answer), (answer, ASKED)):
        assert standing(remembered(*order), minute(2)).question is None


def test_a_click_that_did_not_count_leaves_the_question_open() -> None:
    refused = report("refused", minute(2), Phase.SKIPPED, run=RUN, reason="not-allowed", by="U0999999")
    assert standing([ASKED, refused], minute(3)).question == ASKED


def test_a_change_can_be_undone_until_it_is_given_back() -> None:
    assert standing([ACTED, HELPED], minute(21)).out == (ACTED,)
    for order in itertools.permutations((ACTED, HELPED, REVERTED)):
        assert standing(remembered(*order), minute(41)).out == ()


def test_what_cannot_be_undone_is_not_offered() -> None:
    assert standing([report("acted", minute(1), run=RUN)], minute(2)).out == ()


def test_the_newest_word_on_a_hold_counts() -> None:
    assert standing([HELD], minute(10)).hold == HELD
    assert standing([RELEASED, HELD], minute(10)).hold is None
    assert standing([HELD], minute(65)).hold is None


def test_many_later_reports_make_nothing_open_forgotten() -> None:
    later = [report(f"later{index}", minute(7 + index / 10), Phase.SKIPPED) for index in range(30)]
    kept = remembered(ASKED, YES, ACTED, HELD, *later)
    assert standing(kept, minute(11)).hold == HELD
    assert standing(kept, minute(11)).out == (ACTED,)
    assert standing(remembered(ASKED, YES, *later), minute(11)).approvals == ("U0111111",)


def reports() -> Any:
    """Return any reports of a few runs, far more than are kept."""
    return st.lists(
        st.builds(
            lambda ident, at, phase, run, undoable, until, yes: report(
                f"{ident}-{at}-{phase}-{run}", minute(at), phase, run=run, undoable=undoable,
                until=minute(until) if until else None, approvals=yes, needed=2, **BRIEF,
            ),
            st.integers(0, 3), st.integers(0, 50), st.sampled_from(Phase), st.sampled_from(["", "r1", "r2", "r3"]), st.booleans(),
            st.sampled_from([0, 30, 90]), st.sampled_from([(), ("U01",), ("U01", "U02")]),
        ),
        max_size=25,
        unique_by=lambda made: made.id,
    )  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(reports(), st.randoms(use_true_random=False), st.sampled_from([minute(0), minute(29), minute(60)]))
def test_what_is_remembered_says_the_same_as_all_that_was_said(said: list[Report], chance: Any, now: datetime) -> None:
    shuffled = list(said)
    chance.shuffle(shuffled)
    kept = remembered(*shuffled)
    assert len(kept) <= 4 + 3 * 5 + 1
    assert standing(kept, now) == standing(said, now)


def test_what_only_a_reply_shows_is_not_remembered() -> None:
    long = report("x", minute(1), Phase.DIAGNOSED, lines=(Text("finding", "발견"),) * 50, request_ids=("r",) * 50)
    (kept,) = remembered(long)
    assert (kept.lines, kept.answers, kept.request_ids) == ((), (), ())
    assert kept.changes == long.changes


def test_a_report_said_again_later_stays_as_it_was_said_first() -> None:
    again = report("asked", minute(9), Phase.ASKED, run=RUN, until=minute(99))
    assert remembered(ASKED, again) == (ASKED,)
