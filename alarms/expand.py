"""From files to rows: profiles laid under services and stages, rows that stand alone with their defaults, all checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from alarms.domain.action import Actions
from alarms.problem import Level, Problem
from alarms.profiles import Expanded, Profile, RowFiles
from alarms.row import ServiceFacts
from alarms.row_builder import CHECK, Findings, RowBuilder
from alarms.service_facts import FactsOfServices
from alarms.services import Disabled, Services
from alarms.settings import Settings
from alarms.sources import Sources


@dataclass(frozen=True, slots=True)
class Expansion:
    """Every row of a catalogue for one stage, those that are switched off, and what is wrong."""

    rows: tuple[Expanded, ...]
    disabled: tuple[Disabled, ...]
    problems: tuple[Problem, ...]
    services: Mapping[str, ServiceFacts]


def expand(sources: Sources, settings: Settings, actions: Actions, today: date | None) -> Expansion:
    """Return the rows of ``sources`` for the stage of ``settings``. Pure."""
    findings = Findings()
    builder = RowBuilder(actions, findings)
    facts = FactsOfServices(findings)
    files = RowFiles(builder, facts, findings)
    for document in sources.profiles:
        files.read(document, profile=True)
    for document in sources.rows:
        files.read(document, profile=False)
    services = Services(settings, files.profiles, builder, facts, findings, today)
    for document in sources.services:
        services.read(document)
    findings += [_unused(name, profile) for name, profile in files.profiles.items() if not profile.used]
    rows = (*files.rows, *services.rows)
    of_services = facts.of_services({*files.profiles}, {item.row.service for item in rows})
    return Expansion(rows, tuple(services.disabled), tuple(findings), of_services)


def _unused(component: str, profile: Profile) -> Problem:
    """Rows without a target ring never. In the folder of profiles that is expected of a new one, elsewhere hardly."""
    summary = f"no service uses the profile {component!r}: nothing watches it"
    level = Level.WARNING if profile.apart else Level.NOTE
    fix = "say `dimensions` in its rows, or describe a service that uses it"
    return Problem(profile.place, level, CHECK, component, summary, fix=fix)
