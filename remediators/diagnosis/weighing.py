"""Weighs what was found into a ranking of probable causes. Pure: the order in which signals came does not matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from alarms.domain.cause import Cause
from alarms.domain.text import Text
from remediators.diagnosis.finding import Finding, Gap

_LEAST = 3  # points without which nothing is said to be likely
_SURE, _SURE_AHEAD = 6, 3
_FAIR_AHEAD = 2
# Where two causes have as many points: the one that explains the other stands first.
_ORDER = tuple(Cause)


class Confidence(StrEnum):
    """How sure the ranking is of its first cause."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def words(self) -> Text:
        """The word for people."""
        return _WORDS[self]


_WORDS = {
    Confidence.NONE: Text("none", "없음"),
    Confidence.LOW: Text("low", "낮음"),
    Confidence.MEDIUM: Text("medium", "보통"),
    Confidence.HIGH: Text("high", "높음"),
}


@dataclass(frozen=True, slots=True)
class Ranking:
    """Probable causes, most likely first, with their points, and how sure the first one is."""

    causes: tuple[tuple[Cause, int], ...]
    confidence: Confidence

    @property
    def first(self) -> Cause:
        """The most likely cause, UNKNOWN when nothing speaks loudly enough."""
        return self.causes[0][0] if self.causes else Cause.UNKNOWN


def rank(findings: Sequence[Finding], gaps: Sequence[Gap] = ()) -> Ranking:
    """Rank the causes by the points that all findings give together.

    A cause with fewer than three points is not named. What should have been read and was not might have spoken for
    another cause: such a gap never leaves the confidence high.
    """
    sums: Counter[Cause] = Counter()
    for finding in findings:
        sums.update({cause: points for cause, points in finding.points.items() if cause is not Cause.UNKNOWN})
    ranked = sorted(
        ((cause, points) for cause, points in sums.items() if points >= _LEAST),
        key=lambda entry: (-entry[1], _ORDER.index(entry[0])),
    )
    return Ranking(tuple(ranked), _confidence([points for _, points in ranked], any(not gap.chosen for gap in gaps)))


def _confidence(points: Sequence[int], partial: bool) -> Confidence:
    if not points:
        return Confidence.NONE
    ahead = points[0] - (points[1] if len(points) > 1 else 0)
    if points[0] >= _SURE and ahead >= _SURE_AHEAD:
        return Confidence.MEDIUM if partial else Confidence.HIGH
    return Confidence.MEDIUM if ahead >= _FAIR_AHEAD and points[0] > _LEAST else Confidence.LOW
