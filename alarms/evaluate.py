"""CloudWatch's evaluation of an alarm: recent points and a rule in, a state and why out. Pure.

From the user guide's page on missing data ("Configuring how CloudWatch alarms treat missing data"). CloudWatch looks at more
points than it needs (the evaluation range), so that one late or missing point does not matter; only when too few real
points are in the range does TreatMissingData decide. How long that range is, AWS does not publish; its worked example has
N + 2, which is the default here.
"""

from __future__ import annotations

import operator as arithmetic
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from alarms.domain.alarm import Missing, Operator
from alarms.domain.event import State

# How far the evaluation range is taken to reach beyond EvaluationPeriods: what the one documented example shows.
RANGE_BEYOND = 2
_COMPARE = {Operator.GE: arithmetic.ge, Operator.GT: arithmetic.gt, Operator.LT: arithmetic.lt, Operator.LE: arithmetic.le}


class Why(StrEnum):
    """What decided a verdict."""

    POINTS = "points"  # enough real points: TreatMissingData had no say
    FILLED = "filled"  # too few, the rest were counted as TreatMissingData says
    PREMATURE = "premature"  # too few, but every one breaches and the oldest has aged
    NO_DATA = "no-data"  # no real point at all
    KEPT = "kept"  # missing: ignore, so the state stays


@dataclass(frozen=True, slots=True)
class Rule:
    """How one alarm is judged.

    ``evaluation_periods`` is N, ``datapoints_to_alarm`` M (1 <= M <= N), ``evaluation_range`` R in periods (R >= N; None
    means N + 2). ``threshold`` is in the metric's unit; the point is the left operand.
    """

    operator: Operator
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: Missing = Missing.MISSING
    evaluation_range: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.datapoints_to_alarm <= self.evaluation_periods <= self.range:
            wanted = f"datapoints {self.datapoints_to_alarm}, periods {self.evaluation_periods}, range {self.range}"
            raise ValueError(f"1 <= datapoints <= periods <= range must hold; got {wanted}")

    @property
    def range(self) -> int:
        """The evaluation range in periods."""
        return self.evaluation_periods + RANGE_BEYOND if self.evaluation_range is None else self.evaluation_range

    def breaches(self, value: float) -> bool:
        """Say whether one point breaches."""
        return bool(_COMPARE[self.operator](value, self.threshold))


@dataclass(frozen=True, slots=True)
class Point:
    """A real point that was judged. ``age`` counts periods from the newest slot, which has age 1."""

    age: int
    value: float
    breaching: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state an evaluation leaves the alarm in, and what it rests on.

    ``points`` are the real points that were judged, newest first; ``filled`` is how many missing ones were counted beside
    them, by TreatMissingData. ``previous`` is the state before.
    """

    state: State
    previous: State
    why: Why
    points: tuple[Point, ...]
    filled: int

    @property
    def breaching(self) -> int:
        """How many judged points breach."""
        return sum(point.breaching for point in self.points)

    @property
    def premature(self) -> bool:
        """Whether it rests on CloudWatch's rule against a premature rest, not on M points."""
        return self.why is Why.PREMATURE

    @property
    def changed(self) -> bool:
        """Whether actions run: only a change of state has any."""
        return self.state is not self.previous


def evaluate(points: Sequence[float | None], rule: Rule, previous: State) -> Verdict:
    """Return what CloudWatch makes of ``points``, one per period, newest last, None where missing.

    Only the last R count; slots before the first point are missing.
    """
    window = points[-rule.range :]
    real = tuple(
        Point(age, value, rule.breaches(value)) for age, value in enumerate(reversed(window), start=1) if value is not None
    )
    if len(real) >= rule.evaluation_periods:
        judged = real[: rule.evaluation_periods]
        state = State.ALARM if _count(judged) >= rule.datapoints_to_alarm else State.OK
        return Verdict(state, previous, Why.POINTS, judged, 0)
    state, why = _with_missing(real, rule, previous)
    return Verdict(state, previous, why, real, rule.evaluation_periods - len(real))


def _with_missing(real: tuple[Point, ...], rule: Rule, previous: State) -> tuple[State, Why]:
    """Judge fewer real points than the alarm wants."""
    breaching, wanted = _count(real), rule.datapoints_to_alarm
    if rule.missing is Missing.BREACHING:
        breaching += rule.evaluation_periods - len(real)
    if breaching >= wanted:
        return State.ALARM, Why.FILLED
    if rule.missing in (Missing.BREACHING, Missing.NOT_BREACHING):
        return State.OK, Why.FILLED
    keeps = rule.missing is Missing.IGNORE
    if not real:
        return (previous, Why.KEPT) if keeps else (State.INSUFFICIENT_DATA, Why.NO_DATA)
    # Only breaches, and the oldest about to leave the range: CloudWatch does not call that healthy.
    if all(point.breaching for point in real) and real[-1].age >= wanted:
        return (previous, Why.KEPT) if keeps else (State.ALARM, Why.PREMATURE)
    return State.OK, Why.FILLED


def _count(points: Sequence[Point]) -> int:
    return sum(point.breaching for point in points)


def low_sample(percentile: float, samples: int) -> bool:
    """Say whether ``samples`` in a period are too few for ``percentile`` (between 0 and 1) to be trusted.

    With EvaluateLowSampleCountPercentile "ignore" such a period does not change the alarm's state (user guide,
    "Percentile-based alarms and low data samples"): 10/(1-p) from the median up, 10/p below.
    """
    # Rounded, because 10 / (1 - 0.9) is a little more than the hundred that is meant.
    return samples < round(10 / (1 - percentile if percentile >= 0.5 else percentile), 6)
