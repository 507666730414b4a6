"""The lint rules: one a file, found by being there. ``run`` holds every compiled alarm to every rule."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from alarms.desired import Desired
from alarms.domain.action import Actions
from alarms.domain.errors import CannotRun
from alarms.problem import Level, Problem
from alarms.rule import Context, Finding, Rule, read
from alarms.settings import Settings

_GRAVEST_FIRST = {level: rank for rank, level in enumerate(Level)}


def run(
    desired: Sequence[Desired],
    settings: Settings,
    actions: Actions,
    *,
    exists: Callable[[str], bool] | None = None,
) -> list[Problem]:
    """Return what every rule finds in ``desired``, in the order of the files.

    ``exists`` tells whether a path of the repository does (for runbooks); without it nothing is said about files. A row
    with many targets is reported once per finding, not once per target. Pure; time grows with the number of alarms.
    """
    context = Context(settings, actions, exists)
    found: dict[Problem, None] = {}  # keeps order and drops what a row's other targets repeat
    for item in desired:
        subject = read(item, context)
        for name, rule in rules().items():
            for finding in rule.check(subject):
                found[_problem(item, name, rule, finding)] = None
    return sorted(found, key=lambda problem: (problem.place, _GRAVEST_FIRST[problem.level], problem.check, problem.summary))


@cache
def rules() -> Mapping[str, Rule]:
    """Return every rule by name, sorted. CannotRun when a file in this folder holds no ``RULE``."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name.replace("_", "-"): _load(name) for name in names}


def _load(name: str) -> Rule:
    rule = getattr(importlib.import_module(f"{__name__}.{name}"), "RULE", None)
    if not isinstance(rule, Rule):
        raise CannotRun(f"alarms/checks/{name}.py holds no RULE")
    return rule


def _problem(desired: Desired, name: str, rule: Rule, finding: Finding) -> Problem:
    return Problem(
        place=desired.place,
        level=finding.level or rule.level,
        check=name,
        row=desired.id,
        summary=finding.summary,
        why=finding.why or rule.why,
        fix=finding.fix or rule.fix,
    )
