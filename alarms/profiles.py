"""Files of rows: profiles, which services use, and rows that stand alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alarms.kind import did_you_mean
from alarms.merge import REMEDIATE, Part, overlay
from alarms.problem import Place
from alarms.row import Row, Target
from alarms.row_builder import Findings, Origin, RowBuilder, full_id, row_id
from alarms.schema.errors import validate
from alarms.schema.files import RowsFile, StandModel
from alarms.schema.rows import default_keys
from alarms.service_facts import FactsOfServices
from alarms.stand_alone import component_of, products
from alarms.yaml_door import MAX_PROBLEMS, Document, Spot

STAND_KEYS = ("dimensions", "for_each")
NO_TARGET = "say `dimensions: {QueueName: image-jobs}`"


@dataclass(slots=True)
class Profile:
    """A component's rows by id, as written. ``broken`` are those that have a problem of their own already."""

    file: str
    place: Place
    apart: bool = False  # not in the folder of profiles: perhaps its rows lack `dimensions`
    parts: dict[str, Part] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    used: bool = False


@dataclass(frozen=True, slots=True)
class Expanded:
    """A row, and the YAML it came from with the place of every value."""

    row: Row
    part: Part


class RowFiles:
    """Reads files of rows: profiles are kept for the services, rows that stand alone are built."""

    def __init__(self, builder: RowBuilder, facts: FactsOfServices, findings: Findings) -> None:
        self._builder, self._facts, self._findings = builder, facts, findings
        self.profiles: dict[str, Profile] = {}
        self.rows: list[Expanded] = []

    def read(self, document: Document, *, profile: bool) -> None:
        """Read one file. ``profile``: it stands where profiles stand, so its rows need no targets of their own."""
        model, problems = validate(RowsFile, document.value, document.spot)
        self._findings += problems
        if model is None:
            return
        self._calls(model, document.spot)
        whole = self._known_defaults(Part(document.value, document.spot))
        rows = whole.part("alarms")
        if not model.alarms:
            self._findings.error(rows.spot.place, "", "the list of alarms is empty", "write a row, or remove the file")
        for index in range(len(model.alarms)):
            self._read_row(model, _with_defaults(whole, rows.part(index)), document, profile=profile)

    def _calls(self, model: RowsFile, spot: Spot) -> None:
        self._facts.exists(model.service)
        if model.service:
            self._facts.calls(model.service, model.depends_on, spot.at(("depends_on",)))
        elif model.depends_on:
            place = spot.at(("depends_on",)).named
            self._findings.error(place, "", "'depends_on' stands without 'service'", "say whose it is, or say it in the service")

    def _known_defaults(self, whole: Part) -> Part:
        """Return the file without defaults that no row can have: they are told of once, not once a row."""
        keys, said = default_keys(), whole.value.get("defaults") or {}
        unknown = [key for key in said if key not in keys]
        for key in unknown[:MAX_PROBLEMS]:
            place = whole.spot.at(("defaults", key)).named
            self._findings.error(place, "", f"there is no key {key!r} in 'defaults'", did_you_mean(key, keys))
        if not unknown:
            return whole
        return Part({**whole.value, "defaults": {key: said[key] for key in said if key in keys}}, whole.spot)

    def _read_row(self, file: RowsFile, part: Part, document: Document, *, profile: bool) -> None:
        if any(key in part.value for key in STAND_KEYS):
            self._stand_alone(file, part, document.file)
        elif file.component and (profile or "service" not in part.value):
            self._profile_row(file.component, part, document, apart=not profile)
        elif profile:
            self._findings.error(
                part.spot.place, row_id(part), "'component' is missing in the file", "say at its top: `component: sqs`"
            )
        else:
            self._findings.error(part.spot.place, row_id(part), "the row watches nothing", NO_TARGET)

    def _profile_row(self, component: str, part: Part, document: Document, *, apart: bool) -> None:
        profile = self.profiles.setdefault(component, Profile(document.file, part.spot.place, apart))
        if profile.file != document.file:
            summary = f"the component {component!r} has a profile already"
            self._findings.error(document.spot.place, component, summary, f"in {profile.file}")
            return
        name = row_id(part)
        if name in profile.parts:
            summary = f"the row {component + '/' + name!r} stands twice"
            self._findings.error(
                part.spot.place, f"{component}/{name}", summary, f"the first is at {profile.parts[name].spot.place}"
            )
            return
        profile.parts[name] = part
        if self._builder.build(part, Origin(component), complete=False) is None:
            profile.broken.add(name)

    def _stand_alone(self, file: RowsFile, part: Part, name: str) -> None:
        stand, problems = validate(StandModel, part.only(*STAND_KEYS).value, part.spot, row_id(part))
        self._findings += problems
        if stand is None:
            return
        component = part.value.get("component") or file.component or component_of(part.value)
        if not isinstance(component, str):
            self._findings.error(
                part.spot.place, row_id(part), "'component' is missing", "say what is watched, as in `component: sqs`"
            )
            return
        if file.service and "service" not in part.value:
            part = overlay(Part({"service": file.service}, part.spot), part)
        found = self._own_targets(stand, part, full_id(part, component))
        if not found:
            return
        row = self._builder.build(part.without(*STAND_KEYS), Origin(component, files=frozenset({name})), found)
        if row is not None and not row.notify:
            fix = "say it in the file's `defaults`"
            self._findings.error(part.spot.place, row.full_id, "'notify' is missing: nobody would hear of it", fix)
        elif row is not None:
            self.rows.append(Expanded(row, part))
            if row.service:
                self._facts.exists(row.service)
                self._facts.watches(row.service, component, [target.dimensions for target in found])

    def _own_targets(self, stand: StandModel, part: Part, name: str) -> tuple[Target, ...]:
        """Return what a row that stands alone watches; none, and why not, when that is nothing or too much."""
        each = part.spot.at(("for_each",))
        try:
            dimensions = products(stand.dimensions, stand.for_each)
        except ValueError as error:
            self._findings.error(each.place, name, str(error))
            return ()
        if not dimensions:
            self._findings.error(part.spot.place, name, "the row watches nothing", NO_TARGET)
        return targets(dimensions, each, part.spot.at(("dimensions",)))


def targets(found: list[Mapping[str, str]], each: Spot, alone: Spot) -> tuple[Target, ...]:
    """Return targets with their places: those of the list at ``each``, or all at ``alone``."""
    return tuple(Target(one, each.items[n].place if n in each.items else alone.place) for n, one in enumerate(found))


def _with_defaults(whole: Part, row: Part) -> Part:
    """Return ``row`` over its file's defaults; a map of remediation steps becomes a list either way."""
    if not whole.value.get("defaults") and not isinstance(row.value.get(REMEDIATE), dict):
        return row
    defaults = whole.part("defaults") if whole.value.get("defaults") else Part({}, row.spot)
    merged = overlay(defaults, row)
    return Part(merged.value, Spot(row.spot.place, None, merged.spot.items))
