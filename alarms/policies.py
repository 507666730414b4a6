"""From a row's ``remediate`` to policies: parameters read by their kinds, and what a mode above observe must have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alarms.domain.action import Actions, ActionSpec, Parameter, ParameterKind
from alarms.domain.alarm import Mode, Policy, Revert
from alarms.kind import did_you_mean, nearest
from alarms.problem import Level, Problem
from alarms.quantity import parse_duration, parse_percent
from alarms.schema.rows import StepModel
from alarms.yaml_door import Spot

CHECK = "remediation"
COOLDOWN_S = 600
VERIFY_WITHIN_S = 900
APPROVE_WITHIN_S = 1800
MAX_NUMBER = 10**15
MAX_TEXTS = 100


class Policies:
    """Builds the policies of one row. ``problems`` are what is wrong, ``notes`` what is worth knowing.

    ``complete`` is False for a profile's own row: it may leave parameters open that each service fills in, and only there all
    must be said.
    """

    def __init__(self, actions: Actions, specs: Mapping[str, ActionSpec], row: str, *, complete: bool) -> None:
        self._actions, self._specs, self._row, self._complete = actions, specs, row, complete
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []

    def build(self, steps: list[StepModel], spot: Spot) -> tuple[Policy, ...]:
        """Return the policies of ``steps``, which stand at ``spot``; those with a problem are left out."""
        if any(step.action not in self._specs for step in steps):
            self._complete = False  # what a misspelt action was meant to change is not held against the others
        built = [self._policy(step, spot.at((index,))) for index, step in enumerate(steps)]
        return tuple(policy for policy in built if policy is not None)

    def _policy(self, step: StepModel, spot: Spot) -> Policy | None:
        spec = self._specs.get(step.action)
        if spec is None:
            self._note(spot.at(("action",)), f"there is no action {step.action!r}", did_you_mean(step.action, self._specs))
            return None
        before = len(self.problems)
        if step.revert and not spec.lends:
            self._note(spot.at(("revert",)), f"{spec.name} lends nothing that could be given back", "remove `revert`", key=True)
        elif step.revert and step.revert.at_latest < step.revert.after_ok:
            self._note(spot.at(("revert",)), "at_latest comes before after_ok", "say the longer time as at_latest")
        parameters = self._parameters(spec, step.with_, spot.at(("with",)))
        mode = step.mode or Mode.OBSERVE
        if self._complete and spec.changes and mode is not Mode.OBSERVE:
            self._earned(spec, step, mode, spot)
        if spec.approval and mode is Mode.AUTO:
            place, summary = spot.at(("mode",)).place, f"{spec.name} asks a person, also in mode auto"
            self.notes.append(
                Problem(place, Level.NOTE, CHECK, self._row, summary, fix="say `mode: approve`, which is what happens")
            )
        otherwise = self.build(step.otherwise, spot.at(("otherwise",)))
        if len(self.problems) > before:
            return None
        return Policy(
            action=spec.name,
            parameters=parameters,
            mode=mode,
            limits=tuple(step.limits),
            cooldown_s=step.cooldown or COOLDOWN_S,
            verify_within_s=step.verify_within or VERIFY_WITHIN_S,
            revert=Revert(step.revert.after_ok, step.revert.at_latest) if step.revert else None,
            otherwise=otherwise,
            approve_within_s=step.approve_within or APPROVE_WITHIN_S,
        )

    def _parameters(self, spec: ActionSpec, given: Mapping[str, Any], spot: Spot) -> dict[str, Any]:
        known = {parameter.name: parameter for parameter in spec.parameters}
        read: dict[str, Any] = {}
        before = len(self.problems)
        for name, value in given.items():
            if name not in known:
                self._note(spot.at((name,)), f"{spec.name} has no parameter {name!r}", did_you_mean(name, known), key=True)
                continue
            try:
                read[name] = _value(known[name], value)
            except ValueError as error:
                self._note(spot.at((name,)), f"{name}: {error}", known[name].summary)
        if self._complete:
            self._require(spec, read, _meant(spec, given), spot)
            if len(self.problems) == before and (wrong := self._actions.problem(spec.name, read)):
                self._note(spot, f"{spec.name}: {wrong}")
        return read

    def _require(self, spec: ActionSpec, read: dict[str, Any], given: set[str], spot: Spot) -> None:
        for parameter in spec.parameters:
            if parameter.required and parameter.name not in given:
                self._note(spot, f"{spec.name} needs {parameter.name!r}", f"it says: {parameter.summary}")
            elif parameter.name not in given and parameter.default is not None:
                default = parameter.default
                read[parameter.name] = list(default) if isinstance(default, tuple) else default

    def _earned(self, spec: ActionSpec, step: StepModel, mode: Mode, spot: Spot) -> None:
        """Unset, empty and 0 never mean "no limit": what may change something says how often, how far and how long."""
        ceilings = [parameter.name for parameter in spec.parameters if parameter.ceiling]
        if not step.limits:
            self._note(spot.at(("mode",)), f"mode {mode} of {spec.name} needs limits", "say `limits: [3 per hour, 10 per day]`")
        if not _meant(spec, step.with_) & set(ceilings):
            fix = f"say `with: {{{ceilings[0]}: …}}`" if ceilings else "this action may only observe"
            self._note(spot.at(("mode",)), f"mode {mode} of {spec.name} needs a ceiling", fix)
        if spec.lends and step.revert is None:
            self._note(
                spot.at(("mode",)), f"mode {mode} of {spec.name} needs a revert", "say `revert: {after_ok: 30 m, at_latest: 6 h}`"
            )

    def _note(self, spot: Spot, summary: str, fix: str = "", *, key: bool = False) -> None:
        place = spot.named if key else spot.place
        self.problems.append(Problem(place, Level.ERROR, CHECK, self._row, summary, fix=fix))


def _meant(spec: ActionSpec, given: Mapping[str, Any]) -> set[str]:
    """Return the parameters that are given, a misspelt one counted as the one it likely means: it is told of already."""
    known = {parameter.name for parameter in spec.parameters}
    return {name if name in known else nearest(name, known) for name in given}


def _value(parameter: Parameter, value: Any) -> int | float | str | bool | list[str]:
    """Return what the action receives for a written ``value``; ValueError says what would be right."""
    match parameter.kind:
        case ParameterKind.COUNT:
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{value!r} is not a whole number of at least 1")
            return _bounded(parameter, value)
        case ParameterKind.NUMBER:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= MAX_NUMBER:
                raise ValueError(f"{value!r} is not a number above 0, as in 0.5 or 16")
            return _bounded(parameter, value)
        case ParameterKind.FLAG:
            if not isinstance(value, bool):
                raise ValueError(f"{value!r} is neither true nor false")
            return value
        case ParameterKind.TEXTS:
            return _texts(value)
    text = _text(value)
    if parameter.kind is ParameterKind.DURATION:
        return parse_duration(text)
    return parse_percent(text) if parameter.kind is ParameterKind.PERCENT else text


def _bounded(parameter: Parameter, value: int | float) -> int | float:
    if parameter.maximum is not None and value > parameter.maximum:
        raise ValueError(f"{value} is above {parameter.maximum}, the most that is possible")
    return value


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is not a list of texts, as in [a, b]")
    if not value:
        raise ValueError("the list is empty, which means neither nothing nor everything; name at least one")
    if len(value) > MAX_TEXTS:
        raise ValueError(f"{len(value)} texts; at most {MAX_TEXTS}")
    return [_text(item) for item in value]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{value!r} is not text")
    return value.strip()
