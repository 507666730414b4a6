"""Alarms as they stand, for the reconciler: DescribeAlarms in pages, and whether a mute rule holds one silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alarms.domain import readings, reason, regions
from alarms.domain.errors import Permanent
from alarms.domain.event import AlarmEvent, Envelope, Shape, State, Trigger
from remediators.aws import Clients

TYPES = ["MetricAlarm", "CompositeAlarm", "LogAlarm"]
MOST_PAGES = 5


@dataclass(frozen=True, slots=True)
class Level:
    """One alarm now. ``since`` is StateTransitionedTimestamp, None when CloudWatch gives none.

    ``silent`` says why its own actions do not run: a suppressor, actions that are off; ``evaluation`` that CloudWatch
    distrusts its own verdict. Both are empty when all is well.
    """

    name: str
    arn: str
    state: State
    since: datetime | None
    reason: str = ""
    reason_data: str = ""
    evaluation: str = ""
    silent: str = ""

    def event(self, place: str, previous: State) -> AlarmEvent | None:
        """Return the change of state that led here, as the lost message would have told it; None without its time.

        ``place`` is ``account/region``.
        """
        account, _, region = place.partition("/")
        if self.since is None:
            return None
        said = reason.read(self.reason, readings.decoded(self.reason_data))
        return AlarmEvent(
            alarm_name=self.name,
            alarm_arn=self.arn,
            account=account,
            region=region,
            partition=regions.arn(self.arn, "cloudwatch").partition,
            state=self.state,
            previous_state=previous,
            changed_at=self.since,
            changed_at_known=True,
            reason=self.reason,
            description="",
            envelope=Envelope.BARE,
            shape=Shape.UNKNOWN,
            trigger=Trigger(),
            values=said.values,
            no_data=reason.speaks_of_missing_data(self.reason, self.state),
        )


class Levels:
    """The adapter."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def ringing(self, prefix: str) -> list[Level]:
        """Return the alarms in ALARM whose names begin with ``prefix``, by name, five hundred at most."""
        found: list[Level] = []
        token: dict[str, str] = {}
        for _ in range(MOST_PAGES):
            answer = self._clients("cloudwatch").describe_alarms(
                AlarmNamePrefix=prefix, StateValue=State.ALARM.value, AlarmTypes=TYPES, MaxRecords=100, **token
            )
            found += _levels(answer)
            if not answer.get("NextToken"):
                break
            token = {"NextToken": answer["NextToken"]}
        return sorted(found, key=lambda level: level.name)

    def of(self, names: Sequence[str]) -> list[Level]:
        """Return those of up to a hundred alarms called ``names`` that exist."""
        if not names:
            return []
        return _levels(
            self._clients("cloudwatch").describe_alarms(AlarmNames=list(names)[:100], AlarmTypes=TYPES, MaxRecords=100)
        )

    def muted(self, name: str) -> bool | None:
        """Tell whether a mute rule is active for the alarm; None when that may not be asked."""
        try:
            answer = self._clients("cloudwatch").list_alarm_mute_rules(AlarmName=name, Statuses=["ACTIVE"])
        except Permanent:
            return None
        return bool(answer.get("AlarmMuteRuleSummaries"))


def _levels(answer: Mapping[str, Any]) -> list[Level]:
    return [_level(alarm) for kind in ("MetricAlarms", "CompositeAlarms", "LogAlarms") for alarm in answer.get(kind, ())]


def _level(alarm: Mapping[str, Any]) -> Level:
    off = "" if alarm.get("ActionsEnabled", True) else "ActionsEnabled false"
    return Level(
        name=alarm["AlarmName"],
        arn=alarm.get("AlarmArn", ""),
        state=State(alarm["StateValue"]),
        since=alarm.get("StateTransitionedTimestamp"),
        reason=alarm.get("StateReason", ""),
        reason_data=alarm.get("StateReasonData", ""),
        evaluation=alarm.get("EvaluationState", ""),
        silent=alarm.get("ActionsSuppressedBy", "") or off,
    )
