"""CloudWatch's alarm mute rules, as far as they are asked for here: one window, ``at(…)`` for a duration, on named alarms.

The list answers who is muted; that a mute keeps an alarm's actions from running is not played.
[CloudWatch User Guide, alarm mute rules; API PutAlarmMuteRule, ListAlarmMuteRules]
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.local.arns import Place
from infra.local.aws_error import AwsError
from infra.local.seam import Operation, Request

Params = Mapping[str, Any]
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    alarms: tuple[str, ...]
    start: datetime
    end: datetime
    written_at: datetime

    def status(self, now: datetime) -> str:
        """Tell whether the window is ahead, open or over."""
        return "SCHEDULED" if now < self.start else "ACTIVE" if now < self.end else "EXPIRED"


class MuteRules:
    """Answers PutAlarmMuteRule, ListAlarmMuteRules and DeleteAlarmMuteRule."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._rules: dict[str, _Rule] = {}

    @property
    def operations(self) -> dict[str, Operation]:
        """What is answered here."""
        return {"PutAlarmMuteRule": self._put, "ListAlarmMuteRules": self._list, "DeleteAlarmMuteRule": self._delete}

    def _put(self, params: Params, request: Request) -> dict[str, Any]:
        schedule = params["Rule"]["Schedule"]
        start, lasts = _start(schedule["Expression"]), _duration(schedule["Duration"])
        alarms = tuple(params.get("MuteTargets", {}).get("AlarmNames", ()))
        self._rules[params["Name"]] = _Rule(params["Name"], alarms, start, start + lasts, request.at)
        return {}

    def _list(self, params: Params, request: Request) -> dict[str, Any]:
        wanted, statuses = params.get("AlarmName"), params.get("Statuses") or ("SCHEDULED", "ACTIVE", "EXPIRED")
        rules = [rule for rule in self._rules.values() if wanted is None or wanted in rule.alarms]
        base = f"arn:aws:cloudwatch:{self._place.region}:{self._place.account}:alarm-mute-rule:"
        return {
            "AlarmMuteRuleSummaries": [
                {
                    "AlarmMuteRuleArn": f"{base}{rule.name}",
                    "Status": rule.status(request.at),
                    "LastUpdatedTimestamp": rule.written_at,
                }
                for rule in rules
                if rule.status(request.at) in statuses
            ]
        }

    def _delete(self, params: Params, _: Request) -> dict[str, Any]:
        self._rules.pop(params["AlarmMuteRuleName"], None)
        return {}


def _start(expression: str) -> datetime:
    match = re.fullmatch(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d)\)", expression)
    if match is None:
        raise AwsError("ValidationException", f"Invalid expression {expression}: only at(yyyy-MM-ddThh:mm) is played here")
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC)


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None or not any(match.groups()):
        raise AwsError("ValidationException", f"Invalid duration {text}")
    days, hours, minutes = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)
