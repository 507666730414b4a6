"""What `tocsin dashboards --put` would do and why: pure, and only what differs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alarms.dashboards.compile import Dashboard, marker
from alarms.plan_types import Verb
from alarms.settings import Settings

_OURS = "Made by `tocsin dashboards`"
MOST_SHOWN = 12  # widgets that a change names


@dataclass(frozen=True, slots=True)
class Item:
    """One dashboard to write or to delete. ``body`` is empty for a delete; ``changes`` say what differs, a line each."""

    verb: Verb
    name: str
    body: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A dashboard that is left alone, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that would be written, and what would not. ``live`` counts the dashboards that are ours."""

    items: tuple[Item, ...]
    unchanged: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    live: int = 0
    allowed_deletes: int = 1
    note: str = ""

    @property
    def stop(self) -> str:
        """Return why nothing may be written: more deletes than allowed. Empty when it may."""
        deletes = sum(1 for item in self.items if item.verb is Verb.DELETE)
        if deletes <= self.allowed_deletes:
            return ""
        return (
            f"{deletes} of {self.live} dashboards would be deleted, {self.allowed_deletes} allowed: nothing was written; "
            f"if that is meant, say --allow-deletes {deletes}"
        )


def plan(wanted: Sequence[Dashboard], live: Mapping[str, str], settings: Settings, *, allow_deletes: int | None = None) -> Plan:
    """Compare dashboards with those there are. ``live``: the bodies, as text, of all under our prefix and of our names.

    Ours is what carries our marker; one of our names without it is refused, never replaced. What is ours and asked for by
    nothing any more is deleted; a catalogue without alarms deletes nothing.
    """
    ours = {name for name, body in live.items() if marker(settings) in markdown_of(body)}
    items: list[Item] = []
    same: list[str] = []
    refused: list[Refused] = []
    for one in wanted:
        if one.name not in live:
            items.append(Item(Verb.CREATE, one.name, one.text, (f"{len(one.body['widgets'])} widgets",)))
        elif one.name not in ours:
            refused.append(Refused(one.name, _whose(live[one.name])))
        elif changes := tuple(differences(live[one.name], one.body)):
            items.append(Item(Verb.UPDATE, one.name, one.text, changes))
        else:
            same.append(one.name)
    names = {one.name for one in wanted}
    gone = sorted(ours - names) if wanted else []
    items += [Item(Verb.DELETE, name, changes=("nothing in the catalogue asks for it any more",)) for name in gone]
    note = "" if wanted or not ours else f"the catalogue is empty: nothing is deleted, {len(ours)} stay"
    allowed = max(1, len(ours) // 10) if allow_deletes is None else allow_deletes
    return Plan(tuple(items), tuple(same), tuple(refused), len(ours), allowed, note)


def differences(before: str, after: Mapping[str, Any]) -> Iterator[str]:
    """Return what differs between a live body and the one that should be, a line each; nothing when they mean the same."""
    old = _parsed(before)
    if old == after:
        return
    old_widgets, new_widgets = _by_title(old.get("widgets", ())), _by_title(after["widgets"])
    lines = [f"+ {title}" for title in new_widgets if title not in old_widgets]
    lines += [f"- {title}" for title in old_widgets if title not in new_widgets]
    for title, widget in new_widgets.items():
        if title in old_widgets and (members := _members(old_widgets[title], widget)):
            lines.append(f"~ {title}: {', '.join(members)}")
    if not lines:
        lines = ["~ the whole page: " + ", ".join(sorted(key for key in {*old, *after} if old.get(key) != after.get(key)))]
    yield from lines[:MOST_SHOWN]
    if len(lines) > MOST_SHOWN:
        yield f"and {len(lines) - MOST_SHOWN} widgets more"


def markdown_of(body: str) -> str:
    """Return the words of a body's text widgets, where the marker stands; empty for what is no body at all."""
    widgets = _parsed(body).get("widgets")
    texts = [widget.get("properties") for widget in widgets if isinstance(widget, dict)] if isinstance(widgets, list) else []
    return "\n".join(str(found.get("markdown", "")) for found in texts if isinstance(found, dict))


def lines(plan: Plan) -> Iterator[str]:
    """Return a plan as people read it: one line a dashboard, one a widget that differs, then the count."""
    for item in plan.items:
        first, *more = item.changes
        yield f"{item.verb.value} {item.name}  {first}" if not more else f"{item.verb.value} {item.name}"
        yield from (f"    {change}" for change in item.changes if more)
    yield from (f"! {refused.name}  refused: {refused.why}" for refused in plan.refused)
    if plan.note:
        yield f"note: {plan.note}"
    counts = Counter(item.verb for item in plan.items)
    refused = f", {len(plan.refused)} refused" if plan.refused else ""
    yield (
        f"{counts[Verb.CREATE]} to create, {counts[Verb.UPDATE]} to update, {counts[Verb.DELETE]} to delete, "
        f"{len(plan.unchanged)} unchanged{refused}"
    )
    if plan.stop:
        yield f"stop: {plan.stop}"


def _whose(body: str) -> str:
    if _OURS in markdown_of(body):
        return "a dashboard of this name belongs to another catalogue or stage"
    return "a dashboard of this name exists and is not ours: rename or delete it, or choose another prefix in tocsin.yaml"


def _parsed(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _by_title(widgets: Any) -> dict[str, Any]:
    """Return widgets by what a person calls them; the second of one name gets a number."""
    found: dict[str, Any] = {}
    for widget in widgets if isinstance(widgets, list) else []:
        shown = widget.get("properties") if isinstance(widget, dict) else None
        words = (shown.get("title") or str(shown.get("markdown", "")).split("\n")[0]) if isinstance(shown, dict) else ""
        title = str(words or "a widget without a title")
        number = 2
        while title in found:
            title, number = f"{words} ({number})", number + 1
        found[title] = widget
    return found


def _members(before: Any, after: Mapping[str, Any]) -> list[str]:
    """Return the names of the members in which a widget differs, its place left out: that moves with every row above."""
    old = before.get("properties", {}) if isinstance(before, dict) else {}
    new = after["properties"]
    return sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
