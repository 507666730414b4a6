"""What `apply` would do and why: pure, printable, and everything that `apply` needs to do exactly that.

``plan`` compares what should exist with what does. Ours is what carries our catalogue id and stage in its tags; nothing else
is ever written. Deleting is fenced: by scope, by a guard on the number, and an empty catalogue deletes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alarms.composites import NEVER, children_first, references
from alarms.configuration import ACTION_FIELDS, PUT_COMPOSITE, Json
from alarms.desired import TAG_APPLIED, TAG_CATALOGUE, TAG_STAGE, Desired
from alarms.diff import beyond_request, compare, holds_of, row_changes, tags_of
from alarms.plan_types import (
    WHOLE,
    Actual,
    Cause,
    FieldChange,
    Hold,
    Item,
    Plan,
    Published,
    Refusal,
    RefusalReason,
    Same,
    Scope,
    Target,
    Verb,
)

MAX_ACTIONS = 5  # of one kind [botocore cloudwatch PutMetricAlarmInput.AlarmActions]

NOT_ASKED_FOR = "no row asks for it any more"
TEARDOWN = "belongs to this catalogue and stage"

Rows = Mapping[str, Published] | None


def plan(
    desired: Sequence[Desired],
    actual: Sequence[Actual],
    target: Target,
    *,
    scope: Scope = WHOLE,
    rows: Rows = None,
    allow_deletes: int | None = None,
) -> Plan:
    """Compare ``desired`` with ``actual`` and return what is to be done, refused, held and left alone.

    ``actual`` are all alarms under our prefix and all that carry our tags, foreign ones included. ``rows`` are the published
    rows by alarm name; None leaves the table out. ``allow_deletes`` is how many may be deleted (None: a tenth of what is
    ours and live, at least one).
    """
    live = {alarm.name: alarm for alarm in actual}
    ours = [alarm for alarm in actual if alarm.belongs_to(target)]
    circles = _circles(desired)
    answers = [_answer(one, live.get(one.name), target, rows, circles) for one in desired]
    puts = _in_order([answer for answer in answers if isinstance(answer, Item)])
    wanted = {one.name for one in desired}
    gone = [alarm for alarm in ours if alarm.name not in wanted and scope.holds(alarm.row)] if desired else []
    deletes, in_use = _deletes(gone, actual, puts, target, NOT_ASKED_FOR)
    return Plan(
        target=target,
        scope=scope,
        items=(*puts, *deletes),
        unchanged=tuple(answer for answer in answers if isinstance(answer, Same)),
        refused=(*(answer for answer in answers if isinstance(answer, Refusal)), *in_use),
        held=tuple(
            Hold(answer.name, answer.id, what) for answer in answers if not isinstance(answer, Refusal) for what in answer.holds
        ),
        live=len(ours),
        outside=sum(1 for alarm in ours if alarm.name not in wanted and not scope.holds(alarm.row)),
        allowed_deletes=max(1, len(ours) // 10) if allow_deletes is None else allow_deletes,
        notes=_notes(desired, ours, scope),
    )


def teardown(actual: Sequence[Actual], target: Target) -> Plan:
    """Return the plan that deletes every alarm of ours and nothing else: what `destroy` shows and asks about."""
    ours = [alarm for alarm in actual if alarm.belongs_to(target)]
    deletes, in_use = _deletes(ours, actual, (), target, TEARDOWN)
    return Plan(target, WHOLE, items=deletes, refused=in_use, live=len(ours), allowed_deletes=len(deletes))


def _answer(one: Desired, alarm: Actual | None, target: Target, rows: Rows, circles: frozenset[str]) -> Item | Refusal | Same:
    """Say what becomes of one desired alarm."""
    if one.name in circles:
        return Refusal(one.name, one.id, RefusalReason.CYCLE)
    row = None if rows is None or _published(rows, one) == one.alarm.digest else one.alarm.to_document()
    if alarm is None:
        item = Item(Verb.CREATE, one.name, one.id, one.operation, dict(one.request), tags=tags_of(one))
        return replace(item, row=row, row_digest=one.alarm.digest if row is not None else "", row_seen=_published(rows, one))
    refusal = _not_ours(one, alarm, target)
    return refusal or _update(one, alarm, target, rows, row)


def _published(rows: Rows, one: Desired) -> str:
    found = rows.get(one.name) if rows else None
    return found.digest if found else ""


def _not_ours(one: Desired, alarm: Actual, target: Target) -> Refusal | None:
    if alarm.belongs_to(target):
        if alarm.operation != one.operation:
            return Refusal(one.name, one.id, RefusalReason.OTHER_KIND, "delete it, or rename the row")
        return None
    catalogue, stage = alarm.tags.get(TAG_CATALOGUE), alarm.tags.get(TAG_STAGE)
    if catalogue or stage:
        return Refusal(one.name, one.id, RefusalReason.OTHER_OWNER, f"catalogue {catalogue or '?'}, stage {stage or '?'}")
    return Refusal(one.name, one.id, RefusalReason.FOREIGN, f"it has no tags {TAG_CATALOGUE} and {TAG_STAGE}")


def _update(one: Desired, alarm: Actual, target: Target, rows: Rows, row: Mapping[str, Json] | None) -> Item | Refusal | Same:
    difference = compare(one, alarm)
    crowded = [field for field in ACTION_FIELDS if len(difference.request.get(field, ())) > MAX_ACTIONS]
    if crowded:
        return Refusal(one.name, one.id, RefusalReason.TOO_MANY_ACTIONS, ", ".join(crowded))
    changes = difference.changes
    recorded = alarm.tags.get(TAG_APPLIED)
    if row is not None:
        before = rows.get(one.name) if rows else None
        of_row = row_changes(before.document if before else None, row)
        changes += beyond_request(of_row) if changes else (beyond_request(of_row) or of_row)
    elif not changes and recorded != difference.tags[TAG_APPLIED]:
        changes = (FieldChange(f"tag {TAG_APPLIED}", recorded, difference.tags[TAG_APPLIED], Cause.RECORD),)
    if not changes and row is None:
        return Same(one.name, one.id, difference.holds)
    return Item(
        Verb.UPDATE,
        one.name,
        one.id,
        one.operation,
        difference.request,
        put=difference.put,
        tags=difference.tags,
        row=row,
        row_digest=one.alarm.digest if row is not None else "",
        changes=changes,
        holds=difference.holds,
        seen=alarm.fingerprint(target),
        row_seen=_published(rows, one),
    )


def _circles(desired: Sequence[Desired]) -> frozenset[str]:
    composites = {one.name: references(one.request) for one in desired if one.operation == PUT_COMPOSITE}
    return children_first(composites)[1]


def _in_order(items: Sequence[Item]) -> tuple[Item, ...]:
    """Metric alarms as the catalogue has them, then composites, children before parents."""
    composites = {item.name: item for item in items if item.operation == PUT_COMPOSITE}
    order, _ = children_first({name: references(item.request) for name, item in composites.items()})
    return (*(item for item in items if item.operation != PUT_COMPOSITE), *(composites[name] for name in order))


def _deletes(
    gone: Sequence[Actual], actual: Sequence[Actual], puts: Sequence[Item], target: Target, why: str
) -> tuple[tuple[Item, ...], tuple[Refusal, ...]]:
    """Order what goes, parents before children, and refuse what a composite that stays still needs."""
    users = _users(actual, puts)
    going = {alarm.name for alarm in gone}
    blocked: dict[str, str] = {}
    pending = list(going)
    while pending:  # what is blocked stays, so what it refers to is blocked too
        pending = [name for name in going - blocked.keys() if users.get(name, frozenset()) - (going - blocked.keys())]
        blocked.update({name: min(users[name] - (going - blocked.keys())) for name in pending})
    refused = tuple(
        Refusal(alarm.name, alarm.row or alarm.name, RefusalReason.IN_USE, blocked[alarm.name])
        for alarm in gone
        if alarm.name in blocked
    )
    return _delete_order([alarm for alarm in gone if alarm.name not in blocked], target, why), refused


def _users(actual: Sequence[Actual], puts: Sequence[Item]) -> dict[str, frozenset[str]]:
    """Return, for each alarm, the composites that will refer to it once everything is put."""
    rules = {alarm.name: references(alarm.members) for alarm in actual if alarm.operation == PUT_COMPOSITE}
    rules.update({item.name: references(item.request) for item in puts if item.operation == PUT_COMPOSITE})
    users: dict[str, set[str]] = {}
    for parent, children in rules.items():
        for child in children - {parent}:
            users.setdefault(child, set()).add(parent)
    return {child: frozenset(parents) for child, parents in users.items()}


def _delete_order(gone: Sequence[Actual], target: Target, why: str) -> tuple[Item, ...]:
    composites = {alarm.name: alarm for alarm in gone if alarm.operation == PUT_COMPOSITE}
    order, circle = children_first({name: references(alarm.members) for name, alarm in composites.items()})
    parents_first = [composites[name] for name in reversed(order)]
    plain = sorted((alarm for alarm in gone if alarm.operation != PUT_COMPOSITE), key=lambda alarm: alarm.name)
    return tuple(_delete(alarm, target, why, in_circle=alarm.name in circle) for alarm in [*parents_first, *plain])


def _delete(alarm: Actual, target: Target, why: str, *, in_circle: bool) -> Item:
    return Item(
        Verb.DELETE,
        alarm.name,
        alarm.row or alarm.name,
        alarm.operation,
        {"AlarmName": alarm.name, "AlarmRule": NEVER, "ActionsEnabled": False} if in_circle else {},
        put=in_circle,
        holds=holds_of(alarm, target.account),
        seen=alarm.fingerprint(target),
        why=why,
    )


def _notes(desired: Sequence[Desired], ours: Sequence[Actual], scope: Scope) -> tuple[str, ...]:
    if desired or not ours:
        return ()
    what = "the catalogue is empty" if scope.services is None else "there is no row in scope"
    stay = "1 alarm stays" if len(ours) == 1 else f"{len(ours)} alarms stay"
    return (f"{what}: nothing is deleted, {stay}; `tocsin destroy` deletes what is live",)
