"""Parameters that name a dimension of the alarm's own target: ``service: $ServiceName`` is each target's own service."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from alarms.domain.alarm import Policy
from alarms.kind import did_you_mean

_REFERENCE = re.compile(r"\$([A-Za-z][A-Za-z0-9_]*)")


def aimed(policy: Policy, target: Mapping[str, str]) -> Policy:
    """Return ``policy`` with each reference, in its steps too, replaced by what ``target`` has there."""
    references = {name: target[dimension] for name, dimension in _references(policy.parameters) if dimension in target}
    otherwise = tuple(aimed(step, target) for step in policy.otherwise)
    if not references and otherwise == policy.otherwise:
        return policy
    return replace(policy, parameters={**policy.parameters, **references}, otherwise=otherwise)


def strange(policy: Policy, dimensions: Collection[str]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yield (path in the step, what is wrong, what would be right) for each reference that is none of ``dimensions``."""
    for name, dimension in _references(policy.parameters):
        if dimension not in dimensions:
            shown = {f"${known}" for known in dimensions}
            yield ("with", name), f"{name}: the row's targets have no {dimension}", did_you_mean(f"${dimension}", shown)
    for index, step in enumerate(policy.otherwise):
        for path, summary, fix in strange(step, dimensions):
            yield ("otherwise", index, *path), summary, fix


def _references(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (parameter, dimension) of each parameter that is a reference as a whole."""
    texts = [(name, value) for name, value in parameters.items() if isinstance(value, str)]
    return [(name, match[1]) for name, value in texts if (match := _REFERENCE.fullmatch(value))]
