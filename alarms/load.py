"""From a catalogue's files to the alarms that should exist: everything between reading and CloudWatch, pure and printable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from alarms import yaml_door
from alarms.compile import compile_row
from alarms.desired import Desired
from alarms.domain.action import Actions
from alarms.domain.errors import BadInput
from alarms.expand import expand
from alarms.kind import Wrong
from alarms.limits import Known, LiveFacts, Resolve, resolver
from alarms.problem import Level, Place, Problem
from alarms.profiles import Expanded
from alarms.row import ALONE, Row, ServiceFacts
from alarms.services import Disabled
from alarms.settings import Settings, topic_arn
from alarms.settings_file import STAGE_OPTION, read_settings, unreachable_storm
from alarms.sources import Sources, read_sources

NAMES_CHECK = "names"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A catalogue for one stage.

    ``desired`` lacks the alarms of rows that have an error: whoever writes it anywhere refuses while ``errors`` is not
    empty (``raise_errors``). ``expansions`` are the rows by full id, with the place of every value; ``disabled`` the rows
    that services switched off. ``only`` is the one file that was asked for, empty for a whole catalogue: what is outside
    it is not in ``desired`` and must not be pruned.
    """

    desired: tuple[Desired, ...]
    problems: tuple[Problem, ...]
    settings: Settings
    expansions: Mapping[str, Expanded]
    disabled: tuple[Disabled, ...] = ()
    only: str = ""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems with which the catalogue cannot be used."""
        return tuple(problem for problem in self.problems if problem.level is Level.ERROR)

    def raise_errors(self) -> None:
        """Raise BadInput with every error, one a line; nothing when there is none."""
        if self.errors:
            raise BadInput("\n".join(str(problem) for problem in self.errors))


def load(
    root: Path,
    *,
    stage: str | None,
    actions: Actions,
    facts: LiveFacts | None = None,
    account: str | None = None,
    region: str | None = None,
    today: date | None = None,
) -> Loaded:
    """Read the catalogue at ``root``, a folder or one file, for ``stage`` (None: its default stage).

    ``facts`` are asked for limits at plan time; offline tocsin.yaml answers. ``account`` and ``region`` stand in where
    tocsin.yaml declares none. ``today`` decides whether a ``disable … until`` is over; without it none is. Raises
    CannotRun when there is nothing at ``root``; every other failure is in ``problems``.
    """
    return load_sources(
        read_sources(root), stage=stage, actions=actions, facts=facts, account=account, region=region, today=today
    )


def load_sources(
    sources: Sources,
    *,
    stage: str | None,
    actions: Actions,
    facts: LiveFacts | None = None,
    account: str | None = None,
    region: str | None = None,
    today: date | None = None,
) -> Loaded:
    """Do what ``load`` does with files that are read already: for several stages of one catalogue."""
    settings, problems = read_settings(sources.settings, stage)
    settings = _placed(settings, account, region)
    problems = [*sources.problems, *problems]
    expansion = expand(sources, settings, actions, today)
    rows, twice = _unique_rows(expansion.rows)
    limit = resolver(Known(settings.databases, settings.clusters, facts))
    desired, found = _compile(rows, settings, limit, expansion.services)
    problems = [*problems, *expansion.problems, *twice, *found]
    if sources.settings and not sources.only and not any(problem.level is Level.ERROR for problem in problems):
        problems += unreachable_storm(sources.settings, settings, len(expansion.services))
    loaded = Loaded(
        desired, _distinct(problems), settings, {item.row.full_id: item for item in rows}, expansion.disabled, sources.only
    )
    return _only(loaded, sources) if sources.only else loaded


def _placed(settings: Settings, account: str | None, region: str | None) -> Settings:
    """Return the settings with the caller's account and region where tocsin.yaml declares none."""
    new_account = account if account and not settings.account_declared else settings.account
    new_region = region if region and not settings.region_declared else settings.region
    topic = topic_arn(settings.topic, new_region, settings.hub.account if settings.hub else new_account)
    return replace(settings, account=new_account, region=new_region, topic_arn=topic)


def _unique_rows(rows: Iterable[Expanded]) -> tuple[list[Expanded], list[Problem]]:
    """Return the rows without those whose id stands already, and the collisions, each naming both places."""
    first: dict[str, Expanded] = {}
    problems: list[Problem] = []
    for item in rows:
        known = first.setdefault(item.row.full_id, item)
        if known is not item:
            problems.append(_collision(item.row, f"the row {item.row.full_id!r} stands twice", known.row.spot.place))
    return list(first.values()), problems


def _compile(
    rows: list[Expanded], settings: Settings, limit: Resolve, services: Mapping[str, ServiceFacts]
) -> tuple[tuple[Desired, ...], list[Problem]]:
    shorts = Counter(item.row.short_id for item in rows)
    names: dict[str, Place] = {}
    desired: list[Desired] = []
    problems: list[Problem] = []
    for row in (item.row for item in rows):
        shown = row.short_id if shorts[row.short_id] == 1 else row.full_id
        for target in row.targets:
            try:
                one, notes = compile_row(row, target, settings, limit, shown, services.get(row.service, ALONE))
            except Wrong as wrong:
                place = row.spot.at((wrong.field,)).place
                problems.append(Problem(place, Level.ERROR, "compile", row.full_id, wrong.summary, fix=wrong.fix))
                continue
            problems += [Problem(row.spot.at(("when",)).place, Level.NOTE, "limits", row.full_id, note) for note in notes]
            if one.name in names:
                problems.append(_collision(row, f"the alarm name {one.name!r} is taken", names[one.name], target.place))
                continue
            names[one.name] = target.place
            desired.append(one)
    return tuple(desired), problems


def _collision(row: Row, summary: str, first: Place, place: Place | None = None) -> Problem:
    return Problem(
        place or row.spot.place,
        Level.ERROR,
        NAMES_CHECK,
        row.full_id,
        summary,
        fix=f"the first is at {first}; give one another id or target",
    )


def _distinct(problems: Collection[Problem]) -> tuple[Problem, ...]:
    """Return each finding once, in the order of files and lines.

    One mistake in a profile is one line, however many services use it; of a scalar that YAML misreads nothing else is said.
    """
    first: dict[tuple[Place, str], Problem] = {}
    misread = {problem.place for problem in problems if problem.check == yaml_door.CHECK and problem.place.line}
    for problem in problems:
        if problem.check == yaml_door.CHECK or problem.place not in misread:
            first.setdefault((problem.place, problem.summary), problem)
    return tuple(sorted(first.values(), key=lambda problem: problem.place))


def _only(loaded: Loaded, sources: Sources) -> Loaded:
    """Return what the one file that was asked for has a say in."""
    rows = {name: item for name, item in loaded.expansions.items() if sources.only in item.row.files}
    files = {STAGE_OPTION, sources.only, *(file for item in rows.values() for file in item.row.files)}
    if sources.settings is not None:
        files.add(sources.settings.file)
    return replace(
        loaded,
        desired=tuple(one for one in loaded.desired if one.alarm.row in rows),
        problems=tuple(problem for problem in loaded.problems if problem.place.file in files),
        expansions=rows,
    )
