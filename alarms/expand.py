"""From files to rows: profiles laid under services and stages, rows that stand alone with their defaults, all checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from alarms.domain.action import Actions
from alarms.problem import Level, Problem
from alarms.profiles import Expanded, RowFiles
from alarms.row_builder import CHECK, Findings, RowBuilder
from alarms.services import Disabled, Services
from alarms.settings import Settings
from alarms.sources import Sources


@dataclass(frozen=True, slots=True)
class Expansion:
    """Every row of a catalogue for one stage, those that are switched off, and what is wrong."""

    rows: tuple[Expanded, ...]
    disabled: tuple[Disabled, ...]
    problems: tuple[Problem, ...]


def expand(sources: Sources, settings: Settings, actions: Actions, today: date | None) -> Expansion:
    """Return the rows of ``sources`` for the stage of ``settings``. Pure."""
    findings = Findings()
    builder = RowBuilder(actions, findings)
    files = RowFiles(builder, findings)
    for document in sources.profiles:
        files.read(document, profile=True)
    for document in sources.rows:
        files.read(document, profile=False)
    services = Services(settings, files.profiles, builder, findings, today)
    for document in sources.services:
        services.read(document)
    for name, profile in files.profiles.items():
        if not profile.used:
            summary = f"no service uses the profile {name!r}: nothing watches it"
            findings.append(Problem(profile.place, Level.NOTE, CHECK, name, summary))
    return Expansion((*files.rows, *services.rows), tuple(services.disabled), tuple(findings))
