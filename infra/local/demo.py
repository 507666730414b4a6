"""What `tocsin demo` needs round a run: its screen, its two files, and the few lines that it ends with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from alarms.desired import Desired
from alarms.domain.errors import BadInput
from infra.local.metric_sources import Source
from infra.local.play import Played, tick_s
from infra.local.report_html import render
from infra.local.story import Face, moment, short
from infra.local.timeline import Gauge, LiveTimeline, Picture, PlainTimeline, Timeline

FILES = ("report.html", "report.json")
MOST_GAUGES = 4
MOST_RINGS = 10
DAY_S = 86_400


def screen(console: Console, source: Source, desired: Sequence[Desired], speed: float) -> Timeline:
    """Return the live picture on a terminal, plain lines anywhere else.

    ``speed`` is in virtual seconds a second; 0 is as fast as it goes.
    """
    span = (source.start, source.start + timedelta(seconds=source.lasts_s))
    face = Face(ZoneInfo(source.timezone), dated=span[1] - span[0] > timedelta(days=1))
    picture = Picture(source.title, face, span, gauges(desired), console.width)
    if not console.is_terminal:
        return PlainTimeline(console, picture)
    return LiveTimeline(console, picture, tick_s(source) / speed if speed else 0.0)


def gauges(desired: Sequence[Desired]) -> list[Gauge]:
    """Return the metrics to watch: those of alarms that something is done about, else the first ones."""
    plain = [one for one in desired if "MetricName" in one.request]
    chosen = [one for one in plain if one.alarm.policies] or plain
    return [_gauge(one) for one in chosen[:MOST_GAUGES]]


def _gauge(one: Desired) -> Gauge:
    alarm, condition = one.alarm, one.alarm.condition
    return Gauge(
        title=f"{condition.metric.split()[-1]} {' '.join(list(alarm.target.values())[-1:])}",
        metric=condition.metric,
        dimensions=dict(alarm.target),
        sign=condition.operator.sign,
        threshold=condition.threshold,
        unit=condition.unit,
        scale=condition.scale,
    )


def prepare(folder: Path) -> None:
    """Make the folder of the two files; BadInput when that cannot be: better said before a run than after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (folder / name).touch()
    except OSError as error:
        raise BadInput(f"--out {folder}: cannot be written to ({error.strerror})") from None


def write(played: Played, folder: Path) -> tuple[Path, Path]:
    """Write report.html and report.json into ``folder``; return their paths."""
    page, data = (folder / name for name in FILES)
    page.write_text(render(played.summary, played.timeline), encoding="utf-8")
    data.write_text(_document(played), encoding="utf-8")
    return page, data


def _document(played: Played) -> str:
    """Return report.json: the summary to read, then one entry of the timeline a line."""
    summary = json.dumps(played.summary, ensure_ascii=False, indent=1)
    entries = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in played.timeline)
    return f'{{"summary":{summary},\n"timeline":[\n{entries}\n]}}\n'


def ending(played: Played) -> list[str]:
    """Return what happened, in a few lines."""
    summary = played.summary
    return [
        _rang(summary),
        *_rings(summary),
        f"{_count(summary['actions'], 'change')} made, {summary['reverts']} given back",
        _deliveries(summary["deliveries"]),
        *(
            f"floor of {name.rsplit('/', 1)[-1]}: {floor['before']} before, {floor['highest']} at most, {floor['after']} after"
            for name, floor in summary["floors"].items()
        ),
    ]


def _rang(summary: Mapping[str, Any]) -> str:
    if not summary["alarms_rung"] and not summary["incidents"]:
        return "nothing rang, and nothing was said in Slack"
    told = f"{_count(summary['incidents'], 'incident')} in Slack, {_each(summary['slack_messages_per_incident'])}"
    return f"{_count(summary['alarms_rung'], 'alarm')} rang, {summary['alarms_resolved']} resolved; {told}"


def _rings(summary: Mapping[str, Any]) -> list[str]:
    """Return the first alarms that something is done about, each in a line."""
    face = Face(ZoneInfo(summary["timezone"]), dated=summary["virtual_s"] > DAY_S)
    acted = [ring for ring in summary["alarms"] if ring["remediation"]]
    left = [f"… and {len(acted) - MOST_RINGS} more"] if len(acted) > MOST_RINGS else []
    return [*(_ring(ring, face) for ring in acted[:MOST_RINGS]), *left]


def _ring(ring: Mapping[str, Any], face: Face) -> str:
    seconds = ring["detected_after_s"]
    since = f", {seconds / 60:g} min after the first bad minute began" if seconds is not None else ""
    zone = moment(ring["rang_at"]).astimezone(face.zone).tzname()
    return f"{short(ring['alarm'])} rang at {face.shows(ring['rang_at'])} {zone}{since}: {ring['remediation']}"


def _deliveries(counted: Mapping[str, int]) -> str:
    woke = counted["duplicates_that_woke_again"]
    return (
        f"{_count(counted['total'], 'delivery', 'deliveries')}, {counted['duplicates']} of them again on purpose: "
        f"{counted['duplicates_that_changed_something'] or 'none'} changed anything"
        + (f", {woke} set a room's own timer again" if woke else "")
    )


def _each(messages: Sequence[int]) -> str:
    return "one message each" if list(messages) in ([], [1]) else f"{' or '.join(map(str, messages))} messages each"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
