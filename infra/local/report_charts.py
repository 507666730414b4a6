"""Draws metric charts as SVG: lines, a threshold, the time spent in ALARM, and marks where something was done."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

WIDTH, HEIGHT = 720, 230
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 30, 40
RIBBON = 6
MOST_POINTS = 1500
# Marks closer than this share one row of labels with a small step down.
LABEL_GAP = 74.0


@dataclass(frozen=True, slots=True)
class Series:
    """One line. ``css`` is its class (a, b, floor …); ``stepped`` holds a value until the next one."""

    label: str
    points: Sequence[tuple[datetime, float]]
    css: str = "a"
    stepped: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one moment: ``css`` is action, revert, alarm or ok."""

    at: datetime
    label: str
    css: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. ``alarms`` are the times spent in ALARM; ``unit`` stands behind the numbers of the axis."""

    title: str
    subtitle: str
    unit: str
    series: Sequence[Series]
    span: tuple[datetime, datetime]
    threshold: float | None = None
    threshold_label: str = ""
    alarms: Sequence[tuple[datetime, datetime]] = ()
    marks: Sequence[Mark] = field(default=())


def draw(chart: Chart, zone: tzinfo) -> str:
    """Return the chart as a ``figure`` with its title, its legend and its SVG."""
    frame = _Frame(chart)
    legend = "".join(
        f'<span class="key"><i class="swatch {series.css}"></i>{html.escape(series.label)}</span>' for series in chart.series
    )
    if chart.threshold is not None:  # on a narrow screen its label in the drawing is out of sight
        legend += f'<span class="key limit"><i class="swatch limit"></i>{html.escape(chart.threshold_label)}</span>'
    title = html.escape(chart.title)
    svg = "".join(
        (
            _ribbons(chart, frame),
            _grid(chart, frame, zone),
            _threshold(chart, frame),
            *(_line(series, frame) for series in chart.series),
            _marks(chart, frame),
            f'<g class="hover"><line y1="{TOP}" y2="{HEIGHT - BOTTOM}"/></g>',
        )
    )
    return (
        f'<figure class="chart"><figcaption><b>{title}</b><small>{html.escape(chart.subtitle)}</small></figcaption>'
        f'<div class="plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">{svg}</svg></div>'
        f'<div class="legend">{legend}</div></figure>'
    )


class _Frame:
    """Turns time and value into places of the drawing."""

    def __init__(self, chart: Chart) -> None:
        self.start, self.end = chart.span
        self._seconds = max((self.end - self.start).total_seconds(), 1.0)
        values = [value for series in chart.series for _, value in series.points]
        values += [chart.threshold] if chart.threshold is not None else []
        self.ticks = _ticks(max(values, default=1.0), min(values, default=0.0))
        self.bottom, self.top = self.ticks[0], self.ticks[-1]

    def x(self, moment: datetime) -> float:
        share = (moment - self.start).total_seconds() / self._seconds
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.bottom) / (self.top - self.bottom)
        return HEIGHT - BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)


def _ticks(most: float, least: float) -> list[float]:
    """Return about five round steps from 0 to a little above ``most``; from a little below ``least`` where that is negative."""
    most, least = max(most, 1e-9) * 1.02, min(least, 0.0) * 1.02
    rough = most / 5 - least / 5
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    return [step * place for place in range(math.floor(least / step), math.ceil(most / step) + 1)]


def number(value: float) -> str:
    """Return a short number: 1.2k, 0.05, 600."""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if letter == 'k' else size):g}{letter}"
    return f"{value:g}"


def _grid(chart: Chart, frame: _Frame, zone: tzinfo) -> str:
    parts = []
    for tick in frame.ticks:
        y = frame.y(tick)
        unit = f" {chart.unit}" if chart.unit and tick == frame.ticks[-1] else ""
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="y" x="{LEFT - 6}" y="{y + 4:.1f}">{number(tick)}{html.escape(unit)}</text>')
    for moment in _hours(frame.start, frame.end):
        x = frame.x(moment)
        local = moment.astimezone(zone)
        label = local.strftime("%H:%M") if frame.end - frame.start < timedelta(days=2) else local.strftime("%d %b")
        parts.append(f'<line class="tick" x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 4}"/>')
        anchor = ' style="text-anchor:end"' if x > WIDTH - RIGHT - 16 else ""
        parts.append(f'<text class="x" x="{x:.1f}" y="{HEIGHT - BOTTOM + 28}"{anchor}>{label}</text>')
    return "".join(parts)


def _hours(start: datetime, end: datetime) -> list[datetime]:
    """Return six to ten round moments between two times."""
    span = (end - start).total_seconds()
    step = next((size for size in (300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800) if span / size <= 10), 604800)
    first = math.ceil(start.timestamp() / step) * step
    return [start + timedelta(seconds=moment - start.timestamp()) for moment in range(first, int(end.timestamp()) + 1, step)]


def _ribbons(chart: Chart, frame: _Frame) -> str:
    """Draw the times in ALARM: a tint behind the plot and a bar under it, so that it does not depend on colour alone."""
    base = HEIGHT - BOTTOM
    parts = [f'<rect class="calm" x="{LEFT}" y="{base + 6}" width="{WIDTH - LEFT - RIGHT}" height="{RIBBON}"/>']
    for since, until in chart.alarms:
        left, right = frame.x(since), frame.x(until)
        width = max(right - left, 1.5)
        parts.append(f'<rect class="tint" x="{left:.1f}" y="{TOP}" width="{width:.1f}" height="{base - TOP}"/>')
        parts.append(
            f'<rect class="alarm" x="{left:.1f}" y="{base + 6}" width="{width:.1f}" height="{RIBBON}"><title>ALARM</title></rect>'
        )
    return "".join(parts) if chart.alarms or chart.threshold is not None else ""


def _threshold(chart: Chart, frame: _Frame) -> str:
    if chart.threshold is None:
        return ""
    y = frame.y(chart.threshold)
    label = html.escape(chart.threshold_label)
    return (
        f'<line class="threshold" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="threshold" x="{WIDTH - RIGHT}" y="{y - 5:.1f}">{label}</text>'
    )


def _line(series: Series, frame: _Frame) -> str:
    points = thinned(series.points, MOST_POINTS)
    if not points:
        return ""
    places = [(frame.x(moment), frame.y(value)) for moment, value in points]
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}" + "".join(
        f"H{x:.1f}V{y:.1f}" if series.stepped else f"L{x:.1f} {y:.1f}" for x, y in places[1:]
    )
    if series.stepped:
        path += f"H{frame.x(frame.end):.1f}"
    return f'<path class="line {series.css}" d="{path}"/>'


def thinned(points: Sequence[tuple[datetime, float]], most: int) -> list[tuple[datetime, float]]:
    """Return at most about ``most`` points that keep every peak and dip: the lowest and highest of each stretch."""
    if len(points) <= most:
        return list(points)
    size = math.ceil(len(points) / (most / 2))
    kept: list[tuple[datetime, float]] = []
    value: Callable[[tuple[datetime, float]], float] = lambda point: point[1]  # noqa: E731 - a key, used twice right here
    for place in range(0, len(points), size):
        stretch = points[place : place + size]
        kept += sorted({min(stretch, key=value), max(stretch, key=value)})
    return kept


def _marks(chart: Chart, frame: _Frame) -> str:
    parts, last, row = [], -LABEL_GAP, 0
    for mark in sorted(chart.marks, key=lambda item: item.at):
        x = frame.x(mark.at)
        row = (row + 1) % 3 if x - last < LABEL_GAP else 0
        last = x
        anchor = "end" if x > WIDTH - 110 else "start"
        shift = -4 if anchor == "end" else 4
        parts.append(
            f'<g class="mark {mark.css}"><line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 14}" y2="{HEIGHT - BOTTOM}"/>'
            f'<text x="{x + shift:.1f}" y="{TOP - 8 + row * 11}" text-anchor="{anchor}">{html.escape(mark.label)}</text></g>'
        )
    return "".join(parts)
