"""Service files: profiles laid under what a service, and each of its stages, says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from alarms.domain.alarm import Mode
from alarms.kind import did_you_mean, nearest
from alarms.merge import Part, overlay
from alarms.problem import Level, Place, Problem
from alarms.profiles import Expanded, Profile, targets
from alarms.row import Target
from alarms.row_builder import CHECK, Findings, Origin, RowBuilder, full_id, row_id
from alarms.schema.errors import validate
from alarms.schema.files import OverrideModel, ServiceFile, UseModel
from alarms.service_facts import FactsOfServices
from alarms.settings import Settings
from alarms.yaml_door import Document, Spot

_OVERRIDE_KEYS = ("disable", "until", "targets")
_IDENTITY_KEYS = ("service", "owner", "notify")
_PROFILE_KEYS = ("id", "component", "service", "per", "own_targets")  # what a row is, not how it is used


@dataclass(frozen=True, slots=True)
class Disabled:
    """A row that a service switched off: the reason, the last day (None: until someone changes it), the place."""

    row: str
    reason: str
    until: date | None
    place: Place


@dataclass(frozen=True, slots=True)
class _Use:
    """How one service uses one profile, in one stage."""

    component: str
    profile: Profile
    identity: Part
    overrides: tuple[Part, ...]  # the service's, then the stage's: maps by row id
    shared: tuple[Target, ...]
    place: Place
    mode_cap: Mode
    file: str

    @property
    def name(self) -> str:
        """``<service>/<component>``."""
        return f"{self.service}/{self.component}"

    @property
    def service(self) -> str:
        """The service's name."""
        return str(self.identity.value["service"])


