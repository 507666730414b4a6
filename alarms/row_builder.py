"""From the merged YAML of one row to the row that is compiled, or to every reason why it cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from alarms.aim import strange
from alarms.domain.action import Actions
from alarms.domain.alarm import Mode, Policy
from alarms.kind import Kind, did_you_mean
from alarms.kinds import DEFAULT, kinds
from alarms.merge import NO_ACTION, REMEDIATE, Part
from alarms.policies import Policies
from alarms.problem import Level, Place, Problem
from alarms.row import Row, Target
from alarms.schema.errors import validate
from alarms.schema.rows import RowModel, build_kind, row_model
from alarms.yaml_door import Spot

CHECK = "catalogue"


class Findings(list[Problem]):
    """The problems found so far."""

    def error(self, place: Place, row: str, summary: str, fix: str = "") -> None:
        """Add an error of the catalogue itself."""
        self.append(Problem(place, Level.ERROR, CHECK, row, summary, fix=fix))

    def warn(self, place: Place, row: str, summary: str, fix: str = "") -> None:
        """Add what `check` does not let pass, though the row can be used."""
        self.append(Problem(place, Level.WARNING, CHECK, row, summary, fix=fix))


@dataclass(frozen=True, slots=True)
class Origin:
    """What a row does not say itself: its component, the service's cap on its mode, the files that have a say."""

    component: str
    mode_cap: Mode = Mode.AUTO
    files: frozenset[str] = frozenset()


class RowBuilder:
    """Builds rows for one stage; what is wrong is added to ``findings``."""

    def __init__(self, actions: Actions, findings: Findings) -> None:
        self._actions, self._specs, self._findings = actions, actions.specs(), findings

    def build(self, part: Part, origin: Origin, targets: tuple[Target, ...] = (), *, complete: bool = True) -> Row | None:
        """Return the row in ``part``, None when something is wrong with it.

        ``complete`` is False for a profile's own row: it may leave parameters of its actions to the services.
        """
        name = full_id(part, origin.component)
        kind = part.value.get("kind", DEFAULT)
        if not isinstance(kind, str) or kind not in kinds():
            self._findings.error(
                part.spot.at(("kind",)).place, name, f"there is no kind {kind!r}", did_you_mean(str(kind), kinds())
            )
            return None
        model, problems = validate(row_model(kind), part.value, part.spot, name)
        self._findings += problems
        if model is None or not self._answered(part, name):
            return None
        policies = self._policies(model, part, name, complete=complete)
        if policies is None or not self._aim(policies, part, targets, name):
            return None
        return _row(model, build_kind(kind, model), origin, policies, targets, part.spot)

    def _policies(self, model: RowModel, part: Part, name: str, *, complete: bool) -> tuple[Policy, ...] | None:
        policies = Policies(self._actions, self._specs, name, complete=complete)
        built = policies.build(model.remediate, part.spot.at((REMEDIATE,)))
        self._findings += [*policies.problems, *policies.notes]
        return None if policies.problems else built

    def _aim(self, policies: tuple[Policy, ...], part: Part, targets: tuple[Target, ...], name: str) -> bool:
        """Tell whether every parameter that refers to the target finds it there; of a profile's own row `per` decides."""
        known = [set(target.dimensions) for target in targets] or [set(part.value.get("per") or ())]
        wrong = [
            (part.spot.at((REMEDIATE, index, *path)).place, summary, fix)
            for index, policy in enumerate(policies)
            for path, summary, fix in strange(policy, set.intersection(*known))
        ]
        for place, summary, fix in wrong:
            self._findings.error(place, name, summary, fix)
        return not wrong

    def _answered(self, part: Part, name: str) -> bool:
        """Tell whether the row's answer to "what may be done" is one; a row without any is told to people, with a warning."""
        reasoned, remedied = NO_ACTION in part.value, bool(part.value.get(REMEDIATE))
        if reasoned and remedied:
            self._findings.error(part.spot.place, name, "the row has both 'remediate' and 'no_action'", "keep one")
            return False
        if not reasoned and not remedied:
            fix = 'say what may be done, or why nothing is safe to do: `no_action: "reason"`'
            self._findings.warn(part.spot.place, name, "neither 'remediate' nor 'no_action' is there: people are only told", fix)
        return True


def row_id(part: Part) -> str:
    """Return the id that a row's YAML says, empty when it says none that is text."""
    found = part.value.get("id")
    return found if isinstance(found, str) else ""


def full_id(part: Part, component: str) -> str:
    """Return ``<service>/<component>/<id>`` as far as the row's YAML says it."""
    service = part.value.get("service")
    pieces = (service if isinstance(service, str) else "", component, row_id(part))
    return "/".join(piece for piece in pieces if piece)


def _row(
    model: RowModel, kind: Kind, origin: Origin, policies: tuple[Policy, ...], targets: tuple[Target, ...], spot: Spot
) -> Row:
    return Row(
        service=model.service or "",
        component=origin.component,
        id=model.id,
        title=model.title,
        severity=model.severity,
        owner=model.owner or "",
        notify=model.notify or "",
        runbook=model.runbook,
        kind=kind,
        window=model.for_,
        missing=model.missing,
        policies=policies,
        no_action=model.no_action or "",
        mode_cap=origin.mode_cap,
        targets=targets,
        spot=spot,
        files=origin.files,
    )
