"""What single signals make of AWS's answers: exit codes as an expert reads them, log lines without people in them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.domain.cause import Cause
from remediators.diagnosis.log_patterns import pattern, speaks_for
from remediators.diagnosis.stopped_tasks import Death, Stopped, death

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
EXITED = "Essential container in task exited"


@pytest.mark.parametrize(
    ("code", "reason", "exits", "kind"),
    [
        ("EssentialContainerExited", EXITED, ((137, "OutOfMemoryError: Container killed due to memory usage"),), Death.OOM),
        ("EssentialContainerExited", "OutOfMemoryError: container killed", ((137, ""),), Death.OOM),
        ("EssentialContainerExited", EXITED, ((137, ""),), Death.KILLED),
        ("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)", ((137, ""),), Death.HEALTH_CHECK),
        ("ServiceSchedulerInitiated", "Scaling activity initiated by deployment x", ((143, ""),), Death.ASKED),
        ("UserInitiated", "Task stopped by user", ((137, ""),), Death.ASKED),
        ("EssentialContainerExited", EXITED, ((143, ""),), Death.ASKED),
        ("EssentialContainerExited", EXITED, ((139, ""),), Death.SEGFAULT),
        ("EssentialContainerExited", EXITED, ((1, ""), (0, "")), Death.CRASH),
        ("EssentialContainerExited", EXITED, ((0, ""),), Death.ENDED),
        ("TaskFailedToStart", "CannotPullContainerError: not found", (), Death.NOT_STARTED),
        ("TaskFailedToStart", "ResourceInitializationError: unable to pull secrets or registry auth", (), Death.NO_SECRET),
        ("TaskFailedToStart", "Capacity is unavailable at this time", (), Death.NO_CAPACITY),
        ("SpotInterruption", "Your Spot Task was interrupted.", ((143, ""),), Death.HARDWARE),
        ("", "", (), Death.ENDED),
    ],
)
def test_a_stop_is_read_by_its_words_before_its_numbers(
    code: str, reason: str, exits: tuple[tuple[int, str], ...], kind: Death
) -> None:
    assert death(Stopped("api", AT, code, reason, exits)) is kind


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("FATAL: remaining connection slots are reserved for non-replication superuser connections", Cause.DB_CONNECTIONS),
        ("QueuePool limit of size 10 overflow 5 reached, connection timed out", Cause.DB_CONNECTIONS),
        ("ERROR: canceling statement due to statement timeout", Cause.SLOW_DATABASE),
        ("partner answered 401 invalid_token for charge 8812", Cause.EXPIRED_TOKEN),
        ('{"level": "error", "msg": "partner says: token has expired", "user": "kim@example.com"}', Cause.EXPIRED_TOKEN),
        ("java.lang.OutOfMemoryError: Java heap space", Cause.OOM),
        ("dial tcp 10.0.3.7:8080: connection refused", Cause.DEPENDENCY),
    ],
)
def test_known_lines_speak_for_their_cause(line: str, cause: Cause) -> None:
    assert cause in speaks_for(pattern(line))


def test_a_pattern_holds_nobody_and_joins_what_differs_by_numbers_only() -> None:
    first = pattern("2026-11-23T12:00:01Z ERROR user kim@example.com from 10.1.2.3 order 88123 failed with 503 after 1204 ms")
    second = pattern("2026-11-23T12:04:59Z ERROR user lee@example.org from 10.9.2.3 order 7 failed with 503 after 88 ms")

    assert first == second
    assert "503" in first
    assert not any(secret in first for secret in ("kim", "lee", "10.1.2.3", "88123"))


@given(st.text())
def test_any_line_has_a_short_pattern(line: str) -> None:
    found = pattern(line)

    assert len(found) <= 160
    assert "\n" not in found
