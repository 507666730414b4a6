"""Causes are ranked and impact is graded by rules that hold for anything that may be found."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from alarms.domain.alarm import Severity
from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.diagnosis.finding import Finding, Gap
from remediators.diagnosis.impact import Grade, Measured, grade
from remediators.diagnosis.verdict import ANSWERS
from remediators.diagnosis.weighing import Confidence, rank
from remediators.registry import registry

SAID = Text("seen", "확인")
CAUSES = st.sampled_from([cause for cause in Cause if cause is not Cause.UNKNOWN])
POINTS = st.dictionaries(CAUSES, st.integers(1, 9), max_size=3)
FINDINGS = st.lists(st.builds(lambda points: Finding("s", SAID, points), POINTS), max_size=8)
GAP = Gap("logs", SAID, SAID)
RANKS = tuple(Confidence)


def test_nothing_found_is_unknown() -> None:
    ranking = rank([Finding("tasks", SAID)])

    assert (ranking.first, ranking.confidence) == (Cause.UNKNOWN, Confidence.NONE)


def test_a_weak_hint_alone_names_no_cause() -> None:
    assert rank([Finding("s", SAID, {Cause.CAPACITY: 2})]).first is Cause.UNKNOWN


def test_one_loud_cause_is_sure_and_two_equal_ones_are_not() -> None:
    assert rank([Finding("s", SAID, {Cause.OOM: 7})]).confidence is Confidence.HIGH
    both = rank([Finding("s", SAID, {Cause.OOM: 7}), Finding("d", SAID, {Cause.BAD_DEPLOYMENT: 6})])
    assert (both.first, both.confidence) == (Cause.OOM, Confidence.LOW)


@given(FINDINGS, st.randoms(use_true_random=False))
def test_the_order_of_what_was_found_does_not_matter(findings: list[Finding], random: Random) -> None:
    shuffled = list(findings)
    random.shuffle(shuffled)

    assert rank(shuffled) == rank(findings)


@given(FINDINGS, st.integers(1, 9))
def test_more_evidence_for_the_first_cause_never_dethrones_it_or_makes_it_less_sure(findings: list[Finding], points: int) -> None:
    before = rank(findings)
    if before.first is Cause.UNKNOWN:
        return
    after = rank([*findings, Finding("more", SAID, {before.first: points})])

    assert after.first is before.first
    assert RANKS.index(after.confidence) >= RANKS.index(before.confidence)


@given(FINDINGS)
def test_what_was_not_seen_never_makes_surer(findings: list[Finding]) -> None:
    whole, partial = rank(findings), rank(findings, [GAP])

    assert partial.first is whole.first
    assert RANKS.index(partial.confidence) <= RANKS.index(whole.confidence)
    assert partial.confidence is not Confidence.HIGH


def test_grades_by_share_and_by_loss() -> None:
    def of(failed: float, up: int | None = None, wanted: int | None = None) -> Grade:
        return grade(Measured(1000, failed, 0, up, wanted), Severity.CRITICAL).grade

    assert of(400) is Grade.SEV1
    assert of(40) is Grade.SEV2
    assert of(4) is Grade.SEV3
    assert of(4, up=0, wanted=4) is Grade.SEV1
    assert of(4, up=2, wanted=4) is Grade.SEV2
    assert of(0, up=3, wanted=4) is Grade.SEV3


def test_nobody_fails_is_mild_only_when_it_is_known() -> None:
    assert grade(Measured(requests=1000, failed=0), Severity.WARNING).grade is Grade.SEV4
    assert grade(Measured(), Severity.WARNING).grade is Grade.SEV3
    unknown = grade(Measured(), Severity.CRITICAL)
    assert (unknown.grade, "no request count is known" in unknown.why.en) == (Grade.SEV2, True)


def test_the_reasons_say_one_of_many_and_the_trend() -> None:
    why = grade(Measured(2800, 340, 90, 3, 4), Severity.CRITICAL).why

    assert why.en == "12.1 % of 2,800 requests in 5 min fail, growing; 1 of 4 servers are out"
    assert "증가 중" in why.ko
    assert "4대 중 1대" in why.ko


@given(st.integers(1, 10_000), st.data())
def test_more_failures_never_give_a_milder_grade(requests: int, data: st.DataObject) -> None:
    fewer = data.draw(st.integers(0, requests))
    more = data.draw(st.integers(fewer, requests))
    severity = data.draw(st.sampled_from(Severity))
    up = data.draw(st.none() | st.integers(0, 9))
    wanted = None if up is None else max(up, 1)

    def of(failed: int) -> Grade:
        return grade(Measured(requests, failed, 0, up, wanted), severity).grade

    assert of(more).value <= of(fewer).value


def test_every_cause_has_an_answer_and_every_answer_is_an_action() -> None:
    assert set(ANSWERS) == set(Cause)
    assert {name for names in ANSWERS.values() for name in names} <= set(registry().specs())
