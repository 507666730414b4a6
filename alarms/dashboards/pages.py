"""Widgets onto pages: placed without overlap in 24 columns, split before any of CloudWatch's limits is passed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alarms.dashboards.widget import (
    COLUMNS,
    MOST_ALARMS_OF_A_WIDGET,
    MOST_BYTES,
    MOST_METRICS,
    MOST_WIDGETS,
    Widget,
    arn_of,
    status,
    text,
)
from alarms.desired import Desired

HEAD_BYTES = 12_000  # what the head of a page may take: its links are cut to that
_STATUS_BYTES = 400


@dataclass(frozen=True, slots=True)
class Entry:
    """One widget, the section it stands in, and the band above it that it shares with neighbours of the same band."""

    section: str
    widget: Widget
    band: Widget | None = None


@dataclass(slots=True)
class Page:
    """What stands on one page, in order, and how much of each limit it takes."""

    entries: list[Entry] = field(default_factory=list)
    widgets: int = 1
    metrics: int = 0
    size: int = HEAD_BYTES
    alarms: list[str] = field(default_factory=list)

    def takes(self, entry: Entry, arns: Mapping[str, str]) -> bool:
        """Put ``entry`` on the page unless a limit would be passed; an empty page takes any."""
        last = self.entries[-1] if self.entries else None
        above = [] if last and last.section == entry.section else [heading(entry.section)]
        above += [entry.band] if entry.band and (above or last is None or last.band != entry.band) else []
        of_alarms = sum(len(arns[name]) + 3 for name in entry.widget.alarms if name in arns)
        widgets = self.widgets + len(above) + 1
        metrics = self.metrics + entry.widget.metrics
        size = self.size + entry.widget.size + of_alarms + sum(widget.size for widget in above)
        statuses = -(-(len(self.alarms) + len(entry.widget.alarms)) // MOST_ALARMS_OF_A_WIDGET)
        whole = (widgets + statuses, metrics, size + statuses * _STATUS_BYTES)
        if self.entries and any(used > most for used, most in zip(whole, (MOST_WIDGETS, MOST_METRICS, MOST_BYTES), strict=True)):
            return False
        self.entries.append(entry)
        self.alarms += [name for name in entry.widget.alarms if name in arns]
        self.widgets, self.metrics, self.size = widgets, metrics, size
        return True


def heading(section: str) -> Widget:
    """Return the line that opens a section."""
    return text(f"## {section}", height=1)


def split(entries: Iterable[Entry], arns: Mapping[str, str]) -> list[Page]:
    """Put ``entries`` on as few pages as the limits allow, in order. ``arns``: of the alarms whose state a page shows on top."""
    pages: list[Page] = []
    for entry in entries:
        if not pages or not pages[-1].takes(entry, arns):
            pages.append(Page())
            pages[-1].takes(entry, arns)
    return pages


def body(head: Widget, page: Page, arns: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a page: its head, the state of its alarms, then its sections."""
    states = [arns[name] for name in page.alarms]
    parts = [states[start : start + MOST_ALARMS_OF_A_WIDGET] for start in range(0, len(states), MOST_ALARMS_OF_A_WIDGET)]
    widgets = [head, *(status("State of the alarms on this page", part) for part in parts)]
    last: Entry | None = None
    for entry in page.entries:
        same = last is not None and last.section == entry.section
        if not same:
            widgets.append(heading(entry.section))
        if entry.band and not (same and last and last.band == entry.band):
            widgets.append(entry.band)
        widgets.append(entry.widget)
        last = entry
    return {"start": "-PT3H", "periodOverride": "inherit", "widgets": placed(widgets)}


def placed(widgets: Sequence[Widget]) -> list[dict[str, Any]]:
    """Place widgets from left to right and top to bottom, a new line where one does not fit beside the last."""
    found: list[dict[str, Any]] = []
    x = y = tallest = 0
    for widget in widgets:
        if x + widget.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        found.append(widget.placed(x, y))
        x, tallest = x + widget.width, max(tallest, widget.height)
    return found


def arns_of(alarms: Iterable[Desired]) -> dict[str, str]:
    """Return the ARNs of alarms by name."""
    return {one.name: arn_of(one.alarm.account, one.alarm.region, one.name) for one in alarms}
