"""A verdict in CloudWatch's own words: StateReason and StateReasonData.

The formats are those of the user guide ("Alarm events and EventBridge") and of messages seen in the wild; dates are
DD/MM/YY, points newest first. The embedded CloudWatch writes these, `alarms.domain.reason` reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alarms.domain.alarm import Missing, Operator
from alarms.domain.event import State
from alarms.evaluate import Point, Rule, Verdict

_LONGEST = 1023  # PutMetricAlarm: StateReason
_MOST_LISTED = 5  # from this many on, CloudWatch lists the newest five after the sentence
_PHRASES = {
    Operator.GE: "greater than or equal to",
    Operator.GT: "greater than",
    Operator.LE: "less than or equal to",
    Operator.LT: "less than",
}


@dataclass(frozen=True, slots=True)
class Clock:
    """When the slots were: ``newest`` is the start of the newest period (UTC), periods are ``period_s`` long."""

    newest: datetime
    period_s: int

    def start(self, age: int) -> datetime:
        """Return the start of the slot of ``age`` (the newest has age 1)."""
        return self.newest - timedelta(seconds=(age - 1) * self.period_s)


def reason(verdict: Verdict, rule: Rule, clock: Clock) -> str:
    """Return StateReason as CloudWatch writes it for this verdict, at most 1023 characters."""
    if verdict.state is State.INSUFFICIENT_DATA:
        return f"Insufficient Data: {_datapoints(rule.evaluation_periods)} {_were(rule.evaluation_periods)} unknown."
    telling = _telling(verdict)
    if len(telling) < _needed(verdict.state, rule) and not verdict.premature:
        return f"Threshold Crossed: {_received(verdict, rule)} and {_missing(verdict, rule)}."
    crossed = f"{_were(len(telling))} {'' if telling[0].breaching else 'not '}{_PHRASES[rule.operator]}"
    said = _with_points(telling, f"{crossed} the threshold ({float(rule.threshold)!r})", clock)
    if verdict.previous is State.INSUFFICIENT_DATA:
        return f"Threshold Crossed: {_datapoints(len(telling))} {said}."[:_LONGEST]
    counted = f"{len(telling)} out of the last {rule.evaluation_periods} datapoints {said}"
    return f"Threshold Crossed: {counted} (minimum {_minimum(verdict, rule)})."[:_LONGEST]


def reason_data(
    verdict: Verdict,
    rule: Rule,
    clock: Clock,
    *,
    now: datetime,
    statistic: str | None = None,
    unit: str | None = None,
) -> dict[str, object]:
    """Return StateReasonData as a document (CloudWatch sends it as JSON text); math has no ``statistic`` and no ``unit``."""
    document: dict[str, object] = {"version": "1.0", "queryDate": stamp(now)}
    if verdict.points:
        document["startDate"] = stamp(clock.start(verdict.points[-1].age))
    document |= {key: value for key, value in (("unit", unit), ("statistic", statistic)) if value is not None}
    evaluated: list[dict[str, object]] = [
        {"timestamp": stamp(clock.start(point.age)), "value": float(point.value)} for point in verdict.points
    ]
    if not evaluated:
        evaluated = [{"timestamp": stamp(clock.start(age))} for age in range(1, rule.evaluation_periods + 1)]
    return document | {
        "period": clock.period_s,
        "recentDatapoints": [float(point.value) for point in reversed(verdict.points)],
        "threshold": float(rule.threshold),
        "evaluatedDatapoints": evaluated,
    }


def stamp(moment: datetime) -> str:
    """Return a time as CloudWatch writes it: ``2022-11-06T17:43:53.496+0000``. ``moment`` is aware, in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"


def _telling(verdict: Verdict) -> list[Point]:
    """Return the points that speak for the state: those that breach in ALARM, those that do not in OK."""
    return [point for point in verdict.points if point.breaching == (verdict.state is State.ALARM)]


def _needed(state: State, rule: Rule) -> int:
    return rule.datapoints_to_alarm if state is State.ALARM else rule.evaluation_periods - rule.datapoints_to_alarm + 1


def _minimum(verdict: Verdict, rule: Rule) -> str:
    way = "OK -> ALARM" if verdict.state is State.ALARM else "ALARM -> OK"
    return f"{_datapoints(_needed(verdict.state, rule))} for {way} transition"


def _received(verdict: Verdict, rule: Rule) -> str:
    seen = len(verdict.points)
    received = f"{_datapoints(seen)} {_were(seen)}" if seen else "no datapoints were"
    return f"{received} received for {_plural(rule.evaluation_periods, 'period')}"


def _missing(verdict: Verdict, rule: Rule) -> str:
    treated = {Missing.BREACHING: "Breaching", Missing.NOT_BREACHING: "NonBreaching", Missing.IGNORE: "Ignore"}
    kind = treated.get(rule.missing, "Missing")
    return f"{_plural(verdict.filled, 'missing datapoint')} {_were(verdict.filled)} treated as [{kind}]"


def _with_points(telling: Sequence[Point], crossed: str, clock: Clock) -> str:
    """Few points stand before the comparison, many after it, and then only the newest."""
    newest = telling[:_MOST_LISTED]
    listed = ", ".join(f"{float(point.value)!r} ({clock.start(point.age):%d/%m/%y %H:%M:%S})" for point in newest)
    if len(telling) < _MOST_LISTED:
        return f"[{listed}] {crossed}"
    return f"{crossed}. The most recent datapoints which crossed the threshold: [{listed}]"


def _datapoints(count: int) -> str:
    return _plural(count, "datapoint")


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
