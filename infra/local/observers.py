"""Turns what the embedded AWS, Slack and the remediators say about themselves into entries of the timeline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alarms.desired import Desired
from alarms.domain.alarm import Alarm, Policy
from infra.local.clock import Clock
from infra.local.recorder import Recorder, trimmed
from infra.local.slack import Workspace
from notifier.render import GREEN

KINDS = frozenset({"decision", "action", "revert"})
MESSAGE = 3_000  # what one text of a Slack message may hold: a reader of the report reads all of it
WRITES = frozenset({"chat.postMessage", "chat.update"})


class AlarmObserver:
    """Writes down every change of an alarm's state, with what its row says."""

    def __init__(self, recorder: Recorder, clock: Clock, desired: tuple[Desired, ...]) -> None:
        self._recorder = recorder
        self._clock = clock
        self._alarms = {one.name: one.alarm for one in desired}

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take an EventBridge event of CloudWatch."""
        if event.get("detail-type") != "CloudWatch Alarm State Change":
            return
        detail = event["detail"]
        row = self._alarms.get(detail["alarmName"])
        self._recorder.add(
            self._clock.now,
            "alarm",
            name=detail["alarmName"],
            old=detail["previousState"]["value"],
            new=detail["state"]["value"],
            reason=detail["state"].get("reason", ""),
            changed_at=detail["state"]["timestamp"],
            datapoints=_datapoints(row),
            evaluated=_evaluated(detail["state"].get("reasonData", "")),
            **_row(row),
        )


def _row(row: Alarm | None) -> dict[str, Any]:
    """Return what an alarm entry says of the catalogue's row; an alarm without one is not ours."""
    if row is None:
        return {"row": "", "title": "", "severity": "", "target": {}, "condition": None, "remediation": None}
    document = row.to_document()
    return {
        "row": row.row,
        "title": row.title,
        "severity": row.severity.value,
        "target": dict(row.target),
        "condition": document["condition"],
        "period_s": row.period_s,
        "evaluation_periods": row.evaluation_periods,
        "datapoints_to_alarm": row.datapoints_to_alarm,
        "remediation": _remediation(row.policies),
    }


def _remediation(policies: tuple[Policy, ...]) -> str | None:
    return policies[0].action if policies else None


def _datapoints(row: Alarm | None) -> str:
    if row is None:
        return ""
    window = row.period_s * row.evaluation_periods
    length = f"{window // 60} m" if window % 60 == 0 else f"{window} s"
    return f"{length} ({row.datapoints_to_alarm} of {row.evaluation_periods})"


def _evaluated(reason_data: str) -> list[float]:
    """Return the values that the decision was made from, oldest first, as far as CloudWatch says."""
    try:
        return [float(value) for value in json.loads(reason_data).get("recentDatapoints", []) if value is not None]
    except (ValueError, AttributeError, TypeError):
        return []


class SlackObserver:
    """Writes down every call to Slack. ``drain`` takes what came since the last time."""

    def __init__(self, recorder: Recorder, workspace: Workspace) -> None:
        self._recorder = recorder
        self._workspace = workspace
        self._seen = 0
        self._incidents: dict[str, str] = {}
        self._names: dict[str, str] = {}  # a message is posted by the channel's name and edited by its id

    def drain(self) -> None:
        """Write down the calls that came since the last ``drain``."""
        for call in self._workspace.calls[self._seen :]:
            payload, answer = call.payload, call.answer
            ts = answer.get("ts") or payload.get("ts")
            thread = payload.get("thread_ts") or ""
            channel = answer.get("channel") or payload.get("channel", "")
            name = self._names.setdefault(channel, payload.get("channel", ""))
            self._recorder.add(
                call.at,
                "slack_call",
                method=call.method,
                channel=channel,
                channel_name=name,
                ts=ts,
                thread_ts=thread,
                incident=self._incident(payload, thread or ts or ""),
                ok=bool(answer.get("ok")) and call.status == 200,
                error=None if answer.get("ok") else answer.get("error") or f"no answer (HTTP {call.status})",
                writes=call.method in WRITES,
                resolved=_resolved(payload) if call.method in WRITES else None,
                text=payload.get("text", ""),
                payload=trimmed(payload, depth=12, longest=MESSAGE),
            )
        self._seen = len(self._workspace.calls)

    def _incident(self, payload: Mapping[str, Any], root: str) -> str:
        """Return the incident that a call is about: the episode in the message's metadata, known again by its message."""
        episode = (payload.get("metadata") or {}).get("event_payload", {}).get("episode", "")
        if episode and root:
            self._incidents[root] = episode
        return self._incidents.get(root, episode or root)


def _resolved(payload: Mapping[str, Any]) -> bool:
    """Tell whether a message shows its incident as resolved: only a recovery from data is green."""
    return any(item.get("color") == GREEN for item in payload.get("attachments") or ())


class AuditObserver:
    """Writes down what the remediators say of a decision or of a phase of a run, in English, with all its facts."""

    def __init__(self, recorder: Recorder, clock: Clock) -> None:
        self._recorder = recorder
        self._clock = clock

    def __call__(self, said: Mapping[str, Any]) -> None:
        """Take one entry of the audit trail. That a delivery changed nothing is left to kind ``delivery``."""
        if said["type"] not in KINDS:
            return
        facts = {key: value for key, value in said.items() if key not in {"type", "at"}}
        facts["why"] = _english(said.get("why"))
        if said["type"] == "decision":
            facts["guards"] = [{**guard, "why": _english(guard["why"])} for guard in said["guards"]]
            if facts.get("proposal"):
                facts["proposal"] = {**facts["proposal"], "why": _english(facts["proposal"]["why"])}
        self._recorder.add(self._clock.now, said["type"], **facts)


def _english(text: Any) -> str:
    return str(text.get("en", "")) if isinstance(text, Mapping) else str(text or "")
