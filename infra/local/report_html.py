"""Writes the report: one HTML file that needs nothing beside itself. All text that comes in is escaped."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.report_charts import draw
from infra.local.report_views import (
    Span,
    alarm_charts,
    escaped,
    other_charts,
    runs,
    skips,
    span_of,
    task_charts,
    threads,
    tiles,
)
from infra.local.story import FAILED_PHASES, Entry, Face, line, short, story

# Beside the story: what was acted on.
MAIN_CHARTS = 4
CHANGED = frozenset({"acted", "failed", "reverted"})
TEMPLATE = Path(__file__).with_name("report.html")


def render(summary: Mapping[str, Any], timeline: Sequence[Entry]) -> str:
    """Return the report of one run. ``summary`` carries ``title``, ``timezone`` and what ``summarise`` counted."""
    zone = ZoneInfo(summary.get("timezone", "UTC"))
    span = span_of(timeline)
    face = Face(zone, dated=span[1] - span[0] > timedelta(days=1))
    charts = [*alarm_charts(timeline, span), *task_charts(timeline, span)]
    others = other_charts(timeline, span, charts)
    acted = [chart for chart in charts if any(mark.css == "action" for mark in chart.marks)][:MAIN_CHARTS]
    main = acted or charts[:MAIN_CHARTS]
    left = [chart for chart in charts if chart not in main]
    parts = {
        "title": escaped(summary["title"]),
        "lead": _lead(summary, span, zone),
        "zone": escaped(str(zone)),
        "tiles": "".join(_tile(*tile) for tile in tiles(summary)),
        "story": "".join(
            f'<li class="{tone}"><time>{at}</time><i></i><span>{escaped(text)}</span></li>'
            for at, tone, text in story(timeline, face)
        )
        or "<li><time></time><i></i><span>Nothing rang.</span></li>",
        "slack": _slack(timeline, face),
        "dated": " dated" if face.dated else "",
        "main_title": "What was acted on" if acted else "What rang" if summary["alarms_rung"] else "What was watched",
        "main": "".join(draw(chart, zone) for chart in main),
        "charts_title": "The other alarms that rang" if left else "The other metrics",
        "charts_lead": "Nothing was changed for these: their messages say why." if left else "Everything else that was measured.",
        "charts": "".join(draw(chart, zone) for chart in left),
        "others": "".join(draw(chart, zone) for chart in others),
        "others_count": str(len(others)),
        "actions": _actions(timeline, face),
        "data": _data(timeline, face),
    }
    return re.sub(r"\[\[(\w+)\]\]", lambda match: parts[match[1]], TEMPLATE.read_text(encoding="utf-8"))


def _lead(summary: Mapping[str, Any], span: Span, zone: ZoneInfo) -> str:
    start, end = (point.astimezone(zone).strftime("%Y-%m-%d %H:%M") for point in span)
    return escaped(f"{start} to {end} ({zone}), played in virtual time on an embedded AWS. {summary.get('about', '')}".strip())


def _tile(number: str, counts: str, remark: str, well: bool) -> str:
    state = "" if well else " bad"
    words = f"<b>{escaped(number)}</b><span>{escaped(counts)}</span><small>{escaped(remark)}</small>"
    return f'<div class="card tile{state}">{words}</div>'


def _slack(timeline: Sequence[Entry], face: Face) -> str:
    channels: dict[str, list[dict[str, Any]]] = {}
    for thread in threads(timeline, face):
        channels.setdefault(thread["channel"], []).append(thread)
    drawn = [
        f'<h3 class="channel">{escaped(channel)}</h3><div class="slack">{"".join(_thread(thread) for thread in found)}</div>'
        for channel, found in channels.items()
    ]
    return "".join(drawn) or '<div class="card run">No message was written.</div>'


def _thread(thread: Mapping[str, Any]) -> str:
    first, last = thread["versions"][0], thread["versions"][-1]
    edited = ' <span class="edited">(edited)</span>' if len(thread["versions"]) > 1 else ""
    return (
        f'<article class="msg card"><div class="face" aria-hidden="true">t</div><div>{_who(first["at"])}{last["html"]}{edited}'
        f"{_older(thread['versions'])}{_replies(thread['replies'])}</div></article>"
    )


def _who(at: str) -> str:
    return f'<div class="who"><b>tocsin</b><span class="app">APP</span>{escaped(at)}</div>'


def _older(versions: Sequence[Mapping[str, str]]) -> str:
    if len(versions) < 2:
        return ""
    drawn = "".join(f'<div class="older">{_who(version["at"])}{version["html"]}</div>' for version in versions[:-1])
    return f"<details><summary>As it stood before ({len(versions) - 1})</summary>{drawn}</details>"


def _replies(replies: Sequence[Mapping[str, str]]) -> str:
    if not replies:
        return ""
    drawn = "".join(
        f'<div class="reply"><div class="face" aria-hidden="true">t</div><div>{_who(reply["at"])}{reply["html"]}</div></div>'
        for reply in replies
    )
    count = "1 reply" if len(replies) == 1 else f"{len(replies)} replies"
    return f'<details class="thread" open><summary>{count}</summary>{drawn}</details>'


def _actions(timeline: Sequence[Entry], face: Face) -> str:
    done = "".join(_run(run, face) for run in runs(timeline))
    left = "".join(
        f"<tr><td class=num>{face.shows(entry['at'])}</td><td>{escaped(short(entry['alarm']))}</td>"
        f"<td>{escaped(entry['reason'])}</td><td>{escaped(entry['why'])}</td></tr>"
        for entry in skips(timeline)
    )
    head = "<tr><th>when</th><th>alarm</th><th>named reason</th><th>why</th></tr>"
    table = f'<div class="card run"><h3>Nothing was done, and why</h3><div class="scroll"><table>{head}{left}</table></div></div>'
    return (done or '<div class="card run">Nothing was changed.</div>') + (table if left else "")


def _run(run: Mapping[str, Any], face: Face) -> str:
    acted, after = run["acted"], run["after"]
    phases = "".join(
        f'<span class="phase {"failed" if entry["phase"] in FAILED_PHASES else entry["kind"]}">'
        f"{face.shows(entry['at'])} {escaped(entry['phase'])}</span>"
        for entry in (acted, *after)
    )
    made = "".join(
        _change(entry, change, face) for entry in (acted, *after) if entry["phase"] in CHANGED for change in entry["changes"]
    )
    head = "<tr><th>when</th><th>resource</th><th>knob</th><th>before</th><th>after</th><th>AWS request</th></tr>"
    return (
        f'<div class="card run"><h3>{escaped(acted["action"])}</h3>'
        f"<p>{escaped(short(acted['alarm']))}: {escaped(acted['why'])}</p>"
        f'<div class="phases">{phases}</div><div class="scroll"><table>{head}{made}</table></div>{_guards(run["decision"])}</div>'
    )


def _change(entry: Entry, change: Mapping[str, Any], face: Face) -> str:
    cells = (change["resource"], change["knob"], change["before"], change["after"], ", ".join(entry["request_ids"]))
    drawn = "".join(f"<td>{escaped('not set' if cell is None else cell)}</td>" for cell in cells)
    return f"<tr><td class=num>{face.shows(entry['at'])}</td>{drawn}</tr>"


def _guards(decision: Entry | None) -> str:
    if decision is None:
        return ""
    rows = "".join(
        f"<tr><td>{escaped(guard['guard'])}</td><td>{_answer(guard['passed'])}</td><td>{escaped(guard['why'])}</td></tr>"
        for guard in decision["guards"]
    )
    head = "<tr><th>guard</th><th>answer</th><th>why</th></tr>"
    summary = f"{len(decision['guards'])} guards were asked"
    return f'<details class="guards"><summary>{summary}</summary><div class="scroll"><table>{head}{rows}</table></div></details>'


def _answer(passed: bool | None) -> str:
    if passed is None:
        return '<span class="na">not asked</span>'
    return '<span class="yes">yes</span>' if passed else '<span class="no">no</span>'


def _data(timeline: Sequence[Entry], face: Face) -> str:
    """Return the rows of the timeline's table as JSON that cannot end its script element."""
    rows = [
        [face.shows(entry["at"]), entry["kind"], line(entry), None if entry["kind"] == "metric" else dict(entry)]
        for entry in timeline
    ]
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
