"""Finds the actions: one file in ``remediators/actions`` is one action, ``scale_service.py`` is ``scale-service``.

Only the file that is asked for is imported, so a Lambda's cold start does not grow with the number of actions.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import Any

from alarms.domain.action import ActionSpec
from alarms.domain.errors import CannotRun
from remediators import actions
from remediators.action import Action


class Registry:
    """Every action of one package. Implements ``alarms.domain.action.Actions`` for the catalogue, and ``get`` for the engine."""

    def __init__(self, package: ModuleType = actions) -> None:
        self._package = package
        self._actions: dict[str, Action] = {}
        self._listed: tuple[str, ...] = ()

    def get(self, name: str) -> Action:
        """Return the action called ``name``; KeyError when there is none, CannotRun when its file is not one action."""
        if name not in self._actions:
            if name not in self._names():
                near = difflib.get_close_matches(name, self._names(), n=1)
                raise KeyError(f"no action {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
            self._actions[name] = _load(f"{self._package.__name__}.{name.replace('-', '_')}", name)
        return self._actions[name]

    def specs(self) -> Mapping[str, ActionSpec]:
        """Return every known action's spec by name, sorted."""
        return {name: self.get(name).spec for name in self._names()}

    def problem(self, action: str, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong with ``parameters`` beyond their single kinds, None when they fit or the action is unknown."""
        return self.get(action).problem(parameters) if action in self._names() else None

    def _names(self) -> tuple[str, ...]:
        if not self._listed:  # the folder is read once: a catalogue asks for every row
            found = pkgutil.iter_modules(self._package.__path__)
            self._listed = tuple(sorted(module.name.replace("_", "-") for module in found))
        return self._listed


@cache
def registry() -> Registry:
    """Return the product's registry."""
    return Registry()


def _load(module_name: str, name: str) -> Action:
    module = importlib.import_module(module_name)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module_name and isinstance(getattr(value, "spec", None), ActionSpec)
    ]
    if len(found) != 1:
        raise CannotRun(f"{module_name} holds {len(found)} actions; a file in remediators/actions holds exactly one")
    action: Action = found[0]()
    if action.spec.name != name:
        raise CannotRun(f"{module_name} holds the action {action.spec.name!r}; its file says {name!r}")
    return action
