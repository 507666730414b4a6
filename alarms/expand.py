"""From files to rows: profiles laid under services and stages, rows that stand alone with their defaults, all checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from alarms.domain.action import Actions
from alarms.domain.alarm import Mode
from alarms.kind import did_you_mean
from alarms.kinds import DEFAULT, kinds
from alarms.merge import NO_ACTION, REMEDIATE, Part, overlay
from alarms.policies import Policies
from alarms.problem import Level, Place, Problem
from alarms.row import Row, Target
from alarms.schema.errors import validate
from alarms.schema.files import OverrideModel, RowsFile, ServiceFile, StandModel, UseModel
from alarms.schema.rows import RowModel, build_kind, row_model
from alarms.settings import Settings
from alarms.stand_alone import component_of, products
from alarms.yaml_door import Document, Spot

CHECK = "catalogue"
_OVERRIDE_KEYS = ("disable", "until", "targets")
_STAND_KEYS = ("dimensions", "for_each")


@dataclass(frozen=True, slots=True)
class Expanded:
    """A row, and the YAML it came from with the place of every value."""

    row: Row
    part: Part


@dataclass(frozen=True, slots=True)
class Disabled:
    """A row that a service switched off: the reason, the last day (None: until someone changes it), the place."""

    row: str
    reason: str
    until: date | None
    place: Place


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose row it is, for one service or one file of rows."""

    service: str
    owner: str
    notify: str
    mode_cap: Mode = Mode.AUTO
    files: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Profile:
    """A component's rows by id, as written. ``broken`` are those that have a problem of their own already."""

    file: str
    place: Place
    parts: dict[str, Part] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    used: bool = False


