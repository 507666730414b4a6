"""tocsin incidents: what rang, what was done about it, how it went, from the journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.account import Where
from cli.catalogue import Format

if TYPE_CHECKING:
    from remediators.looking_back.incidents import Incident

_COLOURS = {"helped": "green", "no-help": "red", "failed": "red", "waiting": "yellow", "escalated": "yellow"}


def command(
    path: Annotated[Path | None, typer.Argument(help="The catalogue's folder; the packaged one when left out.")] = None,
    *,
    since: Annotated[str, typer.Option(help="How far to look back: 7d, 36h.")] = "7d",
    service: Annotated[str, typer.Option(help="One service only.")] = "",
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    profile: Annotated[str | None, typer.Option(help="The AWS profile.")] = None,
    region: Annotated[str | None, typer.Option(help="The region, where the stage declares none.")] = None,
    form: Annotated[Format, typer.Option("--format", help="text or json.")] = Format.TEXT,
) -> None:
    """List what rang and what came of it, the newest first; `tocsin report ID` tells one in full."""
    from cli.past import open_past, reading
    from cli.past import since as beginning
    from remediators.looking_back.incidents import incidents

    past = open_past(path, Where(stage, profile, region))
    start = beginning(since, past.until)
    with reading("the journal"):
        found = incidents(past.journal.between(start, past.until), service=service)
    if form is Format.JSON:
        typer.echo(json.dumps([each.to_document() for each in found], ensure_ascii=False, indent=2))
        return
    for each in found:
        typer.echo(_line(each))
    if not found:
        typer.echo(f"nothing rang in stage {past.settings.stage} since {start:%Y-%m-%d %H:%M} UTC", err=True)


def _line(each: Incident) -> str:
    rang = f"{each.started_at:%Y-%m-%d %H:%M}" if each.started_at else "?" * 16
    lasted = "open" if each.ended_at is None else f"{(each.lasted_s or 0) // 60} min"
    outcome = typer.style(f"{each.outcome.value:<9}", fg=_COLOURS.get(each.outcome.value))
    did = f" {', '.join(each.acted)}" if each.acted else ""
    back = f"; {each.given_back}" if each.given_back else ""
    return f"{each.id}  {rang}  {lasted:>7}  {outcome}  {each.row or each.alarm}{':' if did else ''}{did}{back}"
