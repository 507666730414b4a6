"""Turns a timeline into the charts, messages and rows that the report shows. Pure; no HTML but what the drawers return."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from infra.local.report_charts import Chart, Mark, Series
from infra.local.report_slack import message
from infra.local.story import QUIET_PHASES, Entry, Face, moment, target
from infra.local.summary import watched

Span = tuple[datetime, datetime]
# What no one would expect anything to be done about: an alarm that is over, an event that was known.
NO_DECISION = frozenset({"not-an-alarm-state", "duplicate"})
TASKS = ("RunningTaskCount", "ECS/ContainerInsights")


def span_of(timeline: Sequence[Entry]) -> Span:
    """Return the time that metrics were played, which is what the charts show."""
    metrics = [entry for entry in timeline if entry["kind"] == "metric"] or list(timeline)
    return moment(min(entry.get("period_start", entry["at"]) for entry in metrics)), moment(metrics[-1]["at"])


def alarm_charts(timeline: Sequence[Entry], span: Span) -> list[Chart]:
    """Return one chart per alarm that rang, in the order in which they rang first."""
    rung: dict[str, Entry] = {}
    for entry in timeline:
        if entry["kind"] == "alarm" and entry["new"] == "ALARM":
            rung.setdefault(entry["name"], entry)
    return [_alarm_chart(timeline, entry, span) for entry in rung.values()]


def _alarm_chart(timeline: Sequence[Entry], alarm: Entry, span: Span) -> Chart:
    condition = alarm["condition"]
    scale = condition["scale"]
    points = [
        (moment(entry["at"]), entry["value"] * scale) for entry in timeline if entry["kind"] == "metric" and watched(entry, alarm)
    ]
    return Chart(
        title=alarm["title"],
        subtitle=f"{condition['metric']} · {target(alarm['target'])}",
        unit=condition["unit"],
        series=[Series(_label(condition["metric"]), points)],
        span=span,
        threshold=condition["threshold"] * scale,
        threshold_label=f"{condition['text']} for {alarm['datapoints']}",
        alarms=_times_in_alarm(timeline, alarm["name"], span[1]),
        marks=_marks(timeline, alarm["name"]),
    )


def _label(metric: str) -> str:
    """Return a metric's name without its namespace; an expression has none of its own."""
    return metric.split()[1] if metric.count(" ") == 1 else "what the alarm compares"


def _times_in_alarm(timeline: Sequence[Entry], name: str, end: datetime) -> list[Span]:
    times: list[Span] = []
    since: datetime | None = None
    for entry in timeline:
        if entry["kind"] != "alarm" or entry["name"] != name:
            continue
        if entry["new"] == "ALARM":
            since = moment(entry["at"])
        elif since is not None:
            times.append((since, moment(entry["at"])))
            since = None
    return times + ([(since, end)] if since is not None else [])


def _marks(timeline: Sequence[Entry], name: str) -> list[Mark]:
    """Mark where something was changed for this alarm, and where it was given back."""
    return [
        Mark(moment(entry["at"]), "given back" if entry["kind"] == "revert" else entry["action"], entry["kind"])
        for entry in timeline
        if entry["kind"] in {"action", "revert"} and entry["alarm"] == name and entry["phase"] in {"acted", "reverted"}
    ]


def task_charts(timeline: Sequence[Entry], span: Span) -> list[Chart]:
    """Return one chart per ECS service with a scalable target: the tasks that run, and the floor under them."""
    floors: dict[str, list[tuple[datetime, float]]] = {}
    for entry in timeline:
        if entry["kind"] == "aws_call" and entry["operation"] == "RegisterScalableTarget" and not entry["error"]:
            floor = entry["params"].get("MinCapacity")
            if floor is not None:
                floors.setdefault(entry["params"]["ResourceId"], []).append((moment(entry["at"]), float(floor)))
    return [_task_chart(timeline, resource, steps, span) for resource, steps in floors.items()]


def _task_chart(timeline: Sequence[Entry], resource: str, floor: list[tuple[datetime, float]], span: Span) -> Chart:
    service = resource.rsplit("/", 1)[-1]
    running = [
        (moment(entry["at"]), entry["value"])
        for entry in timeline
        if entry["kind"] == "metric" and entry["name"] == TASKS[0] and entry["dimensions"].get("ServiceName") == service
    ]
    marks = [
        Mark(moment(entry["at"]), "given back" if entry["kind"] == "revert" else entry["action"], entry["kind"])
        for entry in timeline
        if entry["kind"] in {"action", "revert"} and entry["phase"] in {"acted", "reverted"} and _touches(entry, service)
    ]
    return Chart(
        title=f"Tasks of {service}",
        subtitle="tasks that run, and the floor (MinCapacity) under them",
        unit="tasks",
        series=[Series("running", running, "a"), Series("floor", floor, "b", stepped=True)],
        span=span,
        marks=marks,
    )


def _touches(entry: Entry, service: str) -> bool:
    return any(change["resource"].rsplit("/", 1)[-1] == service for change in entry["changes"])