class Expander:
    """Expands the documents of one catalogue for one stage. ``problems`` collects everything that is wrong."""

    def __init__(self, settings: Settings, actions: Actions, today: date | None) -> None:
        self._settings, self._actions, self._today = settings, actions, today
        self._specs = actions.specs()
        self._profiles: dict[str, _Profile] = {}
        self._services: dict[str, Place] = {}
        self.rows: list[Expanded] = []
        self.disabled: list[Disabled] = []
        self.problems: list[Problem] = []

    def expand(self, profiles: Iterable[Document], services: Iterable[Document], rows: Iterable[Document]) -> None:
        """Expand every document, profiles first."""
        for document in profiles:
            self._rows_file(document, profile=True)
        for document in rows:
            self._rows_file(document, profile=False)
        for document in services:
            self._service_file(document)
        for name, profile in self._profiles.items():
            if not profile.used:
                summary = f"no service uses the profile {name!r}: nothing watches it"
                self.problems.append(Problem(profile.place, Level.NOTE, CHECK, name, summary))

    # --- files of rows -------------------------------------------------------------------------------------------

    def _rows_file(self, document: Document, *, profile: bool) -> None:
        model, problems = validate(RowsFile, document.value, document.spot)
        self.problems += problems
        if model is None:
            return
        whole = Part(document.value, document.spot)
        defaults = whole.part("defaults") if model.defaults else None
        rows = whole.part("alarms")
        if not model.alarms:
            self._note(rows.spot.place, "", "the list of alarms is empty", "write a row, or remove the file")
        for index in range(len(model.alarms)):
            row = rows.part(index)
            merged = overlay(defaults, row) if defaults else row
            merged = Part(merged.value, Spot(row.spot.place, None, merged.spot.items))
            if any(key in merged.value for key in _STAND_KEYS):
                self._stand_alone(model, merged, document.file)
            elif model.component and (profile or "service" not in merged.value):
                self._profile_row(model.component, merged, document)
            else:
                self._no_target(merged, profile=profile)

    def _no_target(self, part: Part, *, profile: bool) -> None:
        if profile:
            self._note(part.spot.place, _id(part), "'component' is missing in the file", "say at its top: `component: sqs`")
        else:
            self._note(part.spot.place, _id(part), "the row watches nothing", "say `dimensions: {QueueName: image-jobs}`")

    def _profile_row(self, component: str, part: Part, document: Document) -> None:
        profile = self._profiles.setdefault(component, _Profile(document.file, part.spot.place))
        if profile.file != document.file:
            self._note(document.spot.place, component, f"the component {component!r} has a profile already", f"in {profile.file}")
            return
        row_id = _id(part)
        if row_id in profile.parts:
            self._twice(part, f"{component}/{row_id}", profile.parts[row_id].spot.place)
            return
        built = self._row(part, _Owner("", "", ""), component, (), complete=False)
        profile.parts[row_id] = part
        if built is None:
            profile.broken.add(row_id)

    def _stand_alone(self, file: RowsFile, part: Part, name: str) -> None:
        stand, problems = validate(
            StandModel, {key: part.value[key] for key in _STAND_KEYS if key in part.value}, part.spot, _id(part)
        )
        self.problems += problems
        component = part.value.get("component") or file.component or component_of(part.value)
        if not isinstance(component, str) or stand is None:
            if stand is not None:
                self._note(part.spot.place, _id(part), "'component' is missing", "say what is watched, as in `component: sqs`")
            return
        targets = self._targets(
            products(stand.dimensions, stand.for_each), part.spot.at(("for_each",)), part.spot.at(("dimensions",))
        )
        service = part.value.get("service") or file.service or ""
        owner = _Owner(str(service), str(part.value.get("owner", "")), str(part.value.get("notify", "")), files=frozenset({name}))
        if not targets:
            self._note(part.spot.place, _id(part), "the row watches nothing", "say `dimensions: {QueueName: image-jobs}`")
        elif (built := self._row(part.without(*_STAND_KEYS), owner, component, targets)) is not None:
            if not built.notify:
                self._note(
                    part.spot.place,
                    built.full_id,
                    "'notify' is missing: nobody would hear of it",
                    "say it in the file's `defaults`",
                )
                return
            self.rows.append(Expanded(built, part))

    def _targets(self, found: list[Mapping[str, str]], each: Spot, alone: Spot) -> tuple[Target, ...]:
        return tuple(
            Target(dimensions, each.at((index,)).place if each.items else alone.place) for index, dimensions in enumerate(found)
        )

    # --- services ------------------------------------------------------------------------------------------------

    def _service_file(self, document: Document) -> None:
        model, problems = validate(ServiceFile, document.value, document.spot)
        self.problems += problems
        if model is None:
            return
        if model.service in self._services:
            self._note(
                document.spot.place,
                model.service,
                f"the service {model.service!r} is described twice",
                f"also in {self._services[model.service]}",
            )
            return
        self._services[model.service] = document.spot.place
        whole = Part(document.value, document.spot)
        self._stages(model, whole)
        stage = model.stages.get(self._settings.stage)
        cap = stage.mode_cap if stage and stage.mode_cap else Mode.AUTO
        for component, use in model.use.items():
            owner = _Owner(model.service, model.owner, model.notify, cap, frozenset({document.file}))
            self._use(owner, component, use, whole.part("use").part(component), self._stage_overrides(whole, component))

    def _stages(self, model: ServiceFile, whole: Part) -> None:
        for name, stage in model.stages.items():
            spot = whole.spot.at(("stages", name))
            if name not in self._settings.stages:
                self._note(spot.named, model.service, f"there is no stage {name!r}", did_you_mean(name, self._settings.stages))
            for component in stage.overrides:
                if component not in model.use:
                    here = spot.at(("overrides", component)).named
                    self._note(here, model.service, f"the service does not use {component!r}", did_you_mean(component, model.use))

    def _stage_overrides(self, whole: Part, component: str) -> Part | None:
        part = whole
        for key in ("stages", self._settings.stage, "overrides", component):
            if not isinstance(part.value, dict) or key not in part.value:
                return None
            part = part.part(key)
        return part

    def _use(self, owner: _Owner, component: str, use: UseModel, part: Part, stage: Part | None) -> None:
        profile = self._profiles.get(component)
        if profile is None:
            self._note(
                part.spot.named, owner.service, f"there is no profile {component!r}", did_you_mean(component, self._profiles)
            )
            return
        profile.used = True
        overrides = [piece for piece in (part.part("overrides") if use.overrides else None, stage) if piece is not None]
        for piece in overrides:
            self._known_rows(owner, component, profile, piece)
        shared = self._targets([*use.targets], part.spot.at(("targets",)), part.spot)
        watched: set[int] = set()
        for row_id, base in profile.parts.items():
            if row_id not in profile.broken:
                changes = [piece.part(row_id) for piece in overrides if row_id in piece.value]
                watched |= self._service_row(owner, component, base, changes, shared, profile.file)
        for target in shared:
            if id(target) not in watched and not profile.broken:
                names = ", ".join(target.dimensions)
                self._note(
                    target.place,
                    f"{owner.service}/{component}",
                    f"no row of {component} watches a target with {names}",
                    self._dimension_hint(profile),
                )

    def _known_rows(self, owner: _Owner, component: str, profile: _Profile, overrides: Part) -> None:
        for row_id in overrides.value:
            if row_id not in profile.parts:
                place = overrides.part(row_id).spot.named
                hint = did_you_mean(row_id, profile.parts)
                self._note(place, f"{owner.service}/{component}", f"the profile {component!r} has no row {row_id!r}", hint)

    def _dimension_hint(self, profile: _Profile) -> str:
        per = {
            ", ".join(map(str, part.value["per"])) for part in profile.parts.values() if isinstance(part.value.get("per"), list)
        }
        return f"its rows are per {' or per '.join(sorted(per))}" if per else ""

    def _service_row(
        self, owner: _Owner, component: str, base: Part, changes: list[Part], shared: tuple[Target, ...], file: str
    ) -> set[int]:
        """Build one row of a profile for a service; returns which of the shared targets it watches, by id()."""
        name = f"{owner.service}/{component}/{_id(base)}"
        merged, said = base, Part({}, base.spot)
        for change in changes:
            said = overlay(said, change)
            merged = overlay(merged, change.without(*_OVERRIDE_KEYS))
        merged = Part(merged.value, Spot(base.spot.place, None, merged.spot.items))
        own, problems = validate(
            OverrideModel, {key: said.value[key] for key in _OVERRIDE_KEYS if key in said.value}, said.spot, name
        )
        self.problems += problems
        targets = self._chosen(name, base, own, said, shared) if own else ()
        watched = {id(target) for target in targets} | (
            {id(target) for target in shared if _fits(base, target)} if own and own.disable else set()
        )
        if own is None or self._is_disabled(name, own, said):
            return watched
        owner = _Owner(owner.service, owner.owner, owner.notify, owner.mode_cap, owner.files | {file})
        if targets and (built := self._row(merged, owner, component, targets)) is not None:
            self.rows.append(Expanded(built, merged))
        return watched

    def _chosen(self, name: str, base: Part, own: OverrideModel, said: Part, shared: tuple[Target, ...]) -> tuple[Target, ...]:
        over = own.until is not None and self._today is not None and self._today > own.until
        if own.disable is not None and own.targets is None and not over:
            return ()
        if own.targets is not None:
            stated = self._targets([*own.targets], said.spot.at(("targets",)), said.spot)
            for target in stated:
                if not _fits(base, target):
                    self._note(
                        target.place,
                        name,
                        f"the target has {', '.join(target.dimensions)}, the row is per {', '.join(base.value['per'])}",
                    )
            return stated
        if base.value.get("own_targets"):
            self._note(
                said.spot.place, name, "the row needs targets of its own", "say `targets: […]` in its override, or disable it"
            )
            return ()
        found = tuple(target for target in shared if _fits(base, target))
        if not found:
            per = ", ".join(map(str, base.value.get("per") or ()))
            place = shared[0].place if shared else said.spot.place
            self._note(
                place,
                name,
                f"the row has no target with {per}" if per else "the row has no target",
                "add one, or disable the row",
            )
        return found

    def _is_disabled(self, name: str, own: OverrideModel, said: Part) -> bool:
        if own.disable is None:
            if own.until is not None:
                self._note(said.spot.at(("until",)).named, name, "'until' without 'disable'", 'say why: `disable: "reason"`')
            return False
        place = said.spot.at(("disable",)).named
        if own.until and self._today and self._today > own.until:
            summary = f"disabled until {own.until}, which is over: the alarm is back"
            self.problems.append(Problem(place, Level.WARNING, CHECK, name, summary, fix="remove `disable`, or say a later day"))
            return False
        self.disabled.append(Disabled(name, own.disable, own.until, place))
        return True

    # --- one row -------------------------------------------------------------------------------------------------

    def _row(
        self, part: Part, owner: _Owner, component: str, targets: tuple[Target, ...], *, complete: bool = True
    ) -> Row | None:
        name = "/".join(piece for piece in (owner.service, component, _id(part)) if piece)
        kind = part.value.get("kind", DEFAULT)
        if not isinstance(kind, str) or kind not in kinds():
            self._note(part.spot.at(("kind",)).place, name, f"there is no kind {kind!r}", did_you_mean(str(kind), kinds()))
            return None
        model, problems = validate(row_model(kind), part.value, part.spot, name)
        self.problems += problems
        if model is None or not self._answered(part, name):
            return None
        policies = Policies(self._actions, self._specs, name, complete=complete)
        built = policies.build(model.remediate, part.spot.at((REMEDIATE,)))
        self.problems += policies.problems
        if policies.problems:
            return None
        return _build(model, kind, owner, component, built, targets, part.spot)

    def _answered(self, part: Part, name: str) -> bool:
        """Tell whether the row says what may be done, or why nothing is safe to do: exactly one of the two."""
        if bool(part.value.get(REMEDIATE)) is not (NO_ACTION in part.value):
            return True
        both = NO_ACTION in part.value
        summary = "the row has both 'remediate' and 'no_action'" if both else "neither 'remediate' nor 'no_action'"
        fix = "keep one" if both else 'say what may be done, or why nothing is safe to do: `no_action: "reason"`'
        self._note(part.spot.place, name, summary, fix)
        return False

    def _twice(self, part: Part, name: str, first: Place) -> None:
        self._note(part.spot.place, name, f"the row {name!r} stands twice", f"the first is in {first}")

    def _note(self, place: Place, row: str, summary: str, fix: str = "") -> None:
        self.problems.append(Problem(place, Level.ERROR, CHECK, row, summary, fix=fix))


def _build(
    model: RowModel, kind: str, owner: _Owner, component: str, policies: tuple[Any, ...], targets: tuple[Target, ...], spot: Spot
) -> Row:
    return Row(
        service=owner.service,
        component=component,
        id=model.id,
        title=model.title,
        severity=model.severity,
        owner=owner.owner,
        notify=owner.notify,
        runbook=model.runbook,
        kind=build_kind(kind, model),
        window=model.for_,
        missing=model.missing,
        policies=policies,
        no_action=model.no_action or "",
        mode_cap=owner.mode_cap,
        targets=targets,
        spot=spot,
        files=owner.files,
    )


def _id(part: Part) -> str:
    found = part.value.get("id")
    return found if isinstance(found, str) else ""


def _fits(base: Part, target: Target) -> bool:
    per = base.value.get("per")
    return not per or set(per) == set(target.dimensions)
