"""Counts a run: the summary is a pure function of the timeline, so anyone can count it again."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from alarms.domain.event import from_iso

Entry = Mapping[str, Any]
SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<": operator.lt,
    "<=": operator.le,
}


def summarise(timeline: Sequence[Entry]) -> dict[str, Any]:
    """Return the summary of a timeline. Times in seconds unless the name says ``_at``."""
    alarms = rings(timeline)
    messages = incidents(timeline)
    actions = _phases(timeline, "action", "acted")
    reverts = _phases(timeline, "revert", "reverted")
    return {
        "virtual_s": _virtual_seconds(timeline),
        "alarms_rung": len(alarms),
        "alarms_resolved": sum(ring["ok_at"] is not None for ring in alarms),
        "incidents": len(messages),
        "incidents_resolved": sum(message["resolved"] for message in messages),
        "slack_messages_per_incident": sorted({message["messages"] for message in messages}),
        "actions": len(actions),
        "reverts": len(reverts),
        "deliveries": deliveries(timeline),
        "floors": floors(timeline),
        "alarms": alarms,
        "slack": messages,
        "entries": _kinds(timeline),
    }


def rings(timeline: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return every stay of an alarm in ALARM: since when, until when, how long after the first bad minute it rang."""
    found: list[dict[str, Any]] = []
    for entry in _of(timeline, "alarm"):
        if entry["new"] == "ALARM":
            found.append(_ring(timeline, entry))
            continue
        for ring in reversed(found):
            if ring["alarm"] == entry["name"] and ring["ok_at"] is None:
                ring["ok_at"], ring["ended_as"] = entry["at"], entry["new"]
                break
    return found


def _ring(timeline: Sequence[Entry], entry: Entry) -> dict[str, Any]:
    first = first_bad(timeline, entry)
    return {
        "alarm": entry["name"],
        "row": entry["row"],
        "title": entry["title"],
        "rang_at": entry["at"],
        "ok_at": None,
        "ended_as": None,
        "first_bad_at": first,
        "detected_after_s": (from_iso(entry["at"]) - from_iso(first)).total_seconds() if first else None,
        "remediation": entry["remediation"],
    }


def first_bad(timeline: Sequence[Entry], alarm: Entry) -> str | None:
    """Return the begin of the unbroken run of bad periods that ended in this ALARM; None when its values are not known."""
    condition = alarm["condition"]
    if condition["operator"] not in SIGNS:
        return None
    bad = SIGNS[condition["operator"]]
    points = [entry for entry in _of(timeline, "metric") if watched(entry, alarm) and entry["at"] <= alarm["at"]]
    first = None
    for point in reversed(points):
        if not bad(point["value"], condition["threshold"]):
            break
        first = point["period_start"]
    return first


def watched(metric: Entry, alarm: Entry) -> bool:
    """Tell whether ``metric`` is what ``alarm`` compares: its metric and target, or the value of its own expression."""
    if metric.get("alarm"):
        return bool(metric["alarm"] == alarm["name"])
    name = f"{metric['namespace']} {metric['name']}"
    return bool(name == alarm["condition"]["metric"] and metric["dimensions"] == alarm["target"])


def incidents(timeline: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return every message in a channel (not in a thread): what was posted, edited, replied, and whether it ended as resolved.

    ``messages`` counts the messages that stand in the channel for its incident: 1 is right, more is a duplicate.
    """
    threads: dict[str, dict[str, Any]] = {}
    posted: dict[str, int] = {}
    for entry in _of(timeline, "slack_call"):
        if not entry["ok"] or not entry["writes"]:
            continue
        root = entry["thread_ts"] or entry["ts"]
        if root not in threads:
            threads[root] = {
                "ts": root, "incident": entry["incident"], "channel": entry["channel"], "at": entry["at"],
                "edits": 0, "replies": 0, "resolved": False, "messages": 0,
            }  # fmt: skip
            posted[entry["incident"]] = posted.get(entry["incident"], 0) + 1
        elif entry["method"] == "chat.update":
            threads[root]["edits"] += 1
        else:
            threads[root]["replies"] += 1
        if entry["resolved"] is not None and not entry["thread_ts"]:
            threads[root]["resolved"] = entry["resolved"]
    return [{**thread, "messages": posted[thread["incident"]]} for thread in threads.values()]


def deliveries(timeline: Sequence[Entry]) -> dict[str, int]:
    """Count deliveries: how many were extra copies, how many of those changed anything, how many failed and came back."""
    entries = _of(timeline, "delivery")
    extra = [entry for entry in entries if entry["duplicate"]]
    return {
        "total": len(entries),
        "duplicates": len(extra),
        "duplicates_that_changed_something": sum(bool(entry["changed"] or entry["slack_writes"]) for entry in extra),
        "duplicates_that_woke_again": sum(bool(entry["wake_ups"]) for entry in extra),
        "failed": sum(entry["outcome"] != "done" for entry in entries),
    }


def floors(timeline: Sequence[Entry]) -> dict[str, dict[str, int]]:
    """Return the floor (MinCapacity) of every scalable target: at first, at most, at last, from the calls that set it."""
    found: dict[str, list[int]] = {}
    for entry in _of(timeline, "aws_call"):
        if entry["operation"] == "RegisterScalableTarget" and not entry["error"] and "MinCapacity" in entry["params"]:
            found.setdefault(entry["params"]["ResourceId"], []).append(entry["params"]["MinCapacity"])
    return {name: {"before": values[0], "highest": max(values), "after": values[-1]} for name, values in found.items()}


def _phases(timeline: Sequence[Entry], kind: str, phase: str) -> list[Entry]:
    return [entry for entry in _of(timeline, kind) if entry["phase"] == phase]


def _of(timeline: Iterable[Entry], kind: str) -> list[Entry]:
    return [entry for entry in timeline if entry["kind"] == kind]


def _kinds(timeline: Sequence[Entry]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in timeline:
        counts[entry["kind"]] = counts.get(entry["kind"], 0) + 1
    return dict(sorted(counts.items()))


def _virtual_seconds(timeline: Sequence[Entry]) -> float:
    """Return how long metrics were played: from the first period's begin to the last one's arrival."""
    metrics = _of(timeline, "metric")
    if not metrics:
        return 0.0
    first, last = min(entry["period_start"] for entry in metrics), max(entry["at"] for entry in metrics)
    return (from_iso(last) - from_iso(first)).total_seconds()
