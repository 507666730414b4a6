"""How the verbs open a catalogue: the packaged one when none is named, the product's actions, today's date, lines for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from alarms.domain.alarm import Alarm
    from alarms.load import Loaded
    from alarms.problem import Problem

_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


class Format(StrEnum):
    """How something is printed."""

    TEXT = "text"
    JSON = "json"


def catalogue_path(path: Path | None) -> Path:
    """Return ``path``, or the packaged catalogue, as seen from here where it is below."""
    import alarms

    found = path or Path(alarms.__file__).parent / "catalog"
    return found.relative_to(Path.cwd()) if found.is_absolute() and found.is_relative_to(Path.cwd()) else found


def now() -> datetime:
    """Return the time: the verbs' door at which the clock enters."""
    return datetime.now(UTC)  # noqa: TID251 - the verbs' door at which the clock enters


def today() -> date:
    """Return the day that decides whether a `disable … until` is over."""
    return now().date()


def alarms_by_name(path: Path | None, stage: str) -> dict[str, Alarm]:
    """Return the alarms of one stage by name; none where the catalogue has no such stage. Errors as in ``opened``."""
    from alarms.settings_file import read_settings
    from alarms.sources import read_sources

    settings, _ = read_settings(read_sources(catalogue_path(path)).settings, None)
    if settings.stages_declared and stage not in settings.stages:
        return {}
    return {one.name: one.alarm for one in opened(path, stage or None).desired}


def opened(path: Path | None, stage: str | None) -> Loaded:
    """Load the catalogue for one stage, offline; every error is a line on stderr and ends the command with exit 1."""
    from alarms.load import load
    from remediators.registry import registry

    loaded = load(catalogue_path(path), stage=stage, actions=registry(), today=today())
    if loaded.errors:
        tell(loaded.errors, err=True)
        raise typer.Exit(1)
    return loaded


def tell(problems: Iterable[Problem], *, err: bool) -> None:
    """Print one line per problem; coloured on a terminal only."""
    for problem in problems:
        level = problem.level.value
        line = str(problem).replace(f": {level}:", f": {typer.style(level, fg=_COLOURS[level], bold=True)}:", 1)
        typer.echo(line, err=err)


def repository_files(path: Path) -> Callable[[str], bool] | None:
    """Return how to ask whether a file of the repository around ``path`` exists; None when it has no docs folder."""
    start = path.resolve()
    root = next((folder for folder in (start, *start.parents) if (folder / "docs").is_dir()), None)
    return (lambda name: (root / name).exists()) if root else None
