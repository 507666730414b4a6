"""tocsin scoreboard: what each policy would have done, how often it helped, which mode it has earned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.account import Where
from cli.catalogue import Format


def command(
    path: Annotated[Path | None, typer.Argument(help="The catalogue's folder; the packaged one when left out.")] = None,
    *,
    since: Annotated[str, typer.Option(help="How far to look back: 30d, 12h.")] = "30d",
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
    form: Annotated[Format, typer.Option("--format", help="text or json.")] = Format.TEXT,
) -> None:
    """Judge every policy by the journal, and say which mode comes next and why. It changes nothing."""
    from alarms.domain.action import Risk
    from alarms.domain.alarm import Mode
    from cli.past import open_past, reading
    from cli.past import since as beginning
    from remediators.looking_back.scoreboard import scoreboard, table_lines
    from remediators.registry import registry

    past = open_past(path, Where(stage, profile, region))
    start = beginning(since, past.until)
    changing = {name: spec for name, spec in registry().specs().items() if spec.changes}
    asks = {name for name, spec in changing.items() if spec.approval or spec.risk is Risk.DESTRUCTIVE}
    with reading("the journal"):
        entries = past.journal.between(start, past.until)
    scores = scoreboard(entries, {name: Mode.APPROVE if name in asks else Mode.AUTO for name in changing})
    if form is Format.JSON:
        typer.echo(json.dumps([score.to_document() for score in scores], ensure_ascii=False, indent=2))
        return
    for line in table_lines(scores):
        typer.echo(line)
    if not scores:
        typer.echo(f"no policy was decided on in stage {past.settings.stage} since {start:%Y-%m-%d %H:%M} UTC", err=True)
