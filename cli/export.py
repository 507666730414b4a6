"""tocsin export: the desired alarms, as PutMetricAlarm's members or as a CloudFormation template."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """What is printed."""

    JSON = "json"
    CLOUDFORMATION = "cloudformation"


def command(
    path: Annotated[
        Path | None, typer.Argument(help="A catalogue's folder or one of its files; the packaged one when left out.")
    ] = None,
    stage: Annotated[str | None, typer.Option(help="The stage; the catalogue's default one when left out.")] = None,
    form: Annotated[Format, typer.Option("--format", help="json: boto3 members; cloudformation: a template.")] = Format.JSON,
) -> None:
    """Print the desired alarms. Refuses a catalogue with errors: half of it would be worse than none."""
    from cli.catalogue import opened

    loaded = opened(path, stage)
    if form is Format.CLOUDFORMATION:
        from alarms.cloudformation import template

        body = template(loaded.desired)
    else:
        body = {"alarms": [{"id": one.id, "operation": one.operation, "request": dict(one.request)} for one in loaded.desired]}
    typer.echo(json.dumps(body, ensure_ascii=False, indent=2))
    count = len(loaded.desired)
    typer.echo(f"{count} alarm{'s' * (count != 1)} of stage {loaded.settings.stage}", err=True)
