"""One alarm as it should be against the same alarm as it is: field by field, with who moved each, and people's holds kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alarms.configuration import ACTION_FIELDS, TAGS, Applied, Configuration, Json, fields, normal
from alarms.desired import TAG_APPLIED, Desired
from alarms.plan_types import Actual, Cause, FieldChange

ENABLED = "ActionsEnabled"
DESCRIPTION = "AlarmDescription"

# Parts of a row that the request holds too: naming them twice would hide the one member that was changed.
_IN_THE_REQUEST = ("condition", "period_s", "evaluation_periods", "datapoints_to_alarm", "missing", "title", "tags", "runbook")


@dataclass(frozen=True, slots=True)
class Difference:
    """What to write to one live alarm. ``request`` has people's holds merged in; ``put`` says whether it must be sent."""

    request: Mapping[str, Json]
    put: bool
    tags: Mapping[str, str]
    changes: tuple[FieldChange, ...]
    holds: tuple[str, ...]


def tags_of(desired: Desired) -> dict[str, str]:
    """Return every tag the alarm should carry, the record of this apply included."""
    return _tags_of(desired, normal(desired.operation, desired.request, desired.alarm.account))


def _tags_of(desired: Desired, wanted: Configuration) -> dict[str, str]:
    return {**desired.tags, TAG_APPLIED: Applied.of(desired.operation, wanted, desired.tags).text}


def compare(desired: Desired, actual: Actual) -> Difference:
    """Return the difference between ``desired`` and the live alarm of the same name and kind."""
    account = desired.alarm.account
    wanted = normal(desired.operation, desired.request, account)
    live = normal(actual.operation, actual.members, account)
    applied = Applied.parse(desired.operation, actual.tags.get(TAG_APPLIED))
    kept, holds = _holds(wanted, live, applied)
    merged = {**wanted, **kept}
    changes = tuple(
        FieldChange(field, live.get(field), merged.get(field), _cause(field, live, wanted, applied))
        for field in fields(desired.operation)
        if live.get(field) != merged.get(field)
    )
    told = tuple(change for change in changes if len(changes) == 1 or not _repeats(desired, change))
    tags = _tags_of(desired, wanted)
    return Difference({**desired.request, **kept}, bool(changes), tags, told + _tag_changes(desired, actual, applied), holds)


def _repeats(desired: Desired, change: FieldChange) -> bool:
    """Tell whether a description differs only where it repeats the condition: the member that moved is named itself."""
    if change.field != DESCRIPTION or change.cause is not Cause.YOU:
        return False
    before, after = str(change.before or "").split("\n"), str(change.after or "").split("\n")
    differing = [line for old, line in zip(before, after, strict=False) if old != line]
    return len(before) == len(after) and all(desired.alarm.condition.text in line for line in differing)


def _holds(wanted: Configuration, live: Configuration, applied: Applied | None) -> tuple[dict[str, Json], tuple[str, ...]]:
    """Return what people set live and we keep: as members for the request, and in words."""
    kept: dict[str, Json] = {}
    words = []
    switched_off = live[ENABLED] is False and wanted[ENABLED] is True
    if switched_off and not (applied and applied.was(ENABLED, False)):
        kept[ENABLED] = False
        words.append("actions are switched off (ActionsEnabled false)")
    for field in ACTION_FIELDS:
        own = _peoples(field, wanted, live, applied)
        if own:
            kept[field] = [*wanted.get(field, []), *own]
            words += [f"{field} also has {action}" for action in own]
    return {key: sorted(value) if isinstance(value, list) else value for key, value in kept.items()}, tuple(words)


def holds_of(actual: Actual, account: str) -> tuple[str, ...]:
    """Return what people set on a live alarm since it was last applied; nothing when there is no record of that."""
    applied = Applied.parse(actual.operation, actual.tags.get(TAG_APPLIED))
    if applied is None:
        return ()
    return _holds({ENABLED: True}, normal(actual.operation, actual.members, account), applied)[1]


def _peoples(field: str, wanted: Configuration, live: Configuration, applied: Applied | None) -> list[str]:
    """Return the live actions that neither the row asks for nor the last apply wrote."""
    return [
        action
        for action in live.get(field, [])
        if action not in wanted.get(field, []) and not (applied and applied.wrote(field, action))
    ]


def _cause(field: str, live: Configuration, wanted: Configuration, applied: Applied | None) -> Cause:
    """Compare both sides with what was last applied; what people added is on neither side."""
    if applied is None:
        return Cause.UNKNOWN
    if field in ACTION_FIELDS:
        own = _peoples(field, wanted, live, applied)
        same_live = applied.wrote_all(field, (action for action in live.get(field, []) if action not in own))
        same_wanted = applied.wrote_all(field, wanted.get(field, []))
    else:
        same_live, same_wanted = applied.was(field, live.get(field)), applied.was(field, wanted.get(field))
    if same_live:
        return Cause.YOU
    return Cause.LIVE if same_wanted else Cause.BOTH


def _tag_changes(desired: Desired, actual: Actual, applied: Applied | None) -> tuple[FieldChange, ...]:
    known = Cause.LIVE if applied and applied.was(TAGS, dict(desired.tags)) else Cause.YOU
    cause = known if applied else Cause.UNKNOWN
    return tuple(
        FieldChange(f"tag {key}", actual.tags.get(key), value, cause)
        for key, value in sorted(desired.tags.items())
        if actual.tags.get(key) != value
    )


def row_changes(before: Mapping[str, Json] | None, after: Mapping[str, Json]) -> tuple[FieldChange, ...]:
    """Return what differs between the published row and the one to publish, leaving out what the request shows anyway."""
    if before is None:
        return (FieldChange("row", None, "published", Cause.YOU),)
    old, new = dict(_leaves("", before)), dict(_leaves("", after))
    changed = [path for path in sorted(old.keys() | new.keys()) if old.get(path) != new.get(path)]
    return tuple(FieldChange(f"row {path}", old.get(path), new.get(path), Cause.YOU) for path in changed)


def beyond_request(changes: tuple[FieldChange, ...]) -> tuple[FieldChange, ...]:
    """Return the changes of a row that its CloudWatch request does not show."""
    return tuple(change for change in changes if not change.field.removeprefix("row ").startswith(_IN_THE_REQUEST))


def _leaves(path: str, value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(f"{path}.{key}" if path else str(key), item)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(f"{path}[{index}]", item)
    else:
        yield path, value
