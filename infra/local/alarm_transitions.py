"""A change of an alarm's state and what follows: history, the actions of the new state, an event for whoever listens."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.alarm_store import AlarmRecord, AlarmStore
from infra.local.arns import Place
from infra.local.messages import Change, sns_message, stamp, state_change_event, subject

Event = Mapping[str, Any]
EventListener = Callable[[Event], object]
# publish(topic ARN, subject, message): sends to SNS, raises as boto3 does
Publish = Callable[[str, str, str], object]

_ACTIONS_OF = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}


class Transitions:
    """Moves alarms between states. Actions run only when the state changes and ActionsEnabled is true."""

    def __init__(self, store: AlarmStore, place: Place, publish: Publish, next_id: Callable[[], str]) -> None:
        self._store = store
        self._place = place
        self._publish = publish
        self._next_id = next_id
        self.listeners: list[EventListener] = []

    def move(
        self,
        alarm: AlarmRecord,
        state: str,
        reason: str,
        reason_data: str,
        now: datetime,
        children: Sequence[Mapping[str, Any]] = (),
        *,
        suppressed: bool = False,
    ) -> bool:
        """Put ``alarm`` into ``state``; tells whether that was a change. An equal state keeps its older reason.

        ``children`` are what moved a composite; ``suppressed``: its suppressor rings, so no action runs.
        """
        if state == alarm.state:
            return False
        before = alarm.transitioned_at or now
        change = Change(alarm.state, alarm.reason, alarm.reason_data, before, now, children)
        alarm.state, alarm.reason, alarm.reason_data = state, reason[:1023], reason_data[:4000]
        alarm.state_updated_at = alarm.transitioned_at = now
        self._remember(alarm, change)
        if alarm.config["ActionsEnabled"] and not suppressed:
            self._act(alarm, change)
        event = state_change_event(alarm, change, self._place, self._next_id())
        for listener in tuple(self.listeners):
            listener(event)
        return True

    def _remember(self, alarm: AlarmRecord, change: Change) -> None:
        data = {
            "version": "1.0",
            "oldState": {"stateValue": change.previous, "stateReason": change.previous_reason},
            "newState": {"stateValue": alarm.state, "stateReason": alarm.reason, "stateReasonData": _parsed(alarm.reason_data)},
        }
        summary = f"Alarm updated from {change.previous} to {alarm.state}"
        self._store.remember(alarm, change.at, "StateUpdate", summary, data)

    def _act(self, alarm: AlarmRecord, change: Change) -> None:
        for action in alarm.config[_ACTIONS_OF[alarm.state]]:
            error = self._perform(action, alarm, change)
            done = f"Successfully executed action {action}" if error is None else f"Failed to execute action {action}. {error}"
            data = {"actionState": "Failed" if error else "Succeeded", "notificationResource": action, "error": error}
            data |= {"stateUpdateTimestamp": stamp(change.at)}
            self._store.remember(alarm, change.at, "Action", done, data)

    def _perform(self, action: str, alarm: AlarmRecord, change: Change) -> str | None:
        """Run one action; returns why it failed. A failed action is visible in the history only, as in AWS."""
        if action.split(":")[2] != "sns":
            return "The embedded AWS performs SNS actions only."
        message = json.dumps(sns_message(alarm, change, self._place), ensure_ascii=False)
        try:
            self._publish(action, subject(alarm, self._place), message)
        except (ClientError, BotoCoreError) as error:
            return f"Received error: {error}"
        return None


def _parsed(reason_data: str) -> Any:
    try:
        return json.loads(reason_data) if reason_data else None
    except ValueError:
        return reason_data
