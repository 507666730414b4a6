"""tocsin check: load, compile and lint a catalogue, offline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.catalogue import Format

if TYPE_CHECKING:
    from alarms.problem import Problem


def command(
    path: Annotated[
        Path | None, typer.Argument(help="A catalogue's folder or one of its files; the packaged one when left out.")
    ] = None,
    stage: Annotated[str | None, typer.Option(help="Only this stage; all of them when left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="text: one line per finding; json: for programs.")] = Format.TEXT,
) -> None:
    """Load, compile and lint a catalogue, offline. Exit 0: clean, 1: findings, 2: could not run."""
    from cli.catalogue import tell

    problems, count, stages = _findings(path, stage)
    if form is Format.JSON:
        body = {"problems": [_document(problem) for problem in problems], "alarms": count, "stages": stages}
        typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
    else:
        tell(problems, err=False)
    grave = [problem for problem in problems if problem.level.value != "note"]
    word = f"{len(grave)} problem{'s' * (len(grave) != 1)}" if grave else "no problems"
    typer.echo(f"{word} in {count} alarm{'s' * (count != 1)}, stage{'s' * (len(stages) != 1)} {', '.join(stages)}", err=True)
    raise typer.Exit(1 if grave else 0)


def _findings(path: Path | None, stage: str | None) -> tuple[list[Problem], int, list[str]]:
    """Return the findings of every stage, each once; the number of alarms of the fullest stage; the stages."""
    from alarms.checks import run
    from alarms.load import load_sources
    from alarms.settings_file import read_settings
    from alarms.sources import read_sources
    from cli.catalogue import catalogue_path, repository_files, today
    from remediators.registry import registry

    root, actions = catalogue_path(path), registry()
    sources, exists = read_sources(root), repository_files(root)
    stages = [stage] if stage else list(read_settings(sources.settings, None)[0].stages)
    found: dict[tuple[str, str], Problem] = {}
    count = 0
    for name in stages:
        loaded = load_sources(sources, stage=name, actions=actions, today=today())
        count = max(count, len(loaded.desired))
        for problem in (*loaded.problems, *run(loaded.desired, loaded.settings, actions, exists=exists)):
            found.setdefault((str(problem.place), problem.summary), problem)
    return sorted(found.values(), key=lambda problem: problem.place), count, stages


def _document(problem: Problem) -> dict[str, Any]:
    place = problem.place
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "level": problem.level.value,
        "check": problem.check,
        "row": problem.row,
        "summary": problem.summary,
        "why": problem.why,
        "fix": problem.fix,
    }
