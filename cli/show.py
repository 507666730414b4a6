"""tocsin show: one row fully expanded, each value with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.catalogue import Format

if TYPE_CHECKING:
    from alarms.provenance import Shown


def command(
    row: Annotated[str, typer.Argument(help="<service>/<component>/<id>, shortened where it is unique.")],
    path: Annotated[Path | None, typer.Argument(help="A catalogue's folder or file; the packaged one when left out.")] = None,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="text for people, json for programs.")] = Format.TEXT,
) -> None:
    """Print one row fully expanded, with each value's place.

    The place is file:line:column of where the value was set; the alarms that the row makes follow.
    """
    from alarms.provenance import shown
    from cli.catalogue import opened

    found = shown(opened(path, stage), row)
    typer.echo(json.dumps(found.to_document(), ensure_ascii=False, indent=2) if form is Format.JSON else _text(found))


def _text(found: Shown) -> str:
    width = max(len(value.path) for value in found.values)
    values = [f"{value.path:<{width}}  {value.text}  {typer.style(value.where, dim=True)}" for value in found.values]
    alarms = [f"{one.name}\n    {one.alarm.condition.metric} {one.alarm.condition.text}" for one in found.alarms]
    return "\n".join([f"{found.row}, stage {found.stage}", "", *values, "", *alarms])
