"""The lint rules about how often, how long and how far remediation may go."""

from __future__ import annotations

from typing import Any

import pytest
from desired_alarms import desired
from hypothesis import given
from hypothesis import strategies as st

from alarms import checks
from alarms.checks.limits_never_reached import at_most
from alarms.domain.alarm import Mode, Policy, Revert, Severity
from alarms.domain.bounds import Bounds, Breaker, Limit, Scope
from alarms.problem import Level, Problem
from alarms.settings import Settings
from remediators.registry import registry

HOUR, DAY = 3600, 86400


def found(rule: str, policy: Policy, **alarm: Any) -> list[Problem]:
    """Return what one rule finds in an alarm with one policy."""
    problems = checks.run([desired(policies=(policy,), **alarm)], Settings(), registry())
    return [problem for problem in problems if problem.check == rule]


def policy(action: str = "scale-consumers", **changes: Any) -> Policy:
    values: dict[str, Any] = {
        "action": action,
        "parameters": {"cluster": "image", "consumer": "image-consumer", "max_tasks": 20, "drain_within": 300},
        "mode": Mode.OBSERVE,
        "limits": (Limit(3, HOUR), Limit(10, DAY)),
        "cooldown_s": 900,
        "verify_within_s": 900,
        "revert": Revert(1800, 21600),
    }
    return Policy(**{**values, **changes})


class TestApprovalWindow:
    @pytest.mark.parametrize("seconds", [60, 299])
    def test_nobody_answers_within_five_minutes(self, seconds: int) -> None:
        (problem,) = found("approval-window", policy(approve_within_s=seconds))

        assert problem.level is Level.WARNING

    def test_a_later_step_is_asked_about_too(self) -> None:
        assert found("approval-window", policy(otherwise=(policy("scale-service", approve_within_s=60),)))

    @pytest.mark.parametrize(
        ("severity", "fits", "too_long"), [(Severity.WARNING, 4 * HOUR, 4 * HOUR + 1), (Severity.CRITICAL, HOUR, HOUR + 1)]
    )
    def test_a_question_does_not_outlive_what_it_is_about(self, severity: Severity, fits: int, too_long: int) -> None:
        (problem,) = found("approval-window", policy(approve_within_s=too_long), severity=severity)

        assert problem.level is Level.NOTE
        assert found("approval-window", policy(approve_within_s=fits), severity=severity) == []

    @pytest.mark.parametrize("severity", list(Severity))
    def test_the_default_is_fine(self, severity: Severity) -> None:
        assert found("approval-window", policy(), severity=severity) == []


class TestLimitsNeverReached:
    def test_a_row_wider_than_a_bound_of_the_catalogue_is_told_which(self) -> None:
        (problem,) = found("limits-never-reached", policy(limits=(Limit(20, HOUR),), cooldown_s=60))

        assert problem.level is Level.WARNING
        assert "never runs 20 per h: `limits.policy` of tocsin.yaml (10 per h) stops it before" in problem.summary

    def test_the_stages_own_bounds_count(self) -> None:
        bounds = Bounds(limits={Scope.SERVICE: (Limit(2, HOUR),)})

        assert "limits.service" in found("limits-never-reached", policy(), bounds=bounds)[0].summary
        assert not found("limits-never-reached", policy(limits=(Limit(2, HOUR),)), bounds=bounds)

    def test_a_rows_own_words_that_contradict_each_other_are_a_note(self) -> None:
        (own,) = found("limits-never-reached", policy(limits=(Limit(1, HOUR), Limit(25, DAY))))
        (cooldown,) = found("limits-never-reached", policy(limits=(Limit(6, HOUR),)))

        assert own.level is cooldown.level is Level.NOTE
        assert "other limit (1 per h)" in own.summary
        assert "cooldown of 15 m" in cooldown.summary

    def test_what_can_just_be_reached_is_no_finding(self) -> None:
        """A run at once and one after each cooldown: five in an hour with 15 minutes between them."""
        assert found("limits-never-reached", policy(limits=(Limit(5, HOUR), Limit(30, DAY)))) == []

    @given(
        bound=st.builds(Limit, st.integers(1, 5), st.integers(1, 50)),
        window=st.integers(1, 200),
        gaps=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    )
    def test_no_history_within_a_bound_passes_what_it_is_said_to_allow(self, bound: Limit, window: int, gaps: list[int]) -> None:
        runs: list[int] = []
        now = 0
        for gap in gaps:
            now += gap
            if len([at for at in runs if at > now - bound.window_s]) < bound.count:
                runs.append(now)

        assert max(len([at for at in runs if end - window < at <= end]) for end in runs) <= at_most(bound, window)


class TestBreakerNeverOpens:
    def test_one_run_a_day_never_fails_twice_in_six_hours(self) -> None:
        (problem,) = found("breaker-never-opens", policy(limits=(Limit(1, DAY),)))

        assert problem.level is Level.NOTE
        assert "runs at most 1 time in 6 h, and is closed only after 2" in problem.summary

    def test_so_does_a_cooldown_longer_than_the_breaker_looks_back(self) -> None:
        assert found("breaker-never-opens", policy(cooldown_s=7 * HOUR))
        assert not found("breaker-never-opens", policy(cooldown_s=6 * HOUR))

    def test_a_breaker_that_looks_back_far_enough_opens(self) -> None:
        bounds = Bounds(breaker=Breaker(within_s=2 * DAY))

        assert not found("breaker-never-opens", policy(limits=(Limit(1, DAY),)), bounds=bounds)

    def test_what_changes_nothing_has_no_breaker(self) -> None:
        assert not found("breaker-never-opens", policy("escalate", parameters={}, limits=(), cooldown_s=DAY))