def other_charts(timeline: Sequence[Entry], span: Span, shown: Sequence[Chart]) -> list[Chart]:
    """Return a chart for every other metric of the run, so that nothing that was measured is hidden."""
    taken = {chart.subtitle for chart in shown}
    points: dict[str, list[tuple[datetime, float]]] = {}
    first: dict[str, Entry] = {}
    for entry in timeline:
        if entry["kind"] == "metric" and not entry.get("alarm"):
            name = f"{entry['namespace']} {entry['name']} · {target(entry['dimensions'])}"
            first.setdefault(name, entry)
            points.setdefault(name, []).append((moment(entry["at"]), entry["value"]))
    return [
        Chart(
            title=entry["name"],
            subtitle=f"{entry['namespace']} · {target(entry['dimensions'])} · {entry['statistic']}",
            unit="",
            series=[Series(entry["unit"].lower(), points[name])],
            span=span,
        )
        for name, entry in first.items()
        if name not in taken
    ]


def threads(timeline: Sequence[Entry], face: Face) -> list[dict[str, Any]]:
    """Return every incident's message as it stands at the end, what it said before, and its replies, drawn as HTML."""
    found: dict[str, dict[str, Any]] = {}
    for entry in timeline:
        if entry["kind"] != "slack_call" or not entry["ok"] or not entry["writes"]:
            continue
        drawn = {"at": face.shows(entry["at"]), "text": entry["text"], "html": message(entry["payload"], face.zone)}
        root = entry["thread_ts"] or entry["ts"]
        if root not in found:
            found[root] = {"channel": entry["channel_name"], "versions": [drawn], "replies": []}
        elif entry["method"] == "chat.update" and entry["ts"] in found:
            found[root]["versions"].append(drawn)
        else:
            found[root]["replies"].append(drawn)
    return list(found.values())


def runs(timeline: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return every action with its decision (guards and all) and what became of it."""
    found: list[dict[str, Any]] = []
    decisions: dict[str, Entry] = {}
    for entry in timeline:
        if entry["kind"] == "decision" and entry["verdict"] != "skip":
            decisions[entry["alarm"]] = entry
        elif entry["kind"] in {"action", "revert"}:
            if entry["phase"] == "acted" or (entry["phase"] == "failed" and entry["kind"] == "action"):
                found.append({"acted": entry, "decision": decisions.get(entry["alarm"]), "after": []})
            elif entry["phase"] not in QUIET_PHASES:
                for run in reversed(found):
                    if run["acted"]["run"] == entry["run"]:
                        run["after"].append(entry)
                        break
    return found


def skips(timeline: Sequence[Entry]) -> list[Entry]:
    """Return the decisions that said no, once per alarm and reason."""
    seen: dict[tuple[str, str], Entry] = {}
    for entry in timeline:
        if entry["kind"] == "decision" and entry["verdict"] == "skip" and entry["reason"] not in NO_DECISION:
            seen.setdefault((entry["alarm"], entry["reason"]), entry)
    return list(seen.values())


def escaped(value: object) -> str:
    """Escape any text for HTML."""
    return html.escape(str(value), quote=True)


def tiles(summary: Mapping[str, Any]) -> list[tuple[str, str, str, bool]]:
    """Return the summary as tiles: (number, what it counts, remark, all is well)."""
    counted = summary["deliveries"]
    messages = summary["slack_messages_per_incident"]
    one_each = messages in ([], [1])
    restored = [name for name, floor in summary["floors"].items() if floor["before"] == floor["after"]]
    unchanged = counted["duplicates_that_changed_something"] == 0
    return [
        (
            str(summary["alarms_rung"]),
            "alarms rang",
            f"{summary['alarms_resolved']} of them resolved",
            summary["alarms_rung"] == summary["alarms_resolved"],
        ),
        (
            str(summary["incidents"]),
            "incidents in Slack",
            _said(summary),
            one_each and summary["incidents"] == summary["incidents_resolved"],
        ),
        (
            f"{summary['actions']} / {summary['reverts']}",
            "changes made / given back",
            f"{len(restored)} of {len(summary['floors'])} floors as before" if summary["floors"] else "nothing was scaled",
            len(restored) == len(summary["floors"]),
        ),
        (
            str(counted["duplicates"]),
            "events delivered again",
            _again(counted),
            unchanged,
        ),
        _detection(summary),
        (
            f"{summary['real_s']:.1f} s" if summary.get("real_s") else "—",
            "of real time",
            f"for {summary['virtual_s'] / 3600:.1f} h played",
            True,
        ),
    ]


def _said(summary: Mapping[str, Any]) -> str:
    """Say how many messages an incident has, and how many incidents did not end as resolved."""
    if not summary["incidents"]:
        return "nothing was said"
    messages = summary["slack_messages_per_incident"]
    each = "one message each" if messages == [1] else f"{' or '.join(map(str, messages))} messages each"
    left = summary["incidents"] - summary["incidents_resolved"]
    return f"{each}; {left} did not end as resolved" if left else each


def _again(counted: Mapping[str, int]) -> str:
    """Say what second deliveries did; a timer that a room sets for itself once more is no change, and is not hidden."""
    changed, woke = counted["duplicates_that_changed_something"], counted["duplicates_that_woke_again"]
    said = f"{changed} changed something" if changed else "none changed anything"
    return f"{said}; {woke} set a room's own timer again" if woke else said


def _detection(summary: Mapping[str, Any]) -> tuple[str, str, str, bool]:
    ring = next((ring for ring in summary["alarms"] if ring["remediation"] == "scale-consumers"), None)
    ring = ring or next(iter(summary["alarms"]), None)
    if ring is None or ring["detected_after_s"] is None:
        return "—", "from first bad minute to the bell", "nothing rang" if ring is None else "values not known", True
    return f"{ring['detected_after_s'] / 60:g} min", "from first bad minute to the bell", ring["title"], True
