"""Shows a run while it is played: a live picture on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from infra.local.story import Entry, Face, line, moment, short, tone
from infra.local.summary import SIGNS

BARS = "▁▂▃▄▅▆▇█"
WIDEST, NARROWEST = 120, 8
FRAME = 4  # the panel's border and its padding, left and right
# What stands beside a sparkline and its name: the newest value, the threshold, the space between the columns.
BESIDE = 26
# What stands before the bar of time: date, time, zone.
BEFORE = 26
NEWEST = 12
STYLES: Mapping[str, str] = {
    "alarm": "bold red", "failed": "bold red", "ok": "green", "action": "magenta", "revert": "cyan",
    "decision": "dim", "slack": "yellow", "click": "blue", "unknown": "yellow",
}  # fmt: skip
STATES: Mapping[str, str] = {"ALARM": "bold red", "OK": "green", "INSUFFICIENT_DATA": "dim"}


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric shown as a sparkline with its threshold, in the metric's own unit times ``scale``."""

    title: str
    metric: str
    dimensions: Mapping[str, str]
    sign: str
    threshold: float
    unit: str
    scale: float = 1.0

    def shows(self, entry: Entry) -> bool:
        """Tell whether a metric entry is this gauge's."""
        return f"{entry['namespace']} {entry['name']}" == self.metric and entry["dimensions"] == self.dimensions

    def bad(self, value: float) -> bool:
        """Tell whether a value of the metric is on the wrong side of the threshold."""
        return SIGNS[self.sign](value, self.threshold)


@dataclass
class Picture:
    """What is known so far, for drawing. Fed with entries in the order in which they happened.

    ``columns`` is how wide the terminal is.
    """

    title: str
    face: Face
    span: tuple[datetime, datetime]
    gauges: Sequence[Gauge]
    columns: int = 80
    states: dict[str, str] = field(default_factory=dict)
    values: dict[str, list[float]] = field(default_factory=dict)
    newest: dict[str, float] = field(default_factory=dict)
    told: deque[tuple[str, str, str]] = field(default_factory=lambda: deque(maxlen=NEWEST))

    @property
    def width(self) -> int:
        """How many bars a sparkline has: what the longest name of a metric leaves of the terminal."""
        longest = max((len(gauge.title) for gauge in self.gauges), default=0)
        return min(WIDEST, max(NARROWEST, self.columns - FRAME - BESIDE - longest))

    def take(self, entry: Entry) -> None:
        """Note one entry."""
        if entry["kind"] == "alarm":
            self.states[entry["name"]] = entry["new"]
        if entry["kind"] == "metric":
            for gauge in self.gauges:
                if gauge.shows(entry):
                    self._measure(gauge, moment(entry["at"]), entry["value"])
        if kind := tone(entry):
            self.told.append((self.face.shows(entry["at"]), kind, line(entry)))

    def _measure(self, gauge: Gauge, at: datetime, value: float) -> None:
        """Note a value under its bar: a bar shows the worst of its stretch of the run, and the last one where it has none."""
        bars = self.values.setdefault(gauge.title, [])
        place = min(self.width - 1, int(self._share(at) * self.width))
        if place < len(bars):
            bars[place] = value if SIGNS[gauge.sign](value, bars[place]) else bars[place]
        else:
            bars += [self.newest.get(gauge.title, value)] * (place - len(bars)) + [value]
        self.newest[gauge.title] = value

    def _share(self, now: datetime) -> float:
        """Return how much of the run is over at ``now``."""
        start, end = self.span
        return max(0.0, min(1.0, (now - start).total_seconds() / max(1.0, (end - start).total_seconds())))

    def draw(self, now: datetime) -> Panel:
        """Return the picture at virtual time ``now``."""
        length = max(NARROWEST, self.columns - FRAME - BEFORE)
        done = "━" * round(self._share(now) * length)
        local = now.astimezone(self.face.zone)
        head = Text.assemble(
            (local.strftime("%Y-%m-%d %H:%M:%S "), "bold"),
            (f"{local.tzname()}  ", "dim"),
            (done, "blue"),
            ("─" * (length - len(done)), "dim"),
        )
        return Panel(Group(head, Text(), self._gauges(), Text(), self._states(), Text(), self._events()), title=self.title)

    def _gauges(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for gauge in self.gauges:
            values, newest = self.values.get(gauge.title, []), self.newest.get(gauge.title)
            shown = "—" if newest is None else f"{newest * gauge.scale:,.4g} {gauge.unit}"
            style = "bold red" if newest is not None and gauge.bad(newest) else "bold"
            limit = f"{gauge.sign} {gauge.threshold * gauge.scale:g} {gauge.unit}"
            table.add_row(gauge.title, sparkline(values, gauge, self.width), Text(shown, style), Text(limit, "dim"))
        return table

    def _states(self) -> Text:
        """Return the alarms that are not OK by name, and how many are."""
        ringing = [name for name, state in self.states.items() if state == "ALARM"]
        fine = sum(state == "OK" for state in self.states.values())
        text = Text(f"{fine} alarms OK", STATES["OK"])
        for name in ringing:
            text.append(f"  ● {short(name)}", STATES["ALARM"])
        return text

    def _events(self) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=max((len(at) for at, _, _ in self.told), default=0))
        table.add_column(overflow="ellipsis", no_wrap=True, ratio=1)
        for at, kind, sentence in self.told:
            table.add_row(Text(at, "dim"), Text(sentence, STYLES.get(kind, "")))
        return table


def sparkline(values: Sequence[float], gauge: Gauge, width: int) -> Text:
    """Return values as bars, the bad ones in red; a full bar is the larger of the peak and the threshold."""
    top = max([gauge.threshold, *values]) or 1.0
    text = Text()
    for value in values:
        bar = BARS[min(len(BARS) - 1, max(0, int(value / top * (len(BARS) - 1) + 0.5)))]
        text.append(bar, "red" if gauge.bad(value) else "blue")
    text.append(" " * (width - len(values)))
    return text


class Timeline(AbstractContextManager["Timeline"], Protocol):
    """What a run is shown on."""

    def tick(self, now: datetime, entries: Sequence[Entry]) -> None:
        """Show the moment ``now`` and what is new since the last tick."""
        ...


class PlainTimeline(AbstractContextManager["PlainTimeline"]):
    """One line per thing that a person would tell, for logs and pipes."""

    def __init__(self, console: Console, picture: Picture) -> None:
        self._console = console
        self._picture = picture

    def tick(self, now: datetime, entries: Sequence[Entry]) -> None:  # noqa: ARG002 - every line has its own time
        """Print what is new."""
        for entry in entries:
            self._picture.take(entry)
            if kind := tone(entry):
                sentence = f"{self._picture.face.shows(entry['at'])}  {kind:8}  {line(entry)}"
                self._console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Leave nothing behind."""


class LiveTimeline(AbstractContextManager["LiveTimeline"]):
    """A picture that is redrawn. ``pause_s`` of real time passes between two ticks."""

    def __init__(self, console: Console, picture: Picture, pause_s: float = 0.0) -> None:
        self._picture = picture
        self._pause = pause_s
        # No refreshing thread: it would look at a clock that stands still. The last picture stays above the ending.
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> LiveTimeline:
        """Take over the screen."""
        self._live.start()
        return self

    def tick(self, now: datetime, entries: Sequence[Entry]) -> None:
        """Redraw."""
        for entry in entries:
            self._picture.take(entry)
        self._live.update(self._picture.draw(now), refresh=True)
        if self._pause:
            time.sleep(self._pause)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Give the screen back."""
        self._live.stop()