class Services:
    """Builds the rows of services for one stage; what is wrong is added to ``findings``."""

    def __init__(
        self,
        settings: Settings,
        profiles: Mapping[str, Profile],
        builder: RowBuilder,
        facts: FactsOfServices,
        findings: Findings,
        today: date | None,
    ) -> None:
        self._settings, self._profiles, self._builder, self._facts = settings, profiles, builder, facts
        self._findings, self._today = findings, today
        self._seen: dict[str, Place] = {}
        self._without_target: list[Problem] = []  # of the use at hand; a target that no row fits explains them better
        self.rows: list[Expanded] = []
        self.disabled: list[Disabled] = []

    def read(self, document: Document) -> None:
        """Read one service file and build its rows."""
        model, problems = validate(ServiceFile, document.value, document.spot)
        self._findings += problems
        self._facts.exists(document.value.get("service") if isinstance(document.value, dict) else None)
        if model is None:
            return
        if model.service in self._seen:
            summary = f"the service {model.service!r} is described twice"
            self._findings.error(document.spot.place, model.service, summary, f"also in {self._seen[model.service].file}")
            return
        self._seen[model.service] = document.spot.place
        whole = Part(document.value, document.spot)
        self._facts.calls(model.service, model.depends_on, whole.spot.at(("depends_on",)))
        self._facts.states(model.service, model.resources, whole.spot.at(("resources",)))
        self._check_stages(model, whole.spot)
        for component, use in model.use.items():
            found = self._use(model, component, use, whole, document.file)
            if found is not None:
                self._build(found)

    def _check_stages(self, model: ServiceFile, spot: Spot) -> None:
        for name, stage in model.stages.items():
            here = spot.at(("stages", name))
            if name not in self._settings.stages and self._settings.stages_declared:
                self._findings.error(
                    here.named, model.service, f"there is no stage {name!r}", did_you_mean(name, self._settings.stages)
                )
            for component in stage.overrides:
                if component not in model.use:
                    place = here.at(("overrides", component)).named
                    self._findings.error(
                        place, model.service, f"the service does not use {component!r}", did_you_mean(component, model.use)
                    )

    def _use(self, model: ServiceFile, component: str, use: UseModel, whole: Part, file: str) -> _Use | None:
        part = whole.part("use").part(component)
        profile = self._profiles.get(component)
        if profile is None:
            summary = f"there is no profile {component!r}"
            self._findings.error(part.spot.named, model.service, summary, did_you_mean(component, self._profiles))
            return None
        profile.used = True
        stage = model.stages.get(self._settings.stage)
        overrides = [part.part("overrides")] if use.overrides else []
        if stage and component in stage.overrides:
            overrides.append(whole.part("stages").part(self._settings.stage).part("overrides").part(component))
        return _Use(
            component=component,
            profile=profile,
            identity=Part({key: whole.value[key] for key in _IDENTITY_KEYS}, whole.spot),
            overrides=tuple(overrides),
            shared=targets([*use.targets], part.spot.at(("targets",)), part.spot),
            place=part.spot.named,
            mode_cap=(stage.mode_cap if stage else None) or Mode.AUTO,
            file=file,
        )

    def _build(self, use: _Use) -> None:
        self._facts.watches(use.service, use.component, [target.dimensions for target in use.shared])
        untold = use.profile.broken | self._misspelt_rows(use)  # more said of these would only be noise
        watched: set[int] = set()
        for name, base in use.profile.parts.items():
            if name not in untold:
                watched |= self._build_row(use, base)
        strange = [target for target in use.shared if id(target) not in watched and not untold]
        for target in strange:
            summary = f"no row of {use.component} watches a target with {', '.join(target.dimensions)}"
            self._findings.error(target.place, use.name, summary, _dimension_hint(use.profile))
        if not strange:
            self._findings += self._without_target
        self._without_target.clear()

    def _misspelt_rows(self, use: _Use) -> set[str]:
        """Tell of overrides for rows that the profile does not have; return the rows that they likely mean."""
        meant: set[str] = set()
        for override in use.overrides:
            for name in override.value:
                if name not in use.profile.parts:
                    summary = f"the profile {use.component!r} has no row {name!r}"
                    place = override.part(name).spot.named
                    self._findings.error(place, use.name, summary, did_you_mean(name, use.profile.parts))
                    meant.add(nearest(name, use.profile.parts))
        return meant

    def _build_row(self, use: _Use, base: Part) -> set[int]:
        """Build one row of a profile for a service; return which of the shared targets it is about, by id()."""
        merged, said = overlay(base, use.identity), Part({}, Spot(use.place))
        for override in use.overrides:
            if row_id(base) in override.value:
                change = self._allowed(override.part(row_id(base)), f"{use.name}/{row_id(base)}")
                said = overlay(said, change)
                merged = overlay(merged, change.without(*_OVERRIDE_KEYS))
        merged = Part(merged.value, Spot(base.spot.place, None, merged.spot.items))
        name = full_id(merged, use.component)
        own, problems = validate(OverrideModel, said.only(*_OVERRIDE_KEYS).value, said.spot, name)
        self._findings += problems
        about = {id(target) for target in use.shared if _fits(base, target)}
        if own and own.targets:
            self._facts.watches(use.service, use.component, own.targets)
        if own is None or self._is_disabled(name, own, said):
            return about
        chosen = self._stated(name, base, said, own) if own.targets is not None else self._shared(name, base, use)
        origin = Origin(use.component, use.mode_cap, frozenset({use.file, use.profile.file}))
        if chosen and (row := self._builder.build(merged, origin, chosen)):
            self.rows.append(Expanded(row, merged))
        return about

    def _allowed(self, change: Part, name: str) -> Part:
        """Return what an override may change; tell of what it may not."""
        for key in _PROFILE_KEYS:
            if key in change.value:
                place = change.spot.at((key,)).named
                self._findings.error(place, name, f"an override cannot change {key!r}", "write another row in the profile")
        return change.without(*_PROFILE_KEYS)

    def _stated(self, name: str, base: Part, said: Part, own: OverrideModel) -> tuple[Target, ...]:
        stated = targets([*(own.targets or ())], said.spot.at(("targets",)), said.spot)
        for target in stated:
            if not _fits(base, target):
                summary = f"the target has {', '.join(target.dimensions)}, the row is per {', '.join(base.value['per'])}"
                self._findings.error(target.place, name, summary)
        if not stated:
            place = said.spot.at(("targets",)).place
            self._findings.error(place, name, "the list of targets is empty", 'say why: `disable: "reason"`')
        return stated

    def _shared(self, name: str, base: Part, use: _Use) -> tuple[Target, ...]:
        if base.value.get("own_targets"):
            self._findings.error(
                use.place, name, "the row needs targets of its own", "say `targets: […]` in its override, or disable it"
            )
            return ()
        found = tuple(target for target in use.shared if _fits(base, target))
        if not found:
            per = ", ".join(base.value.get("per") or ())
            summary = f"the row has no target with {per}" if per else "the row has no target"
            fix = "add one to `targets`, or disable the row"
            self._without_target.append(Problem(use.place, Level.ERROR, CHECK, name, summary, fix=fix))
        return found

    def _is_disabled(self, name: str, own: OverrideModel, said: Part) -> bool:
        if own.disable is None:
            if own.until is not None:
                place = said.spot.at(("until",)).named
                self._findings.error(place, name, "'until' stands without 'disable'", 'say why: `disable: "reason"`')
            return False
        place = said.spot.at(("disable",)).named
        if own.until and self._today and self._today > own.until:
            summary = f"disabled until {own.until}, which is over: the alarm is back"
            self._findings.append(Problem(place, Level.WARNING, CHECK, name, summary, fix="remove `disable`, or say a later day"))
            return False
        self.disabled.append(Disabled(name, own.disable, own.until, place))
        return True


def _fits(base: Part, target: Target) -> bool:
    per = base.value.get("per")
    return not per or set(per) == set(target.dimensions)


def _dimension_hint(profile: Profile) -> str:
    per = {", ".join(part.value["per"]) for part in profile.parts.values() if part.value.get("per")}
    return f"its rows are per {' or per '.join(sorted(per))}" if per else ""
