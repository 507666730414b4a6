"""The alarms of the embedded account: configuration, state, tags, history. No rules, no evaluation."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.local.alarm_rules import period_of

METRIC = "MetricAlarm"
COMPOSITE = "CompositeAlarm"
CREATED = "Unchecked: Initial alarm creation"

# Members of a put that describe it, in the order of AWS's own answers; Tags are kept apart.
_NOT_CONFIGURATION = ("Tags",)


@dataclass
class AlarmRecord:
    """One alarm. ``config`` holds the members of the last put, with AWS's defaults filled in."""

    type: str
    arn: str
    config: dict[str, Any]
    updated_at: datetime
    state: str = "INSUFFICIENT_DATA"
    reason: str = CREATED
    reason_data: str = ""
    state_updated_at: datetime | None = None
    transitioned_at: datetime | None = None
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The AlarmName."""
        return str(self.config["AlarmName"])

    @property
    def period_s(self) -> int:
        """A metric alarm's period in seconds."""
        return period_of(self.config)

    def describe(self) -> dict[str, Any]:
        """Return the alarm as DescribeAlarms shows it."""
        shown = {
            **self.config,
            "AlarmArn": self.arn,
            "AlarmConfigurationUpdatedTimestamp": self.updated_at,
            "StateValue": self.state,
            "StateReason": self.reason,
            "StateUpdatedTimestamp": self.state_updated_at or self.updated_at,
            "StateTransitionedTimestamp": self.transitioned_at or self.updated_at,
        }
        if self.reason_data:
            shown["StateReasonData"] = self.reason_data
        return shown


class AlarmStore:
    """Alarms by name, in the order of their names, and the history of all of them, deleted ones included."""

    def __init__(self) -> None:
        self._alarms: dict[str, AlarmRecord] = {}
        self.history: deque[dict[str, Any]] = deque(maxlen=100_000)

    def get(self, name: str) -> AlarmRecord | None:
        """Return the alarm named ``name``."""
        return self._alarms.get(name)

    def by_arn(self, arn: str) -> AlarmRecord | None:
        """Return the alarm with this ARN."""
        record = self._alarms.get(arn.split(":alarm:", 1)[-1])
        return record if record is not None and record.arn == arn else None

    def __iter__(self) -> Iterator[AlarmRecord]:
        """All alarms, by name."""
        return iter([self._alarms[name] for name in sorted(self._alarms)])

    def put(self, alarm_type: str, arn: str, request: Mapping[str, Any], now: datetime) -> AlarmRecord:
        """Create an alarm, or overwrite the whole configuration of one: its state and its tags stay as they are."""
        config = _configuration(request)
        record = self._alarms.get(config["AlarmName"])
        if record is None:
            tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
            record = AlarmRecord(alarm_type, arn, config, now, tags=tags)
            record.state_updated_at = record.transitioned_at = now
            self._alarms[record.name] = record
            self._remember_put(record, now, "Create", f'Alarm "{record.name}" created')
        else:
            record.config, record.updated_at = config, now
            self._remember_put(record, now, "Update", f'Alarm "{record.name}" updated')
        return record

    def delete(self, record: AlarmRecord, now: datetime) -> None:
        """Forget an alarm; its history stays."""
        del self._alarms[record.name]
        data = {"version": "1.0", "type": "Delete", "deletedAlarm": {"alarmName": record.name}}
        self.remember(record, now, "ConfigurationUpdate", f'Alarm "{record.name}" deleted', data)

    def remember(self, record: AlarmRecord, now: datetime, kind: str, summary: str, data: Mapping[str, Any]) -> None:
        """Write one item of history."""
        self.history.append(
            {
                "AlarmName": record.name,
                "AlarmType": record.type,
                "Timestamp": now,
                "HistoryItemType": kind,
                "HistorySummary": summary[:255],
                "HistoryData": json.dumps(data, ensure_ascii=False, default=str)[:4095],
            }
        )

    def _remember_put(self, record: AlarmRecord, now: datetime, kind: str, summary: str) -> None:
        known = {"threshold": record.config.get("Threshold"), "alarmName": record.name, "alarmArn": record.arn}
        self.remember(record, now, "ConfigurationUpdate", summary, {"version": "1.0", "type": kind, "alarm": known})


def _configuration(request: Mapping[str, Any]) -> dict[str, Any]:
    config = {name: value for name, value in request.items() if name not in _NOT_CONFIGURATION and value is not None}
    config.setdefault("ActionsEnabled", True)
    for name in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        config.setdefault(name, [])
    if "MetricName" in config:
        config.setdefault("Dimensions", [])
    for entry in config.get("Metrics", ()):
        entry.setdefault("ReturnData", True)
        if "MetricStat" in entry:
            entry["MetricStat"]["Metric"].setdefault("Dimensions", [])
    if "Threshold" in config:
        config["Threshold"] = float(config["Threshold"])
    return config
