"""Where every value of an expanded row was set: what `show` prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from alarms.desired import Desired
from alarms.domain.alarm import Mode, Policy
from alarms.domain.errors import BadInput
from alarms.kind import did_you_mean
from alarms.kinds import DEFAULT as DEFAULT_KIND
from alarms.load import Loaded
from alarms.merge import leaves
from alarms.profiles import Expanded
from alarms.quantity import duration_text

DEFAULT = "(default)"


@dataclass(frozen=True, slots=True)
class Setting:
    """One value of a row: ``path`` as ``remediate[0].with.max_tasks``; ``where`` it was set, or that it is a default."""

    path: str
    value: Any
    where: str

    @property
    def text(self) -> str:
        """The value in one line."""
        return self.value if isinstance(self.value, str) else json.dumps(self.value, ensure_ascii=False, default=str)


@dataclass(frozen=True, slots=True)
class Shown:
    """One row of one stage: every value with its origin, and the alarms it makes."""

    row: str
    stage: str
    values: tuple[Setting, ...]
    alarms: tuple[Desired, ...]

    def to_document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "row": self.row,
            "stage": self.stage,
            "values": [{"path": one.path, "value": one.text, "where": one.where} for one in self.values],
            "alarms": [{"name": one.name, "request": dict(one.request), "alarm": one.alarm.to_document()} for one in self.alarms],
        }


def shown(loaded: Loaded, wanted: str) -> Shown:
    """Return the row that ``wanted`` names: its full id, its shortened one, or an alarm's name. BadInput when none or several."""
    found = _find(loaded, wanted)
    item = loaded.expansions[found]
    alarms = tuple(one for one in loaded.desired if one.alarm.row == found)
    return Shown(found, loaded.settings.stage, tuple(_settings(item, alarms)), alarms)


def _find(loaded: Loaded, wanted: str) -> str:
    if wanted in loaded.expansions:
        return wanted
    by_name = next((one.alarm.row for one in loaded.desired if one.name == wanted), None)
    short = [name for name, item in loaded.expansions.items() if wanted in (item.row.short_id, item.row.id)]
    found = [by_name] if by_name else short
    if len(found) == 1:
        return found[0]
    if found:
        raise BadInput(f"{wanted}: several rows have this id; one of {', '.join(sorted(found))}")
    switched_off = next((one for one in loaded.disabled if one.row == wanted or one.row.endswith(f"/{wanted}")), None)
    if switched_off:
        raise BadInput(f"{switched_off.place}: {switched_off.row} is disabled: {switched_off.reason}")
    ids = {name for name, item in loaded.expansions.items() for name in (name, item.row.short_id)}
    raise BadInput(f"{wanted}: there is no such row in stage {loaded.settings.stage}; {did_you_mean(wanted, ids)}".rstrip("; "))


def _settings(item: Expanded, alarms: tuple[Desired, ...]) -> Iterator[Setting]:
    for path, value, place in leaves(item.part):
        yield Setting(_path(path), value, str(place))
    if "kind" not in item.part.value:
        yield Setting("kind", DEFAULT_KIND, DEFAULT)
    for target in item.row.targets:
        for name, value in target.dimensions.items():
            yield Setting(f"target.{name}", value, str(target.place))
    written = item.part.value.get("remediate") or []
    effective = alarms[0].alarm.policies if alarms else item.row.policies
    for index, (policy, capped) in enumerate(zip(item.row.policies, effective, strict=True)):
        yield from _defaults(f"remediate[{index}]", policy, written[index])
        yield Setting(f"remediate[{index}] may go as far as", capped.mode.value, "(lowest of row, service and stage)")


def _defaults(path: str, policy: Policy, written: Any) -> Iterator[Setting]:
    values = {
        "mode": policy.mode.value,
        "cooldown": duration_text(policy.cooldown_s),
        "verify_within": duration_text(policy.verify_within_s),
        **({"approve_within": duration_text(policy.approve_within_s)} if policy.mode is Mode.APPROVE else {}),
    }
    for key, value in values.items():
        if key not in written:
            yield Setting(f"{path}.{key}", value, DEFAULT)
    for key, parameter in policy.parameters.items():
        if key not in written.get("with", {}):
            yield Setting(f"{path}.with.{key}", parameter, DEFAULT)


def _path(steps: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
