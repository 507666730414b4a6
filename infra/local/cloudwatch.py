"""CloudWatch on virtual time: alarms, metrics, evaluation each minute, messages through SNS."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from infra.local.alarm_evaluation import Evaluation
from infra.local.alarm_operations import AlarmOperations
from infra.local.alarm_store import COMPOSITE, METRIC, AlarmRecord, AlarmStore
from infra.local.alarm_transitions import EventListener, Publish, Transitions
from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.clock import ALARMS, Clock, Due
from infra.local.dashboards import Dashboards
from infra.local.metric_operations import MetricOperations
from infra.local.metric_store import MetricStore
from infra.local.mute_rules import MuteRules
from infra.local.seam import Operation, Request, Seam

# Calls a second that AWS takes from one account and region. [AWS General Reference, CloudWatch quotas]
TPS = {"PutMetricAlarm": 3, "PutCompositeAlarm": 3, "DeleteAlarms": 3, "SetAlarmState": 3, "DescribeAlarms": 9}


class CloudWatch:
    """The family's parts put together.

    ``throttle`` makes the documented calls per second hold. ``metrics.delay_s`` is how long a published point stays unseen
    (0: a minute is judged with its own points, where AWS takes one to three minutes). ``evaluation.beyond`` sets the range.
    """

    def __init__(self, clock: Clock, seam: Seam, place: Place, publish: Publish, *, throttle: bool = False) -> None:
        self.throttle = throttle
        self.alarms = AlarmStore()
        self.metrics = MetricStore()
        self._clock = clock
        self._lock = seam.lock
        self._recent: defaultdict[str, deque[datetime]] = defaultdict(deque)
        self.transitions = Transitions(self.alarms, place, publish, seam.next_id)
        self.evaluation = Evaluation(self.alarms, self.metrics, self.transitions)
        alarm_operations = AlarmOperations(self.alarms, self.transitions, place, self._changed)
        self._operations: dict[str, Operation] = {
            **alarm_operations.operations,
            **MetricOperations(self.metrics).operations,
            **MuteRules(place).operations,
            **Dashboards(place).operations,
        }
        clock.every(60, lambda: self._judge(self.evaluation.every_minute), order=ALARMS, label="alarms")
        self._quick: Due | None = None

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here, with throttling where it is asked for."""
        return {name: self._paced(name, operation) for name, operation in self._operations.items()}

    def on_event(self, listener: EventListener) -> None:
        """Tell ``listener`` of every EventBridge event of the alarms (also when their actions are disabled)."""
        self.transitions.listeners.append(listener)

    def state(self, name: str) -> str:
        """Return an alarm's state; KeyError when there is no such alarm."""
        alarm = self.alarms.get(name)
        if alarm is None:
            raise KeyError(name)
        return alarm.state

    def state_or_none(self, name: str) -> str | None:
        """Return an alarm's state, None when there is no such alarm."""
        alarm = self.alarms.get(name)
        return alarm.state if alarm else None

    def _changed(self, alarm: AlarmRecord, now: datetime) -> None:
        """Hear of an alarm that was put or forced: its parents follow at once, a new composite leaves its first state soon."""
        if alarm.type == METRIC and alarm.period_s < 60 and self._quick is None:
            quickly = self.evaluation.every_ten_seconds
            self._quick = self._clock.every(10, lambda: self._judge(quickly), order=ALARMS, label="high-resolution alarms")
        if alarm.type == COMPOSITE:
            self._clock.after(1, lambda: self._judge(self.evaluation.composites), order=ALARMS, label="composite")
        else:
            self.evaluation.composites(now)

    def _judge(self, judge: Callable[[datetime], None]) -> None:
        with self._lock:
            judge(self._clock.now)

    def _paced(self, name: str, operation: Operation) -> Operation:
        def call(params: Mapping[str, Any], request: Request) -> Mapping[str, Any] | None:
            if self.throttle and name in TPS:
                self._count(name, request.at)
            return operation(params, request)

        return call

    def _count(self, name: str, now: datetime) -> None:
        recent = self._recent[name]
        while recent and (now - recent[0]).total_seconds() >= 1:
            recent.popleft()
        if len(recent) >= TPS[name]:
            raise AwsError("Throttling", "Rate exceeded", 400)
        recent.append(now)
