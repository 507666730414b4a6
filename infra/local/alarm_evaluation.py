"""Judges every alarm on virtual time: each minute, every ten seconds for high resolution, composites whenever a child moves.

A window slides: it ends at the minute that is over, however long the period is (CloudWatch User Guide, "Evaluating an
alarm"); windows of more than a day are judged on the hour. The rules are those of ``alarms.evaluate``.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from alarms import state_reason
from alarms.domain.event import State
from alarms.evaluate import Verdict, evaluate
from infra.local.alarm_store import COMPOSITE, METRIC, AlarmRecord, AlarmStore
from infra.local.alarm_transitions import Transitions
from infra.local.alarm_watch import Watch, prepare
from infra.local.composite_rules import CompositeRule
from infra.local.messages import stamp
from infra.local.metric_store import MetricStore

DAY = 86_400
_ROUNDS = 20  # composites of composites settle long before; a cycle never does, and its evaluation stops, as in AWS


class Evaluation:
    """Moves the alarms of ``store`` by the points of ``metrics``.

    ``beyond`` is how far the evaluation range reaches beyond EvaluationPeriods; None is what the documented example shows.
    """

    def __init__(self, store: AlarmStore, metrics: MetricStore, transitions: Transitions) -> None:
        self.beyond: int | None = None
        self._store = store
        self._metrics = metrics
        self._transitions = transitions
        self._watches: dict[str, tuple[dict[str, Any], Watch | None]] = {}
        self._rules: dict[str, CompositeRule] = {}

    def every_minute(self, now: datetime) -> None:
        """Judge all alarms with periods of a minute and more."""
        end = int(now.timestamp()) // 60 * 60
        self._judge([alarm for alarm in self._store if alarm.type == METRIC and _due(alarm, end)], end, now)

    def every_ten_seconds(self, now: datetime) -> None:
        """Judge the alarms of high resolution."""
        end = int(now.timestamp()) // 10 * 10
        self._judge([alarm for alarm in self._store if alarm.type == METRIC and alarm.period_s < 60], end, now)

    def composites(self, now: datetime) -> None:
        """Judge the composite alarms until none moves any more."""
        waiting = [alarm for alarm in self._store if alarm.type == COMPOSITE]
        for _ in range(_ROUNDS):
            if not [alarm for alarm in waiting if self._judge_composite(alarm, now)]:
                return

    def _judge(self, alarms: list[AlarmRecord], end: int, now: datetime) -> None:
        moved = [alarm for alarm in alarms if self._judge_one(alarm, end, now)]
        if moved:
            self.composites(now)

    def _judge_one(self, alarm: AlarmRecord, end: int, now: datetime) -> bool:
        watch = self._watch(alarm)
        if watch is None or watch.too_few_samples(self._metrics, end, now.timestamp()):
            return False
        points = watch.points(self._metrics, end, now.timestamp())
        verdict = evaluate(points, watch.rule, State(alarm.state))
        if not verdict.changed:
            return False
        reason, data = _told(verdict, watch, end, now)
        return self._transitions.move(alarm, verdict.state.value, reason, data, now)

    def _watch(self, alarm: AlarmRecord) -> Watch | None:
        """Return the alarm's prepared form, made anew when its configuration was put again."""
        known = self._watches.get(alarm.name)
        if known is None or known[0] is not alarm.config:
            known = self._watches[alarm.name] = (alarm.config, prepare(alarm.config, self.beyond))
        return known[1]

    def _judge_composite(self, alarm: AlarmRecord, now: datetime) -> bool:
        text = alarm.config["AlarmRule"]
        rule = self._rules.setdefault(text, CompositeRule.parse(text)) if text not in self._rules else self._rules[text]
        state = "ALARM" if rule.holds(self._state) else "OK"
        if state == alarm.state:
            return False
        children = [child for name in rule.children if (child := self._find(name)) is not None]
        told = [_child(child) for child in children if child.transitioned_at == now] or [_child(child) for child in children]
        reason = f"{alarm.arn} was evaluated to {state}"
        if told:
            when = f"{now:%A %d %B, %Y %H:%M:%S} UTC"
            reason = f"{told[0]['Arn']} transitioned to {told[0]['State']['Value']} at {when}"
        data = json.dumps({"triggeringAlarms": [{"arn": c["Arn"], "state": _lower(c["State"])} for c in told]})
        return self._transitions.move(alarm, state, reason, data, now, told, suppressed=self._suppressed(alarm))

    def _suppressed(self, alarm: AlarmRecord) -> bool:
        """Tell whether the suppressor rings. Waiting and extension periods are not modelled."""
        suppressor = alarm.config.get("ActionsSuppressor")
        return suppressor is not None and self._state(suppressor) == "ALARM"

    def _find(self, reference: str) -> AlarmRecord | None:
        return self._store.by_arn(reference) if reference.startswith("arn:") else self._store.get(reference)

    def _state(self, reference: str) -> str | None:
        alarm = self._find(reference)
        return alarm.state if alarm else None


def _due(alarm: AlarmRecord, end: int) -> bool:
    if alarm.period_s < 60:
        return False
    return alarm.period_s * alarm.config["EvaluationPeriods"] <= DAY or end % 3600 == 0


def _told(verdict: Verdict, watch: Watch, end: int, now: datetime) -> tuple[str, str]:
    clock = state_reason.Clock(datetime.fromtimestamp(end - watch.period_s, UTC), watch.period_s)
    reason = state_reason.reason(verdict, watch.rule, clock)
    data = state_reason.reason_data(verdict, watch.rule, clock, now=now, statistic=watch.statistic, unit=watch.unit)
    return reason, json.dumps(data)


def _child(alarm: AlarmRecord) -> dict[str, Any]:
    when = alarm.transitioned_at or alarm.updated_at
    return {"Arn": alarm.arn, "State": {"Value": alarm.state, "Timestamp": stamp(when)}}


def _lower(state: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in state.items()}
