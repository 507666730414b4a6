"""Lays one part of a row over another: profile ← service ← stage, each value keeping the place where it was set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alarms.problem import Place
from alarms.yaml_door import Spot

REMEDIATE, NO_ACTION, WITH = "remediate", "no_action", "with"


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of YAML: a plain value and where it, and everything in it, stands."""

    value: Any
    spot: Spot

    def part(self, key: str | int) -> Part:
        """Return the piece under ``key``, which must be there."""
        return Part(self.value[key], self.spot.items.get(key) or self.spot)

    def without(self, *keys: str) -> Part:
        """Return a map without ``keys``."""
        return Part({key: value for key, value in self.value.items() if key not in keys}, self.spot)

    def only(self, *keys: str) -> Part:
        """Return a map with those of ``keys`` that it has."""
        return Part({key: self.value[key] for key in keys if key in self.value}, self.spot)


def overlay(base: Part, over: Part) -> Part:
    """Return the map ``base`` with what the map ``over`` says instead.

    Keys are replaced whole, but ``remediate`` as a map by action changes single steps. A row has ``remediate`` or
    ``no_action``: setting one in ``over`` removes the other of ``base``.
    """
    value, items = dict(base.value), dict(base.spot.items)
    for key in over.value:
        part = over.part(key)
        if key == REMEDIATE and isinstance(part.value, dict):
            part = _steps(Part(value.get(REMEDIATE, []), items.get(REMEDIATE) or part.spot), part)
        for gone in ({REMEDIATE: NO_ACTION, NO_ACTION: REMEDIATE}.get(key, ""),):
            if gone not in over.value:
                value.pop(gone, None)
                items.pop(gone, None)
        value[key], items[key] = part.value, part.spot
    return Part(value, Spot(base.spot.place, base.spot.key, items))


def _steps(base: Part, changes: Part) -> Part:
    """Return the list of steps ``base`` with the steps of ``changes``, a map by action, merged in or added."""
    steps = list(base.value) if isinstance(base.value, list) else []
    items = dict(base.spot.items)
    for action in changes.value:
        change = changes.part(action)
        index = next((n for n, step in enumerate(steps) if isinstance(step, dict) and step.get("action") == action), len(steps))
        if index == len(steps):
            place = change.spot.named
            merged = Part({"action": action}, Spot(place, place, {"action": Spot(place, place)}))
            steps.append(None)
        else:
            merged = Part(steps[index], items[index])
        merged = _step(merged, change)
        steps[index], items[index] = merged.value, merged.spot
    return Part(steps, Spot(base.spot.place, base.spot.key, items))


def _step(base: Part, change: Part) -> Part:
    if not isinstance(change.value, dict):
        return Part(change.value, change.spot)  # the schema tells that a map is expected
    merged = overlay(base, change)
    if isinstance(change.value.get(WITH), dict) and isinstance(base.value.get(WITH), dict):
        parameters = overlay(base.part(WITH), change.part(WITH))
        said = change.part(WITH).spot  # what is missing is missing here, where the parameters are filled in
        merged.value[WITH], merged.spot.items[WITH] = parameters.value, Spot(said.place, said.key, parameters.spot.items)
    return merged


def leaves(part: Part, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any, Place]]:
    """Return every single value in ``part`` with its path and the place where it was set."""
    if isinstance(part.value, dict) and part.value:
        return [leaf for key in part.value for leaf in leaves(part.part(key), (*path, key))]
    if isinstance(part.value, list) and part.value:
        return [leaf for index in range(len(part.value)) for leaf in leaves(part.part(index), (*path, index))]
    return [(path, part.value, part.spot.place)]
