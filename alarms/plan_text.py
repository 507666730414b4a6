"""A plan and an outcome as people read them: one line an alarm, one a changed member, each with who moved it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from alarms.configuration import Json
from alarms.deployment import Outcome
from alarms.plan_types import PUTS_PER_SECOND, Cause, FieldChange, Item, Plan, Refusal, Verb

_LONGEST_VALUE = 80


def plan_lines(plan: Plan) -> Iterator[str]:
    """Return the lines of a printed plan, without colour; the first character of an item's line is its verb's sign."""
    twice = {found for found, count in Counter(item.id for item in plan.items).items() if count > 1}
    for item in plan.items:
        yield from _item_lines(item, _label(item.id, item.name, always=item.id in twice))
    for refusal in plan.refused:
        yield _refusal(refusal)
    held = {hold.name for hold in plan.held}
    for name in sorted(held):
        holds = [hold for hold in plan.held if hold.name == name]
        yield f"h {holds[0].id}  kept as people set it: {'; '.join(hold.what for hold in holds)}"
    for note in plan.notes:
        yield f"note: {note}"
    if plan.outside:
        yield f"note: {_count(plan.outside, 'alarm')} of this catalogue outside what the path prunes: left alone"
    yield summary(plan)
    if plan.stop:
        yield f"stop: {plan.stop}"


def summary(plan: Plan) -> str:
    """Return ``2 to create, 1 to update, 0 to delete, 13 unchanged; about 1 s at 3 a second``."""
    counts = f"{len(plan.create)} to create, {len(plan.update)} to update, {len(plan.delete)} to delete"
    counts += f", {len(plan.unchanged)} unchanged"
    refused = f", {len(plan.refused)} refused" if plan.refused else ""
    held = f", {len({hold.name for hold in plan.held})} held" if plan.held else ""
    return f"{counts}{refused}{held}" + (f"; about {_duration(plan.seconds)} at {PUTS_PER_SECOND} a second" if plan.items else "")


def outcome_lines(outcome: Outcome) -> Iterator[str]:
    """Return what a run did: first what went wrong, then the summary."""
    planned = set(outcome.plan.refused)
    yield from (_refusal(refusal) for refusal in outcome.refused if refusal not in planned)
    yield from (f"x {failure.id}  {failure.why}" for failure in outcome.failed)
    done = f"{len(outcome.created)} created, {len(outcome.updated)} updated, {len(outcome.deleted)} deleted"
    missed = f", {len(outcome.refused)} refused" if outcome.refused else ""
    missed += f", {len(outcome.failed)} failed" if outcome.failed else ""
    already = len(outcome.plan.items) - _accounted(outcome)
    yield done + missed + (f", {already} done before" if already and not outcome.stopped else "")
    if outcome.stopped:
        yield f"stopped: {outcome.stopped}"


def _accounted(outcome: Outcome) -> int:
    """Count the items that were written, refused while writing, or failed."""
    moved = sum(1 for refusal in outcome.refused if refusal not in outcome.plan.refused)
    return len(outcome.created) + len(outcome.updated) + len(outcome.deleted) + moved + len(outcome.failed)


def _item_lines(item: Item, label: str) -> Iterator[str]:
    start = f"{item.verb.value} {label}"
    if item.verb is Verb.CREATE:
        yield f"{start}  {_created(item)}"
    elif item.verb is Verb.DELETE:
        yield f"{start}  {'; '.join([item.why, *(f'people had set: {hold}' for hold in item.holds)])}"
    elif len(item.changes) == 1:
        yield f"{start}  {_change(item.changes[0])}"
    else:
        yield start
        yield from (f"    {_change(change)}" for change in item.changes)


def _created(item: Item) -> str:
    """Say what a new alarm watches: in the row's own words where the plan has them."""
    request = item.request
    condition = (item.row or {}).get("condition")
    if condition:
        return f"{condition['metric']} {condition['text']}"
    if "AlarmRule" in request:
        return f"{request['AlarmRule']}"
    what = request.get("MetricName") or "metric math"
    return f"{what} {request.get('ComparisonOperator', '')} {_value(request.get('Threshold'))}"


def _change(change: FieldChange) -> str:
    if change.cause is Cause.RECORD:
        return f"only its record of the last apply is written again ({change.cause.value})"
    if change.field == "row":
        return "its row is not published yet: people are told, nothing is acted on"
    return f"{change.field} {_value(change.before)} → {_value(change.after)} ({change.cause.value})"


def _value(value: Json) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = json.dumps(text, ensure_ascii=False) if not text or text != " ".join(text.split()) else text
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _refusal(refusal: Refusal) -> str:
    detail = f": {refusal.detail}" if refusal.detail else ""
    return f"! {_label(refusal.id, refusal.name, always=True)}  refused: {refusal.reason.value}{detail}"


def _label(found: str, name: str, *, always: bool) -> str:
    """Return the row's id, with the last part of the alarm's name (its target) where the id alone does not say which."""
    return f"{found} [{name.rsplit('/', 1)[-1]}]" if always and found != name else found


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
