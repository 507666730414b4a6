"""A first-in-first-out queue as a fluid: how much waits, and how long the oldest of it has waited."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(slots=True)
class _Cohort:
    """Messages that arrived evenly between ``since`` and ``until`` (seconds of the scenario)."""

    since: float
    until: float
    count: float


class Backlog:
    """Messages waiting in arrival order. Times are seconds since the scenario began; counts may be fractions."""

    def __init__(self) -> None:
        self._cohorts: deque[_Cohort] = deque()

    @property
    def waiting(self) -> float:
        """How many messages wait."""
        return sum(cohort.count for cohort in self._cohorts)

    def add(self, count: float, since: float, until: float) -> None:
        """Let ``count`` messages arrive evenly between two moments."""
        if count > 0:
            self._cohorts.append(_Cohort(since, until, count))

    def take(self, count: float) -> float:
        """Serve up to ``count`` messages, oldest first; return how many there were to serve."""
        left = count
        while left > 1e-9 and self._cohorts:
            left -= self._serve_oldest(left)
        return count - max(left, 0.0)

    def _serve_oldest(self, wanted: float) -> float:
        """Serve from the oldest cohort only. What is left of it arrived later than what was served."""
        cohort = self._cohorts[0]
        served = min(wanted, cohort.count)
        if cohort.count - served <= 1e-9:
            self._cohorts.popleft()
            return served
        cohort.since += (cohort.until - cohort.since) * served / cohort.count
        cohort.count -= served
        return served

    def oldest_age(self, now: float) -> float:
        """Seconds that the oldest waiting message has waited at ``now``; 0 when nothing waits."""
        return max(0.0, now - self._cohorts[0].since) if self._cohorts else 0.0
