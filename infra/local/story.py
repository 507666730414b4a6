"""Tells a timeline in sentences: one line per entry, and the few lines that make up the story of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from alarms.domain.event import from_iso

Entry = Mapping[str, Any]
Told = tuple[str, str, str]  # time of day, what kind of line (alarm, ok, action, revert, skip …), sentence


def line(entry: Entry) -> str:
    """Return one entry as one line of text, without its time."""
    drawn = _LINES.get(entry["kind"])
    return drawn(entry) if drawn else str(entry["kind"])


@dataclass(frozen=True, slots=True)
class Face:
    """How times are shown: in which zone, and with their date where a run lasts longer than a day."""

    zone: tzinfo
    dated: bool = False

    def shows(self, text: str) -> str:
        """Return a time of the timeline as people read it."""
        return moment(text).astimezone(self.zone).strftime("%m-%d %H:%M" if self.dated else "%H:%M:%S")


def story(timeline: Sequence[Entry], face: Face) -> list[Told]:
    """Return what a person would tell afterwards: alarms, decisions, actions, what was given back."""
    told = []
    for entry in timeline:
        kind = tone(entry)
        if kind:
            told.append((face.shows(entry["at"]), kind, line(entry)))
    return told


def tone(entry: Entry) -> str:
    """Return what kind of line an entry is in the story; empty when it is left out of it."""
    kind = entry["kind"]
    if kind == "alarm":
        first = entry["old"] == "INSUFFICIENT_DATA" and entry["new"] == "OK"
        return "" if first else {"ALARM": "alarm", "OK": "ok"}.get(entry["new"], "unknown")
    if kind in {"action", "revert"}:
        return _phase_tone(entry)
    if kind == "decision":
        return "decision" if entry["verdict"] == "skip" and entry["reason"] not in QUIET_REASONS else ""
    if kind == "click":
        return "click"
    if kind == "slack_call":
        return "slack" if not entry["ok"] else ""
    return ""


def _phase_tone(entry: Entry) -> str:
    if entry["phase"] in QUIET_PHASES:
        return ""
    return "failed" if entry["phase"] in FAILED_PHASES else str(entry["kind"])


FAILED_PHASES = frozenset({"failed", "no-help", "revert-failed"})
# Steps on the way: the phase that follows tells how it went.
QUIET_PHASES = frozenset({"intent", "returning"})
# A second copy of an event, the end of an alarm, a row that says that nothing is safe to do: no story in itself.
QUIET_REASONS = frozenset({"duplicate", "not-an-alarm-state", "no-policy", None})


def moment(text: str) -> datetime:
    """Read a time of the timeline."""
    return from_iso(text)


def short(alarm_name: str) -> str:
    """Return an alarm's name without prefix and stage: ``image-processing/sqs/oldest-message-age/image-jobs``."""
    return alarm_name.split("/", 2)[-1] if alarm_name.count("/") > 2 else alarm_name


def target(dimensions: Mapping[str, str]) -> str:
    """Return a metric's target for people: the values of its dimensions, the most special last."""
    return " ".join(dimensions.values()) or "whole account"


def changes(entry: Entry) -> str:
    """Return ``image-consumer MinCapacity 2 → 14`` for every change of an action or a revert."""
    return ", ".join(
        f"{change['resource'].rsplit('/', 1)[-1]} {change['knob']} {change['before']} → {change['after']}"
        for change in entry["changes"]
    )


def _metric(entry: Entry) -> str:
    return f"{entry['namespace']} {entry['name']} {target(entry['dimensions'])} {entry['statistic']} = {entry['value']:g}"


def _alarm(entry: Entry) -> str:
    """Return ``Queue backlog delays processing (image-jobs): 1,129 s, >= 600 s for 15 m``."""
    if entry["condition"] is None:
        return f"{entry['name']}: {entry['old']} → {entry['new']}: {entry['reason']}"
    name = f"{entry['title']} ({target(entry['target'])})"
    if entry["new"] == "ALARM":
        return f"{name}: {value(entry)}{entry['condition']['text']} for {entry['datapoints']}"
    return f"{name}: {entry['old']} → {entry['new']}"


def value(entry: Entry) -> str:
    """Return the newest value that an alarm was decided from, as people read it; empty when it is not known."""
    if not entry["evaluated"]:
        return ""
    condition = entry["condition"]
    return f"{entry['evaluated'][-1] * condition['scale']:,.4g} {condition['unit']}, ".replace(" ,", ",")


def _delivery(entry: Entry) -> str:
    copy = "again, on purpose" if entry["duplicate"] else f"receive {entry['receive_count']}"
    effect = f"{entry['changed']} changes, {entry['slack_writes']} Slack messages"
    outcome = "" if entry["outcome"] == "done" else f" FAILED {entry['error']}:"
    return f"{entry['queue']} ({copy}):{outcome} {entry['what']['id']} → {effect}"


def _slack(entry: Entry) -> str:
    where = f"{entry['channel']} thread {entry['thread_ts']}" if entry["thread_ts"] else f"{entry['channel']} {entry['ts'] or ''}"
    return f"{entry['method']} {where}: {entry['text'] if entry['ok'] else entry['error']}"


def _click(entry: Entry) -> str:
    came = "no message offers it" if not entry["status"] else f"told: {entry['told']}" if entry["told"] else "passed on"
    return f"{entry['by']} presses {entry['button']}: {came}"


def _aws(entry: Entry) -> str:
    outcome = f" → {entry['error']}" if entry["error"] else ""
    return f"{entry['caller']}: {entry['service']} {entry['operation']}{outcome}"


def _decision(entry: Entry) -> str:
    reason = f" ({entry['reason']})" if entry["reason"] else ""
    return f"{short(entry['alarm'])}: {entry['verdict']}{reason}: {entry['why']}"


def _phase(entry: Entry) -> str:
    made = f" [{changes(entry)}]" if entry["changes"] else ""
    return f"{entry['action']} {entry['phase']}{made}: {entry['why']}"


_LINES: Mapping[str, Callable[[Entry], str]] = {
    "metric": _metric,
    "alarm": _alarm,
    "delivery": _delivery,
    "slack_call": _slack,
    "aws_call": _aws,
    "click": _click,
    "decision": _decision,
    "action": _phase,
    "revert": _phase,
}
