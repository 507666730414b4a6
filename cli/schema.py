"""tocsin schema: the JSON Schema of the catalogue's files, for editors."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer


class File(StrEnum):
    """Which file of a catalogue."""

    ANY = "any"
    ROWS = "rows"
    SERVICE = "service"
    TOCSIN = "tocsin"


def command(
    file: Annotated[
        File, typer.Argument(help="rows: profiles and rows that stand alone; service; tocsin: tocsin.yaml.")
    ] = File.ANY,
) -> None:
    """Print the JSON Schema that editors use for the YAML."""
    from alarms.schema.editors import json_schema
    from remediators.registry import registry

    typer.echo(json.dumps(json_schema(file.value, registry()), ensure_ascii=False, indent=2))
